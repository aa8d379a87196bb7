/* record/http_request: where a request ends at every cut of it, what it
 * asks for, and what is refused. */
#include "record/http_request.h"
#include "t/lib/unit.h"

static const struct {
	const char *input;
	unsigned status;
	const char *path;
	bool head;
} cases[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, "/", false},
    {"HEAD /metrics HTTP/1.0\r\n\r\n", 200, "/metrics", true},
    {"GET /a?b=c?d HTTP/1.1\r\n\r\n", 200, "/a", false},
    {"\r\nGET / HTTP/1.1\r\n\r\n", 200, "/", false},
    {"GET / HTTP/1.1\nHost: a\n\n", 200, "/", false},
    {"GET http://h:1/x HTTP/1.1\r\n\r\n", 200, "/x", false},
    {"GET http://h HTTP/1.1\r\n\r\n", 400, NULL, false},
    {"GET x HTTP/1.1\r\n\r\n", 400, NULL, false},
    {"GET /\r\n\r\n", 400, NULL, false},
    {"GET / HTTP/2.0\r\n\r\n", 400, NULL, false},
    {"GET / HTTP/1.x\r\n\r\n", 400, NULL, false},
    {"GET / / HTTP/1.1\r\n\r\n", 400, NULL, false},
    {"\r\n\r\n", 400, NULL, false},
    {"POST / HTTP/1.1\r\n\r\n", 501, NULL, false},
    {"get / HTTP/1.1\r\n\r\n", 501, NULL, false},
};

static void
test_every_case_at_every_cut(void **state)
{
	struct record_http_wanted wanted;
	struct slice in;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		in = slice_str(cases[i].input);
		for (n = 0; n < in.n; n++)
			assert_int_equal(record_http_request_parse(
					     slice_first(in, n), &wanted),
			    0);
		assert_int_equal(
		    record_http_request_parse(in, &wanted), cases[i].status);
		if (cases[i].status != 200)
			continue;
		assert_slice_equal(wanted.path, slice_str(cases[i].path));
		assert_int_equal(wanted.head, cases[i].head);
	}
}

static void
test_whom_it_is_for_and_the_query(void **state)
{
	static const struct {
		const char *input, *host, *name, *query;
		unsigned status;
		bool local;
	} all[] = {
	    {"GET /?a=1&b HTTP/1.1\r\nHost: a:80\r\n\r\n", "a:80", "a", "a=1&b",
		200, false},
	    {"GET / HTTP/1.1\nX: y\nhost:\tLocalhost.\n\nHost: b\n",
		"Localhost.", "Localhost", "", 200, true},
	    {"GET /? HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "[::1]:80", "::1", "",
		200, true},
	    {"GET http://127.0.0.1?q HTTP/1.1\r\n\r\n", "", "", "", 400, false},
	    {"GET http://127.0.0.1/?q HTTP/1.1\r\nHost: a\r\n\r\n", "127.0.0.1",
		"127.0.0.1", "q", 200, true},
	    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "a", "a", "", 400,
		false},
	    {"GET / HTTP/1.0\r\n\r\n", "", "", "", 200, false},
	    {"GET / HTTP/1.0\r\nHost: [::1\r\n\r\n", "[::1", "[", "", 200,
		false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct record_http_wanted w;
		struct slice name;

		assert_int_equal(
		    record_http_request_parse(slice_str(all[i].input), &w),
		    all[i].status);
		if (all[i].status != 200)
			continue;
		name = record_http_host_name(w.host);
		assert_slice_equal(w.host, slice_str(all[i].host));
		assert_slice_equal(name, slice_str(all[i].name));
		assert_slice_equal(w.query, slice_str(all[i].query));
		assert_int_equal(record_http_host_is_local(name), all[i].local);
	}
}

static void
test_words_of_a_query(void **state)
{
	struct slice value;

	(void)state;
	assert_true(record_http_query_find(
	    SLICE("sort=fail&all&hours=48"), SLICE("hours"), &value));
	assert_slice_equal(value, SLICE("48"));
	assert_true(record_http_query_find(
	    SLICE("sort=fail&all&hours=48"), SLICE("all"), &value));
	assert_slice_equal(value, SLICE(""));
	assert_false(
	    record_http_query_find(SLICE("sorted=1"), SLICE("sort"), &value));
	assert_false(
	    record_http_query_find(slice_from(NULL, 0), SLICE("a"), &value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_case_at_every_cut),
	    cmocka_unit_test(test_whom_it_is_for_and_the_query),
	    cmocka_unit_test(test_words_of_a_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
