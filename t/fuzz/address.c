/* mail_address_parse() on anything; what it prints it reads back the same.
 * mail_address_salvage() loses nothing of it. */
#include <stdint.h>
#include <stdlib.h>

#include "mail/address.h"
#include "mail/idn.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

/* No line end may come out of a name that a field of ours would show. */
static void
check_print(const struct mail_mailbox *box)
{
	struct strbuf printed;
	struct mail_address_list *again;

	strbuf_init(&printed, 2 * (box->local.n + box->domain.n) + 3);
	must(mail_mailbox_print(box, &printed) == 0);
	must(slice_find(strbuf_slice(&printed), '\n') == printed.n);
	again = mail_address_parse(strbuf_slice(&printed), NULL);
	must(again != NULL && mail_address_count(again) == 1);
	must(slice_equal(mail_address_at(again, 0)->domain, box->domain));
	mail_address_free(again);
	strbuf_clear(&printed);
}

static void
check_domain(struct slice domain)
{
	struct strbuf ascii;

	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(domain, &ascii) == 0)
		must(mail_idn_is_ascii_name(strbuf_slice(&ascii)));
	strbuf_clear(&ascii);
}

/* The same where it is a list, and no more than a list may have else. */
static void
check_salvage(struct slice value, const struct mail_address_list *parsed)
{
	struct mail_address_list *list = mail_address_salvage(value);
	size_t count = mail_address_count(list);

	must((mail_address_fault(list) == NULL) == (parsed != NULL));
	must(count <= MAIL_ADDRESS_COUNT_MAX);
	must(parsed == NULL || count == mail_address_count(parsed));
	for (size_t i = 0; i < count; i++)
		check_domain(mail_address_at(list, i)->domain);
	mail_address_free(list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct strbuf reason;
	struct mail_address_list *list;

	strbuf_init(&reason, 200);
	list = mail_address_parse(slice_from((const char *)bytes, n), &reason);
	must((list == NULL) == (reason.n > 0));
	check_salvage(slice_from((const char *)bytes, n), list);
	for (size_t i = 0; list != NULL && i < mail_address_count(list); i++) {
		check_print(mail_address_at(list, i));
		check_domain(mail_address_at(list, i)->domain);
	}
	mail_address_free(list);
	strbuf_clear(&reason);
	return 0;
}
