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
/* It is made in the process that takes the records: they wait meanwhile. */
#define PAGE_SECONDS (T_SANITIZED ? 8 : 2)

/* One message. */
struct mail {
	int64_t time;
	const char *author, *status;
	const char *dmarc; /* NULL: it went out */
	const char *client, *policy, *policy_domain, *dkim, *spf;
	const char *bare, *signed_as; /* out: why unsigned; "dkim:d" */
};

static void
add_member(struct strbuf *to, enum record_tag tag, const char *value)
{
	if (value != NULL)
		assert_int_equal(record_kept_add(to, tag, slice_str(value)), 0);
}

static void
add_mail(struct record_store *store, const struct mail *m)
{
	struct strbuf bytes, reason;
	struct record_kept kept;
	char text[32];

	strbuf_init(&bytes, RECORD_KEPT_MAX);
	strbuf_init(&reason, 1000);
	(void)snprintf(text, sizeof(text), "%lld", (long long)m->time);
	add_member(&bytes, RECORD_TIME, text);
	add_member(&bytes, RECORD_DIRECTION, m->dmarc == NULL ? "out" : "in");
	add_member(&bytes, RECORD_AUTHOR, m->author);
	add_member(
	    &bytes, RECORD_STATUS, m->status == NULL ? "sent" : m->status);
	add_member(&bytes, RECORD_DMARC, m->dmarc);
	add_member(&bytes, RECORD_CLIENT, m->client);
	add_member(&bytes, RECORD_POLICY, m->policy);
	add_member(&bytes, RECORD_POLICY_DOMAIN, m->policy_domain);
	add_member(&bytes, RECORD_DKIM, m->dkim);
	add_member(&bytes, RECORD_SPF, m->spf);
	add_member(&bytes, RECORD_UNSIGNED, m->bare);
	add_member(&bytes, RECORD_SIGNED, m->signed_as);
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

static char *
print(const struct record_page *page)
{
	struct strbuf out, results;

	strbuf_init(&out, 4 << 20);
	strbuf_init(&results, 4 << 20);
	assert_int_equal(record_page_results(page, &results), 0);
	assert_int_equal(
	    record_page_print(page, strbuf_slice(&results), &out), 0);
	strbuf_clear(&results);
	return strbuf_detach(&out);
}

static struct record_page
page_of(struct record_store *store)
{
	return (struct record_page){.store = store,
	    .wanted = true,
	    .now = NOW,
	    .started = NOW - 90061,
	    .version = "0",
	    .host = "mx.example.org",
	    .out = true,
	    .in = true,
	    .wish = record_page_wish(slice_from(NULL, 0))};
}

#define HAS(page, text)	    has(page, text, __LINE__)
#define HAS_NOT(page, text) has_not(page, text, __LINE__)

static void
has(const char *page, const char *text, int line)
{
	if (strstr(page, text) == NULL)
		fail_msg("line %d: not there: %s", line, text);
}

static void
has_not(const char *page, const char *text, int line)
{
	if (strstr(page, text) != NULL)
		fail_msg("line %d: it is there: %s", line, text);
}

static void
test_the_head_says_how_it_is(void **state)
{
	static const struct record_page_cause causes[] = {
	    {true, "out", "next hop \"lost\""}, {false, "reload", "<c>:3"}};
	struct fixture *f = *state;
	struct record_page page = page_of(f->store);
	char *html = print(&page);

	HAS(html, "<span class='state well'>all is well</span>");
	HAS(html, "Up since 2001-09-08 00:45:39 (1 d 1 h 1 min)");
	HAS(html, "all times are UTC");
	HAS(html, "<a href='/health?verbose'>");
	HAS(html, "<a href='/metrics'>");
	HAS_NOT(html, "class=causes");
	free(html);
	page.state = RECORD_PAGE_TROUBLE;
	page.causes = causes;
	page.cause_count = 2;
	page.host = "mx<script>";
	html = print(&page);
	HAS(html, "<span class='state trouble'>trouble</span>");
	HAS(html, "<li class=stops><b>out</b>: next hop &quot;lost&quot;</li>");
	HAS(html, "<li><b>reload</b>: &lt;c&gt;:3</li>");
	HAS_NOT(html, "<script");
	free(html);
	page.state = RECORD_PAGE_ATTENTION;
	html = print(&page);
	HAS(html, "<span class='state attention'>attention</span>");
	free(html);
}

static void
test_cards_of_a_day_beside_the_day_before(void **state)
{
	static const struct mail mails[] = {
	    {.author = "o.example", .signed_as = "dkim:o.example"},
	    {.author = "o.example", .signed_as = "dkim:o.example"},
	    {.author = "o.example", .bare = "no-key"},
	    {.author = "o.example", .status = "deferred", .bare = "failed"},
	    {.author = "i.example", .dmarc = "pass"},
	    {.author = "i.example", .dmarc = "fail", .status = "rejected"},
	    {.author = "i.example", .dmarc = "fail"},
	    {.author = "i.example", .dmarc = "none", .status = "deferred"},
	};
	struct fixture *f = *state;
	struct record_page page = page_of(f->store);
	char *html;

	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		struct mail m = mails[i];

		m.time = NOW - 23 * 3600;
		add_mail(f->store, &m);
		if (i % 2 == 0)
			continue;
		m.time = NOW - 24 * 3600;
		add_mail(f->store, &m);
		m.time = NOW - 48 * 3600; /* of no period */
		add_mail(f->store, &m);
	}
	html = print(&page);
	HAS(html, "<dt>signed</dt><dd>2<small>1 before");
	HAS(html, "<dt>unsigned</dt><dd>1<small>0 before");
	HAS(html, "<dt>deferred</dt><dd>1<small>1 before");
	HAS(html, "<dt>passed</dt><dd>1<small>0 before");
	HAS(html, "<dt>failed</dt><dd>2<small>1 before");
	HAS(html, "<dt>no policy</dt><dd>1<small>1 before");
	HAS(html, "<dt>refused</dt><dd>1<small>1 before");
	free(html);
	page.wish = record_page_wish(SLICE("hours=48"));
	html = print(&page);
	HAS(html, "The last 48 hours");
	HAS(html, "<dt>signed</dt><dd>3<small>1 before");
	HAS(html, "<dt>failed</dt><dd>3<small>1 before");
	free(html);
	page.out = false;
	html = print(&page);
	HAS_NOT(html, "<dt>signed</dt>");
	free(html);
}

static bool
is_own(void *ctx, struct slice domain)
{
	(void)ctx;
	return slice_equal(domain, SLICE("ours.example"));
}

static void
add_failures(struct record_store *store, const char *author, int count)
{
	for (int i = 0; i < count; i++) {
		char client[32];

		(void)snprintf(client, sizeof(client), "192.0.2.%d", i % 5);
		add_mail(store,
		    &(struct mail){.time = NOW,
			.author = author,
			.dmarc = "fail",
			.client = client,
			.policy = "v=DMARC1; p=reject; sp=none",
			.policy_domain = author,
			.dkim = i % 2 == 0 ? "none\t\t\t"
					   : "fail\ta\ts\tbody hash wrong",
			.spf = "fail\ta\tmfrom"});
	}
}

static void
test_what_needs_a_look(void **state)
{
	static const struct slice own[] = {
	    SLICE_INIT("ours.example"), SLICE_INIT("idle.example")};
	struct fixture *f = *state;
	struct record_page page = page_of(f->store);
	char name[32], *html, *ours, *most, *eleventh;

	page.own = own;
	page.own_count = 2;
	page.is_own = is_own;
	for (int i = 1; i <= 11; i++) {
		(void)snprintf(name, sizeof(name), "f%02d.example", i);
		add_failures(f->store, name, 10 + i);
	}
	add_failures(f->store, "ours.example", 8);
	for (int i = 0; i < 10; i++)
		add_mail(f->store,
		    &(struct mail){.time = NOW,
			.author = "ours.example",
			.dmarc = "pass"});
	add_failures(f->store, "sub.f11.example", 1); /* sp= of its own p= */
	add_mail(f->store,
	    &(struct mail){.time = NOW,
		.author = "served.example",
		.signed_as = "dkim:served.example"});
	add_mail(f->store,
	    &(struct mail){
		.time = NOW, .author = "served.example", .bare = "no-key"});
	html = print(&page);
	ours = strstr(html,
	    "<b>ours.example</b> <span class=tag>ours</span> "
	    "<span class=failed>8 of 18 fail</span>, policy "
	    "<code>p=reject</code><br>From 192.0.2.0 (2), "
	    "192.0.2.1 (2), 192.0.2.2 (2) and 2 more"
	    "<br>Most often: DKIM: body hash wrong, SPF fail "
	    "(4)</li>");
	most = strstr(html, "<b>f11.example</b> <span class=failed>21 of 21");
	eleventh = strstr(html, "<b>f01.example</b>");
	assert_non_null(ours);
	assert_non_null(most);
	assert_true(ours < most);
	assert_null(eleventh);
	HAS(html, "<b>f02.example</b>");
	HAS(html,
	    "<b>idle.example</b> <span class=tag>ours</span> "
	    "no failures in 0 messages");
	HAS(html,
	    "<b>served.example</b> <span class=tag>ours</span> no "
	    "failures in 0 messages<br>1 message went out unsigned");
	free(html);
}

/* Of a name below the record's own, sp= counts. */
static void
test_policy_of_a_name_below(void **state)
{
	struct fixture *f = *state;
	struct record_page page = page_of(f->store);
	char *html;

	add_mail(f->store,
	    &(struct mail){.time = NOW,
		.author = "sub.a.example",
		.dmarc = "fail",
		.policy = "v=DMARC1;p=reject;SP = quarantine ",
		.policy_domain = "a.example",
		.dkim = "pass\tb.example\ts\t",
		.spf = "pass\tb.example\tmfrom"});
	add_mail(f->store,
	    &(struct mail){.time = NOW, .author = "", .dmarc = "fail"});
	html = print(&page);
	HAS(html,
	    "<code>p=quarantine</code><br>From <em>an unknown client</em> "
	    "(1)<br>Most often: DKIM of another domain, SPF of another "
	    "domain (1)");
	HAS(html, "<b><em>(no author)</em></b> <span class=failed>1 of 1 fail");
	HAS(html, "Most often: no DKIM, no SPF (1)");
	HAS(html, "<tr><td><em>(no author)</em>");
	free(html);
}

static void
test_domains_by_mail_by_failures_and_all(void **state)
{
	struct fixture *f = *state;
	struct record_page page = page_of(f->store);
	char name[32], *html;

	for (int i = 0; i < 150; i++) {
		(void)snprintf(name, sizeof(name), "d%03d.example", i);
		add_mail(f->store,
		    &(struct mail){
			.time = NOW, .author = name, .dmarc = "pass"});
	}
	add_failures(f->store, "zz.example", 1);
	add_failures(f->store, "zy.example", 2);
	html = print(&page);
	HAS(html, "100 of 152 domains");
	HAS(html, "<tbody>\n<tr><td>zy.example<svg class=share");
	HAS(html, "<title>0 pass, 2 fail, of 2</title>");
	HAS(html, "href='?hours=24&amp;sort=fail#domains'>failures</a>");
	HAS(html, "href='?hours=24&amp;all#domains'>all</a>");
	HAS_NOT(html, "<tr><td>zz.example");
	free(html);
	page.wish = record_page_wish(SLICE("sort=fail"));
	html = print(&page);
	assert_true(strstr(html, "<tr><td>zy.example") <
	    strstr(html, "<tr><td>zz.example"));
	assert_true(strstr(html, "<tr><td>zz.example") <
	    strstr(html, "<tr><td>d000.example"));
	HAS_NOT(html, "<tr><td>d098.example");
	free(html);
	page.wish = record_page_wish(SLICE("all"));
	html = print(&page);
	HAS(html, "152 of 152 domains");
	HAS(html, "<tr><td>d149.example");
	free(html);
}

static void
test_names_that_are_long_or_hostile(void **state)
{
	struct fixture *f = *state;
	struct record_page page = page_of(f->store);
	char longest[238], *html;

	memset(longest, 'a', sizeof(longest) - 1);
	for (size_t i = 59; i < sizeof(longest); i += 60)
		longest[i] = '.';
	memcpy(longest, "first", 5);
	memcpy(longest + 233, "last", 4);
	longest[237] = '\0';
	add_mail(f->store,
	    &(struct mail){.time = NOW,
		.author = longest,
		.dmarc = "fail",
		.client = "\"><script>alert(2)</script>"});
	add_mail(f->store,
	    &(struct mail){.time = NOW,
		.author = "<script>alert(1)</script>",
		.dmarc = "fail",
		.dkim = "fail\ta\ts\t<b>why</b>\xe2\x80\xae"});
	add_mail(f->store,
	    &(struct mail){.time = NOW,
		.author = "a\xe2\x80\xae\x01\xff\xc2\x85"
			  "b.example",
		.dmarc = "pass"});
	html = print(&page);
	HAS(html, "aaa&hellip;aaa");
	HAS(html, "<span title='firstaaa");
	HAS(html, "last'>");
	HAS_NOT(html, "<script");
	HAS_NOT(html, "<b>why");
	HAS_NOT(html, "\xe2\x80\xae");
	HAS_NOT(html, "\x01");
	HAS_NOT(html, "\xc2\x85");
	HAS(html, "&lt;b&gt;why&lt;/b&gt;");
	HAS_NOT(html, "b.example"); /* what is no domain is not kept as one */
	free(html);
}

static void
test_without_a_database(void **state)
{
	struct record_page page = page_of(NULL);
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 1 << 20);
	assert_int_equal(record_page_results(&page, &out), -1);
	HAS(strbuf_text(&out), "The results database does not answer");
	strbuf_reset(&out);
	page.wanted = false;
	assert_int_equal(record_page_results(&page, &out), 0);
	HAS(strbuf_text(&out), "set <code>[results] database</code>");
	strbuf_clear(&out);
}

/* A view that takes longer than it may is told of, and shown by no half. */
static void
test_no_longer_than_it_may(void **state)
{
	struct fixture *f = *state;
	struct record_page page = page_of(f->store);
	struct strbuf out;

	for (int i = 0; i < 5000; i++) {
		char author[32];

		(void)snprintf(author, sizeof(author), "d%d.example", i);
		add_mail(f->store,
		    &(struct mail){
			.time = NOW, .author = author, .dmarc = "pass"});
	}
	record_store_bound(f->store, 0);
	strbuf_init(&out, 1 << 20);
	assert_int_equal(record_page_results(&page, &out), -1);
	HAS(strbuf_text(&out), "not in time");
	HAS_NOT(strbuf_text(&out), "The last 24 hours");
	strbuf_reset(&out);
	record_store_bound(f->store, 10000);
	assert_int_equal(record_page_results(&page, &out), 0);
	strbuf_clear(&out);
}

static void
test_wishes(void **state)
{
	static const struct {
		const char *query;
		struct record_page_wish wish;
	} cases[] = {
	    {"", {24, false, false}},
	    {"hours=48", {48, false, false}},
	    {"all&sort=fail", {24, true, true}},
	    {"all=1&hours=1", {1, false, true}},
	    {"hours=0", {24, false, false}},
	    {"hours=100000", {24, false, false}},
	    {"hours=-1&allow&sort=x&", {24, false, false}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_page_wish w =
		    record_page_wish(slice_str(cases[i].query));

		assert_int_equal(w.hours, cases[i].wish.hours);
		assert_int_equal(w.by_failures, cases[i].wish.by_failures);
		assert_int_equal(w.all, cases[i].wish.all);
	}
}

static double
seconds_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
test_100000_records_take_well_under_a_second(void **state)
{
	struct fixture *f = *state;
	struct record_page page = page_of(f->store);
	char *html;
	double begun;

	for (int i = 0; i < 100000; i++) {
		char author[32], client[32];

		(void)snprintf(author, sizeof(author), "d%d.example", i);
		(void)snprintf(client, sizeof(client), "10.%d.%d.%d", i >> 16,
		    i >> 8 & 255, i & 255);
		add_mail(f->store,
		    &(struct mail){.time = NOW - i % 80000,
			.author = author,
			.dmarc = i % 10 == 0 ? "fail" : "pass",
			.client = i % 100 == 0 ? client : "192.0.2.1",
			.policy = "v=DMARC1; p=none",
			.dkim = "none\t\t\t"});
		if (i % 10 == 0) /* one whom many forge */
			add_mail(f->store,
			    &(struct mail){.time = NOW - i % 80000,
				.author = "forged.example",
				.dmarc = "fail",
				.client = client,
				.policy = "v=DMARC1; p=none"});
	}
	assert_int_equal(record_store_commit(f->store, NULL), 0);
	/* By the clock it may take long, on a busy machine. */
	record_store_bound(f->store, 300000);
	begun = seconds_now();
	html = print(&page);
	print_message("page of 110000 records: %.3f s of CPU, %zu bytes\n",
	    seconds_now() - begun, strlen(html));
	assert_true(seconds_now() - begun < PAGE_SECONDS);
	HAS(html, "<b>forged.example</b> <span class=failed>10000 of 10000");
	HAS(html, "and 9997 more");
	free(html);
	page.wish = record_page_wish(SLICE("all&sort=fail&hours=48"));
	html = print(&page);
	HAS(html, "5000 of 100001 domains");
	free(html);
}

static const struct record_report about = {
    .reporter = SLICE_INIT("mx.example.org"),
    .email = SLICE_INIT("postmaster@example.org"),
    .domain = SLICE_INIT("a.example"),
    .policy = SLICE_INIT("v=DMARC1; p=none")};

static void
write_row(void *ctx, const struct record_row *row)
{
	record_report_row(ctx, &about, row);
}

static void
test_a_report_of_100000_rows_takes_few_seconds(void **state)
{
	static const struct record_policy policy = {
	    .domain = SLICE_INIT("a.example"),
	    .policy = SLICE_INIT("v=DMARC1; p=none")};
	struct fixture *f = *state;
	struct record_gzip *gzip;
	struct strbuf packed;
	double begun;

	for (int i = 0; i < 100000; i++)
		add_row(f->store, i);
	assert_int_equal(record_store_commit(f->store, NULL), 0);
	record_store_bound(f->store, 300000);
	strbuf_init(&packed, 32 << 20);
	begun = seconds_now();
	gzip = record_gzip_new(&packed);
	record_report_begin(record_gzip_sink(gzip), &about);
	assert_int_equal(record_store_rows(f->store, NOW - NOW % 86400, &policy,
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
#define STORED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    STORED(test_the_head_says_how_it_is),
	    STORED(test_cards_of_a_day_beside_the_day_before),
	    STORED(test_what_needs_a_look),
	    STORED(test_policy_of_a_name_below),
	    STORED(test_domains_by_mail_by_failures_and_all),
	    STORED(test_names_that_are_long_or_hostile),
	    STORED(test_no_longer_than_it_may),
	    cmocka_unit_test(test_without_a_database),
	    cmocka_unit_test(test_wishes),
	    cmocka_unit_test_setup_teardown(
		test_100000_records_take_well_under_a_second, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_report_of_100000_rows_takes_few_seconds, setup,
		teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
