/*
 * Does what came out verify; see demo_check.h. By the same verifier as
 * everywhere, fed with the records of the keys that were just made: the
 * demonstration would prove nothing with a check of its own.
 */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/demo_check.h"
#include "cli/kit/checking.h"
#include "cli/kit/records.h"
#include "mail/reader.h"

enum { HEADER_CAP = 1 << 20 };

static void
answer_all(
    struct auth_evaluation *evaluation, const struct cli_records *records)
{
	struct dns_question question;

	while (auth_evaluation_ask(evaluation, &question)) {
		struct dns_answer answer = {.status = DNS_NXDOMAIN};
		struct dns_record record = {0};

		for (size_t i = 0; i < records->count; i++)
			if (question.type == DNS_TXT &&
			    slice_equal(slice_str(records->list[i].name),
				slice_str(question.name))) {
				record.value =
				    slice_str(records->list[i].value);
				answer = (struct dns_answer){.status = DNS_OK,
				    .count = 1,
				    .records = &record};
			}
		auth_evaluation_answer(evaluation, &question, &answer);
	}
}

bool
demo_check(struct slice message, const struct cli_records *records,
    struct strbuf *field)
{
	static const struct mail_reader_ops ops = {
	    cli_checking_header, cli_checking_body};
	struct auth_rules rules = {
	    .checks = 1u << AUTH_DKIM | 1u << AUTH_DOMAINKEYS};
	struct auth_client client = {.address = {NULL, 0}};
	struct auth_results *results = xcalloc(1, sizeof(*results));
	struct auth_evaluation *evaluation =
	    auth_evaluation_new(&rules, &client, clock_wall_s());
	struct mail_reader *reader =
	    mail_reader_new(HEADER_CAP, &ops, evaluation);
	bool passes = false;

	if (mail_reader_write(reader, message) == 0 &&
	    mail_reader_end(reader) == 0) {
		answer_all(evaluation, records);
		auth_evaluation_end(evaluation);
		answer_all(evaluation, records);
		auth_evaluation_results(evaluation, results);
		for (size_t i = 0; i < results->count; i++) {
			const struct auth_result *r = &results->list[i];

			passes = passes ||
			    (r->method == AUTH_DKIM &&
				r->verdict == MAIL_VERDICT_PASS &&
				slice_equal(r->selector, SLICE(DEMO_SELECTOR)));
		}
		(void)auth_results_print_field(
		    results, SLICE("demo.invalid"), field);
	}
	auth_evaluation_free(evaluation);
	mail_reader_free(reader);
	free(results);
	return passes;
}
