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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_case_at_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
