/* smtp/ehlo: each line of the input is one of a relay's reply to EHLO. What we
 * offer in front of it can be read again and is the same. */
#include <string.h>

#include "smtp/ehlo.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static bool
are_equal(const struct smtp_capabilities *a, const struct smtp_capabilities *b)
{
	return a->extensions == b->extensions && a->size == b->size &&
	    a->xforward == b->xforward;
}

static void
offer(const struct smtp_capabilities *relay, bool eight_bit, uint64_t size_max)
{
	struct smtp_capabilities again,
	    ours = smtp_ehlo_offer(relay, eight_bit, size_max);
	struct smtp_reply reply;
	struct strbuf out;

	must(size_max == 0 || (ours.size > 0 && ours.size <= size_max));
	must(eight_bit ||
	    (ours.extensions & (SMTP_EXT_8BITMIME | SMTP_EXT_SMTPUTF8)) == 0);
	strbuf_init(&out, SMTP_REPLY_MAX);
	must(smtp_ehlo_print(SLICE("mx.example.org"), &ours, &out) == 0);
	reply = smtp_reply_slice(strbuf_slice(&out));
	smtp_ehlo_parse(&reply, &again);
	must(are_equal(&ours, &again));
	must(slice_equal(smtp_ehlo_host(&reply), SLICE("mx.example.org")));
	strbuf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n), line;
	struct smtp_reply_parser parser;
	struct smtp_capabilities relay;
	struct smtp_reply reply;
	struct strbuf wire;
	size_t used;

	strbuf_init(&wire, 8 * n + 64);
	while (slice_cut(&in, '\n', &line)) {
		(void)strbuf_add_str(&wire, "250-");
		(void)strbuf_add(&wire, line);
		(void)strbuf_add_str(&wire, "\r\n");
	}
	(void)strbuf_add_str(&wire, "250 XEND\r\n");
	smtp_reply_parser_init(&parser);
	if (smtp_reply_parser_write(
		&parser, strbuf_slice(&wire), &used, &reply) == SMTP_DONE) {
		smtp_ehlo_parse(&reply, &relay);
		offer(&relay, true, 0);
		offer(&relay, false, 1000);
	}
	smtp_reply_parser_clear(&parser);
	strbuf_clear(&wire);
	return 0;
}
