/* The sending address and the canonical header: RFC 4870 section 3.4. */
#include "dkim/canon_field.h"
#include "dkim/domainkeys_private.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"

const char *
dkim_domainkeys_sender(const struct mail_header *header, struct slice *field,
    struct strbuf *local, struct strbuf *domain)
{
	size_t senders = mail_header_count_of(header, SLICE("Sender"));
	struct mail_address_list *list;
	const struct mail_mailbox *first;
	const char *reason = NULL;

	*field = senders > 0 ? SLICE("Sender") : SLICE("From");
	if (mail_header_count_of(header, *field) > 1)
		return "more than one Sender or From field";
	if (mail_header_count_of(header, *field) == 0)
		return "no From field";
	list =
	    mail_address_parse(mail_header_last(header, *field)->value, NULL);
	first = list == NULL ? NULL : mail_address_at(list, 0);
	if (first == NULL)
		reason = "no address in Sender or From";
	else if (mail_idn_to_ascii(first->domain, domain) < 0)
		reason = "no domain in Sender or From";
	else if (strbuf_add(local, first->local) < 0)
		reason = "the address in Sender or From is too long";
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
