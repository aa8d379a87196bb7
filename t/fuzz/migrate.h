/* What the fuzzers of `signpost migrate` share: a text is the configuration up
 * to the first NUL, and what stands behind it is every other file. */
#ifndef T_FUZZ_MIGRATE_H
#define T_FUZZ_MIGRATE_H

#include "cli/migrate_plan.h"
#include "cli/migrate_postfix.h"
#include "cli/migrate_steps.h"
#include "t/fuzz/replay.h"

static int
fuzz_migrate_read(
    void *ctx, const char *path, struct strbuf *text, struct strbuf *reason)
{
	struct slice *rest = ctx, file;

	if (strstr(path, "nowhere") != NULL || rest->p == NULL)
		return strbuf_add_str(reason, "none") - 1;
	(void)slice_cut(rest, '\0', &file);
	return strbuf_add(text, file);
}

/* Reads it, and prints all that comes of it. */
static void
fuzz_migrate(enum migrate_program program, const uint8_t *bytes, size_t n)
{
	struct slice rest = slice_from((const char *)bytes, n), conf, rests;
	struct migrate_files files = {fuzz_migrate_read, &rests};
	struct migrate_texts texts = {true, true};
	struct migrate_edits edits;
	struct migrate_plan plan;
	struct strbuf out;

	conf = slice_first(rest, slice_find(rest, '\0'));
	rests = slice_after(rest, conf.n + 1);
	migrate_plan_init(&plan, program, &files);
	migrate_edits_init(&edits);
	strbuf_init(&out, (size_t)16 << 20);
	migrate_plan_read(&plan, "conf", conf);
	migrate_plan_make(&plan);
	if (plan.errors.n == 0) {
		(void)migrate_plan_print_sender_map(&plan, &out);
		(void)migrate_plan_print_listid_map(&plan, &out);
		migrate_plan_print_conf(&plan, NULL, NULL, &out);
		migrate_steps_print(&plan, &edits, &texts, &out);
	}
	migrate_plan_print_report(&plan, &out);
	migrate_edits_clear(&edits);
	migrate_plan_clear(&plan);
	strbuf_clear(&out);
}

#endif
