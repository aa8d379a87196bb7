/* smtp/command: verbs, what ends a line and what does not, the cap. */
#include "smtp/command.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

static void
test_verbs(void **state)
{
	static const struct {
		const char *wire;
		enum smtp_verb verb;
		const char *argument;
	} cases[] = {
	    {"EHLO mx.example.org\r\n", SMTP_EHLO, "mx.example.org"},
	    {"helo x\r\n", SMTP_HELO, "x"},
	    {"MAIL FROM:<a@b> SIZE=1\r\n", SMTP_MAIL, "FROM:<a@b> SIZE=1"},
	    {"mAiL\tFROM:<>  \r\n", SMTP_MAIL, "FROM:<>"},
	    {"RCPT TO:<a@b>\r\n", SMTP_RCPT, "TO:<a@b>"},
	    {"DATA\r\n", SMTP_DATA, ""},
	    {"DATA \r\n", SMTP_DATA, ""},
	    {"RSET\r\n", SMTP_RSET, ""},
	    {"NOOP what ever\r\n", SMTP_NOOP, "what ever"},
	    {"QUIT\r\n", SMTP_QUIT, ""},
	    {"XFORWARD NAME=a ADDR=1.2.3.4\r\n", SMTP_XFORWARD,
		"NAME=a ADDR=1.2.3.4"},
	    {"VRFY root\r\n", SMTP_VRFY, "root"},
	    {"BDAT 10 LAST\r\n", SMTP_BDAT, "10 LAST"},
	    {"STARTTLS\r\n", SMTP_OTHER, ""},
	    {"command\r\n", SMTP_OTHER, ""},
	    {"MAILFROM:<a@b>\r\n", SMTP_OTHER, ""},
	    {"\r\n", SMTP_OTHER, ""},
	    {" \t\r\n", SMTP_OTHER, ""},
	    {" \tQUIT\r\n", SMTP_QUIT, ""},
	    {" MAIL FROM:<a@b>\r\n", SMTP_MAIL, "FROM:<a@b>"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice in = slice_str(cases[i].wire);
		size_t blanks = strspn(cases[i].wire, " \t");
		struct smtp_command command;
		enum smtp_command_fault fault;
		size_t used;

		assert_int_equal(
		    smtp_command_parse(in, &used, &command, &fault), SMTP_DONE);
		assert_int_equal(used, in.n);
		assert_int_equal(command.verb, cases[i].verb);
		assert_slice_equal(
		    command.argument, slice_str(cases[i].argument));
		assert_slice_equal(command.line,
		    slice_after(slice_first(in, in.n - 2), blanks));
	}
}

/* A session of lines, as the server reads it: verbs in upper case by name,
 * "long" and "bytes" for the faults. */
struct lines {
	struct strbuf held, result;
	bool skipping, cr;
};

static void *
lines_begin(void *arg)
{
	struct lines *lines = test_calloc(1, sizeof(*lines));

	(void)arg;
	strbuf_init(&lines->held, 1 << 20);
	strbuf_init(&lines->result, 1 << 20);
	return lines;
}

static size_t
take_one(struct lines *lines, struct slice in)
{
	struct smtp_command command;
	enum smtp_command_fault fault;
	size_t used = 0;

	if (lines->skipping) {
		lines->skipping =
		    smtp_command_skip(in, &used, &lines->cr) != SMTP_DONE;
		return used;
	}
	switch (smtp_command_parse(in, &used, &command, &fault)) {
	case SMTP_MORE:
		assert_int_equal(used, 0);
		break;
	case SMTP_DONE:
		(void)strbuf_addf(&lines->result, "%s(%.*s) ",
		    smtp_verb_name(command.verb), (int)command.argument.n,
		    command.argument.p);
		break;
	case SMTP_BAD:
		lines->skipping = fault == SMTP_COMMAND_LONG;
		if (lines->skipping)
			lines->cr =
			    smtp_command_skip_begin(slice_first(in, used));
		(void)strbuf_add_str(
		    &lines->result, lines->skipping ? "long " : "bytes ");
		break;
	}
	return used;
}

static void
lines_write(void *state, struct slice chunk)
{
	struct lines *lines = state;
	size_t used;

	(void)strbuf_add(&lines->held, chunk);
	do {
		used = take_one(lines, strbuf_slice(&lines->held));
		strbuf_consume(&lines->held, used);
	} while (used > 0);
}

static void
lines_end(void *state, struct strbuf *result)
{
	struct lines *lines = state;

	(void)strbuf_add(result, strbuf_slice(&lines->result));
	strbuf_clear(&lines->held);
	strbuf_clear(&lines->result);
	test_free(lines);
}

static const struct trickle lines = {lines_begin, lines_write, lines_end};

static void
test_only_crlf_ends_a_line(void **state)
{
	static const struct {
		struct slice wire;
		const char *result;
	} cases[] = {
	    {SLICE_INIT("NOOP a\r\nQUIT\r\n"), "NOOP(a) QUIT() "},
	    {SLICE_INIT("NOOP a\nQUIT\r\nRSET\r\n"), "bytes RSET() "},
	    {SLICE_INIT("NOOP a\rQUIT\r\nRSET\r\n"), "bytes RSET() "},
	    {SLICE_INIT("NOOP a\r\r\nRSET\r\n"), "bytes RSET() "},
	    {SLICE_INIT("NOOP a\n\r\nRSET\r\n"), "bytes RSET() "},
	    {SLICE_INIT("\nNOOP\r\nRSET\r\n"), "bytes RSET() "},
	    {SLICE_INIT("NO\0OP\r\nRSET\r\n"), "bytes RSET() "},
	    {SLICE_INIT("QUIT\nQUIT\nQUIT\n"), ""},
	    {SLICE_INIT("QUIT\r"), ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		trickle_check(
		    &lines, NULL, cases[i].wire, slice_str(cases[i].result));
}

/* `n` bytes of a NOOP, then `tail`. */
static void
check_long(size_t n, const char *tail, const char *want)
{
	struct strbuf wire, whole;

	strbuf_init(&wire, 1 << 20);
	strbuf_init(&whole, 1 << 20);
	(void)strbuf_add_str(&wire, "NOOP ");
	while (wire.n < n)
		(void)strbuf_add_char(&wire, 'x');
	if (want[0] == 'N')
		(void)strbuf_addf(&whole, "NOOP(%s) ", wire.p + 5);
	(void)strbuf_add_str(&whole, want[0] == 'N' ? want + 1 : want);
	(void)strbuf_add_str(&wire, tail);
	trickle_check(&lines, NULL, strbuf_slice(&wire), strbuf_slice(&whole));
	strbuf_clear(&wire);
	strbuf_clear(&whole);
}

static void
test_cap(void **state)
{
	(void)state;
	check_long(SMTP_COMMAND_MAX - 2, "\r\nQUIT\r\n", "NQUIT() ");
	check_long(SMTP_COMMAND_MAX - 1, "\r\nQUIT\r\n", "long QUIT() ");
	check_long(SMTP_COMMAND_MAX, "\r\nQUIT\r\n", "long QUIT() ");
	check_long(SMTP_COMMAND_MAX + 1, "\r\nQUIT\r\n", "long QUIT() ");
	check_long(3 * SMTP_COMMAND_MAX, "\nMAIL\r\nQUIT\r\n", "long QUIT() ");
	check_long(SMTP_COMMAND_MAX - 1, "\r\r\nQUIT\r\n", "long QUIT() ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verbs),
	    cmocka_unit_test(test_only_crlf_ends_a_line),
	    cmocka_unit_test(test_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
