/* smtp/path: paths of all kinds, parameters, and SIZE= taken out or
 * replaced with the rest as it was. */
#include "smtp/path.h"
#include "t/lib/unit.h"

static void
test_good(void **state)
{
	static const struct {
		enum smtp_verb verb;
		const char *argument, *mailbox, *local, *domain, *parameters;
	} cases[] = {
	    {SMTP_MAIL, "FROM:<>", "", "", "", ""},
	    {SMTP_MAIL, "FROM:<a@b.example>", "a@b.example", "a", "b.example",
		""},
	    {SMTP_MAIL, "from: <a@b> SIZE=10 BODY=8BITMIME", "a@b", "a", "b",
		"SIZE=10 BODY=8BITMIME"},
	    {SMTP_MAIL, "FROM:< a@b >", "a@b", "a", "b", ""},
	    {SMTP_MAIL, "FROM:< >", "", "", "", ""},
	    {SMTP_MAIL, "FROM:a@b SIZE=1", "a@b", "a", "b", "SIZE=1"},
	    {SMTP_MAIL, "FROM: \"a b\"@c", "\"a b\"@c", "\"a b\"", "c", ""},
	    {SMTP_MAIL, "FROM:@x:a@b", "a@b", "a", "b", ""},
	    {SMTP_RCPT, "TO:<postmaster>", "postmaster", "postmaster", "", ""},
	    {SMTP_RCPT, "TO:<a+b@c> NOTIFY=NEVER ", "a+b@c", "a+b", "c",
		"NOTIFY=NEVER"},
	    {SMTP_RCPT, "TO:<\"a b\"@c>", "\"a b\"@c", "\"a b\"", "c", ""},
	    {SMTP_RCPT, "TO:<\"a\\\"@>\"@c>", "\"a\\\"@>\"@c", "\"a\\\"@>\"",
		"c", ""},
	    {SMTP_RCPT, "TO:<a\\@b@c>", "a\\@b@c", "a\\@b", "c", ""},
	    {SMTP_RCPT, "TO:<a.\"b\".c@d>", "a.\"b\".c@d", "a.\"b\".c", "d",
		""},
	    {SMTP_RCPT, "TO:<a..b.@c>", "a..b.@c", "a..b.", "c", ""},
	    {SMTP_RCPT, "TO:<a@[192.0.2.1]>", "a@[192.0.2.1]", "a",
		"[192.0.2.1]", ""},
	    {SMTP_RCPT, "TO:<a@[IPv6:::1]>", "a@[IPv6:::1]", "a", "[IPv6:::1]",
		""},
	    {SMTP_RCPT, "TO:<@x,@y.example:a@b>", "a@b", "a", "b", ""},
	    {SMTP_RCPT, "TO:<@[192.0.2.1]:a@b>", "a@b", "a", "b", ""},
	    {SMTP_MAIL, "FROM:<p\xc3\xa9@\xc3\xbc.example> SMTPUTF8",
		"p\xc3\xa9@\xc3\xbc.example", "p\xc3\xa9", "\xc3\xbc.example",
		"SMTPUTF8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_path path;

		assert_int_equal(smtp_path_parse(slice_str(cases[i].argument),
				     cases[i].verb, &path, NULL),
		    0);
		assert_slice_equal(path.mailbox, slice_str(cases[i].mailbox));
		assert_slice_equal(path.local, slice_str(cases[i].local));
		assert_slice_equal(path.domain, slice_str(cases[i].domain));
		assert_slice_equal(
		    path.parameters, slice_str(cases[i].parameters));
		assert_int_equal(
		    path.path.p[0] == '<', path.path.p[path.path.n - 1] == '>');
	}
}

static void
test_bad(void **state)
{
	static const struct {
		enum smtp_verb verb;
		struct slice argument;
	} cases[] = {
	    {SMTP_MAIL, SLICE_INIT("")},
	    {SMTP_MAIL, SLICE_INIT("TO:<a@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM")},
	    {SMTP_MAIL, SLICE_INIT("FROM:")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<")},
	    {SMTP_MAIL, SLICE_INIT("FROM:< ")},
	    {SMTP_MAIL, SLICE_INIT("FROM:a@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM: SIZE=1 a@b")},
	    {SMTP_MAIL, SLICE_INIT("FROM:a@b@c")},
	    {SMTP_MAIL, SLICE_INIT("FROM:a@b(c)")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a @b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b(c)>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b;c>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b\\@c>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a(@b)@c>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@[b\\]>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b (c)>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<Joe <a@b>>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b,c@d>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b>SIZE=1")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b>>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<<a@b>>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a b@c>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b@c>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@b c>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<\"a@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<\"a\\")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a\\")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a@[1.2.3.4>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<@x:>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<@x,y:a@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<@x")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<\x01@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<a\0@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<\"a\x7f\"@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<p\xe9@b>")},
	    {SMTP_MAIL, SLICE_INIT("FROM:<p\xc3>")},
	    {SMTP_RCPT, SLICE_INIT("TO:<>")},
	    {SMTP_RCPT, SLICE_INIT("FROM:<a@b>")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_path path;
		struct strbuf reason;

		strbuf_init(&reason, 100);
		assert_int_equal(smtp_path_parse(cases[i].argument,
				     cases[i].verb, &path, &reason),
		    -1);
		assert_true(reason.n > 0);
		strbuf_clear(&reason);
	}
}

static void
test_parameters(void **state)
{
	static const struct {
		const char *keyword, *value;
	} want[] = {{"SIZE", "10"}, {"SMTPUTF8", ""}, {"ENVID", "a=b"},
	    {"", "x"}, {"LAST", ""}};
	struct slice rest = SLICE("SIZE=10  SMTPUTF8\tENVID=a=b =x LAST=");
	struct smtp_parameter parameter;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(smtp_parameter_next(&rest, &parameter));
		assert_slice_equal(
		    parameter.keyword, slice_str(want[i].keyword));
		assert_slice_equal(parameter.value, slice_str(want[i].value));
	}
	assert_false(smtp_parameter_next(&rest, &parameter));
	assert_true(
	    smtp_parameter_find(SLICE("A=1 b=2"), SLICE("B"), &parameter));
	assert_slice_equal(parameter.value, SLICE("2"));
	assert_false(
	    smtp_parameter_find(SLICE("A=1 b=2"), SLICE("C"), &parameter));
}

static void
mail_of(const char *line, struct smtp_command *mail, struct smtp_path *path)
{

	mail->verb = SMTP_MAIL;
	mail->line = slice_str(line);
	mail->argument = slice_trim(slice_after(mail->line, 5));
	assert_int_equal(
	    smtp_path_parse(mail->argument, SMTP_MAIL, path, NULL), 0);
}

static void
test_size_is_dropped_or_replaced(void **state)
{
	static const struct {
		const char *line, *unsized, *sized;
	} cases[] = {
	    {"MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>"},
	    {"MAIL FROM:<a@b> SIZE=1", "MAIL FROM:<a@b>",
		"MAIL FROM:<a@b> SIZE=500"},
	    {"MAIL FROM:<a@b>  size=1  BODY=7BIT ",
		"MAIL FROM:<a@b>  BODY=7BIT ",
		"MAIL FROM:<a@b>  SIZE=500  BODY=7BIT "},
	    {"mail from:<SIZE=1@b> RET=FULL SIZE=1",
		"mail from:<SIZE=1@b> RET=FULL",
		"mail from:<SIZE=1@b> RET=FULL SIZE=500"},
	    {"MAIL FROM:<\" SIZE=1 \"@b> X=SIZE=1",
		"MAIL FROM:<\" SIZE=1 \"@b> X=SIZE=1",
		"MAIL FROM:<\" SIZE=1 \"@b> X=SIZE=1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_command mail;
		struct smtp_path path;
		struct strbuf out;

		mail_of(cases[i].line, &mail, &path);
		strbuf_init(&out, 1000);
		assert_int_equal(
		    smtp_path_print_unsized(&mail, &path, &out), 0);
		assert_slice_equal(
		    strbuf_slice(&out), slice_str(cases[i].unsized));
		strbuf_reset(&out);
		assert_int_equal(
		    smtp_path_print_sized(&mail, &path, 500, &out), 0);
		assert_slice_equal(
		    strbuf_slice(&out), slice_str(cases[i].sized));
		strbuf_clear(&out);
	}
}

static void
test_size(void **state)
{
	static const struct {
		const char *line;
		int result;
		uint64_t size;
	} cases[] = {
	    {"MAIL FROM:<>", 0, 0},
	    {"MAIL FROM:<> SIZE=123", 0, 123},
	    {"MAIL FROM:<> BODY=8BITMIME size=18446744073709551615", 0,
		UINT64_MAX},
	    {"MAIL FROM:<> SIZE=18446744073709551616", -1, 0},
	    {"MAIL FROM:<> SIZE=000000000000000000001", -1, 0},
	    {"MAIL FROM:<> SIZE", -1, 0},
	    {"MAIL FROM:<> SIZE=", -1, 0},
	    {"MAIL FROM:<> SIZE=-1", -1, 0},
	    {"MAIL FROM:<> SIZE=1 SIZE=1", -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_command mail;
		struct smtp_path path;
		uint64_t size;

		mail_of(cases[i].line, &mail, &path);
		assert_int_equal(smtp_path_size(&path, &size), cases[i].result);
		if (cases[i].result == 0)
			assert_int_equal(size, cases[i].size);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_parameters),
	    cmocka_unit_test(test_size_is_dropped_or_replaced),
	    cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
