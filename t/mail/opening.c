/* How a message opens: mailbox lines become fields, white space no fold. */
#include "mail/opening.h"
#include "base/strbuf.h"
#include "t/lib/unit.h"

#define LINE "X-Mailbox-Line: "

static const struct {
	const char *in, *want;
} cases[] = {
    {"", ""},
    {"A: b\r\n\r\nx", "A: b\r\n\r\nx"},
    {"\r\nFrom x", "\r\nFrom x"},
    {"From", "From"},
    {"From: a\r\n", "From: a\r\n"},
    {"Fro\r\n", "Fro\r\n"},
    {">", ">"},
    {">>Fro", ">>Fro"},
    {">>From: a\r\n", ">>From: a\r\n"},
    {"F>rom x\r\n", "F>rom x\r\n"},
    {"From \r\nA: b\r\n", LINE "From \r\nA: b\r\n"},
    {"From x\r\nA: b\r\nFrom x\r\n", LINE "From x\r\nA: b\r\nFrom x\r\n"},
    {">From x\r\n\r\nFrom x\r\n", LINE ">From x\r\n\r\nFrom x\r\n"},
    {">>>From x\r\n>From y\r\nFrom z\r\nA: b\r\n",
	LINE ">>>From x\r\n" LINE ">From y\r\n" LINE "From z\r\nA: b\r\n"},
    {"From x\ny\rz\r\r\nA: b\r\n", LINE "From x\ny\rz\r\r\nA: b\r\n"},
    {" x\r\nA: b\r\n", "\r\n x\r\nA: b\r\n"},
    {"\tx: y\r\n", "\r\n\tx: y\r\n"},
    {" From x\r\n", "\r\n From x\r\n"},
    {"> From x\r\n", "> From x\r\n"},
    {"From x\r\n dkim=pass\r\nA: b\r\n",
	LINE "From x\r\n\r\n dkim=pass\r\nA: b\r\n"},
    {"A: b\r\n c\r\n", "A: b\r\n c\r\n"},
};

struct run {
	struct mail_opening opening;
	struct strbuf_sink sink;
	struct strbuf out;
};

static void
feed(void *ctx, struct slice chunk)
{
	mail_opening_write(&((struct run *)ctx)->opening, chunk);
}

static void
open_it(struct run *run)
{
	strbuf_init(&run->out, 1 << 20);
	strbuf_sink_init(&run->sink, &run->out);
	mail_opening_init(&run->opening, &run->sink.sink);
}

static void
expect(struct slice in, size_t cut, const char *want)
{
	struct run run;

	open_it(&run);
	for (struct slice rest = in; rest.n > 0; rest = slice_after(rest, cut))
		feed(&run, slice_first(rest, cut));
	mail_opening_end(&run.opening);
	assert_slice_equal(strbuf_slice(&run.out), slice_str(want));
	strbuf_clear(&run.out);
}

static void
test_opens_as_postfix_has_it_in_any_cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t cut = 1; cut < 20; cut++)
			expect(slice_str(cases[i].in), cut, cases[i].want);
}

static void
test_what_is_added_is_bounded(void **state)
{
	struct strbuf in;
	struct run run;

	(void)state;
	strbuf_init(&in, 1 << 20);
	for (int i = 0; i < 1000; i++)
		strbuf_add_str(&in, "From x\r\n");
	open_it(&run);
	feed(&run, strbuf_slice(&in));
	mail_opening_end(&run.opening);
	assert_int_equal(run.out.n, in.n + MAIL_OPENING_ADDED_MAX - 2);
	strbuf_clear(&run.out);
	/* Postfix looks no further either. */
	strbuf_reset(&in);
	for (int i = 0; i < 100000; i++)
		strbuf_add_char(&in, '>');
	strbuf_add_str(&in, "From x\r\n");
	open_it(&run);
	feed(&run, strbuf_slice(&in));
	assert_slice_equal(strbuf_slice(&run.out), strbuf_slice(&in));
	strbuf_clear(&run.out);
	strbuf_clear(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_opens_as_postfix_has_it_in_any_cuts),
	    cmocka_unit_test(test_what_is_added_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
