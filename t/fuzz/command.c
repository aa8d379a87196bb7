/* smtp/command on anything: what it calls a line ends in the first CRLF, has
 * lost nothing but blanks before it, holds no bare CR, LF or NUL, and keeps to the cap. */
#include <stdint.h>

#include "smtp/command.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
check_line(struct slice in, size_t used, const struct smtp_command *command)
{
	struct slice line = command->line, whole = slice_first(in, used - 2);

	must(used <= SMTP_COMMAND_MAX && line.n <= whole.n);
	must(slice_search(in, SLICE("\r\n")) == whole.n);
	for (; whole.n > line.n; whole = slice_after(whole, 1))
		must(whole.p[0] == ' ' || whole.p[0] == '\t');
	must(slice_equal(line, whole));
	must(slice_find(line, '\r') == line.n);
	must(slice_find(line, '\n') == line.n);
	must(slice_find(line, '\0') == line.n);
	must(command->argument.n <= line.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	enum smtp_command_fault fault;
	struct smtp_command command;
	bool cr = false;
	size_t used = 1;

	for (; in.n > 0 && used > 0; in = slice_after(in, used)) {
		enum smtp_parse parse =
		    smtp_command_parse(in, &used, &command, &fault);

		must(used <= in.n);
		must((parse == SMTP_MORE) == (used == 0));
		if (parse == SMTP_DONE)
			check_line(in, used, &command);
		if (parse != SMTP_BAD || fault != SMTP_COMMAND_LONG)
			continue;
		must(used == SMTP_COMMAND_MAX);
		cr = smtp_command_skip_begin(slice_first(in, used));
		in = slice_after(in, used);
		(void)smtp_command_skip(in, &used, &cr);
		must(used <= in.n);
	}
	return 0;
}
