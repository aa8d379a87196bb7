/* Mail to who looks after keys; see notify.h. */
#include <event2/event.h>

#include "base/clock.h"
#include "base/escape.h"
#include "cli/kit/cli.h"
#include "cli/rotate/notify.h"
#include "record/date.h"
#include "record/mailer.h"

enum { MAIL_MAX = 2 << 20, REASON_MAX = 1000 };

struct sending {
	bool done;
	enum record_delivery how;
	struct strbuf text;
};

static void
on_delivery(void *ctx, enum record_delivery how, struct slice text)
{
	struct sending *sending = ctx;

	sending->done = true;
	sending->how = how;
	escape_log(slice_first(text, REASON_MAX / 8), &sending->text);
}

static void
print_mail(const struct proxy_config *config, struct slice from,
    struct slice text, struct strbuf *to)
{
	struct strbuf date;
	struct slice line;
	int64_t now = clock_wall_s();

	strbuf_init(&date, 64);
	(void)record_date_print(now, &date);
	strbuf_addf(to,
	    "From: signpost <%.*s>\r\nTo: <%s>\r\n"
	    "Subject: signing keys: something is to be done\r\n"
	    "Date: %s\r\nMessage-ID: <rotate.%lld@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
	    (int)from.n, from.p, config->rotate.notify, strbuf_text(&date),
	    (long long)now, config->hostname);
	while (text.n > 0 && slice_cut(&text, '\n', &line)) {
		strbuf_add(to, line);
		strbuf_add_str(to, "\r\n");
	}
	strbuf_clear(&date);
}

int
rotate_notify(const struct proxy_config *config, struct slice text)
{
	struct sending sending = {.how = RECORD_DEFERRED};
	const struct proxy_endpoint *at = &config->reflector.relay;
	const struct smtp_target target = {
	    .address = at->address, .address_length = at->length};
	struct event_base *base = event_base_new();
	struct strbuf from, message;

	strbuf_init(&from, REASON_MAX);
	strbuf_init(&message, MAIL_MAX);
	strbuf_init(&sending.text, REASON_MAX);
	strbuf_addf(&from, "postmaster@%s", config->hostname);
	print_mail(config, strbuf_slice(&from), text, &message);
	if (at->length == 0)
		strbuf_add_str(&sending.text,
		    "[out] has no SMTP listener, and [reflector] no relay");
	else if (base == NULL || message.full ||
	    record_mailer_send(base, &target,
		&(struct record_mail){
		    .helo = slice_str(config->hostname),
		    .from = strbuf_slice(&from),
		    .to = slice_str(config->rotate.notify),
		    .message = strbuf_slice(&message),
		},
		on_delivery, &sending) == NULL)
		strbuf_add_str(&sending.text, "the mail could not be begun");
	else
		while (!sending.done && event_base_loop(base, EVLOOP_ONCE) == 0)
			continue;
	if (sending.how != RECORD_DELIVERED)
		cli_error("notify = %s: %s", config->rotate.notify,
		    strbuf_text(&sending.text));
	if (base != NULL)
		event_base_free(base);
	strbuf_clear(&from);
	strbuf_clear(&message);
	strbuf_clear(&sending.text);
	return sending.how == RECORD_DELIVERED ? 0 : -1;
}
