/* smtp/path on anything: the views lie in the argument, and a line whose
 * SIZE= was replaced still parses to the same path. */
#include <stdint.h>

#include "smtp/path.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
check_within(struct slice part, struct slice whole)
{
	must(part.n == 0 ||
	    (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void
check_printed(struct slice line, const struct smtp_path *was, uint64_t size)
{
	struct smtp_path path;
	uint64_t found;

	must(smtp_path_parse(slice_trim(slice_after(line, 5)), SMTP_MAIL, &path,
		 NULL) == 0);
	must(slice_equal(path.path, was->path));
	must(smtp_path_size(&path, &found) == 0 && found == size);
}

static void
check_sizes(struct slice in, const struct smtp_path *path)
{
	struct smtp_command mail = {.verb = SMTP_MAIL, .line = in};
	struct strbuf line;
	uint64_t size;

	/* No command line has a bare CR or LF in it: smtp/command.h. */
	if (slice_find(in, '\r') < in.n || slice_find(in, '\n') < in.n)
		return;
	if (smtp_path_size(path, &size) != 0)
		return;
	strbuf_init(&line, in.n + 64);
	must(smtp_path_print_unsized(&mail, path, &line) == 0);
	check_printed(strbuf_slice(&line), path, 0);
	strbuf_reset(&line);
	must(smtp_path_print_sized(&mail, path, UINT64_MAX, &line) == 0);
	if (slice_equal(strbuf_slice(&line), in))
		must(size == 0 || size == UINT64_MAX);
	else
		check_printed(strbuf_slice(&line), path, UINT64_MAX);
	strbuf_clear(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct slice argument = slice_trim(slice_after(in, 5));
	struct smtp_path path;

	if (smtp_path_parse(argument, SMTP_RCPT, &path, NULL) == 0)
		must(path.mailbox.n > 0);
	if (smtp_path_parse(argument, SMTP_MAIL, &path, NULL) != 0)
		return 0;
	check_within(path.path, argument);
	check_within(path.parameters, argument);
	check_within(path.mailbox, path.path);
	check_within(path.local, path.mailbox);
	check_within(path.domain, path.mailbox);
	check_sizes(in, &path);
	return 0;
}
