/* smtp/xforward: attributes in, attributes out, and what is refused. */
#include <stdio.h>

#include "smtp/xforward.h"
#include "t/lib/unit.h"

static void
test_parse(void **state)
{
	static const struct {
		const char *argument;
		enum smtp_xforward_name name;
		enum smtp_xforward_state how;
		const char *value;
	} cases[] = {
	    {"NAME=spike.example", SMTP_XFORWARD_NAME, SMTP_XFORWARD_KNOWN,
		"spike.example"},
	    {"name=a addr=192.0.2.1", SMTP_XFORWARD_ADDR, SMTP_XFORWARD_KNOWN,
		"192.0.2.1"},
	    {"ADDR=IPV6:2001:db8::1", SMTP_XFORWARD_ADDR, SMTP_XFORWARD_KNOWN,
		"2001:db8::1"},
	    {"ADDR=ipv6:::1", SMTP_XFORWARD_ADDR, SMTP_XFORWARD_KNOWN, "::1"},
	    {"ADDR=[UNAVAILABLE]", SMTP_XFORWARD_ADDR,
		SMTP_XFORWARD_UNAVAILABLE, ""},
	    {"NAME=[TEMPUNAVAIL]", SMTP_XFORWARD_NAME,
		SMTP_XFORWARD_TEMPUNAVAIL, ""},
	    {"NAME=[unavailable]", SMTP_XFORWARD_NAME,
		SMTP_XFORWARD_UNAVAILABLE, ""},
	    {"HELO=", SMTP_XFORWARD_HELO, SMTP_XFORWARD_UNAVAILABLE, ""},
	    {"PORT=65535", SMTP_XFORWARD_PORT, SMTP_XFORWARD_KNOWN, "65535"},
	    {"PORT=[UNAVAILABLE]", SMTP_XFORWARD_PORT,
		SMTP_XFORWARD_UNAVAILABLE, ""},
	    {"PROTO=ESMTP  HELO=a+2Bb+3dc", SMTP_XFORWARD_HELO,
		SMTP_XFORWARD_KNOWN, "a+b=c"},
	    {"HELO=a+20b", SMTP_XFORWARD_HELO, SMTP_XFORWARD_KNOWN, "a b"},
	    {"HELO=a+0D+0A+7Fb", SMTP_XFORWARD_HELO, SMTP_XFORWARD_KNOWN,
		"a???b"},
	    {"HELO=[192.0.2.1]", SMTP_XFORWARD_HELO, SMTP_XFORWARD_KNOWN,
		"[192.0.2.1]"},
	    {"IDENT=4RXv3Q1z1Yz", SMTP_XFORWARD_IDENT, SMTP_XFORWARD_KNOWN,
		"4RXv3Q1z1Yz"},
	    {"SOURCE=LOCAL", SMTP_XFORWARD_SOURCE, SMTP_XFORWARD_KNOWN,
		"LOCAL"},
	    {"NAME=a NAME=b", SMTP_XFORWARD_NAME, SMTP_XFORWARD_KNOWN, "b"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_xforward x = {0};
		unsigned named;

		assert_int_equal(
		    smtp_xforward_parse(
			&x, slice_str(cases[i].argument), &named, NULL),
		    0);
		assert_true(named >> cases[i].name & 1);
		assert_int_equal(
		    x.attributes[cases[i].name].state, cases[i].how);
		assert_slice_equal(smtp_xforward_get(&x, cases[i].name),
		    slice_str(cases[i].value));
	}
}

static void
test_refused(void **state)
{
	static const char *const cases[] = {
	    "",
	    "NAME",
	    "=x",
	    "LOGIN=x",
	    "HELO=a+",
	    "HELO=a+4",
	    "HELO=a+4G",
	    "HELO=+-1",
	    "ADDR=spike.example",
	    "ADDR=192.0.2",
	    "ADDR=IPV6:192.0.2.1.1",
	    "ADDR=192.0.2.1+00",
	    "PORT=65536",
	    "PORT=-1",
	    "PORT=smtp",
	    "SOURCE=elsewhere",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct smtp_xforward x = {0};
		struct strbuf reason;
		char argument[100];
		unsigned named;

		strbuf_init(&reason, 100);
		assert_int_equal(
		    smtp_xforward_set(&x, SMTP_XFORWARD_HELO, SLICE("before")),
		    0);
		(void)snprintf(argument, sizeof(argument), "%s%s",
		    cases[i][0] == '\0' ? "" : "HELO=after ", cases[i]);
		assert_int_equal(smtp_xforward_parse(
				     &x, slice_str(argument), &named, &reason),
		    -1);
		assert_true(reason.n > 0);
		strbuf_clear(&reason);
		assert_slice_equal(
		    smtp_xforward_get(&x, SMTP_XFORWARD_HELO), SLICE("before"));
	}
}

/* A stranger's HELO may be longer than the protocol carries: it is then
 * not known, and the session lives. */
static void
test_a_value_too_long_is_unavailable(void **state)
{
	char argument[5 + SMTP_XFORWARD_VALUE_MAX + 1];
	struct smtp_xforward x = {0};
	unsigned named;

	(void)state;
	memset(argument, 'x', sizeof(argument));
	memcpy(argument, "HELO=", 5);
	assert_int_equal(
	    smtp_xforward_parse(
		&x, slice_from(argument, sizeof(argument) - 1), &named, NULL),
	    0);
	assert_int_equal(smtp_xforward_get(&x, SMTP_XFORWARD_HELO).n,
	    SMTP_XFORWARD_VALUE_MAX);
	assert_int_equal(
	    smtp_xforward_parse(
		&x, slice_from(argument, sizeof(argument)), &named, NULL),
	    0);
	assert_int_equal(
	    x.attributes[SMTP_XFORWARD_HELO].state, SMTP_XFORWARD_UNAVAILABLE);
}

static void
test_many_commands_add_up(void **state)
{
	struct smtp_xforward x = {0};
	unsigned named;

	(void)state;
	assert_int_equal(
	    smtp_xforward_parse(&x, SLICE("NAME=a PORT=25"), &named, NULL), 0);
	assert_int_equal(
	    named, 1U << SMTP_XFORWARD_NAME | 1U << SMTP_XFORWARD_PORT);
	assert_int_equal(
	    smtp_xforward_parse(&x, SLICE("ADDR=192.0.2.1"), &named, NULL), 0);
	assert_int_equal(named, 1U << SMTP_XFORWARD_ADDR);
	assert_slice_equal(
	    smtp_xforward_get(&x, SMTP_XFORWARD_NAME), SLICE("a"));
	assert_slice_equal(
	    smtp_xforward_get(&x, SMTP_XFORWARD_ADDR), SLICE("192.0.2.1"));
}

static void
test_print_what_the_relay_takes(void **state)
{
	struct smtp_xforward x = {0};
	struct strbuf out;
	unsigned named;

	(void)state;
	assert_int_equal(
	    smtp_xforward_parse(&x,
		SLICE("NAME=[TEMPUNAVAIL] ADDR=IPV6:2001:db8::1 PORT="
		      "[UNAVAILABLE] HELO=a+20+2B+C3+A9 IDENT=Q"),
		&named, NULL),
	    0);
	strbuf_init(&out, 2 * SMTP_XFORWARD_LINE_MAX);
	assert_int_equal(
	    smtp_xforward_print(&x, SMTP_XFORWARD_ALL, &out), named);
	assert_slice_equal(strbuf_slice(&out),
	    SLICE("XFORWARD NAME=[TEMPUNAVAIL] ADDR=IPV6:2001:db8::1 "
		  "PORT=[UNAVAILABLE] HELO=a+20+2B+C3+A9 IDENT=Q"));
	strbuf_reset(&out);
	assert_int_equal(
	    smtp_xforward_print(&x,
		1U << SMTP_XFORWARD_HELO | 1U << SMTP_XFORWARD_SOURCE, &out),
	    1U << SMTP_XFORWARD_HELO);
	assert_slice_equal(
	    strbuf_slice(&out), SLICE("XFORWARD HELO=a+20+2B+C3+A9"));
	strbuf_reset(&out);
	assert_int_equal(
	    smtp_xforward_print(&x, 1U << SMTP_XFORWARD_SOURCE, &out), 0);
	assert_int_equal(out.n, 0);
	strbuf_clear(&out);
}

/* Print and parse until all is said: the same values, lines in bounds. */
static void
test_long_values_take_many_lines(void **state)
{
	static const enum smtp_xforward_name names[] = {
	    SMTP_XFORWARD_NAME, SMTP_XFORWARD_HELO, SMTP_XFORWARD_IDENT};
	struct smtp_xforward x = {0}, back = {0};
	unsigned left = SMTP_XFORWARD_ALL, printed, lines = 0;
	char value[SMTP_XFORWARD_VALUE_MAX];
	struct strbuf out;

	(void)state;
	memset(value, 'v', sizeof(value));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(smtp_xforward_set(&x, names[i],
				     slice_from(value, sizeof(value))),
		    0);
	strbuf_init(&out, 2 * SMTP_XFORWARD_LINE_MAX);
	while ((printed = smtp_xforward_print(&x, left, &out)) != 0) {
		unsigned named;

		assert_true(out.n <= SMTP_XFORWARD_LINE_MAX);
		assert_int_equal(
		    smtp_xforward_parse(&back,
			slice_after(strbuf_slice(&out), 9), &named, NULL),
		    0);
		assert_int_equal(named, printed);
		left &= ~printed;
		strbuf_reset(&out);
		lines++;
	}
	assert_int_equal(lines, 3);
	for (size_t i = 0; i < 3; i++)
		assert_slice_equal(smtp_xforward_get(&back, names[i]),
		    slice_from(value, sizeof(value)));
	strbuf_clear(&out);
}

static void
test_a_value_that_fills_no_line_is_unavailable(void **state)
{
	struct smtp_xforward x = {0};
	char value[SMTP_XFORWARD_VALUE_MAX];
	struct strbuf out;

	(void)state;
	memset(value, ' ', sizeof(value));
	assert_int_equal(smtp_xforward_set(&x, SMTP_XFORWARD_HELO,
			     slice_from(value, sizeof(value))),
	    0);
	strbuf_init(&out, SMTP_XFORWARD_LINE_MAX);
	assert_int_equal(smtp_xforward_print(&x, SMTP_XFORWARD_ALL, &out),
	    1U << SMTP_XFORWARD_HELO);
	assert_slice_equal(
	    strbuf_slice(&out), SLICE("XFORWARD HELO=[UNAVAILABLE]"));
	strbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_a_value_too_long_is_unavailable),
	    cmocka_unit_test(test_many_commands_add_up),
	    cmocka_unit_test(test_print_what_the_relay_takes),
	    cmocka_unit_test(test_long_values_take_many_lines),
	    cmocka_unit_test(test_a_value_that_fills_no_line_is_unavailable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
