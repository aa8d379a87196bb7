/* proxy/figures/metrics: Prometheus' text of given figures, line by line: what
 * each counter becomes, what is summed up, and what is not there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "proxy/figures/metrics.h"
#include "t/lib/unit.h"

enum { TEXT_MAX = 1 << 20 };

struct rig {
	struct proxy_metrics m;
	struct strbuf text;
};

static int
set_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	r->m.version = "1.2.3";
	r->m.fronts[0] = (struct proxy_metrics_front){
	    .name = "out", .filter = PROXY_FILTER_SIGN, .relay_up = -1};
	r->m.database_bytes = r->m.reports_last = -1;
	strbuf_init(&r->text, TEXT_MAX);
	*state = r;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *r = *state;

	strbuf_clear(&r->text);
	free(r);
	return 0;
}

static void
with_a_verifier(struct rig *r)
{
	r->m.fronts[1] = (struct proxy_metrics_front){
	    .name = "in", .filter = PROXY_FILTER_VERIFY, .relay_up = 1};
}

static void
print(struct rig *r)
{
	strbuf_reset(&r->text);
	assert_int_equal(proxy_metrics_print(&r->m, &r->text), 0);
}

/* Does that line stand there, alone? */
static bool
has_line(struct rig *r, const char *line)
{
	struct slice rest = strbuf_slice(&r->text), one;

	while (rest.n > 0 && slice_cut(&rest, '\n', &one))
		if (slice_equal(one, slice_str(line)))
			return true;
	return false;
}

static void
says(struct rig *r, const char *line)
{
	if (!has_line(r, line))
		fail_msg("no %s in\n%s", line, strbuf_text(&r->text));
}

static void
is_silent_on(struct rig *r, const char *word)
{
	if (strstr(strbuf_text(&r->text), word) != NULL)
		fail_msg("%s in\n%s", word, strbuf_text(&r->text));
}

static void
test_each_counter_has_its_line(void **state)
{
	static const struct {
		enum proxy_counter counter;
		const char *line; /* with 7 counted */
	} cases[] = {
	    {PROXY_COUNT_SENT, "messages_total{proxy=\"out\",status=\"sent\"}"},
	    {PROXY_COUNT_REJECTED,
		"messages_total{proxy=\"out\",status=\"rejected\"}"},
	    {PROXY_COUNT_DEFERRED,
		"messages_total{proxy=\"out\",status=\"deferred\"}"},
	    {PROXY_COUNT_ABORTED,
		"messages_total{proxy=\"out\",status=\"aborted\"}"},
	    {PROXY_COUNT_MAYBE_DELIVERED,
		"messages_total{proxy=\"out\",status=\"maybe_delivered\"}"},
	    {PROXY_COUNT_BYTES, "message_bytes_total{proxy=\"out\"}"},
	    {PROXY_COUNT_SIGNATURES, "signatures_total{proxy=\"out\"}"},
	    {PROXY_COUNT_SIGNATURES_FAILED,
		"signatures_failed_total{proxy=\"out\"}"},
	    {PROXY_COUNT_TRUSTED, "trusted_total{proxy=\"out\"}"},
	    {PROXY_COUNT_SESSIONS, "sessions_total{proxy=\"out\"}"},
	    {PROXY_COUNT_SESSIONS_REFUSED,
		"sessions_refused_total{proxy=\"out\"}"},
	    {PROXY_COUNT_SESSIONS_OPEN, "sessions_open{proxy=\"out\"}"},
	    {PROXY_COUNT_RELAY_FAILED, "relay_failures_total{proxy=\"out\"}"},
	    {PROXY_COUNT_RECORDS_LOST, "records_lost_total{proxy=\"out\"}"},
	    {PROXY_COUNT_REASONS + PROXY_UNSIGNED_NO_RULE,
		"unsigned_total{proxy=\"out\",reason=\"no-key-for-domain\"}"},
	};
	struct rig *r = *state;
	char line[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(r->m.fronts[0].n, 0, sizeof(r->m.fronts[0].n));
		print(r);
		(void)snprintf(
		    line, sizeof(line), "signpost_%s 0", cases[i].line);
		says(r, line);
		r->m.fronts[0].n[cases[i].counter] = 7;
		print(r);
		(void)snprintf(
		    line, sizeof(line), "signpost_%s 7", cases[i].line);
		says(r, line);
	}
}

static void
test_signers_say_what_they_hold_and_answer(void **state)
{
	struct rig *r = *state;

	print(r);
	is_silent_on(r, "keys_cached");
	r->m.signer_count = 2;
	r->m.signers[1].keys = 3;
	r->m.signers[1].key_age = 4;
	r->m.signers[1].answers[0][PROXY_SIGN_ANSWER_REFUSED] = 5;
	print(r);
	says(r, "signpost_keys_cached{signer=\"1\"} 0");
	says(r, "signpost_keys_cached{signer=\"2\"} 3");
	says(r, "signpost_key_age_seconds{signer=\"2\"} 4");
	says(r,
	    "signpost_signer_answers_total{signer=\"2\",proxy=\"out\","
	    "answer=\"refused\"} 5");
}

static void
test_each_family_is_introduced_once(void **state)
{
	struct rig *r = *state;
	struct slice rest, line, name, seen = SLICE("");
	struct strbuf names;

	with_a_verifier(r);
	r->m.database = r->m.reflector = true;
	r->m.database_bytes = 1;
	r->m.reports_last = 0;
	print(r);
	strbuf_init(&names, TEXT_MAX);
	rest = strbuf_slice(&r->text);
	while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
		if (!slice_starts_nocase(line, SLICE("# TYPE ")))
			continue;
		line = slice_after(line, 7);
		name = slice_first(line, slice_find(line, ' '));
		strbuf_add_char(&names, ' ');
		seen = strbuf_slice(&names);
		strbuf_add(&names, name);
		strbuf_add_char(&names, ' ');
		seen = slice_first(strbuf_slice(&names), seen.n);
		name = slice_after(strbuf_slice(&names), seen.n - 1);
		assert_true(slice_search(seen, name) == seen.n);
	}
	assert_true(names.n > 100);
	strbuf_clear(&names);
}

static void
test_a_histogram_adds_up(void **state)
{
	struct rig *r = *state;

	r->m.fronts[0].n[PROXY_COUNT_DELAYS] = 3;
	r->m.fronts[0].n[PROXY_COUNT_DELAYS + 1] = 4;
	r->m.fronts[0].n[PROXY_COUNT_DELAYS + PROXY_DELAY_BUCKETS - 1] = 5;
	r->m.fronts[0].n[PROXY_COUNT_DELAY_MS] = 1234567;
	print(r);
	says(r, "signpost_delay_seconds_bucket{proxy=\"out\",le=\"+Inf\"} 12");
	says(r, "signpost_delay_seconds_count{proxy=\"out\"} 12");
	says(r, "signpost_delay_seconds_sum{proxy=\"out\"} 1234.567");
	says(r, "# TYPE signpost_delay_seconds histogram");
}

static void
test_what_is_not_there_is_not_said(void **state)
{
	struct rig *r = *state;

	print(r);
	is_silent_on(r, "proxy=\"in\"");
	is_silent_on(r, "results_total");
	is_silent_on(r, "dns_");
	is_silent_on(r, "relay_up{");
	is_silent_on(r, "database");
	is_silent_on(r, "reports_");
	is_silent_on(r, "reflector");
	is_silent_on(r, "process_cpu_seconds_total{");
	with_a_verifier(r);
	r->m.fronts[0].name = NULL;
	print(r);
	is_silent_on(r, "proxy=\"out\"");
	is_silent_on(r, "unsigned_total");
}

static void
test_a_verifiers_figures(void **state)
{
	struct rig *r = *state;

	with_a_verifier(r);
	r->m.fronts[1].n[PROXY_COUNT_RESULTS] = 2;
	r->m.fronts[1].n[PROXY_COUNT_DNS_CACHED] = 3;
	r->m.fronts[1].n[PROXY_COUNT_DNS_MERGED] = 4;
	r->m.fronts[1].n[PROXY_COUNT_DNS] = 5;
	r->m.fronts[1].n[PROXY_COUNT_PACKETS] = 6;
	r->m.fronts[1].spool = 77;
	r->m.fronts[1].workers = 2;
	print(r);
	assert_non_null(strstr(strbuf_text(&r->text),
	    "signpost_results_total{proxy=\"in\",method=\""));
	says(r, "signpost_dns_cache_hits_total{proxy=\"in\"} 3");
	says(r, "signpost_dns_merged_total{proxy=\"in\"} 4");
	says(r, "signpost_relay_up{proxy=\"in\"} 1");
	says(r, "signpost_spool_bytes{proxy=\"in\"} 77");
	says(r, "signpost_workers{proxy=\"in\"} 2");
	is_silent_on(r, "dns_cache_hits_total{proxy=\"out\"}");
}

static void
test_the_daemons_own(void **state)
{
	struct rig *r = *state;

	r->m.restarts = 3;
	r->m.generation = 4;
	r->m.started = 1700000000;
	r->m.reload_done = 1700000001;
	r->m.database = true;
	r->m.database_bytes = 4096;
	r->m.reports = 9;
	r->m.reports_last = 0;
	r->m.reflector = true;
	r->m.answers[0] = 8;
	print(r);
	says(r, "signpost_build_info{version=\"1.2.3\"} 1");
	says(r, "signpost_workers_restarted_total 3");
	says(r, "signpost_config_generation 4");
	says(r, "signpost_start_time_seconds 1700000000");
	says(r, "signpost_config_last_reload_successful 1");
	says(r,
	    "signpost_config_last_reload_success_timestamp_seconds "
	    "1700000001");
	says(r, "signpost_results_database_up 0");
	says(r, "signpost_results_database_bytes 4096");
	says(r, "signpost_reports_sent_total 9");
	says(r, "signpost_reports_last_success_timestamp_seconds 0");
	says(r, "signpost_reflector_answers_total{result=\"sent\"} 8");
	r->m.reload_refused = true;
	print(r);
	says(r, "signpost_config_last_reload_successful 0");
}

static void
test_processes(void **state)
{
	struct rig *r = *state;

	r->m.process_count = 2;
	r->m.processes[0] = (struct proxy_metrics_process){.role = "master",
	    .is = {.cpu_seconds = 1.5, .resident = 4096, .virtual = 8192}};
	r->m.processes[1] = (struct proxy_metrics_process){
	    .role = "out", .slot = 3, .fds = 12, .fds_max = 1024};
	print(r);
	says(r, "process_cpu_seconds_total{role=\"master\",slot=\"0\"} 1.50");
	says(r,
	    "process_resident_memory_bytes{role=\"master\",slot=\"0\"} 4096");
	says(r, "process_open_fds{role=\"out\",slot=\"3\"} 12");
	is_silent_on(r, "process_open_fds{role=\"master\""); /* has not said */
}

static void
test_too_little_room_is_told(void **state)
{
	struct rig *r = *state;
	struct strbuf little;

	strbuf_init(&little, 1000);
	assert_int_equal(proxy_metrics_print(&r->m, &little), -1);
	strbuf_clear(&little);
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RIGGED(test_each_counter_has_its_line),
	    RIGGED(test_signers_say_what_they_hold_and_answer),
	    RIGGED(test_each_family_is_introduced_once),
	    RIGGED(test_a_histogram_adds_up),
	    RIGGED(test_what_is_not_there_is_not_said),
	    RIGGED(test_a_verifiers_figures),
	    RIGGED(test_the_daemons_own),
	    RIGGED(test_processes),
	    RIGGED(test_too_little_room_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
