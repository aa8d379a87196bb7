/* cli/publish: SPF and DMARC records to publish, made of what stands in the DNS
 * and of what the user told. Two lines of either; what comes out can be read, and
 * made again of itself it stays. */
#include <stdlib.h>

#include "auth/dmarc_record.h"
#include "auth/spf_record.h"
#include "cli/publish/dmarc_plan.h"
#include "cli/publish/spf_plan.h"
#include "t/fuzz/replay.h"

static int
plan_once(const struct cli_spf_plan *plan, struct strbuf *record)
{
	struct strbuf reason;
	int outcome;

	strbuf_init(&reason, 2048);
	outcome = cli_spf_plan_make(plan, record, &reason);
	if ((outcome != 0) != (reason.n > 0))
		abort();
	strbuf_clear(&reason);
	return outcome;
}

static void
plan_spf_records(struct slice first, struct slice second, struct slice told)
{
	struct slice existing[2] = {first, second};
	struct cli_spf_plan plan = {"v=spf1", existing, 0, told, SLICE("")};
	struct strbuf record, again;
	struct slice made;

	for (int i = 0; i < 2; i++)
		if (auth_spf_record_is_v1(existing[i]))
			existing[plan.existing_count++] = existing[i];
	strbuf_init(&record, CLI_SPF_PLAN_MAX);
	strbuf_init(&again, CLI_SPF_PLAN_MAX);
	if (plan_once(&plan, &record) == 0) {
		made = strbuf_slice(&record);
		if (!auth_spf_record_is_v1(made))
			abort();
		plan = (struct cli_spf_plan){
		    "v=spf1", &made, 1, SLICE(""), SLICE("")};
		if (plan_once(&plan, &again) != 0 ||
		    !cli_spf_plan_same(made, strbuf_slice(&again)))
			abort();
	}
	strbuf_clear(&record);
	strbuf_clear(&again);
}

static void
plan_dmarc_record(struct slice existing)
{
	struct cli_dmarc_plan plan = {existing, "reject", "a@b.c", "d@e.f"};
	struct auth_dmarc_record values;
	struct strbuf record, again;

	if (!auth_dmarc_record_is(existing))
		plan.existing = SLICE("");
	strbuf_init(&record, CLI_DMARC_PLAN_MAX);
	strbuf_init(&again, CLI_DMARC_PLAN_MAX);
	if (cli_dmarc_plan_make(&plan, &record) == 0) {
		auth_dmarc_record_parse(strbuf_slice(&record), &values);
		if (!auth_dmarc_record_is(strbuf_slice(&record)) ||
		    !values.p.valid || values.p.policy != AUTH_DMARC_REJECT)
			abort();
		plan.existing = strbuf_slice(&record);
		if (cli_dmarc_plan_make(&plan, &again) != 0 ||
		    !slice_equal(strbuf_slice(&record), strbuf_slice(&again)))
			abort();
	}
	strbuf_clear(&record);
	strbuf_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_from((const char *)data, size);
	struct slice first = SLICE(""), second = SLICE("");

	(void)slice_cut(&rest, '\n', &first);
	(void)slice_cut(&rest, '\n', &second);
	plan_spf_records(first, second, rest);
	plan_dmarc_record(first);
	(void)cli_dmarc_plan_takes(first);
	return 0;
}
