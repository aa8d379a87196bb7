/* One mail through an SMTP server; see mailer.h. */
#include <stdlib.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "record/mailbox.h"
#include "record/mailer.h"
#include "smtp/ehlo.h"

enum { PATH_MAX_OCTETS = 1000, LINE_CAP = 2048, CHUNK = 16 * 1024 };

/* What was sent last, and so what the next reply answers. */
enum mailer_state {
	MAILER_GREETING,
	MAILER_EHLO,
	MAILER_MAIL,
	MAILER_RCPT,
	MAILER_DATA,
	MAILER_DOT,
	MAILER_QUIT
};

struct record_mailer {
	struct smtp_relay *relay;
	enum mailer_state state;
	char *helo, *from, *to, *message;
	bool utf8; /* `to` is not all ASCII: RFC 6531 */
	size_t size, sent;
	struct strbuf text; /* the answer to the dot, while QUIT is said */
	record_mailer_fn *fn;
	void *ctx;
};

void
record_mailer_cancel(struct record_mailer *m)
{
	if (m == NULL)
		return;
	smtp_relay_free(m->relay);
	free(m->helo);
	free(m->from);
	free(m->to);
	free(m->message);
	strbuf_clear(&m->text);
	free(m);
}

static void
finish_mail(
    struct record_mailer *m, enum record_delivery how, struct slice text)
{
	record_mailer_fn *fn = m->fn;
	void *ctx = m->ctx;
	/* The text is often part of what is freed here. */
	char *copy = xslicedup(text);

	record_mailer_cancel(m);
	fn(ctx, how, slice_from(copy, text.n));
	free(copy);
}

static void
command(struct record_mailer *m, enum mailer_state state, const char *before,
    const char *argument, const char *after)
{
	struct strbuf line;

	strbuf_init(&line, LINE_CAP);
	strbuf_addf(&line, "%s%s%s", before, argument, after);
	m->state = state;
	smtp_relay_command(m->relay, strbuf_slice(&line));
	strbuf_clear(&line);
}

static void
send_body(struct record_mailer *m)
{
	m->state = MAILER_DOT;
	while (m->sent < m->size) {
		struct slice chunk = slice_first(
		    slice_from(m->message + m->sent, m->size - m->sent), CHUNK);

		m->sent += chunk.n;
		if (!smtp_relay_body(m->relay, chunk))
			return; /* on_drained() goes on */
	}
	smtp_relay_body_end(m->relay);
}

static void
on_drained(void *ctx)
{
	send_body(ctx);
}

static bool
offers_utf8(const struct smtp_reply *ehlo)
{
	struct smtp_capabilities caps;

	smtp_ehlo_parse(ehlo, &caps);
	return (caps.extensions & SMTP_EXT_SMTPUTF8) != 0;
}

static void
on_reply(void *ctx, const struct smtp_reply *reply)
{
	struct record_mailer *m = ctx;
	struct slice text = smtp_reply_line(reply);
	unsigned wanted = m->state == MAILER_DATA ? 3 : 2;

	if (m->state == MAILER_EHLO && m->utf8 &&
	    smtp_reply_class(reply) == wanted && !offers_utf8(reply))
		finish_mail(m, RECORD_REFUSED,
		    SLICE("the next hop does not offer SMTPUTF8"));
	else if (smtp_reply_class(reply) == wanted || m->state == MAILER_QUIT) {
		/* What follows a reply that is as it should be. */
		switch (m->state) {
		case MAILER_GREETING:
			command(m, MAILER_EHLO, "EHLO ", m->helo, "");
			break;
		case MAILER_EHLO:
			command(m, MAILER_MAIL, "MAIL FROM:<", m->from,
			    m->utf8 ? "> SMTPUTF8" : ">");
			break;
		case MAILER_MAIL:
			command(m, MAILER_RCPT, "RCPT TO:<", m->to, ">");
			break;
		case MAILER_RCPT:
			command(m, MAILER_DATA, "DATA", "", "");
			break;
		case MAILER_DATA:
			send_body(m);
			break;
		case MAILER_DOT:
			/* The mail is the next hop's from here on, whatever
			 * becomes of QUIT. */
			strbuf_add(&m->text, text);
			command(m, MAILER_QUIT, "QUIT", "", "");
			break;
		case MAILER_QUIT:
			finish_mail(
			    m, RECORD_DELIVERED, strbuf_slice(&m->text));
			break;
		}
	} else if (smtp_reply_class(reply) == 5 && m->state > MAILER_EHLO)
		/* A 5yz before MAIL is about us and not about this mail: it is
		 * tried again. */
		finish_mail(m, RECORD_REFUSED, text);
	else
		finish_mail(m, RECORD_DEFERRED, text);
}

/* After the dot was answered there is nothing left to lose. */
static void
on_closed(void *ctx, enum smtp_close how, const char *why)
{
	struct record_mailer *m = ctx;

	(void)how;
	if (m->state == MAILER_QUIT)
		finish_mail(m, RECORD_DELIVERED, strbuf_slice(&m->text));
	else
		finish_mail(m, RECORD_DEFERRED, slice_str(why));
}

/* ASCII that may stand between the angle brackets of a command. A blank or a
 * line end in it would be another command. */
static bool
is_plain_address(struct slice s)
{
	if (s.n > PATH_MAX_OCTETS)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '<' || c == '>')
			return false;
	}
	return true;
}

struct record_mailer *
record_mailer_send(struct event_base *base, const struct smtp_target *target,
    const struct record_mail *mail, record_mailer_fn *fn, void *ctx)
{
	static const struct smtp_relay_ops ops = {
	    .reply = on_reply, .drained = on_drained, .closed = on_closed};
	struct record_mailer *m;
	struct strbuf to;

	strbuf_init(&to, RECORD_MAILBOX_MAX);
	if (!is_plain_address(mail->helo) || !is_plain_address(mail->from) ||
	    mail->helo.n == 0 || record_mailbox_path(mail->to, &to) != 0) {
		strbuf_clear(&to);
		return NULL;
	}
	m = xcalloc(1, sizeof(*m));
	m->utf8 = !slice_is_ascii(strbuf_slice(&to));
	m->to = strbuf_detach(&to);
	m->helo = xslicedup(mail->helo);
	m->from = xslicedup(mail->from);
	m->message = xslicedup(mail->message);
	m->size = mail->message.n;
	strbuf_init(&m->text, SMTP_REPLY_LINE_MAX);
	m->fn = fn;
	m->ctx = ctx;
	m->relay = smtp_relay_new(base, target, &ops, m);
	return m;
}
