/* cli/changes: what an upgrade has a postmaster look at. */
#include "cli/changes.h"
#include "t/lib/unit.h"

static void
test_versions_are_ordered_by_their_numbers(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
	} cases[] = {
	    {"0.1.0", "0.1.0", 0},
	    {"0.1", "0.1.0", 0},
	    {"0.1.0-1", "0.1.0-2", 0},
	    {"0.1.0~rc1", "0.1.0", 0},
	    {"0.1.0", "0.1.1", -1},
	    {"0.9.0", "0.10.0", -1},
	    {"1.0.0", "0.99.99", 1},
	};
	static const char *const none[] = {
	    "", "-1", "1.", ".1", "1.2.3.4", "1.x", "v1", "1..2"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice a = slice_str(cases[i].a);
		struct slice b = slice_str(cases[i].b);

		assert_true(cli_version_is(a) && cli_version_is(b));
		assert_int_equal(cli_version_compare(a, b), cases[i].order);
		assert_int_equal(cli_version_compare(b, a), -cases[i].order);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(cli_version_is(slice_str(none[i])));
}

struct names {
	size_t trusted, allow, all;
};

static void
on_change(void *ctx, const struct cli_change *change)
{
	struct names *names = ctx;

	names->all++;
	names->trusted +=
	    slice_equal(slice_str(change->name), SLICE("trusted"));
	names->allow += slice_equal(slice_str(change->name), SLICE("allow"));
}

static void
test_what_touches_this_configuration_is_named(void **state)
{
	static const struct {
		const char *since, *text;
		size_t trusted, allow;
	} cases[] = {
	    {"0.0.9", "[in]\n", 1, 0},
	    {"0.0.9", "[in]\ntrusted = 10.0.0.0/8\n", 0, 0},
	    {"0.0.9", "[out]\nallow = 10.0.0.1\n", 1, 1},
	    {"0.1.0", "[out]\nallow = 10.0.0.1\n", 0, 0},
	    {"0.1.0-1", "[out]\nallow = 10.0.0.1\n", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct names names = {0};

		cli_changes_since(slice_str(cases[i].since),
		    slice_str(cases[i].text), on_change, &names);
		assert_int_equal(names.trusted, cases[i].trusted);
		assert_int_equal(names.allow, cases[i].allow);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_versions_are_ordered_by_their_numbers),
	    cmocka_unit_test(test_what_touches_this_configuration_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
