/*
 * The authors' domains; see from.h. DMARC judges by the field that a reader is
 * shown, and readers differ in what they make of a malformed one. So whatever
 * any of them might take for an author's address counts, and the first fault
 * is kept as the reason why the field as a whole is not believed.
 */
#include <stdlib.h>

#include "auth/from.h"
#include "base/xalloc.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"

enum { FAULT_MAX = 200 };

char *
auth_from_domain(struct slice domain)
{
	struct strbuf text;
	char *copy = NULL;

	if (domain.n > 0 && domain.p[domain.n - 1] == '.')
		domain.n--;
	strbuf_init(&text, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(domain, &text) == 0)
		copy = xslicedup(strbuf_slice(&text));
	strbuf_clear(&text);
	return copy;
}

/* The first one counts. */
static void
from_fault(struct auth_from *from, enum mail_reason reason, const char *why)
{
	if (from->reason != MAIL_REASON_NONE)
		return;
	from->reason = reason;
	strbuf_addf(&from->fault, "%s%s%s", mail_reason_text(reason),
	    why[0] == '\0' ? "" : " ", why);
}

static bool
has_domain(const struct auth_from *from, const char *domain)
{
	for (size_t i = 0; i < from->count; i++)
		if (strcmp(from->domains[i], domain) == 0)
			return true;
	return false;
}

static void
add_authors(struct auth_from *from, const struct mail_field *field)
{
	struct mail_address_list *list = mail_address_salvage(field->value);
	const char *why = mail_address_fault(list);

	if (why != NULL)
		from_fault(from, MAIL_REASON_FROM_UNREADABLE, why);
	for (size_t i = 0; i < mail_address_count(list); i++) {
		struct slice name = mail_address_at(list, i)->domain;
		char *domain = auth_from_domain(name);

		if (domain == NULL) {
			from_fault(from, MAIL_REASON_FROM_NO_DOMAIN, "");
		} else if (has_domain(from, domain)) {
			free(domain);
		} else if (from->count == AUTH_FROM_DOMAINS_MAX) {
			from_fault(from, MAIL_REASON_FROM_DOMAINS, "");
			free(domain);
		} else {
			from->domains[from->count++] = domain;
		}
	}
	mail_address_free(list);
}

void
auth_from_init(struct auth_from *from, const struct mail_header *header)
{
	size_t fields = mail_header_count_of(header, SLICE("From"));

	*from = (struct auth_from){.count = 0};
	strbuf_init(&from->fault, FAULT_MAX);
	if (fields == 0)
		from_fault(from, MAIL_REASON_NO_FROM, "");
	else if (fields > 1)
		from_fault(from, MAIL_REASON_FROM_TWICE, "");
	for (size_t i = 0; i < mail_header_count(header); i++) {
		const struct mail_field *field = mail_header_at(header, i);

		/* Nothing that follows could change anything. */
		if (from->reason != MAIL_REASON_NONE &&
		    from->count == AUTH_FROM_DOMAINS_MAX)
			break;
		if (slice_equal_nocase(field->name, SLICE("From")))
			add_authors(from, field);
	}
	if (from->count == 0)
		from_fault(from, MAIL_REASON_FROM_NO_ADDRESS, "");
}

void
auth_from_clear(struct auth_from *from)
{
	for (size_t i = 0; i < from->count; i++)
		free(from->domains[i]);
	strbuf_clear(&from->fault);
	*from = (struct auth_from){.count = 0};
}
