/* record/page and record/report: well-formed with whatever a peer sent, and
 * quick with 100,000 records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "record/page.h"
#include "record/report.h"
#include "t/lib/unit.h"

#define NOW 1000000000
/* A sanitizer's build is some times slower. */
/* Of CPU; under one on most machines. It is the square that must not be. */
#define MOST_SECONDS (T_SANITIZED ? 15 : 4)

static void
add(struct record_store *store, int64_t time, const char *author,
    const char *dmarc)
{
	struct strbuf bytes, reason;
	struct record_kept kept;
	char text[32];

	strbuf_init(&bytes, RECORD_KEPT_MAX);
	strbuf_init(&reason, 1000);
	(void)snprintf(text, sizeof(text), "%lld", (long long)time);
	(void)record_kept_add(&bytes, RECORD_TIME, slice_str(text));
	(void)record_kept_add(&bytes, RECORD_DIRECTION,
	    dmarc == NULL ? SLICE("out") : SLICE("in"));
	(void)record_kept_add(&bytes, RECORD_AUTHOR, slice_str(author));
	(void)record_kept_add(&bytes, RECORD_STATUS, SLICE("sent"));
	if (dmarc != NULL)
		(void)record_kept_add(&bytes, RECORD_DMARC, slice_str(dmarc));
	else
		(void)record_kept_add(&bytes, RECORD_UNSIGNED, SLICE("no-key"));
	assert_int_equal(record_kept_parse(strbuf_slice(&bytes), &kept), 0);
	assert_int_equal(record_store_add(store, &kept, &reason), 0);
	strbuf_clear(&bytes);
	strbuf_clear(&reason);
}

/* A row of its own for each client. */
static void
add_row(struct record_store *store, int client)
{
	struct strbuf bytes, reason;
	struct record_kept kept;
	char text[32];

	strbuf_init(&bytes, RECORD_KEPT_MAX);
	strbuf_init(&reason, 1000);
	(void)snprintf(text, sizeof(text), "%d", NOW);
	(void)record_kept_add(&bytes, RECORD_TIME, slice_str(text));
	(void)record_kept_add(&bytes, RECORD_DIRECTION, SLICE("in"));
	(void)record_kept_add(&bytes, RECORD_AUTHOR, SLICE("a.example"));
	(void)record_kept_add(&bytes, RECORD_POLICY_DOMAIN, SLICE("a.example"));
	(void)record_kept_add(&bytes, RECORD_POLICY, SLICE("v=DMARC1; p=none"));
	(void)snprintf(text, sizeof(text), "10.%d.%d.%d", client >> 16 & 255,
	    client >> 8 & 255, client & 255);
	(void)record_kept_add(&bytes, RECORD_CLIENT, slice_str(text));
	(void)record_kept_add(
	    &bytes, RECORD_DKIM, SLICE("pass\ta.example\ts1\t"));
	(void)record_kept_add(
	    &bytes, RECORD_SPF, SLICE("fail\ta.example\tmfrom"));
	assert_int_equal(record_kept_parse(strbuf_slice(&bytes), &kept), 0);
	assert_int_equal(record_store_add(store, &kept, &reason), 0);
	strbuf_clear(&bytes);
	strbuf_clear(&reason);
}

struct fixture {
	char dir[64], path[96];
	struct record_store *store;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct record_store_limits limits = {0};
	struct strbuf reason;

	strbuf_init(&reason, 1000);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/signpost-page-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/results.sqlite", f->dir);
	f->store = record_store_open(f->path, &limits, &reason);
	assert_non_null(f->store);
	strbuf_clear(&reason);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	record_store_close(f->store);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void
test_shows_sums_and_escapes(void **state)
{
	struct fixture *f = *state;
	struct record_figure figure = {"signed <b>", 42, "a & b"};
	struct record_page page = {.store = f->store,
	    .now = NOW,
	    .version = "0",
	    .host = "mx<script>",
	    .trouble = "next hop \"lost\"",
	    .figures = &figure,
	    .figure_count = 1};
	struct strbuf out;

	strbuf_init(&out, 1 << 20);
	add(f->store, NOW, "<script>alert(1)</script>", "pass");
	add(f->store, NOW - 3600, "b.example", "fail");
	add(f->store, NOW - 3600, "c.example", NULL);
	add(f->store, NOW - 30 * 3600, "old.example", "fail");
	assert_int_equal(record_page_print(&page, &out), 0);
	assert_null(strstr(strbuf_text(&out), "<script"));
	assert_null(strstr(strbuf_text(&out), "old.example"));
	assert_non_null(strstr(strbuf_text(&out), "&lt;script&gt;alert"));
	assert_non_null(strstr(strbuf_text(&out), "next hop &quot;lost"));
	assert_non_null(strstr(
	    strbuf_text(&out), "signed &lt;b&gt;</dt><dd>42<small>a &amp; b"));
	assert_non_null(strstr(strbuf_text(&out), "<span>pass 1</span>"));
	assert_non_null(strstr(strbuf_text(&out), "<span>fail 1</span>"));
	assert_non_null(strstr(strbuf_text(&out), "<span>signed 0</span>"));
	assert_non_null(strstr(strbuf_text(&out), "<span>unsigned 1</span>"));
	strbuf_clear(&out);
}

static double
seconds_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
test_100000_records_take_under_a_second(void **state)
{
	struct fixture *f = *state;
	struct record_page page = {
	    .store = f->store, .now = NOW, .version = "0", .host = "mx"};
	struct strbuf out;
	double begun;

	strbuf_init(&out, 1 << 20);
	for (int i = 0; i < 100000; i++) {
		char author[32];

		(void)snprintf(author, sizeof(author), "d%d.example", i);
		add(f->store, NOW - i % 86400, author, "pass");
	}
	assert_int_equal(record_store_commit(f->store, NULL), 0);
	begun = seconds_now();
	assert_int_equal(record_page_print(&page, &out), 0);
	print_message(
	    "page of 100000 records: %.3f s of CPU\n", seconds_now() - begun);
	assert_true(seconds_now() - begun < MOST_SECONDS);
	strbuf_clear(&out);
}

static void
write_row(void *ctx, const struct record_row *row)
{
	record_report_row(ctx, row);
}

static void
test_a_report_of_100000_rows_takes_few_seconds(void **state)
{
	static const struct record_report about = {
	    .reporter = SLICE_INIT("mx.example.org"),
	    .email = SLICE_INIT("postmaster@example.org"),
	    .domain = SLICE_INIT("a.example"),
	    .policy = SLICE_INIT("v=DMARC1; p=none")};
	struct fixture *f = *state;
	struct record_gzip *gzip;
	struct strbuf packed;
	double begun;

	for (int i = 0; i < 100000; i++)
		add_row(f->store, i);
	assert_int_equal(record_store_commit(f->store, NULL), 0);
	strbuf_init(&packed, 32 << 20);
	begun = seconds_now();
	gzip = record_gzip_new(&packed);
	record_report_begin(record_gzip_sink(gzip), &about);
	assert_int_equal(
	    record_store_rows(f->store, NOW - NOW % 86400, SLICE("a.example"),
		write_row, record_gzip_sink(gzip)),
	    0);
	record_report_end(record_gzip_sink(gzip));
	assert_int_equal(record_gzip_end(gzip), 0);
	print_message("report of 100000 rows: %.3f s of CPU, %zu bytes\n",
	    seconds_now() - begun, packed.n);
	assert_true(packed.n > 100000);
	assert_true(seconds_now() - begun < MOST_SECONDS);
	strbuf_clear(&packed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_shows_sums_and_escapes, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_100000_records_take_under_a_second, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_report_of_100000_rows_takes_few_seconds, setup,
		teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
