/*
 * A message with an ARC chain and its key records: the first line is the one
 * TXT record that answers every question ("-" for none, "?" for a lost
 * answer), the rest is the message. The chain is judged and continued.
 */
#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "mail/header.h"
#include "t/fuzz/replay.h"

#define HEADER_CAP (1 << 20)

static void
continue_chain(const struct mail_header *header,
    struct dkim_body_hashes *hashes, enum mail_verdict chain,
    struct strbuf *reason)
{
	struct dkim_arc_sealing sealing = {.domain = SLICE("example.org"),
	    .selector = SLICE("s"),
	    .algorithm = DKIM_ED25519_SHA256,
	    .results = SLICE("mx.example.org; none"),
	    .chain = chain};

	dkim_arc_sealer_free(
	    dkim_arc_sealer_new(&sealing, header, hashes, reason));
}

static void
judge(const struct mail_header *header, struct slice body,
    const struct dns_answer *answer)
{
	static const struct dkim_rules rules = {.weak = true};
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_arc *arc = dkim_arc_new(&rules, header, hashes, 1700000000);
	struct dns_question question;
	struct strbuf reason;

	strbuf_init(&reason, 1000);
	continue_chain(header, hashes, MAIL_VERDICT_FAIL, &reason);
	while (dkim_arc_ask(arc, &question))
		dkim_arc_answer(arc, &question, answer);
	dkim_body_hashes_write(hashes, body);
	dkim_body_hashes_end(hashes);
	dkim_arc_end(arc);
	if (!dkim_arc_done(arc))
		__builtin_trap();
	for (unsigned i = 0; i <= dkim_arc_finding(arc).instance; i++) {
		(void)dkim_arc_sealer_domain(arc, i);
		(void)dkim_arc_results(arc, i);
	}
	dkim_arc_free(arc);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&reason);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_from((const char *)data, size);
	struct dns_record record = {
	    .value = slice_first(input, slice_find(input, '\n'))};
	struct slice message = slice_after(input, record.value.n + 1);
	struct dns_answer answer = {
	    .status = DNS_OK, .count = 1, .records = &record};
	struct mail_header *header = mail_header_parse(message, HEADER_CAP);

	if (slice_equal(record.value, SLICE("-")))
		answer = (struct dns_answer){.status = DNS_NXDOMAIN};
	else if (slice_equal(record.value, SLICE("?")))
		answer = (struct dns_answer){.status = DNS_TEMPFAIL};
	if (header != NULL)
		judge(header, slice_after(message, mail_header_size(header)),
		    &answer);
	mail_header_free(header);
	return 0;
}
