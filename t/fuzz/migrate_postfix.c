/* What postconf prints, searched for the old programs' lines: services up to the
 * first NUL, parameters behind it. */
#include "cli/migrate_postfix.h"
#include "cli/migrate_plan.h"
#include "t/fuzz/replay.h"

static int
read_nothing(
    void *ctx, const char *path, struct strbuf *text, struct strbuf *reason)
{
	(void)ctx;
	(void)path;
	(void)text;
	return strbuf_add_str(reason, "none") - 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct {
		enum migrate_program program;
		const char *conf;
	} cases[] = {
	    {MIGRATE_OPENDKIM,
		"Domain a.example\nSelector s\nKeyFile /a\n"
		"Socket inet:8891@localhost\nInternalHosts 10.0.0.0/8,a.b\n"},
	    {MIGRATE_DKIMPROXY,
		"listen 127.0.0.1:10027\nrelay 127.0.0.1:10028\n"
		"domain a.example\nselector s\nkeyfile /a\n"},
	};
	static const struct migrate_files files = {read_nothing, NULL};
	struct slice all = slice_from((const char *)bytes, n);
	struct slice services = slice_first(all, slice_find(all, '\0'));
	struct slice parameters = slice_after(all, services.n + 1);
	const struct migrate_postconf said = {
	    services, services, parameters, parameters};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct migrate_edits edits;
		struct migrate_plan plan;

		migrate_plan_init(&plan, cases[i].program, &files);
		migrate_edits_init(&edits);
		migrate_plan_read(&plan, "conf", slice_str(cases[i].conf));
		migrate_plan_make(&plan);
		migrate_postfix_run(&edits, &plan, &said);
		migrate_edits_clear(&edits);
		migrate_plan_clear(&plan);
	}
	return 0;
}
