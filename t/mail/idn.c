/* mail/idn: domain names as A-labels and U-labels, and what is none. */
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
test_to_unicode(void **state)
{
	static const struct idn_case cases[] = {
	    {"example.com", "example.com"},
	    {"EXAMPLE.Com", "example.com"},
	    {"xn--mnchen-3ya.example", "m\xc3\xbcnchen.example"},
	    {"M\xc3\x9cNCHEN.example", "m\xc3\xbcnchen.example"},
	    {"a.XN--STRAE-OQA.example",
		"a.stra\xc3\x9f"
		"e.example"},
	    /* A-labels that do not decode, or not to themselves, stay */
	    {"xn--zzzzzzzzzz99999.test", "xn--zzzzzzzzzz99999.test"},
	    {"xn--a.test", "xn--a.test"},
	    {"xn--.test", "xn--.test"},
	    {"a..b", NULL},
	    {"", NULL},
	};

	(void)state;
	check(mail_idn_to_unicode, cases, sizeof(cases) / sizeof(cases[0]));
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
	strbuf_reset(&out);
	assert_int_equal(mail_idn_to_unicode(SLICE("a.bcdef"), &out), -1);
	assert_int_equal(out.n, 0);
	strbuf_clear(&out);
	assert_true(mail_idn_is_ascii_name(SLICE("a_b-c.d")));
	assert_false(mail_idn_is_ascii_name(SLICE("a\0b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_to_ascii),
	    cmocka_unit_test(test_to_unicode),
	    cmocka_unit_test(test_nul_and_full_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
