/*
 * A datagram that comes as if from a process without a log of its own: what is
 * read out of it is one line of printable ASCII, of a level that there is; and
 * a line comes out as it was sent.
 */
#include <stdint.h>

#include "base/log_wire.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
check_text(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		must(text.p[i] >= ' ' && text.p[i] <= '~');
}

static void
send_line(enum log_level level, struct slice line)
{
	enum log_level got;
	struct strbuf datagram, text;

	strbuf_init(&datagram, LOG_DATAGRAM_MAX);
	strbuf_init(&text, LOG_WIRE_TEXT_MAX);
	log_wire_print(level, line, &datagram);
	must(!datagram.full && datagram.n <= LOG_DATAGRAM_MAX);
	must((log_wire_read(strbuf_slice(&datagram), &got, &text) == 0) ==
	    (line.n > 0));
	if (line.n > 0) {
		must(got == level);
		check_text(strbuf_slice(&text));
	}
	strbuf_clear(&datagram);
	strbuf_clear(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice datagram = slice_from((const char *)bytes, n);
	enum log_level level;
	struct strbuf text;

	strbuf_init(&text, LOG_WIRE_TEXT_MAX);
	if (log_wire_read(datagram, &level, &text) == 0) {
		must(n >= 2 && n <= LOG_DATAGRAM_MAX);
		must(level <= LOGGING_DEBUG && text.n >= n - 1);
		check_text(strbuf_slice(&text));
	} else {
		must(text.n == 0);
	}
	strbuf_clear(&text);
	for (int i = LOGGING_ERROR; i <= LOGGING_DEBUG; i++)
		send_line((enum log_level)i, datagram);
	return 0;
}
