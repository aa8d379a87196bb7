/* smtp/xforward on anything: what was read is printed in lines within
 * bounds, and reads the same again. */
#include <stdint.h>

#include "smtp/xforward.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
read_line(struct smtp_xforward *x, struct slice line, unsigned want)
{
	unsigned named;

	must(line.n <= SMTP_XFORWARD_LINE_MAX);
	must(slice_find(line, '\r') == line.n);
	must(slice_find(line, '\n') == line.n);
	must(slice_find(line, '\0') == line.n);
	must(slice_starts_nocase(line, SLICE("XFORWARD ")));
	must(smtp_xforward_parse(x, slice_after(line, 9), &named, NULL) == 0);
	must(named == want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct smtp_xforward x = {0}, again = {0};
	unsigned named, printed;
	struct strbuf reason, line;

	strbuf_init(&reason, 100);
	if (smtp_xforward_parse(&x, in, &named, &reason) != 0) {
		must(reason.n > 0);
		strbuf_clear(&reason);
		return 0;
	}
	strbuf_init(&line, SMTP_XFORWARD_LINE_MAX);
	while ((printed = smtp_xforward_print(&x, named, &line)) != 0) {
		read_line(&again, strbuf_slice(&line), printed);
		named &= ~printed;
		strbuf_reset(&line);
	}
	must(named == 0);
	for (int i = 0; i < SMTP_XFORWARD_NAMES; i++) {
		struct slice was =
		    smtp_xforward_get(&x, (enum smtp_xforward_name)i);
		struct slice is =
		    smtp_xforward_get(&again, (enum smtp_xforward_name)i);

		must(is.n == 0 || slice_equal(was, is));
		must(was.n == is.n || 3 * was.n > SMTP_XFORWARD_LINE_MAX - 20);
	}
	strbuf_clear(&line);
	return 0;
}
