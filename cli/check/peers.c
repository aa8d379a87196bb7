/*
 * Who answers at the addresses of the configuration. Peers are not trusted:
 * smtp/reply.h bounds what they may say, a timer how long they may take.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "cli/check/wiring.h"
#include "smtp/ehlo.h"
#include "smtp/relay.h"
#include "smtp/xforward.h"

enum { PEERS_MAX = 2 * (PROXY_LISTENERS_MAX + 1), ADDRESS_MAX = 256 };

/* As proxy/message/session.c greets then. */
static const struct slice no_hop = SLICE_INIT("cannot reach the next hop");

/* How far it came. */
enum stage { CONNECTING, GREETED, HELLOED };

struct peer {
	struct peers *all;
	const struct proxy_front *front;
	const struct proxy_listen *listen; /* NULL: it is the next hop */
	struct proxy_endpoint at;
	struct smtp_relay *relay; /* NULL: it is over, or was never begun */
	struct event *timer;
	enum stage stage;
	bool left_out, good, ours, alone; /* alone: ours without a next hop */
	unsigned extensions;		  /* that it offers */
	struct strbuf said;		  /* by it, or of it; escaped */
};

struct peers {
	struct event_base *base;
	const struct proxy_config *config;
	struct peer list[PEERS_MAX];
	size_t count;
};

static void
end_peer(struct peer *p)
{
	smtp_relay_free(p->relay);
	p->relay = NULL;
	(void)evtimer_del(p->timer);
}

/* Does it offer, octet for octet, what we would (smtp/ehlo.h)? */
static bool
is_signpost(const struct smtp_reply *reply)
{
	struct smtp_capabilities caps;
	struct strbuf ours;
	bool is;

	smtp_ehlo_parse(reply, &caps);
	strbuf_init(&ours, SMTP_REPLY_MAX);
	is = caps.xforward == SMTP_XFORWARD_ALL &&
	    smtp_ehlo_print(smtp_ehlo_host(reply), &caps, &ours) == 0 &&
	    slice_equal(strbuf_slice(&ours), reply->wire);
	strbuf_clear(&ours);
	return is;
}

static void
on_reply(void *ctx, const struct smtp_reply *reply)
{
	struct peer *p = ctx;
	struct strbuf hello;

	switch (p->stage) {
	case CONNECTING:
		(void)check_shown(&p->said, smtp_reply_line(reply));
		p->alone = reply->code == 421 &&
		    slice_search(smtp_reply_line(reply), no_hop) <
			smtp_reply_line(reply).n;
		if (reply->code != 220)
			break;
		p->stage = GREETED;
		strbuf_init(&hello, 1024);
		strbuf_addf(&hello, "EHLO %s", p->all->config->hostname);
		smtp_relay_command(p->relay, strbuf_slice(&hello));
		strbuf_clear(&hello);
		return;
	case GREETED:
		(void)check_shown(&p->said, smtp_reply_line(reply));
		p->good = reply->code == 250;
		if (p->good) {
			struct smtp_capabilities caps;

			smtp_ehlo_parse(reply, &caps);
			p->extensions = caps.extensions;
			p->ours = is_signpost(reply);
		}
		p->stage = HELLOED;
		if (reply->code == 421)
			break;
		smtp_relay_command(p->relay, SLICE("QUIT"));
		return;
	case HELLOED:
		break;
	}
	end_peer(p);
}

static void
on_closed(void *ctx, enum smtp_close how, const char *why)
{
	struct peer *p = ctx;

	(void)how;
	if (p->stage != HELLOED)
		(void)check_shown_reason(&p->said, slice_str(why));
	end_peer(p);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct peer *p = ctx;

	(void)fd;
	(void)what;
	if (p->stage != HELLOED) {
		strbuf_reset(&p->said);
		strbuf_addf(&p->said, "%s within %d s",
		    p->stage == CONNECTING ? "no greeting"
					   : "no answer to EHLO",
		    CHECK_PEER_MS / 1000);
	}
	end_peer(p);
}

const struct proxy_listen *
check_smtp_listener(const struct proxy_front *front)
{
	size_t i = 0;

	while (i + 1 < front->listen.count &&
	    front->listen.list[i].kind != PROXY_LISTEN_SMTP)
		i++;
	return &front->listen.list[i];
}

void
check_make_reachable(struct proxy_endpoint *at)
{
	struct sockaddr_in *in = (void *)&at->address;
	struct sockaddr_in6 *in6 = (void *)&at->address;

	if (at->address.ss_family == AF_INET &&
	    in->sin_addr.s_addr == htonl(INADDR_ANY))
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (at->address.ss_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
}

static void
begin_at(struct peers *all, const struct proxy_front *front,
    const struct proxy_listen *listen, const struct proxy_endpoint *at)
{
	static const struct smtp_relay_ops ops = {
	    .reply = on_reply, .closed = on_closed};
	const struct timeval wait = {CHECK_PEER_MS / 1000, 0};
	struct peer *p = &all->list[all->count++];
	struct smtp_target target = {
	    .connect_ms = 2 * CHECK_PEER_MS, .command_ms = 2 * CHECK_PEER_MS};

	*p = (struct peer){.all = all, .front = front, .listen = listen};
	p->at = *at;
	strbuf_init(&p->said, CHECK_SHOWN_MAX);
	check_make_reachable(&p->at);
	p->timer = evtimer_new(all->base, on_timer, p);
	/* A connection to an address of this machine comes from that
	 * address; `allow` may be for others. What wants a PROXY header
	 * speaks to balancers only. */
	if (p->listen == NULL)
		p->left_out = false;
	else
		p->left_out = p->listen->proxy_protocol ||
		    (proxy_endpoint_path(&p->at) == NULL &&
			!proxy_networks_contain(&p->front->allow,
			    (const struct sockaddr *)&p->at.address));
	if (p->left_out)
		return;
	target.address = p->at.address;
	target.address_length = p->at.length;
	(void)evtimer_add(p->timer, &wait);
	p->relay = smtp_relay_new(all->base, &target, &ops, p);
}

static void
begin_peer(struct peers *all, const struct proxy_front *front,
    const struct proxy_listen *listen)
{
	begin_at(
	    all, front, listen, listen == NULL ? &front->relay : &listen->at);
}

/* What runs has not been told of this listener; and not every machine has
 * systemd, or even an init script of ours. */
const char *
check_how_to_listen(const struct check_report *report)
{
	static const char *const start[] = {
	    "start it (systemctl start signpost)",
	    "start it (/etc/init.d/signpost start)",
	    "start it (signpost serve -D --pidfile /run/signpost.pid)"};
	static const char *const reload[] = {
	    "it runs, but not by these settings: have it read them (systemctl "
	    "reload signpost)",
	    "it runs, but not by these settings: have it read them "
	    "(/etc/init.d/signpost reload)",
	    "it runs, but not by these settings: have it read them (signpost "
	    "reload PID, by its master's process id)"};
	int by = 2;

	if (access("/run/systemd/system", F_OK) == 0)
		by = 0;
	else if (access("/etc/init.d/signpost", X_OK) == 0)
		by = 1;
	return report->running ? reload[by] : start[by];
}

static void
report_peer(const struct peer *p, struct check_report *report)
{
	struct check_about about = {p->listen == NULL ? "relay" : "listen", ""};
	struct strbuf address;

	strbuf_init(&address, ADDRESS_MAX);
	proxy_endpoint_print(
	    p->listen == NULL ? &p->front->relay : &p->listen->at, &address);
	about.subject = strbuf_text(&address);
	if (p->listen == NULL) {
		check_report_add(report, &about,
		    p->good ? CHECK_OK : CHECK_FAIL, "[%s] the next hop %s: %s",
		    p->front->name,
		    p->good ? "answers" : "does not answer as it should",
		    strbuf_text(&p->said));
		if (!p->good)
			check_report_todo(report,
			    "have a mail server listen there (for Postfix "
			    "/usr/share/doc/signpost/postfix/"
			    "%s-after-queue.cf), or "
			    "correct `relay =' of [%s]",
			    p->front->name, p->front->name);
	} else {
		const char *said = strbuf_text(&p->said);

		if (p->left_out) {
			check_report_add(report, &about, CHECK_NOTE,
			    "[%s] not asked: it is %s", p->front->name,
			    p->listen->proxy_protocol
				? "for who sends a PROXY header"
				: "not for us, by `allow'");
			check_report_todo(
			    report, "ask it from where its clients are");
		} else if (p->ours) {
			check_report_add(report, &about, CHECK_OK,
			    "[%s] signpost answers", p->front->name);
		} else if (p->good) {
			check_report_add(report, &about, CHECK_FAIL,
			    "[%s] somebody answers who is not signpost: %s",
			    p->front->name, said);
			check_report_todo(report,
			    "stop what listens there, or give `listen =' of "
			    "[%s] "
			    "another port",
			    p->front->name);
		} else if (p->alone) {
			check_report_add(report, &about, CHECK_FAIL,
			    "[%s] it answers, but its next hop does not: %s",
			    p->front->name, said);
			check_report_todo(report,
			    "see what is said of relay here; it greets once "
			    "its next "
			    "hop does");
		} else {
			check_report_add(report, &about, CHECK_FAIL,
			    "[%s] signpost does not answer: %s", p->front->name,
			    said);
			check_report_todo(report,
			    "%s, and look at its log; it greets once its next "
			    "hop "
			    "does",
			    check_how_to_listen(report));
		}
	}
	strbuf_clear(&address);
}

void
check_peers(const struct proxy_config *config, struct check_report *report)
{
	struct peers *all = xcalloc(1, sizeof(*all));

	all->config = config;
	all->base = event_base_new();
	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *front = &config->fronts[i];
		const struct proxy_listeners *listen = &front->listen;

		if (!front->enabled)
			continue;
		for (size_t k = 0; k < listen->count && k < PROXY_LISTENERS_MAX;
		     k++)
			if (listen->list[k].kind == PROXY_LISTEN_SMTP)
				begin_peer(all, front, &listen->list[k]);
		if (front->relay.length > 0 &&
		    proxy_front_speaks(front, PROXY_LISTEN_SMTP))
			begin_peer(all, front, NULL);
	}
	(void)event_base_dispatch(all->base); /* till every timer is gone */
	for (size_t i = 0; i < all->count; i++)
		report->running |= all->list[i].listen != NULL &&
		    (all->list[i].ours || all->list[i].alone);
	for (size_t i = 0; i < all->count; i++) {
		report_peer(&all->list[i], report);
		event_free(all->list[i].timer);
		strbuf_clear(&all->list[i].said);
	}
	event_base_free(all->base);
	free(all);
}

bool
check_peer_lacks(const struct proxy_config *config,
    const struct proxy_endpoint *at, unsigned extension)
{
	struct peers *all = xcalloc(1, sizeof(*all));
	bool lacks;

	all->config = config;
	all->base = event_base_new();
	begin_at(all, proxy_front_with(config, PROXY_FILTER_SIGN), NULL, at);
	(void)event_base_dispatch(all->base);
	lacks = all->list[0].good && (all->list[0].extensions & extension) == 0;
	event_free(all->list[0].timer);
	strbuf_clear(&all->list[0].said);
	event_base_free(all->base);
	free(all);
	return lacks;
}
