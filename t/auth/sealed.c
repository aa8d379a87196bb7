/* auth/sealed: is there a dmarc=pass for that domain, and nothing that only
 * looks like one. */
#include "auth/sealed.h"
#include "t/lib/unit.h"

static void
test_passes(void **state)
{
	static const char *const passes[] = {
	    "mx.example; dmarc=pass header.from=example.org",
	    " mx.example;\r\n\tspf=fail smtp.mailfrom=x;\r\n"
	    "\tdmarc=pass (p=none dis=none) header.from=example.org;\r\n"
	    "\tarc=none",
	    "mx.example; DMARC=PASS HEADER.FROM=EXAMPLE.ORG",
	    "mx.example; dmarc=fail header.from=other.example; dmarc=pass "
	    "header.from=example.org",
	    "\"mx\"; dmarc=pass reason=\"a; b\" header.from=example.org"
	    " policy.dmarc=none",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++)
		assert_true(auth_sealed_dmarc_passed(
		    slice_str(passes[i]), SLICE("example.org")));
}

static void
test_does_not_pass(void **state)
{
	static const char *const others[] = {
	    "",
	    "mx.example",
	    "mx.example;",
	    "mx.example; none",
	    "dmarc=pass header.from=example.org",
	    "mx.example; dmarc=fail header.from=example.org",
	    "mx.example; dmarc=pass header.from=example.org.evil.example",
	    "mx.example; dmarc=pass header.from=evil.example",
	    "mx.example; dmarc=pass",
	    "mx.example; dkim=pass header.from=example.org",
	    "mx.example; dmarc=pass; header.from=example.org",
	    "mx.example; spf=pass dmarc=pass header.from=example.org",
	    "mx.example; dmarc=fail reason=\"; dmarc=pass "
	    "header.from=example.org\" header.from=example.org",
	    "mx.example; spf=fail smtp.mailfrom=\"x; dmarc=pass "
	    "header.from=example.org",
	    "mx.example; spf=fail smtp.mailfrom=\"x\\\"; dmarc=pass "
	    "header.from=example.org\"",
	    "mx.example; (x; dmarc=pass header.from=example.org",
	    "mx.example; (x; dmarc=pass header.from=example.org) spf=none",
	    "mx.example (; dmarc=pass header.from=example.org)",
	    "mx.example; dmarc=pass \r header.from=example.org",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (auth_sealed_dmarc_passed(
			slice_str(others[i]), SLICE("example.org")))
			fail_msg("taken: %s", others[i]);
	}
	assert_false(auth_sealed_dmarc_passed(
	    SLICE("mx; dmarc=pass header.from="), SLICE("")));
	assert_false(auth_sealed_dmarc_passed(
	    SLICE("mx; dmarc=pass\0 header.from=a.b"), SLICE("a.b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_passes),
	    cmocka_unit_test(test_does_not_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
