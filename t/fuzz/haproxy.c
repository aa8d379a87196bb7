/* smtp/haproxy on anything: bounded, and what is longer says the same. */
#include <stdint.h>

#include "smtp/haproxy.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct smtp_haproxy header, again;
	struct strbuf reason;
	size_t used, used_again;

	strbuf_init(&reason, 100);
	switch (smtp_haproxy_parse(in, &used, &header, &reason)) {
	case SMTP_MORE:
		must(n < SMTP_HAPROXY_MAX && used == 0);
		break;
	case SMTP_BAD:
		must(reason.n > 0 && used == 0);
		break;
	case SMTP_DONE:
		must(used > 0 && used <= n && used <= SMTP_HAPROXY_MAX);
		must(header.known == (header.address[0] != '\0'));
		must(smtp_haproxy_parse(slice_first(in, used), &used_again,
			 &again, &reason) == SMTP_DONE &&
		    used_again == used);
		must(smtp_haproxy_parse(slice_first(in, used - 1), &used_again,
			 &again, &reason) == SMTP_MORE);
		break;
	}
	strbuf_clear(&reason);
	return 0;
}
