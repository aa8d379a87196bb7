/* record/mailbox: whatever folds can stand in a command, and is folded already;
 * and record/unanswered on a header of those bytes. */
#include <stdlib.h>

#include "mail/header.h"
#include "record/mailbox.h"
#include "record/unanswered.h"
#include "t/fuzz/replay.h"

static void
look_at_header(struct slice in)
{
	struct mail_header *header = mail_header_parse(in, 1 << 20);

	if (header != NULL)
		(void)record_unanswered_why(
		    header, SLICE("a@example.org"), SLICE("b@example.org"));
	mail_header_free(header);
}

static void
look_at_path(struct slice path)
{
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] == '\r' || path.p[i] == '\n' || path.p[i] == '\0')
			abort();
}

/* What is folded and a mailbox still is folded to itself; but not where the
 * local part has octets of its own that would quote now. */
static void
look_at_folded(struct slice folded)
{
	struct strbuf again;

	if (slice_find(folded, '\\') < folded.n ||
	    slice_find(folded, '"') < folded.n)
		return;
	strbuf_init(&again, RECORD_MAILBOX_MAX);
	if (slice_find(folded, '@') == folded.n ||
	    (record_mailbox_fold(folded, &again) == 0 &&
		!slice_equal(strbuf_slice(&again), folded)))
		abort();
	strbuf_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct strbuf folded, path;

	strbuf_init(&folded, RECORD_MAILBOX_MAX);
	strbuf_init(&path, RECORD_MAILBOX_MAX);
	if (record_mailbox_fold(in, &folded) == 0)
		look_at_folded(strbuf_slice(&folded));
	if (record_mailbox_path(in, &path) == 0)
		look_at_path(strbuf_slice(&path));
	strbuf_clear(&folded);
	strbuf_clear(&path);
	look_at_header(in);
	return 0;
}
