/* proxy/figures/role and proxy/settings/fronts: each row is one of its own. */
#include <string.h>

#include "proxy/figures/role.h"
#include "t/lib/unit.h"

static void
test_a_name_is_that_of_one_role(void **state)
{
	(void)state;
	for (int i = PROXY_ROLE_RECORDER; i < PROXY_ROLES; i++)
		assert_int_equal(
		    proxy_role_find(proxy_role_name((enum proxy_role)i)), i);
	assert_int_equal(proxy_role_find("none"), PROXY_ROLE_NONE);
	assert_int_equal(proxy_role_find(""), PROXY_ROLE_NONE);
	/* What stands on the shared page may be anything. */
	assert_string_equal(
	    proxy_role_name((enum proxy_role)0x7fffffff), "recorder");
}

static void
test_workers_are_of_their_front(void **state)
{
	struct proxy_config config = {0};

	(void)state;
	proxy_fronts_init(&config);
	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		enum proxy_role role = proxy_role_of(i);

		assert_true(proxy_role_is_worker(role));
		assert_ptr_equal(
		    proxy_role_front(role, &config), &config.fronts[i]);
		assert_string_equal(
		    proxy_role_name(role), proxy_front_rows[i].name);
		assert_int_equal(
		    proxy_front_find(slice_str(proxy_front_rows[i].name)), i);
	}
	assert_null(proxy_role_front(PROXY_ROLE_RECORDER, &config));
	assert_null(proxy_role_front(PROXY_ROLES, &config));
	assert_false(proxy_role_is_worker(PROXY_ROLE_NONE));
	assert_int_equal(proxy_front_find(SLICE("metrics")), PROXY_FRONTS);
}

static void
test_the_first_that_is_there(void **state)
{
	struct proxy_config config = {0};

	(void)state;
	proxy_fronts_init(&config);
	assert_false(proxy_fronts_any(&config));
	for (int i = 0; i < PROXY_FILTER_KINDS; i++) {
		enum proxy_filter_kind filter = (enum proxy_filter_kind)i;
		struct proxy_front *front =
		    &config.fronts[proxy_front_with(&config, filter)->number];

		assert_false(proxy_fronts_have(&config, filter));
		assert_int_equal(front->filter, filter);
		front->enabled = true;
		assert_true(proxy_fronts_have(&config, filter));
		assert_true(proxy_fronts_any(&config));
	}
}

static void
test_spools_are_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(proxy_front_rows[i].spool_dir,
			    proxy_front_rows[k].spool_dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_name_is_that_of_one_role),
	    cmocka_unit_test(test_workers_are_of_their_front),
	    cmocka_unit_test(test_the_first_that_is_there),
	    cmocka_unit_test(test_spools_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
