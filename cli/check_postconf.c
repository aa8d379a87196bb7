/* What postconf(1) prints; see check_postconf.h. */
#include <netdb.h>
#include <netinet/in.h>

#include "base/number.h"
#include "cli/check_postconf.h"
#include "cli/check_report.h"

enum { REASON_MAX = 512, ADDRESS_MAX = 256 };

/* "name type private unpriv chroot wakeup maxproc command" */
enum { FIELD_NAME, FIELD_TYPE, FIELD_COMMAND = 7, FIELDS };

/* Parameters by which mail leaves Postfix for another server. */
static const struct slice ways[] = {SLICE_INIT("content_filter"),
    SLICE_INIT("smtpd_proxy_filter"), SLICE_INIT("default_transport"),
    SLICE_INIT("relay_transport"), SLICE_INIT("local_transport"),
    SLICE_INIT("virtual_transport"), SLICE_INIT("mailbox_transport"),
    SLICE_INIT("relayhost")};

/* By which an smtpd hands mail over. */
static const struct slice filters[] = {
    SLICE_INIT("content_filter"), SLICE_INIT("smtpd_proxy_filter")};

enum { FILTERS = sizeof(filters) / sizeof(filters[0]) };

struct search {
	const struct proxy_front *front;
	const char *hostname;
	struct check_postconf *finding;
	struct slice service; /* whose options come; empty: main.cf's */
	bool back;	      /* it is the one at the relay */
	/* "name = value" of the filters; p == NULL: not set. */
	struct slice back_filters[FILTERS], main_filters[FILTERS];
};

/* What slice_trim() takes away; isspace() knows more. */
static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* --- addresses --- */

static bool
is_port(struct slice text, uint16_t port)
{
	uint64_t number;

	return number_parse(text, UINT16_MAX, &number) == 0 && number == port;
}

static uint16_t
port_of(const struct proxy_endpoint *at)
{
	const struct sockaddr_in *in = (const void *)&at->address;
	const struct sockaddr_in6 *in6 = (const void *)&at->address;

	return ntohs(
	    at->address.ss_family == AF_INET ? in->sin_port : in6->sin6_port);
}

/* The host of "[127.0.0.1]", "smtp:[::1]", "inet:localhost", "inet", "". */
static struct slice
host_of(struct slice text)
{
	size_t open = slice_find_last(text, '[');

	if (text.n > 0 && text.p[text.n - 1] == ']' && open < text.n)
		return slice_from(text.p + open + 1, text.n - open - 2);
	if (slice_find_last(text, ':') < text.n)
		text = slice_after(text, slice_find_last(text, ':') + 1);
	return slice_equal(text, SLICE("inet")) ? SLICE("") : text;
}

/* False where the host is a name: that may be anyone's. */
static bool
read_address(struct slice host, uint16_t port, struct proxy_endpoint *to)
{
	struct strbuf text, reason;
	bool is;

	strbuf_init(&text, ADDRESS_MAX);
	strbuf_init(&reason, REASON_MAX);
	if (host.n == 0)
		host = SLICE("localhost");
	(void)strbuf_addf(&text,
	    slice_find(host, ':') < host.n ? "[%.*s]:%u" : "%.*s:%u",
	    (int)slice_first(host, ADDRESS_MAX).n, host.p, port);
	is = proxy_endpoint_parse(strbuf_slice(&text), to, &reason) == 0;
	strbuf_clear(&text);
	strbuf_clear(&reason);
	return is;
}

/* "unix:/path", "lmtp:unix:path". Postfix's own paths may be below its queue
 * directory. */
static bool
is_path(struct slice value, const char *path)
{
	size_t at = slice_search(value, SLICE("unix:"));
	struct slice named = slice_after(value, at + 5),
		     whole = slice_str(path);

	if (named.n == 0 || named.n > whole.n ||
	    (at > 0 && value.p[at - 1] != ':'))
		return false;
	at = whole.n - named.n;
	return slice_equal(slice_after(whole, at), named) &&
	    (at == 0 || whole.p[at - 1] == '/');
}

static bool
is_host(
    struct slice host, const struct proxy_endpoint *at, const char *hostname)
{
	struct proxy_endpoint to;

	if (read_address(host, port_of(at), &to))
		return proxy_endpoint_covers(at, &to);
	return slice_equal_nocase(host, slice_str(hostname));
}

static bool
names(struct slice value, const struct proxy_endpoint *at, const char *hostname)
{
	size_t colon = slice_find_last(value, ':');
	const char *path = proxy_endpoint_path(at);

	if (path != NULL)
		return is_path(value, path);
	if (at->length == 0)
		return false;
	if (colon == value.n)
		return is_port(value, port_of(at));
	return is_port(slice_after(value, colon + 1), port_of(at)) &&
	    is_host(host_of(slice_first(value, colon)), at, hostname);
}

bool
check_postconf_names(
    struct slice value, const struct proxy_endpoint *at, const char *hostname)
{
	while (value.n > 0) {
		size_t n = 0;

		while (
		    n < value.n && value.p[n] != ',' && !is_blank(value.p[n]))
			n++;
		if (n > 0 && names(slice_first(value, n), at, hostname))
			return true;
		value = slice_after(value, n + 1);
	}
	return false;
}

static bool
is_port_by_name(struct slice port, uint16_t number)
{
	struct servent *known = NULL;
	struct strbuf name;

	strbuf_init(&name, ADDRESS_MAX);
	if (port.n > 0 && strbuf_add(&name, port) == 0)
		known = getservbyname(strbuf_text(&name), "tcp");
	strbuf_clear(&name);
	return known != NULL && ntohs((uint16_t)known->s_port) == number;
}

/* The name of an inet service is its address: "127.0.0.1:10028", "10028",
 * "smtp". Without a host it is at all of this machine's. */
static bool
is_at(struct slice service, const struct proxy_endpoint *relay)
{
	size_t colon = slice_find_last(service, ':');
	struct slice port =
	    colon < service.n ? slice_after(service, colon + 1) : service;
	struct proxy_endpoint own;

	if (colon < service.n &&
	    read_address(
		host_of(slice_first(service, colon)), port_of(relay), &own) &&
	    !proxy_endpoint_covers(&own, relay))
		return false;
	return is_port(port, port_of(relay)) ||
	    is_port_by_name(port, port_of(relay));
}

/* --- settings --- */

static bool
is_way(struct slice name)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (slice_equal(name, ways[i]))
			return true;
	return false;
}

/* "transport:nexthop" of all but two. */
static bool
has_transport(struct slice name)
{
	return !slice_equal(name, SLICE("smtpd_proxy_filter")) &&
	    !slice_equal(name, SLICE("relayhost"));
}

static void
note_way(struct search *s, struct slice setting)
{
	struct strbuf *who = &s->finding->who, shown;

	s->finding->found = true;
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	(void)strbuf_addf(who, "%s: ",
	    s->service.n > 0 ? check_shown(&shown, s->service) : "main.cf");
	(void)strbuf_add_str(who, check_shown(&shown, setting));
	strbuf_clear(&shown);
}

static struct slice
value_of(struct slice setting)
{
	return slice_trim(slice_after(setting, slice_find(setting, '=') + 1));
}

static bool
leads_to_us(const struct search *s, struct slice value)
{
	const struct proxy_listeners *listen = &s->front->listen;

	for (size_t i = 0; i < listen->count; i++)
		if (check_postconf_names(
			value, &listen->list[i].at, s->hostname))
			return true;
	return false;
}

/* "name = value". The first that leads to us is told of. */
static void
look_at_setting(struct search *s, struct slice setting)
{
	struct slice name =
	    slice_trim(slice_first(setting, slice_find(setting, '=')));
	struct slice value = value_of(setting);

	for (size_t i = 0; i < FILTERS; i++)
		if (slice_equal(name, filters[i]) &&
		    (s->back || s->service.n == 0))
			(s->back ? s->back_filters : s->main_filters)[i] =
			    setting;
	if (s->back || s->finding->found || !is_way(name) ||
	    !leads_to_us(s, value))
		return;
	note_way(s, setting);
	if (has_transport(name))
		s->finding->transport =
		    slice_first(value, slice_find(value, ':'));
}

/* Mail that we gave back must not be handed to us again: what the service does
 * not set is main.cf's. */
static void
look_for_loop(struct search *s)
{
	struct check_postconf *finding = s->finding;
	struct strbuf shown;

	if (!finding->way_back)
		return;
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	for (size_t i = 0; i < FILTERS && finding->loop.n == 0; i++) {
		struct slice setting = s->back_filters[i].p != NULL
		    ? s->back_filters[i]
		    : s->main_filters[i];

		if (!leads_to_us(s, value_of(setting)))
			continue;
		finding->loop = filters[i];
		(void)strbuf_add_str(
		    &finding->loop_text, check_shown(&shown, setting));
	}
	strbuf_clear(&shown);
}

/* --- lines --- */

/* Words between blanks; "{ a = b }" is one. False at the end. */
static bool
next_word(struct slice *rest, struct slice *word)
{
	size_t n = 0;

	*rest = slice_trim(*rest);
	if (rest->n == 0)
		return false;
	if (rest->p[0] == '{') {
		n = slice_find(*rest, '}');
		*word = slice_trim(slice_from(rest->p + 1, n - 1));
		n++;
	} else {
		while (n < rest->n && !is_blank(rest->p[n]))
			n++;
		*word = slice_first(*rest, n);
	}
	*rest = slice_after(*rest, n);
	return true;
}

static void
look_at_options(struct search *s, struct slice words)
{
	struct slice word;

	while (next_word(&words, &word))
		if (slice_equal(word, SLICE("-o")) && next_word(&words, &word))
			look_at_setting(s, word);
}

/* Cuts the fields off; false where there are not so many. */
static bool
cut_fields(struct slice *line, struct slice fields[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++)
		if (!next_word(line, &fields[i]))
			return false;
	return true;
}

static void
look_at_service(struct search *s, struct slice line)
{
	struct slice fields[FIELDS];

	s->service = SLICE("?");
	s->back = false;
	if (!cut_fields(&line, fields))
		return;
	s->service = fields[FIELD_NAME];
	if (slice_equal(fields[FIELD_TYPE], SLICE("inet")) &&
	    slice_equal(fields[FIELD_COMMAND], SLICE("smtpd")) &&
	    proxy_endpoint_path(&s->front->relay) == NULL &&
	    is_at(s->service, &s->front->relay))
		s->back = s->finding->way_back = true;
	look_at_options(s, line);
}

static bool
has_service(struct slice services, struct slice name)
{
	struct slice line, fields[FIELDS];

	while (services.n > 0 && slice_cut(&services, '\n', &line))
		if (line.n > 0 && !is_blank(line.p[0]) &&
		    cut_fields(&line, fields) &&
		    slice_equal(fields[FIELD_NAME], name) &&
		    slice_equal(fields[FIELD_TYPE], SLICE("unix")))
			return true;
	return false;
}

void
check_postconf_search(struct check_postconf *finding,
    const struct proxy_front *front, const char *hostname,
    struct slice services, struct slice parameters)
{
	struct search s = {.front = front,
	    .hostname = hostname,
	    .finding = finding,
	    .service = SLICE("?")};
	struct slice rest = services, line;

	*finding = (struct check_postconf){0};
	strbuf_init(&finding->who, (size_t)2 * CHECK_SHOWN_MAX + 16);
	strbuf_init(&finding->loop_text, CHECK_SHOWN_MAX);
	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		if (line.n > 0 && is_blank(line.p[0]))
			look_at_options(&s, line);
		else
			look_at_service(&s, line);
	s.service = SLICE("");
	s.back = false;
	while (parameters.n > 0 && slice_cut(&parameters, '\n', &line))
		look_at_setting(&s, slice_trim(line));
	look_for_loop(&s);
	finding->has_transport = finding->transport.n > 0 &&
	    has_service(services, finding->transport);
}

void
check_postconf_clear(struct check_postconf *finding)
{
	strbuf_clear(&finding->who);
	strbuf_clear(&finding->loop_text);
}
