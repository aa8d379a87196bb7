/* record/mailbox: one mailbox, however it is spelt; and what may stand in a
 * command. */
#include <string.h>

#include "record/mailbox.h"
#include "t/lib/unit.h"

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
test_folds(void **state)
{
	static const struct {
		const char *mailbox, *folded; /* NULL: no mailbox */
	} cases[] = {
	    {"ann@example.org", "ann@example.org"},
	    {"Ann@EXAMPLE.org", "ann@example.org"},
	    {"ann+1@example.org", "ann@example.org"},
	    {"ann+1+2@example.org", "ann@example.org"},
	    {"\"ann\"@example.org", "ann@example.org"},
	    {"\"ann+1\"@example.org", "ann@example.org"},
	    {"\"a\\nn\"@example.org", "ann@example.org"},
	    {"a\"n\"n@example.org", "ann@example.org"},
	    {"+1@example.org", "+1@example.org"},
	    {"\"a@b\"@example.org", "a@b@example.org"},
	    {"\"a\\\"b\"@example.org", "a\"b@example.org"},
	    {"ann@b\xc3\xbc"
	     "cher.example",
		"ann@xn--bcher-kva.example"},
	    {"ann@XN--Bcher-kva.example", "ann@xn--bcher-kva.example"},
	    {"gr\xc3\xbc\xc3\x9f"
	     "e@example.org",
		"gr\xc3\xbc\xc3\x9f"
		"e@example.org"},
	    {"ann@[192.0.2.1]", "ann@[192.0.2.1]"},
	    {"ann@[IPv6:2001:DB8::1]", "ann@[ipv6:2001:db8::1]"},
	    {X64 "@example.org", X64 "@example.org"},
	    {X64 "x@example.org", NULL},
	    {"", NULL},
	    {"ann", NULL},
	    {"@example.org", NULL},
	    {"ann@", NULL},
	    {"ann@example..org", NULL},
	    {"a b@example.org", NULL},
	    {"a>b@example.org", NULL},
	    {"ann@example.org> SIZE=1", NULL},
	    {"ann@exa\r\nmple.org", NULL},
	    {"a\xff@example.org", NULL},
	    {"@a.example:ann@example.org", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice mailbox = slice_str(cases[i].mailbox);
		struct strbuf out;
		int result;

		strbuf_init(&out, RECORD_MAILBOX_MAX);
		result = record_mailbox_fold(mailbox, &out);
		if ((result == 0) != (cases[i].folded != NULL))
			fail_msg("%s: %d", cases[i].mailbox, result);
		assert_string_equal(strbuf_text(&out),
		    cases[i].folded == NULL ? "" : cases[i].folded);
		strbuf_clear(&out);
	}
}

static void
test_same(void **state)
{
	(void)state;
	assert_true(record_mailbox_is_same(SLICE("check-auth@example.org"),
	    SLICE("Check-Auth+w@EXAMPLE.org")));
	assert_false(record_mailbox_is_same(
	    SLICE("check-auth@example.org"), SLICE("check@example.org")));
	assert_false(record_mailbox_is_same(SLICE(""), SLICE("")));
}

static void
test_paths(void **state)
{
	static const struct {
		const char *mailbox, *path;
		bool ascii;
	} cases[] = {
	    {"Ann+1@EXAMPLE.org", "Ann+1@example.org", true},
	    {"\"a b\"@example.org", "\"a b\"@example.org", true},
	    {"ann@b\xc3\xbc"
	     "cher.example",
		"ann@xn--bcher-kva.example", true},
	    {"gr\xc3\xbc@example.org", "gr\xc3\xbc@example.org", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf out;

		strbuf_init(&out, RECORD_MAILBOX_MAX);
		assert_int_equal(
		    record_mailbox_path(slice_str(cases[i].mailbox), &out), 0);
		assert_string_equal(strbuf_text(&out), cases[i].path);
		assert_int_equal(
		    slice_is_ascii(strbuf_slice(&out)), cases[i].ascii);
		strbuf_clear(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_folds),
	    cmocka_unit_test(test_same),
	    cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
