/* One message to spamd and back; see spam.h. */
#include <event2/event.h>

#include "cli/kit/cli.h"
#include "cli/spam.h"
#include "mail/header.h"
#include "record/spamd.h"

/* As spamc: what is larger is not looked at. */
#define SPAM_MESSAGE_MAX ((size_t)500 << 10)

struct asking {
	struct strbuf *said, *rules;
	bool done;
};

static void
on_verdict(void *ctx, const struct record_spam *spam)
{
	struct asking *asking = ctx;

	record_spam_print(spam, asking->said);
	record_spam_print_rules(spam, asking->rules);
	asking->done = true;
}

static void
add_header(void *ctx, const struct mail_header *header)
{
	for (size_t i = 0; i < mail_header_count(header); i++)
		strbuf_add(ctx, mail_header_at(header, i)->raw);
	strbuf_add_str(ctx, "\r\n");
}

static void
add_body(void *ctx, struct slice chunk)
{
	strbuf_add(ctx, chunk);
}

static void
ask_spamd(const struct proxy_reflector_settings *settings, struct slice text,
    struct strbuf *said, struct strbuf *rules)
{
	const struct record_spamd_at at = {.address = settings->spamd.address,
	    .length = settings->spamd.length,
	    .ms = settings->spamd_timeout * 1000};
	struct asking asking = {said, rules, false};
	struct event_base *base = event_base_new();
	struct record_spamd *query = base == NULL
	    ? NULL
	    : record_spamd_ask(base, &at, text, on_verdict, &asking);

	while (query != NULL && !asking.done &&
	    event_base_loop(base, EVLOOP_ONCE) == 0)
		continue;
	if (!asking.done) {
		record_spamd_cancel(query);
		strbuf_add_str(said, "temperror (cannot ask)");
	}
	if (base != NULL)
		event_base_free(base);
}

void
cli_spam_ask(const struct proxy_config *config,
    const struct cli_message *message, struct strbuf *said,
    struct strbuf *rules)
{
	static const struct mail_reader_ops ops = {add_header, add_body};
	struct strbuf text;

	if (config == NULL || config->reflector.spamd.length == 0)
		return;
	strbuf_init(&text, SPAM_MESSAGE_MAX);
	if (cli_message_replay(message, &ops, &text) != CLI_OK || text.full)
		strbuf_add_str(said, "none (the message is too large)");
	else
		ask_spamd(&config->reflector, strbuf_slice(&text), said, rules);
	strbuf_clear(&text);
}
