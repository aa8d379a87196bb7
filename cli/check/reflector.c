/* What keeps the reflector from being of use; see reflector.h. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <event2/event.h>

#include "cli/check/reflector.h"
#include "cli/check/wiring.h"
#include "cli/kit/own_mail.h"
#include "record/mailbox.h"
#include "record/spamd.h"
#include "smtp/relay.h"

enum { TEXT_MAX = 2048, LINE_MAX = 1024, SMTP_PORT = 25 };

struct looking {
	const struct proxy_config *config;
	check_reflector_fn *tell;
	void *ctx;
};

/* --- are its answers signed --- */

/* --- is spamd there --- */

struct pinging {
	bool done, there;
	struct strbuf why;
};

static void
on_pong(void *ctx, const struct record_spam *spam)
{
	struct pinging *p = ctx;

	p->done = true;
	p->there = spam->known;
	strbuf_add_str(&p->why, spam->reason);
}

static void
look_at_spamd(const struct looking *l, struct event_base *base)
{
	const struct proxy_endpoint *spamd = &l->config->reflector.spamd;
	const struct record_spamd_at at = {.address = spamd->address,
	    .length = spamd->length,
	    .ms = CHECK_REFLECTOR_MS};
	struct pinging p = {.done = false};
	struct strbuf text;

	if (spamd->length == 0)
		return;
	strbuf_init(&p.why, LINE_MAX);
	strbuf_init(&text, TEXT_MAX);
	(void)record_spamd_ping(base, &at, on_pong, &p);
	while (!p.done && event_base_loop(base, EVLOOP_ONCE) == 0)
		continue;
	strbuf_add_str(&text, "spamd at ");
	proxy_endpoint_print(spamd, &text);
	strbuf_addf(&text, " does not answer PING: %s", strbuf_text(&p.why));
	if (!p.there)
		l->tell(l->ctx, strbuf_text(&text),
		    "start spamd there, correct `spamd =' of [reflector], or "
		    "leave it out");
	strbuf_clear(&text);
	strbuf_clear(&p.why);
}

/* --- does a mailbox take its mail --- */

/* What was said last. */
enum stage { CONNECTING, HELLO, SENDER, RECIPIENT, OVER };

struct asking {
	const struct proxy_config *config;
	struct smtp_relay *relay;
	enum stage stage;
	bool refused;
	struct strbuf said;
};

static void
say_verb(struct asking *a, enum stage stage, const char *verb, const char *what)
{
	struct strbuf line;

	strbuf_init(&line, LINE_MAX);
	strbuf_addf(&line, "%s%s", verb, what);
	a->stage = stage;
	smtp_relay_command(a->relay, strbuf_slice(&line));
	strbuf_clear(&line);
}

static void
end_asking(struct asking *a)
{
	smtp_relay_free(a->relay);
	a->relay = NULL;
	a->stage = OVER;
}

static void
on_reply(void *ctx, const struct smtp_reply *reply)
{
	struct asking *a = ctx;

	if (a->stage == RECIPIENT) {
		a->refused = smtp_reply_class(reply) == 5;
		(void)check_shown(&a->said, smtp_reply_line(reply));
	}
	if (a->stage == RECIPIENT || smtp_reply_class(reply) != 2)
		end_asking(a);
	else if (a->stage == CONNECTING)
		say_verb(a, HELLO, "EHLO ", a->config->hostname);
	else if (a->stage == HELLO)
		say_verb(a, SENDER, "MAIL FROM:<>", "");
	else {
		struct strbuf path;

		strbuf_init(&path, LINE_MAX);
		strbuf_addf(&path, "<%s>", a->config->reflector.address);
		say_verb(a, RECIPIENT, "RCPT TO:", strbuf_text(&path));
		strbuf_clear(&path);
	}
}

static void
on_closed(void *ctx, enum smtp_close how, const char *why)
{
	(void)how;
	(void)why;
	end_asking(ctx);
}

static void
look_at_mailbox(const struct looking *l, struct event_base *base,
    const struct proxy_endpoint *at)
{
	static const struct smtp_relay_ops ops = {
	    .reply = on_reply, .closed = on_closed};
	struct smtp_target target = {.address = at->address,
	    .address_length = at->length,
	    .connect_ms = CHECK_REFLECTOR_MS,
	    .command_ms = CHECK_REFLECTOR_MS};
	struct asking a = {.config = l->config};
	struct strbuf text;

	strbuf_init(&a.said, CHECK_SHOWN_MAX);
	strbuf_init(&text, TEXT_MAX);
	a.relay = smtp_relay_new(base, &target, &ops, &a);
	while (a.stage != OVER && event_base_loop(base, EVLOOP_ONCE) == 0)
		continue;
	strbuf_addf(&text,
	    "no mailbox takes mail to %s: ", l->config->reflector.address);
	proxy_endpoint_print(at, &text);
	strbuf_addf(&text, " says %s", strbuf_text(&a.said));
	if (a.refused)
		l->tell(l->ctx, strbuf_text(&text),
		    "give the address a mailbox, or an alias that discards "
		    "what comes");
	strbuf_clear(&a.said);
	strbuf_clear(&text);
}

/* --- together --- */

void
check_reflector_look(const struct proxy_config *config,
    const struct proxy_endpoint *door, check_reflector_fn *tell, void *ctx)
{
	const struct looking l = {config, tell, ctx};
	const struct proxy_endpoint *relay =
	    &proxy_front_with(config, PROXY_FILTER_VERIFY)->relay;
	struct event_base *base;

	if (config->reflector.address == NULL)
		return;
	if (!own_mail_goes_through_out(l.config))
		l.tell(l.ctx,
		    "its answers do not go through a listener of [out], which "
		    "would sign them",
		    own_mail_advice(l.config));
	else if (!own_mail_is_signed(l.config, l.config->reflector.address))
		l.tell(l.ctx,
		    "the domain of its address is not signed by [out], so that "
		    "its answers go out unsigned",
		    "add the domain to `domain =' of [out] (or to its map), "
		    "with a key");
	base = event_base_new();
	if (base == NULL)
		return;
	look_at_spamd(&l, base);
	if (relay->length > 0)
		look_at_mailbox(&l, base, relay);
	if (door != NULL)
		look_at_mailbox(&l, base, door);
	event_base_free(base);
}

static void
add_finding(void *ctx, const char *what, const char *todo)
{
	const struct check_about about = {"reflector", "[reflector]"};

	check_report_add(ctx, &about, CHECK_FAIL, "%s", what);
	check_report_todo(ctx, "%s", todo);
}

void
check_reflector(const struct proxy_config *config, struct check_report *report)
{
	const struct check_about about = {"reflector", "[reflector]"};
	struct proxy_endpoint door = {.length = sizeof(struct sockaddr_in)};
	struct sockaddr_in *in = (void *)&door.address;
	size_t before = report->count;

	if (config->reflector.address == NULL)
		return;
	in->sin_family = AF_INET;
	in->sin_port = htons(SMTP_PORT);
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check_reflector_look(config, &door, add_finding, report);
	if (report->count == before)
		check_report_add(report, &about, CHECK_OK,
		    "%s: answers are signed, and mail to it is taken",
		    config->reflector.address);
}
