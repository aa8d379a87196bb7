/* The sending address and the canonical header: RFC 4870 section 3.4. */
#include "dkim/canon_field.h"
#include "dkim/domainkeys_private.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"

/* What may be wrong with either field. */
static const struct reasons {
	enum mail_reason twice, no_address, no_domain, too_long;
} of_from = {MAIL_REASON_FROM_TWICE, MAIL_REASON_FROM_NO_ADDRESS,
    MAIL_REASON_FROM_NO_DOMAIN, MAIL_REASON_FROM_LONG},
  of_sender = {MAIL_REASON_SENDER_TWICE, MAIL_REASON_SENDER_NO_ADDRESS,
      MAIL_REASON_SENDER_NO_DOMAIN, MAIL_REASON_SENDER_LONG};

enum mail_reason
dkim_domainkeys_sender(const struct mail_header *header, struct slice *field,
    struct strbuf *local, struct strbuf *domain)
{
	size_t senders = mail_header_count_of(header, SLICE("Sender"));
	const struct reasons *reasons = senders > 0 ? &of_sender : &of_from;
	struct mail_address_list *list;
	const struct mail_mailbox *first;
	enum mail_reason reason = MAIL_REASON_NONE;

	*field = senders > 0 ? SLICE("Sender") : SLICE("From");
	if (mail_header_count_of(header, *field) > 1)
		return reasons->twice;
	if (mail_header_count_of(header, *field) == 0)
		return MAIL_REASON_NO_FROM;
	list =
	    mail_address_parse(mail_header_last(header, *field)->value, NULL);
	first = list == NULL ? NULL : mail_address_at(list, 0);
	if (first == NULL)
		reason = reasons->no_address;
	else if (mail_idn_to_ascii(first->domain, domain) < 0)
		reason = reasons->no_domain;
	else if (strbuf_add(local, first->local) < 0)
		reason = reasons->too_long;
	mail_address_free(list);
	return reason;
}

void
dkim_domainkeys_canon(enum dkim_canon canon,
    const struct mail_field *const *fields, size_t count, struct strbuf *out)
{
	struct strbuf_sink sink;

	strbuf_sink_init(&sink, out);
	for (size_t i = 0; i < count; i++)
		dkim_canon_field(canon, fields[i]->raw, &sink.sink);
}
