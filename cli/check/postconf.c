/*
 * What postconf(1) prints; see postconf.h. Postfix's own program reads
 * Postfix's files: its defaults, its continuation lines and its overrides by
 * -o are not ours to know a second time.
 */
#include <netdb.h>
#include <netinet/in.h>

#include "base/number.h"
#include "cli/check/postconf.h"
#include "cli/check/report.h"

enum { REASON_MAX = 512, ADDRESS_MAX = 256 };

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
	strbuf_addf(&text,
	    slice_find(host, ':') < host.n ? "[%.*s]:%u" : "%.*s:%u",
	    (int)slice_first(host, ADDRESS_MAX).n, host.p, port);
	is = proxy_endpoint_parse(strbuf_slice(&text), to, &reason) == 0;
	strbuf_clear(&text);
	strbuf_clear(&reason);
	return is;
}

static bool
names(struct slice value, const struct proxy_endpoint *at, const char *hostname)
{
	size_t colon = slice_find_last(value, ':');
	const char *path = proxy_endpoint_path(at);
	struct proxy_endpoint to;
	struct slice host;

	if (path != NULL) {
		/* "unix:/path", "lmtp:unix:path". Postfix's own paths may be
		 * below its queue directory. */
		size_t place = slice_search(value, SLICE("unix:"));
		struct slice named = slice_after(value, place + 5),
			     whole = slice_str(path);

		if (named.n == 0 || named.n > whole.n ||
		    (place > 0 && value.p[place - 1] != ':'))
			return false;
		place = whole.n - named.n;
		return slice_equal(slice_after(whole, place), named) &&
		    (place == 0 || whole.p[place - 1] == '/');
	}
	if (at->length == 0)
		return false;
	if (colon == value.n)
		return is_port(value, port_of(at));
	if (!is_port(slice_after(value, colon + 1), port_of(at)))
		return false;
	host = host_of(slice_first(value, colon));
	return read_address(host, port_of(at), &to)
	    ? proxy_endpoint_covers(at, &to)
	    : slice_equal_nocase(host, slice_str(hostname));
}

bool
check_postconf_names(
    struct slice value, const struct proxy_endpoint *at, const char *hostname)
{
	struct slice item;

	while (cli_master_item(&value, &item))
		if (names(item, at, hostname))
			return true;
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

bool
check_postconf_is_at(struct slice service, const struct proxy_endpoint *relay)
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
	strbuf_addf(who, "%s: ",
	    s->service.n > 0 ? check_shown(&shown, s->service) : "main.cf");
	strbuf_add_str(who, check_shown(&shown, setting));
	strbuf_clear(&shown);
}

static struct slice
value_of(struct slice setting)
{
	return slice_trim(slice_after(setting, slice_find(setting, '=') + 1));
}

bool
check_postconf_leads(
    const struct proxy_front *front, const char *hostname, struct slice value)
{
	for (size_t i = 0; i < front->listen.count; i++)
		if (check_postconf_names(
			value, &front->listen.list[i].at, hostname))
			return true;
	return false;
}

bool
check_postconf_leads_to_any(
    const struct proxy_config *config, struct slice value)
{
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		if (check_postconf_leads(
			&config->fronts[i], config->hostname, value))
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
	    !check_postconf_leads(s->front, s->hostname, value))
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

		if (!check_postconf_leads(
			s->front, s->hostname, value_of(setting)))
			continue;
		finding->loop = filters[i];
		strbuf_add_str(
		    &finding->loop_text, check_shown(&shown, setting));
	}
	strbuf_clear(&shown);
}

/* --- services --- */

bool
check_postconf_is_back(
    const struct cli_service *service, const struct proxy_front *front)
{
	return slice_equal(service->type, SLICE("inet")) &&
	    slice_equal(service->command, SLICE("smtpd")) &&
	    proxy_endpoint_path(&front->relay) == NULL &&
	    check_postconf_is_at(service->name, &front->relay);
}

void
check_postconf_search(struct check_postconf *finding,
    const struct proxy_front *front, const char *hostname,
    const struct cli_master *master)
{
	struct search s = {
	    .front = front, .hostname = hostname, .finding = finding};
	struct slice rest = master->parameters, line;

	*finding = (struct check_postconf){0};
	strbuf_init(&finding->who, (size_t)2 * CHECK_SHOWN_MAX + 16);
	strbuf_init(&finding->loop_text, CHECK_SHOWN_MAX);
	for (size_t i = 0; i < master->count; i++) {
		struct slice options = master->list[i].options, word;

		s.service = master->list[i].name;
		s.back = check_postconf_is_back(&master->list[i], front);
		finding->way_back |= s.back;
		while (cli_master_word(&options, &word))
			if (slice_equal(word, SLICE("-o")) &&
			    cli_master_word(&options, &word))
				look_at_setting(&s, word);
	}
	s.service = SLICE("");
	s.back = false;
	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		look_at_setting(&s, slice_trim(line));
	look_for_loop(&s);
	finding->has_transport = finding->transport.n > 0 &&
	    cli_master_find(master, finding->transport) != NULL;
}

void
check_postconf_clear(struct check_postconf *finding)
{
	strbuf_clear(&finding->who);
	strbuf_clear(&finding->loop_text);
}
