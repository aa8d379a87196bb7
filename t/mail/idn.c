/* mail/idn: domain names as A-labels and U-labels, and what is none. */
#include <time.h>

#include "mail/idn.h"
#include "t/lib/unit.h"

#define L10 "abcdefghij"
#define L63 L10 L10 L10 L10 L10 L10 "abc"
#define L61 L10 L10 L10 L10 L10 L10 "a"

struct idn_case {
	const char *in, *out; /* NULL: it is no domain name */
};

static void
check(int (*convert)(struct slice, struct strbuf *),
    const struct idn_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct strbuf out;
		int outcome;

		strbuf_init(&out, 2000);
		(void)strbuf_add_str(&out, "kept ");
		outcome = convert(slice_str(cases[i].in), &out);
		assert_int_equal(outcome, cases[i].out == NULL ? -1 : 0);
		assert_slice_equal(
		    slice_first(strbuf_slice(&out), 5), SLICE("kept "));
		assert_slice_equal(slice_after(strbuf_slice(&out), 5),
		    slice_str(cases[i].out));
		strbuf_clear(&out);
	}
}

static void
test_to_ascii(void **state)
{
	static const struct idn_case cases[] = {
	    {"example.com", "example.com"},
	    {"EXAMPLE.Com", "example.com"},
	    {"s1._domainkey.example.com", "s1._domainkey.example.com"},
	    {"m\xc3\xbcnchen.example", "xn--mnchen-3ya.example"},
	    {"M\xc3\x9cNCHEN.example", "xn--mnchen-3ya.example"},
	    /* IDNA2008, not transitional: sharp s is a letter of its own */
	    {"stra\xc3\x9f"
	     "e.example",
		"xn--strae-oqa.example"},
	    {"XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"},
	    {"\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.test",
		"xn--80a1acny.test"},
	    {L63 ".test", L63 ".test"},
	    {L63 "x.test", NULL},
	    {L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61},
	    {L63 "." L63 "." L63 "." L61 "x", NULL},
	    {"", NULL},
	    {".", NULL},
	    {"a.", NULL},
	    {".a", NULL},
	    {"a..b", NULL},
	    {"a b", NULL},
	    {"a@b", NULL},
	    {"[127.0.0.1]", NULL},
	    {"m\xc3\xbcnchen.", NULL},
	    {"m\xc3\xbc..x", NULL},
	    {"\xff.example", NULL},
	    {"\xe2\x98\xba\xef\xbf\xbd.example", NULL},
	};

	(void)state;
	check(mail_idn_to_ascii, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
test_nul_and_full_buffers(void **state)
{
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 5);
	assert_int_equal(mail_idn_to_ascii(SLICE("a\0b"), &out), -1);
	assert_int_equal(mail_idn_to_ascii(SLICE("abcdef"), &out), -1);
	assert_int_equal(out.n, 0);
	strbuf_clear(&out);
	assert_true(mail_idn_is_ascii_name(SLICE("a_b-c.d")));
	assert_false(mail_idn_is_ascii_name(SLICE("a\0b")));
}

/* The least of some tries, in microseconds. */
static double
cost(struct slice name, int expected)
{
	double least = 1e9;

	for (int try = 0; try < 20; try++) {
		struct timespec before, after;
		struct strbuf out;
		double us;

		strbuf_init(&out, MAIL_IDN_NAME_MAX);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
		for (int i = 0; i < 100; i++) {
			strbuf_reset(&out);
			assert_int_equal(
			    mail_idn_to_ascii(name, &out), expected);
		}
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
		us = (double)(after.tv_sec - before.tv_sec) * 1e6 +
		    (double)(after.tv_nsec - before.tv_nsec) / 1e3;
		least = us < least ? us : least;
		strbuf_clear(&out);
	}
	return least;
}

/* A label that has no room in DNS is not converted to find that out: it took
 * more than a hundred times as long as a name in ASCII. */
static void
test_what_is_too_long_is_cheap(void **state)
{
	static const char *const letters[] = {
	    "\xe4\xb8\x80", "\xf0\x9d\x90\x80", "\xc3\xbc", "\xed\x95\x9c"};
	double plain = cost(SLICE(L63 "." L63 "." L63 "." L61), 0);

	(void)state;
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		struct strbuf name;

		strbuf_init(&name, 4 * MAIL_IDN_NAME_MAX);
		for (int n = 0; n < 250; n++)
			(void)strbuf_add_str(&name, letters[i]);
		assert_in_range(
		    (int)(cost(strbuf_slice(&name), -1) / plain), 0, 20);
		strbuf_clear(&name);
	}
}

/* What has no width or goes into the letter before it takes no room. */
static void
test_what_vanishes_does_not_count(void **state)
{
	static const char *const nothing[] = {"\xc2\xad", "\xe2\x80\x8b",
	    "\xef\xb8\x8f", "\xcd\x8f", "\xf3\xa0\x84\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		struct strbuf name, out;

		strbuf_init(&name, 4 * MAIL_IDN_NAME_MAX);
		strbuf_init(&out, MAIL_IDN_NAME_MAX);
		for (int n = 0; n < 100; n++)
			(void)strbuf_add_str(&name, nothing[i]);
		(void)strbuf_add_str(&name, "mx.example.org");
		assert_int_equal(
		    mail_idn_to_ascii(strbuf_slice(&name), &out), 0);
		assert_string_equal(strbuf_text(&out), "mx.example.org");
		strbuf_clear(&name);
		strbuf_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_to_ascii),
	    cmocka_unit_test(test_nul_and_full_buffers),
	    cmocka_unit_test(test_what_is_too_long_is_cheap),
	    cmocka_unit_test(test_what_vanishes_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
