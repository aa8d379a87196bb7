/* milter/negotiate: what is offered, what is taken of it, what gets an answer. */
#include "milter/negotiate.h"
#include "milter/packet.h"
#include "t/lib/unit.h"

static const struct milter_wishes signs = {false, false, false};
static const struct milter_wishes checks = {true, true, true};

#define QUIET                                                              \
	(MILTER_NO_UNKNOWN | MILTER_NO_DATA | MILTER_QUIET_HEADER |        \
	    MILTER_QUIET_CONNECT | MILTER_QUIET_HELO | MILTER_QUIET_RCPT | \
	    MILTER_QUIET_END_OF_HEADER | MILTER_LEADING_SPACE)

static void
test_only_what_is_used_is_asked_for(void **state)
{
	static const struct {
		struct slice offer;
		const struct milter_wishes *wishes;
		int result;
		uint32_t version, actions, steps;
	} cases[] = {
	    /* Postfix and sendmail of today. */
	    {SLICE_INIT("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"), &signs, 0, 6,
		0x101, QUIET | MILTER_QUIET_MAIL | MILTER_QUIET_BODY},
	    {SLICE_INIT("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"), &checks, 0, 6,
		0x111, QUIET | MILTER_MAY_SKIP},
	    /* Without SKIP nobody waits for an answer to a chunk. */
	    {SLICE_INIT("\0\0\0\6\0\0\1\xff\0\x1f\xfb\xff"), &checks, 0, 6,
		0x111, QUIET | MILTER_QUIET_BODY},
	    /* Version 2. */
	    {SLICE_INIT("\0\0\0\2\0\0\0\x3f\0\0\0\x7f"), &checks, 0, 2, 0x11,
		0},
	    {SLICE_INIT("\0\0\0\4\0\0\0\x3f\0\0\3\xff"), &signs, 0, 4, 0x01,
		MILTER_NO_UNKNOWN | MILTER_NO_DATA | MILTER_QUIET_HEADER},
	    /* One of tomorrow, and lists of macros behind the numbers. */
	    {SLICE_INIT("\0\0\0\x9\xff\xff\xff\xff\0\0\0\0\0\0\0\1i\0"), &signs,
		0, 6, 0x101, 0},
	    {SLICE_INIT("\0\0\0\1\0\0\0\x3f\0\0\0\x7f"), &signs, -1, 0, 0, 0},
	    {SLICE_INIT("\0\0\0\6\0\0\0\1\0\x1f\xff\xff"), &checks, -1, 0, 0,
		0},
	    {SLICE_INIT("\0\0\0\6\0\0\0\x10\0\x1f\xff\xff"), &signs, -1, 0, 0,
		0},
	    {SLICE_INIT("\0\0\0\6\0\0\1\xff\0\x1f\xff"), &signs, -1, 0, 0, 0},
	    {SLICE_INIT(""), &signs, -1, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct milter_terms terms;
		struct strbuf reason;

		strbuf_init(&reason, 200);
		assert_int_equal(milter_negotiate(cases[i].offer,
				     cases[i].wishes, &terms, &reason),
		    cases[i].result);
		assert_int_equal(reason.n > 0, cases[i].result != 0);
		strbuf_clear(&reason);
		if (cases[i].result != 0)
			continue;
		assert_int_equal(terms.version, cases[i].version);
		assert_int_equal(terms.actions, cases[i].actions);
		assert_int_equal(terms.steps, cases[i].steps);
	}
}

static void
test_terms_as_a_packet(void **state)
{
	static const struct milter_terms terms = {6, 0x11, 0x100480};
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 100);
	assert_int_equal(milter_print_terms(&terms, &out), 0);
	assert_slice_equal(strbuf_slice(&out),
	    SLICE("\0\0\0\x0dO\0\0\0\6\0\0\0\x11\0\x10\4\x80"));
	strbuf_clear(&out);
	strbuf_init(&out, 16);
	assert_int_equal(milter_print_terms(&terms, &out), -1);
	strbuf_clear(&out);
}

/* To who has logged in one looks at MAIL; of all else the queue id is enough. */
static void
test_the_macros_that_are_read_are_asked_for(void **state)
{
	static const struct milter_terms terms = {6, 0x101, 0x100480};
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 200);
	assert_int_equal(milter_print_terms(&terms, &out), 0);
	assert_slice_equal(strbuf_slice(&out),
	    SLICE("\0\0\0\x45O\0\0\0\6\0\0\1\1\0\x10\4\x80"
		  "\0\0\0\0i\0\0\0\0\1i\0\0\0\0\2i {auth_authen}\0"
		  "\0\0\0\3i\0\0\0\0\4i\0\0\0\0\5i\0\0\0\0\6i\0"));
	strbuf_clear(&out);
}

static void
test_who_waits_for_an_answer(void **state)
{
	static const char all[] = "BCEHLMNORTU";
	static const struct {
		uint32_t steps;
		const char *answered;
	} cases[] = {
	    {0, all},
	    {QUIET, "BEMOTU"},
	    {QUIET | MILTER_QUIET_MAIL | MILTER_QUIET_BODY, "EOTU"},
	    {MILTER_QUIET_DATA | MILTER_QUIET_UNKNOWN, "BCEHLMNOR"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct milter_terms terms = {.steps = cases[i].steps};

		for (int c = 0; c < 256; c++)
			assert_int_equal(
			    milter_terms_want_answer(&terms, (char)c),
			    c != 0 && strchr(cases[i].answered, c) != NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_what_is_used_is_asked_for),
	    cmocka_unit_test(test_terms_as_a_packet),
	    cmocka_unit_test(test_the_macros_that_are_read_are_asked_for),
	    cmocka_unit_test(test_who_waits_for_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
