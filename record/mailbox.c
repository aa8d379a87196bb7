/* Spellings of a mailbox; see mailbox.h. */
#include "record/mailbox.h"
#include "base/escape.h"
#include "mail/address.h"
#include "mail/idn.h"
#include "smtp/path.h"

enum { ARGUMENT_MAX = RECORD_MAILBOX_MAX + 16 };

/* Its two parts, as views; false where it is no mailbox with a domain. */
static bool
parse_mailbox(struct slice mailbox, struct slice *local, struct slice *domain)
{
	struct strbuf argument;
	struct smtp_path path;
	bool good;

	if (mailbox.n == 0 || mailbox.n > RECORD_MAILBOX_MAX ||
	    !escape_is_utf8(mailbox))
		return false;
	strbuf_init(&argument, ARGUMENT_MAX);
	strbuf_add_str(&argument, "TO:<");
	strbuf_add(&argument, mailbox);
	strbuf_add_char(&argument, '>');
	good = smtp_path_parse(
		   strbuf_slice(&argument), SMTP_RCPT, &path, NULL) == 0 &&
	    slice_equal(path.mailbox, mailbox) && path.domain.n > 0 &&
	    path.parameters.n == 0;
	strbuf_clear(&argument);
	*local = mail_address_local(mailbox);
	*domain = mail_address_domain(mailbox);
	return good && local->n > 0 && local->n <= RECORD_MAILBOX_LOCAL_MAX;
}

static int
add_mailbox_domain(struct slice domain, struct strbuf *out)
{
	if (domain.p[0] != '[')
		return mail_idn_to_ascii(domain, out);
	for (size_t i = 0; i < domain.n; i++)
		if (strbuf_add_char(out, ascii_lower(domain.p[i])) != 0)
			return -1;
	return 0;
}

int
record_mailbox_fold(struct slice mailbox, struct strbuf *out)
{
	struct slice local, domain;
	size_t begun = out->n, plus;

	if (!parse_mailbox(mailbox, &local, &domain))
		return -1;
	/* Without quoting, in lower case. */
	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '"')
			continue;
		if (local.p[i] == '\\' && i + 1 < local.n)
			i++;
		strbuf_add_char(out, ascii_lower(local.p[i]));
	}
	/* A local part that begins with + is no extension of nothing. */
	plus = slice_find(slice_after(strbuf_slice(out), begun), '+');
	if (plus > 0)
		strbuf_truncate(out, begun + plus);
	strbuf_add_char(out, '@');
	if (add_mailbox_domain(domain, out) == 0 && !out->full)
		return 0;
	strbuf_truncate(out, begun);
	return -1;
}

bool
record_mailbox_is_same(struct slice a, struct slice b)
{
	struct strbuf one, other;
	bool same;

	strbuf_init(&one, RECORD_MAILBOX_MAX);
	strbuf_init(&other, RECORD_MAILBOX_MAX);
	same = record_mailbox_fold(a, &one) == 0 &&
	    record_mailbox_fold(b, &other) == 0 &&
	    slice_equal(strbuf_slice(&one), strbuf_slice(&other));
	strbuf_clear(&one);
	strbuf_clear(&other);
	return same;
}

int
record_mailbox_path(struct slice mailbox, struct strbuf *out)
{
	struct slice local, domain;
	size_t begun = out->n;

	if (!parse_mailbox(mailbox, &local, &domain))
		return -1;
	strbuf_add(out, local);
	strbuf_add_char(out, '@');
	if (add_mailbox_domain(domain, out) == 0 && !out->full)
		return 0;
	strbuf_truncate(out, begun);
	return -1;
}
