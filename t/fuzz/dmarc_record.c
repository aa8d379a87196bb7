/*
 * A DMARC record: any bytes. What its policies say is one of three words;
 * and as an answer to a tree walk it brings that walk to an end.
 */
#include <stdint.h>
#include <stdlib.h>

#include "auth/dmarc_record.h"
#include "auth/orgdomain.h"
#include "t/fuzz/replay.h"

static void
check_values(struct slice text)
{
	struct auth_dmarc_record record;
	enum auth_dmarc_policy policy;

	auth_dmarc_record_parse(text, &record);
	if (record.psd != 'y' && record.psd != 'n' && record.psd != 'u')
		abort();
	for (int i = 0; i < 4; i++) {
		(void)auth_dmarc_record_policy(&record, i & 1, i & 2, &policy);
		(void)auth_dmarc_policy_word(policy);
	}
}

/* Every other name of the walk has the record. */
static void
check_walk(struct slice text)
{
	static const struct slice domain = SLICE_INIT("a.b.c.example.com");
	struct auth_orgdomain *org = auth_orgdomain_new();
	const struct auth_orgdomain_record *found;
	struct dns_record record = {.value = text};
	struct dns_question question;
	struct slice name;
	size_t asked = 0;

	if (auth_orgdomain_walk(org, domain) != 0)
		abort();
	while (auth_orgdomain_ask(org, &question)) {
		struct dns_answer answer = {.status = DNS_NXDOMAIN};

		if (asked++ % 2 == 1)
			answer = (struct dns_answer){
			    .status = DNS_OK, .count = 1, .records = &record};
		auth_orgdomain_answer(org, &question, &answer);
	}
	if (asked != 5 ||
	    auth_orgdomain_find(org, domain, &name) != AUTH_ORGDOMAIN_KNOWN ||
	    auth_orgdomain_policy(org, domain, &found) !=
		AUTH_ORGDOMAIN_KNOWN ||
	    !slice_ends_nocase(domain, name))
		abort();
	auth_orgdomain_free(org);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n);

	(void)auth_dmarc_record_is(text);
	check_values(text);
	check_walk(text);
	return 0;
}
