/* record/spamd: its reply; and record/reflect: an answer made of whatever
 * a message's header holds stays one message. */
#include <stdlib.h>

#include "record/reflect.h"
#include "record/spamd.h"
#include "t/fuzz/replay.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct record_spam spam = record_spamd_parse(in);
	struct record_reflection reflection = {
	    .from = SLICE("check-auth@example.org"),
	    .to = SLICE("a@example.com"),
	    .summary = in,
	    .spam = in,
	    .header = in,
	    .message_id = in,
	    .id = SLICE("1"),
	};
	struct strbuf text, mail;

	strbuf_init(&text, 1000);
	record_spam_print(&spam, &text);
	strbuf_init(&mail, 4 * n + 65536);
	if (record_reflect_print(&reflection, &mail) == 0 &&
	    slice_search(strbuf_slice(&mail), SLICE("\r\n.\r\n")) < mail.n &&
	    slice_search(in, SLICE(".")) == in.n)
		abort();
	for (size_t i = 0; i < mail.n; i++)
		if (mail.p[i] == '\n' && (i == 0 || mail.p[i - 1] != '\r'))
			abort();
	strbuf_clear(&text);
	strbuf_clear(&mail);
	return 0;
}
