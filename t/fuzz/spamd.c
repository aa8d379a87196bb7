/* record/spamd: its reply; and record/reflect: an answer made of whatever
 * a message's header holds stays one message. */
#include <stdlib.h>

#include "record/reflect.h"
#include "record/spamd.h"
#include "t/fuzz/replay.h"

/* One message, ASCII, its lines ended as they should be. */
static void
print(enum record_proof proof, struct slice in)
{
	struct record_reflection reflection = {
	    .proof = proof,
	    .from = SLICE("check-auth@example.org"),
	    .to = SLICE("a@example.com"),
	    .summary = in,
	    .spam = in,
	    .rules = in,
	    .header = in,
	    .subject = in,
	    .message_id = in,
	    .id = SLICE("1"),
	};
	struct strbuf mail;

	strbuf_init(&mail, 32 * in.n + 65536);
	if (record_reflect_print(&reflection, &mail) == 0 &&
	    slice_search(strbuf_slice(&mail), SLICE("\r\n.\r\n")) < mail.n &&
	    slice_search(in, SLICE(".")) == in.n)
		abort();
	for (size_t i = 0; i < mail.n; i++)
		if ((unsigned char)mail.p[i] > 0x7f ||
		    (mail.p[i] == '\n' && (i == 0 || mail.p[i - 1] != '\r')))
			abort();
	if (proof == RECORD_PROOF_NONE && mail.n > RECORD_REFLECT_STRANGER_MAX)
		abort();
	strbuf_clear(&mail);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct record_spam spam = record_spamd_parse(in);
	struct strbuf text;

	(void)record_spamd_is_whole(in);
	strbuf_init(&text, 1000);
	record_spam_print(&spam, &text);
	record_spam_print_rules(&spam, &text);
	strbuf_clear(&text);
	print(RECORD_PROOF_NONE, in);
	print(RECORD_PROOF_SPF, in);
	print(RECORD_PROOF_DKIM, in);
	return 0;
}
