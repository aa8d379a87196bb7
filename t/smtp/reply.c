/* smtp/reply: replies in any cuts, kept as they came; hostile ones bounded
 * and refused. */
#include "smtp/reply.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

/* "CODE[wire]" a reply, "!" for BAD, "~" where a reply is cut short. */
struct reading {
	struct smtp_reply_parser parser;
	struct strbuf result;
	bool bad;
};

static void *
reading_begin(void *arg)
{
	struct reading *r = test_calloc(1, sizeof(*r));

	(void)arg;
	smtp_reply_parser_init(&r->parser);
	strbuf_init(&r->result, 1 << 20);
	return r;
}

static void
reading_write(void *state, struct slice chunk)
{
	struct reading *r = state;
	struct smtp_reply reply;
	enum smtp_parse parse = SMTP_DONE;
	size_t used;

	for (; chunk.n > 0 && parse == SMTP_DONE;
	     chunk = slice_after(chunk, used)) {
		parse =
		    smtp_reply_parser_write(&r->parser, chunk, &used, &reply);
		if (parse == SMTP_DONE) {
			(void)strbuf_addf(&r->result, "%u[", reply.code);
			(void)strbuf_add(&r->result, reply.wire);
			(void)strbuf_add_char(&r->result, ']');
		}
	}
	if (parse == SMTP_BAD && !r->bad)
		(void)strbuf_add_char(&r->result, '!');
	r->bad = r->bad || parse == SMTP_BAD;
}

static void
reading_end(void *state, struct strbuf *result)
{
	struct reading *r = state;

	(void)strbuf_add(result, strbuf_slice(&r->result));
	if (!r->bad && r->parser.wire.n > 0 && r->parser.code == 0)
		(void)strbuf_add_char(result, '~');
	assert_int_equal(r->bad, r->parser.reason != NULL);
	smtp_reply_parser_clear(&r->parser);
	strbuf_clear(&r->result);
	test_free(r);
}

static const struct trickle reading = {
    reading_begin, reading_write, reading_end};

static void
test_parse(void **state)
{
	static const struct {
		struct slice wire;
		const char *result;
	} cases[] = {
	    {SLICE_INIT("250 Ok\r\n"), "250[250 Ok\r\n]"},
	    {SLICE_INIT("250\r\n"), "250[250\r\n]"},
	    {SLICE_INIT("250 \r\n"), "250[250 \r\n]"},
	    {SLICE_INIT("250-a\r\n250-\r\n250 c\r\n"),
		"250[250-a\r\n250-\r\n250 c\r\n]"},
	    {SLICE_INIT("250-a\r\n250\r\n"), "250[250-a\r\n250\r\n]"},
	    {SLICE_INIT("220 a\r\n354 b\r\n550 5.1.1 c\r\n"),
		"220[220 a\r\n]354[354 b\r\n]550[550 5.1.1 c\r\n]"},
	    {SLICE_INIT("250 \xc3\xa9\xff\t\r\n"),
		"250[250 \xc3\xa9\xff\t\r\n]"},
	    {SLICE_INIT(""), ""},
	    {SLICE_INIT("25"), "~"},
	    {SLICE_INIT("250-a\r\n"), "~"},
	    {SLICE_INIT("250 a\r\n2"), "250[250 a\r\n]~"},
	    {SLICE_INIT("250 a\n"), "!"},
	    {SLICE_INIT("250-a\n250 b\r\n"), "!"},
	    {SLICE_INIT("250 a\rb\r\n"), "!"},
	    {SLICE_INIT("250 a\r\r\n"), "!"},
	    {SLICE_INIT("250 a\0b\r\n"), "!"},
	    {SLICE_INIT("hello\r\n"), "!"},
	    {SLICE_INIT("\r\n"), "!"},
	    {SLICE_INIT("2500 a\r\n"), "!"},
	    {SLICE_INIT("250a\r\n"), "!"},
	    {SLICE_INIT("25 a\r\n"), "!"},
	    {SLICE_INIT("150 a\r\n"), "!"},
	    {SLICE_INIT("650 a\r\n"), "!"},
	    {SLICE_INIT("250-a\r\n251 b\r\n"), "!"},
	    {SLICE_INIT("250-a\r\n 250 b\r\n"), "!"},
	    {SLICE_INIT("250 a\r\nx\r\n250 b\r\n"), "250[250 a\r\n]!"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		trickle_check(
		    &reading, NULL, cases[i].wire, slice_str(cases[i].result));
}

/* Feeds `line` `times` times and then `end`; what became of it. */
static enum smtp_parse
feed(struct slice line, size_t times, struct slice end)
{
	struct smtp_reply_parser parser;
	struct smtp_reply reply;
	enum smtp_parse parse = SMTP_MORE;
	size_t used;

	smtp_reply_parser_init(&parser);
	for (size_t i = 0; i < times && parse == SMTP_MORE; i++)
		parse = smtp_reply_parser_write(&parser, line, &used, &reply);
	if (parse == SMTP_MORE)
		parse = smtp_reply_parser_write(&parser, end, &used, &reply);
	assert_true(parser.wire.n <= SMTP_REPLY_MAX);
	smtp_reply_parser_clear(&parser);
	return parse;
}

static void
test_bounds(void **state)
{
	char line[SMTP_REPLY_LINE_MAX + 1];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "250 ", 4);
	memcpy(line + SMTP_REPLY_LINE_MAX - 2, "\r\n", 2);
	assert_int_equal(
	    feed(slice_from(line, SMTP_REPLY_LINE_MAX), 1, SLICE("")),
	    SMTP_DONE);
	memcpy(line + SMTP_REPLY_LINE_MAX - 2, "x\r\n", 3);
	assert_int_equal(
	    feed(slice_from(line, SMTP_REPLY_LINE_MAX + 1), 1, SLICE("")),
	    SMTP_BAD);
	assert_int_equal(
	    feed(SLICE("x"), SMTP_REPLY_LINE_MAX + 1, SLICE("")), SMTP_BAD);
	assert_int_equal(feed(SLICE("250-a\r\n"), SMTP_REPLY_LINES_MAX - 1,
			     SLICE("250 b\r\n")),
	    SMTP_DONE);
	assert_int_equal(
	    feed(SLICE("250-a\r\n"), SMTP_REPLY_LINES_MAX, SLICE("250 b\r\n")),
	    SMTP_BAD);
	memcpy(line, "250-", 4);
	memcpy(line + 1022, "\r\n", 2);
	assert_int_equal(
	    feed(slice_from(line, 1024), SMTP_REPLY_MAX / 1024, SLICE("")),
	    SMTP_MORE);
	assert_int_equal(feed(slice_from(line, 1024), SMTP_REPLY_MAX / 1024,
			     SLICE("250 b\r\n")),
	    SMTP_BAD);
}

static void
test_bad_stays_bad_until_cleared(void **state)
{
	struct smtp_reply_parser parser;
	struct smtp_reply reply;
	size_t used;

	(void)state;
	smtp_reply_parser_init(&parser);
	assert_int_equal(
	    smtp_reply_parser_write(&parser, SLICE("?\r\n"), &used, &reply),
	    SMTP_BAD);
	assert_int_equal(
	    smtp_reply_parser_write(&parser, SLICE("250 a\r\n"), &used, &reply),
	    SMTP_BAD);
	smtp_reply_parser_clear(&parser);
	assert_int_equal(
	    smtp_reply_parser_write(&parser, SLICE("250 a\r\n"), &used, &reply),
	    SMTP_DONE);
	smtp_reply_parser_clear(&parser);
}

static void
test_print(void **state)
{
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 100);
	assert_int_equal(smtp_reply_print(250, SLICE("2.0.0 Ok"), &out), 0);
	assert_slice_equal(strbuf_slice(&out), SLICE("250 2.0.0 Ok\r\n"));
	strbuf_reset(&out);
	assert_int_equal(smtp_reply_print(550, SLICE("a\n\nb"), &out), 0);
	assert_slice_equal(
	    strbuf_slice(&out), SLICE("550-a\r\n550-\r\n550 b\r\n"));
	strbuf_clear(&out);
	strbuf_init(&out, 10);
	assert_int_equal(smtp_reply_print(550, SLICE("too much"), &out), -1);
	strbuf_clear(&out);
}

static void
test_walk(void **state)
{
	struct smtp_reply reply = smtp_reply_of("250-a b\r\n250-\r\n250\r\n");
	struct slice text, rest = reply.wire;

	(void)state;
	assert_int_equal(reply.code, 250);
	assert_int_equal(smtp_reply_class(&reply), 2);
	assert_slice_equal(smtp_reply_line(&reply), SLICE("250-a b"));
	assert_true(smtp_reply_next(&rest, &text));
	assert_slice_equal(text, SLICE("a b"));
	assert_true(smtp_reply_next(&rest, &text));
	assert_slice_equal(text, SLICE(""));
	assert_true(smtp_reply_next(&rest, &text));
	assert_slice_equal(text, SLICE(""));
	assert_false(smtp_reply_next(&rest, &text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_bad_stays_bad_until_cleared),
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
