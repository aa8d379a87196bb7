/* mail/newline: what becomes of bare CRs and LFs, in any cuts. */
#include <stdlib.h>

#include "mail/newline.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

struct run {
	struct mail_newline newline;
	struct strbuf_sink sink;
	struct strbuf out;
};

static void *
begin(void *mode)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	strbuf_init(&run->out, 1 << 20);
	strbuf_sink_init(&run->sink, &run->out);
	mail_newline_init(
	    &run->newline, *(enum mail_newline_mode *)mode, &run->sink.sink);
	return run;
}

static void
feed(void *state, struct slice chunk)
{
	struct run *run = state;

	mail_newline_write(&run->newline, chunk);
}

/* The bytes, and the counts behind them. */
static void
finish(void *state, struct strbuf *result)
{
	struct run *run = state;

	mail_newline_end(&run->newline);
	(void)strbuf_add(result, strbuf_slice(&run->out));
	(void)strbuf_addf(result, "|cr %d lf %d%s", (int)run->newline.bare_cr,
	    (int)run->newline.bare_lf,
	    mail_newline_is_bare(&run->newline) ? " bare" : "");
	strbuf_clear(&run->out);
	free(run);
}

static const struct trickle trickle = {begin, feed, finish};

static void
check(enum mail_newline_mode mode, struct slice in, const char *want)
{
	trickle_check(&trickle, &mode, in, slice_str(want));
}

static void
test_normalize_repairs(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"", "|cr 0 lf 0"},
	    {"a\r\nb\r\n", "a\r\nb\r\n|cr 0 lf 0"},
	    {"\r\n\r\n", "\r\n\r\n|cr 0 lf 0"},
	    {"a\nb\n", "a\r\nb\r\n|cr 0 lf 2 bare"},
	    {"a\n\r\nb", "a\r\n\r\nb|cr 0 lf 1 bare"},
	    {"a\r\r\nb", "a\r\nb|cr 1 lf 0 bare"},
	    {"a\r\r\r\r\nb", "a\r\nb|cr 3 lf 0 bare"},
	    {"a\rb", "a b|cr 1 lf 0 bare"},
	    {"a\r\rb\r\n", "a  b\r\n|cr 2 lf 0 bare"},
	    {"a\r", "a |cr 1 lf 0 bare"},
	    {"\r\r", "  |cr 2 lf 0 bare"},
	    {"\n", "\r\n|cr 0 lf 1 bare"},
	    {"\n\n\n", "\r\n\r\n\r\n|cr 0 lf 3 bare"},
	    {"\r\n\n\r", "\r\n\r\n |cr 1 lf 1 bare"},
	    {"x\r \r\ny", "x  \r\ny|cr 1 lf 0 bare"},
	    /* No field, no end of header, no end of data comes into being. */
	    {"Subject: a\rFrom: b\r\n",
		"Subject: a From: b\r\n|cr 1 lf 0 bare"},
	    {"A: b\r\n\r\rC: d\r\n", "A: b\r\n  C: d\r\n|cr 2 lf 0 bare"},
	    {"a\n.\r\nb", "a\r\n.\r\nb|cr 0 lf 1 bare"},
	    {"a\r\n.\rb", "a\r\n. b|cr 1 lf 0 bare"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(MAIL_NEWLINE_NORMALIZE, slice_str(cases[i].in),
		    cases[i].out);
}

static void
test_reject_and_pass_change_nothing_and_count(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"a\r\nb\r\n", "a\r\nb\r\n|cr 0 lf 0"},
	    {"a\nb\r\r\nc\rd\r", "a\nb\r\r\nc\rd\r|cr 3 lf 1 bare"},
	    {"\r\r\r", "\r\r\r|cr 3 lf 0 bare"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check(
		    MAIL_NEWLINE_REJECT, slice_str(cases[i].in), cases[i].out);
		check(MAIL_NEWLINE_PASS, slice_str(cases[i].in), cases[i].out);
	}
}

static void
test_text_makes_crlf_and_keeps_crs(void **state)
{
	(void)state;
	check(MAIL_NEWLINE_TEXT, SLICE("a\nb\r\nc\rd\r\r\n"),
	    "a\r\nb\r\nc\rd\r\r\n|cr 2 lf 1 bare");
}

static void
test_long_runs_of_crs(void **state)
{
	struct strbuf in, out;

	(void)state;
	strbuf_init(&in, 1000);
	strbuf_init(&out, 1000);
	for (int i = 0; i < 100; i++) {
		(void)strbuf_add_char(&in, '\r');
		(void)strbuf_add_char(&out, ' ');
	}
	(void)strbuf_add_str(&in, "x");
	(void)strbuf_add_str(&out, "x|cr 100 lf 0 bare");
	check(MAIL_NEWLINE_NORMALIZE, strbuf_slice(&in), strbuf_text(&out));
	strbuf_clear(&in);
	strbuf_clear(&out);
}

/* Each byte is searched once: a megabyte of nothing but bare line ends takes
 * no longer than text (the test's time limit would show the square). */
static void
test_hostile_megabytes_cost_no_more_than_text(void **state)
{
	enum { N = 4 << 20 };
	char *in = malloc(N);
	enum mail_newline_mode mode = MAIL_NEWLINE_NORMALIZE;

	(void)state;
	assert_non_null(in);
	for (int kind = 0; kind < 3; kind++) {
		struct mail_newline newline;
		struct strbuf_sink sink;
		struct strbuf out;

		for (size_t i = 0; i < N; i++)
			in[i] = i % 2 == 0 ? 'x' : kind == 0 ? '\r' : '\n';
		if (kind == 2)
			memset(in, '\r', N / 2);
		strbuf_init(&out, (size_t)2 * N);
		strbuf_sink_init(&sink, &out);
		mail_newline_init(&newline, mode, &sink.sink);
		mail_newline_write(&newline, slice_from(in, N));
		mail_newline_end(&newline);
		assert_true(mail_newline_is_bare(&newline));
		assert_false(out.full);
		strbuf_clear(&out);
	}
	free(in);
}

/* Long chunks are looked at 16 bytes at a time, single bytes one by one: the
 * outcome is the same wherever a line end stands. */
static void
test_long_chunks_are_as_single_bytes(void **state)
{
	/* Text, and next to nothing but CRs. */
	static const char *const bytes[] = {
	    "aaaaaaaaaaaa\r\n", "\r\r\r\r\r\na"};
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 8000; round++) {
		enum mail_newline_mode mode =
		    (enum mail_newline_mode)(round % (MAIL_NEWLINE_TEXT + 1));
		const char *from = bytes[round / 4 % 2];
		struct strbuf want;
		char in[100];
		size_t n = 0;
		void *run = begin(&mode);

		while (n < sizeof(in) - 1) {
			seed = seed * 1103515245 + 12345;
			in[n++] = from[(seed >> 16) % strlen(from)];
			if (from == bytes[0] && in[n - 1] == '\r' &&
			    (seed >> 24) % 8 != 0)
				in[n++] = '\n';
		}
		for (size_t i = 0; i < n; i++)
			feed(run, slice_from(in + i, 1));
		strbuf_init(&want, 1000);
		finish(run, &want);
		check(mode, slice_from(in, n), strbuf_text(&want));
		strbuf_clear(&want);
	}
}

struct counting {
	struct sink sink;
	size_t writes, bytes;
};

static void
count_write(struct sink *sink, struct slice bytes)
{
	struct counting *c = (struct counting *)sink;

	c->writes++;
	c->bytes += bytes.n;
}

/* Whoever stands behind pays for each write what a line costs. */
static void
test_bare_ones_are_not_written_one_by_one(void **state)
{
	static const struct {
		const char *piece;
		size_t bytes; /* that a piece becomes */
	} cases[] = {
	    {"\n", 2}, {"a\n", 3}, {"\r\r\n", 2}, {"\ra", 2}, {"a\r\n\n", 5}};
	static char chunk[60000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct counting c = {.sink.write = count_write};
		size_t n = strlen(cases[i].piece);
		struct mail_newline newline;

		for (size_t at = 0; at < sizeof(chunk); at += n)
			memcpy(chunk + at, cases[i].piece, n);
		mail_newline_init(&newline, MAIL_NEWLINE_NORMALIZE, &c.sink);
		mail_newline_write(&newline, slice_from(chunk, sizeof(chunk)));
		mail_newline_end(&newline);
		assert_int_equal(c.bytes, sizeof(chunk) / n * cases[i].bytes);
		assert_in_range(c.writes, 1, c.bytes / 2000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_normalize_repairs),
	    cmocka_unit_test(test_reject_and_pass_change_nothing_and_count),
	    cmocka_unit_test(test_text_makes_crlf_and_keeps_crs),
	    cmocka_unit_test(test_long_runs_of_crs),
	    cmocka_unit_test(test_long_chunks_are_as_single_bytes),
	    cmocka_unit_test(test_hostile_megabytes_cost_no_more_than_text),
	    cmocka_unit_test(test_bare_ones_are_not_written_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
