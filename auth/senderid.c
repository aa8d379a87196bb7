/* RFC 4407 section 2, step by step. A field of white space alone is as good
 * as none. */
#include "auth/senderid.h"
#include "mail/address.h"
#include "mail/header.h"

static bool
is_field(const struct mail_field *field, struct slice name)
{
	return slice_equal_nocase(field->name, name) &&
	    slice_trim(field->value).n > 0;
}

/* The first from the top, at its index; the header's count for none. */
static size_t
find_first(const struct mail_header *header, struct slice name)
{
	size_t i;

	for (i = 0; i < mail_header_count(header); i++)
		if (is_field(mail_header_at(header, i), name))
			break;
	return i;
}

static size_t
count_of(const struct mail_header *header, struct slice name)
{
	size_t count = 0;

	for (size_t i = 0; i < mail_header_count(header); i++)
		if (is_field(mail_header_at(header, i), name))
			count++;
	return count;
}

/* Step 1's exception: Resent-From above it, with a trace field between:
 * then the Resent-Sender is of an earlier resending. */
static bool
is_of_earlier_resending(
    const struct mail_header *header, size_t sender, size_t from)
{
	for (size_t i = from; i < sender; i++) {
		struct slice name = mail_header_at(header, i)->name;

		if (slice_equal_nocase(name, SLICE("Received")) ||
		    slice_equal_nocase(name, SLICE("Return-Path")))
			return true;
	}
	return false;
}

/* Steps 1 to 4: the field that names the address, or NULL and why. */
static const struct mail_field *
choose_pra(const struct mail_header *header, const char **name,
    enum mail_reason *reason)
{
	size_t count = mail_header_count(header);
	size_t sender = find_first(header, SLICE("Resent-Sender"));
	size_t from = find_first(header, SLICE("Resent-From"));

	*name = "resent-sender";
	if (sender < count && !is_of_earlier_resending(header, sender, from))
		return mail_header_at(header, sender);
	*name = "resent-from";
	if (from < count)
		return mail_header_at(header, from);
	*name = "sender";
	*reason = MAIL_REASON_SENDER_TWICE;
	if (count_of(header, SLICE("Sender")) > 1)
		return NULL;
	sender = find_first(header, SLICE("Sender"));
	if (sender < count)
		return mail_header_at(header, sender);
	*name = "from";
	from = count_of(header, SLICE("From"));
	*reason = from == 0 ? MAIL_REASON_NO_FROM : MAIL_REASON_FROM_TWICE;
	if (from != 1)
		return NULL;
	return mail_header_at(header, find_first(header, SLICE("From")));
}

/* Step 5: a single mailbox with a domain. */
int
auth_senderid_find(const struct mail_header *header,
    struct auth_senderid_pra *pra, enum mail_reason *reason)
{
	const struct mail_field *field =
	    choose_pra(header, &pra->field, reason);
	struct mail_address_list *list;
	int status = -1;

	strbuf_init(&pra->address, AUTH_SENDERID_PRA_MAX);
	if (field == NULL)
		return -1;
	*reason = MAIL_REASON_PRA_NOT_ONE;
	list = mail_address_parse(field->value, NULL);
	if (list != NULL && mail_address_count(list) == 1)
		status =
		    mail_mailbox_print(mail_address_at(list, 0), &pra->address);
	mail_address_free(list);
	return status;
}
