/*
 * A message and its key records: the first line is the one TXT record that
 * answers every question ("-" for none, "?" for a lost answer), the rest is
 * the message. DKIM and DomainKeys.
 */
#include "dkim/verifier.h"
#include "dkim/body_hashes.h"
#include "dkim/domainkeys.h"
#include "mail/header.h"
#include "t/fuzz/replay.h"

#define HEADER_CAP (1 << 20)

static struct dns_answer
answer_of(const struct dns_record *record)
{
	struct dns_answer answer = {.status = DNS_OK, .count = 1};

	answer.records = record;
	if (slice_equal(record->value, SLICE("-")))
		answer = (struct dns_answer){.status = DNS_NXDOMAIN};
	else if (slice_equal(record->value, SLICE("?")))
		answer = (struct dns_answer){.status = DNS_TEMPFAIL};
	return answer;
}

static void
check(const struct mail_header *header, struct slice body,
    const struct dns_answer *answer)
{
	static const struct dkim_rules rules = {.weak = true};
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_verifier *v =
	    dkim_verifier_new(&rules, header, hashes, 1700000000);
	struct dkim_domainkeys *d = dkim_domainkeys_new(&rules, header, hashes);
	struct dns_question question;

	while (dkim_verifier_ask(v, &question))
		dkim_verifier_answer(v, &question, answer);
	while (dkim_domainkeys_ask(d, &question))
		dkim_domainkeys_answer(d, &question, answer);
	dkim_body_hashes_write(hashes, body);
	dkim_body_hashes_end(hashes);
	dkim_verifier_end(v);
	dkim_domainkeys_end(d);
	while (dkim_domainkeys_ask(d, &question))
		dkim_domainkeys_answer(d, &question, answer);
	if (!dkim_verifier_done(v) || !dkim_domainkeys_done(d))
		__builtin_trap();
	for (size_t i = 0; i < dkim_verifier_count(v); i++)
		(void)dkim_verifier_finding(v, i);
	(void)dkim_domainkeys_overall(d);
	dkim_verifier_free(v);
	dkim_domainkeys_free(d);
	dkim_body_hashes_free(hashes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_from((const char *)data, size);
	struct dns_record record = {
	    .value = slice_first(input, slice_find(input, '\n'))};
	struct slice message = slice_after(input, record.value.n + 1);
	struct dns_answer answer = answer_of(&record);
	struct mail_header *header = mail_header_parse(message, HEADER_CAP);

	if (header != NULL)
		check(header, slice_after(message, mail_header_size(header)),
		    &answer);
	mail_header_free(header);
	return 0;
}
