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

struct search {
	const struct proxy_front *front;
	struct check_postconf *finding;
	struct slice service; /* whose options come; empty: main.cf's */
};

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

/* The host of "[127.0.0.1]", "smtp:[::1]", "inet:localhost", "". */
static struct slice
host_of(struct slice text)
{
	size_t open = slice_find_last(text, '[');

	if (text.n > 0 && text.p[text.n - 1] == ']' && open < text.n)
		return slice_from(text.p + open + 1, text.n - open - 2);
	if (slice_find_last(text, ':') < text.n)
		return slice_after(text, slice_find_last(text, ':') + 1);
	return text;
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

/* Postfix's own paths may be below its queue directory. */
static bool
is_path(struct slice value, const char *path)
{
	size_t at = slice_search(value, SLICE("unix:"));
	struct slice named = slice_after(value, at + 5);

	return named.n > 0 && slice_ends_nocase(slice_str(path), named);
}

/* A host's name is believed to be this one's where the port is ours. */
bool
check_postconf_names(struct slice value, const struct proxy_endpoint *at)
{
	size_t colon = slice_find_last(value, ':');
	const char *path = proxy_endpoint_path(at);
	struct proxy_endpoint to;

	if (path != NULL)
		return is_path(value, path);
	if (at->length == 0)
		return false;
	if (colon == value.n)
		return is_port(value, port_of(at));
	return is_port(slice_after(value, colon + 1), port_of(at)) &&
	    (!read_address(
		 host_of(slice_first(value, colon)), port_of(at), &to) ||
		proxy_endpoint_covers(at, &to));
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

/* "name = value". The first that leads to us is told of. */
static void
look_at_setting(struct search *s, struct slice setting)
{
	size_t equals = slice_find(setting, '=');
	struct slice name = slice_trim(slice_first(setting, equals));
	struct slice value = slice_trim(slice_after(setting, equals + 1));
	const struct proxy_listeners *listen = &s->front->listen;

	if (!is_way(name))
		return;
	for (size_t i = 0; i < listen->count && !s->finding->found; i++) {
		if (!check_postconf_names(value, &listen->list[i].at))
			continue;
		note_way(s, setting);
		if (has_transport(name))
			s->finding->transport =
			    slice_first(value, slice_find(value, ':'));
	}
}

/* --- lines --- */

/* What slice_trim() takes away; isspace() knows more. */
static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

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
	if (!cut_fields(&line, fields))
		return;
	s->service = fields[FIELD_NAME];
	if (slice_equal(fields[FIELD_TYPE], SLICE("inet")) &&
	    slice_equal(fields[FIELD_COMMAND], SLICE("smtpd")) &&
	    proxy_endpoint_path(&s->front->relay) == NULL &&
	    is_at(s->service, &s->front->relay))
		s->finding->way_back = true;
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
    const struct proxy_front *front, struct slice services,
    struct slice parameters)
{
	struct search s = {front, finding, SLICE("?")};
	struct slice rest = services, line;

	*finding = (struct check_postconf){0};
	strbuf_init(&finding->who, (size_t)2 * CHECK_SHOWN_MAX + 16);
	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		if (line.n > 0 && is_blank(line.p[0]))
			look_at_options(&s, line);
		else
			look_at_service(&s, line);
	s.service = SLICE("");
	while (parameters.n > 0 && slice_cut(&parameters, '\n', &line))
		look_at_setting(&s, slice_trim(line));
	finding->has_transport = finding->transport.n > 0 &&
	    has_service(services, finding->transport);
}

void
check_postconf_clear(struct check_postconf *finding)
{
	strbuf_clear(&finding->who);
}
