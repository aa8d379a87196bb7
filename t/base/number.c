/* base/number: decimal, sizes and times, without overflow. */
#include "base/number.h"
#include "t/lib/unit.h"

typedef int parse_fn(struct slice, uint64_t max, uint64_t *value);

static void
test_numbers(void **state)
{
	static const struct {
		parse_fn *parse;
		const char *in;
		uint64_t max;
		int outcome;
		uint64_t value;
	} cases[] = {
	    {number_parse, "0", 0, 0, 0},
	    {number_parse, "007", 7, 0, 7},
	    {number_parse, "8", 7, -1, 0},
	    {number_parse, "10", 10, 0, 10},
	    {number_parse, "11", 10, -1, 0},
	    {number_parse, "18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
	    {number_parse, "18446744073709551616", UINT64_MAX, -1, 0},
	    {number_parse, "99999999999999999999", UINT64_MAX, -1, 0},
	    {number_parse, "", 9, -1, 0},
	    {number_parse, "-1", 9, -1, 0},
	    {number_parse, "+1", 9, -1, 0},
	    {number_parse, " 1", 9, -1, 0},
	    {number_parse, "1 ", 9, -1, 0},
	    {number_parse, "1k", 9999, -1, 0},
	    {number_parse, "0x1", 9, -1, 0},
	    {number_parse_size, "1", 9, 0, 1},
	    {number_parse_size, "1k", 1024, 0, 1024},
	    {number_parse_size, "1K", 1024, 0, 1024},
	    {number_parse_size, "1k", 1023, -1, 0},
	    {number_parse_size, "3M", UINT64_MAX, 0, 3 << 20},
	    {number_parse_size, "4G", UINT64_MAX, 0, (uint64_t)4 << 30},
	    {number_parse_size, "17179869183G", UINT64_MAX, 0,
		UINT64_C(17179869183) << 30},
	    {number_parse_size, "17179869184G", UINT64_MAX, -1, 0},
	    {number_parse_size, "k", UINT64_MAX, -1, 0},
	    {number_parse_size, "", UINT64_MAX, -1, 0},
	    {number_parse_size, "1kk", UINT64_MAX, -1, 0},
	    {number_parse_size, "1s", UINT64_MAX, -1, 0},
	    {number_parse_time, "5", 9, 0, 5},
	    {number_parse_time, "5s", 9, 0, 5},
	    {number_parse_time, "2m", 120, 0, 120},
	    {number_parse_time, "2m", 119, -1, 0},
	    {number_parse_time, "1H", UINT64_MAX, 0, 3600},
	    {number_parse_time, "2d", UINT64_MAX, 0, 172800},
	    {number_parse_time, "1k", UINT64_MAX, -1, 0},
	    {number_parse_time, "d", UINT64_MAX, -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 77;

		assert_int_equal(cases[i].parse(slice_str(cases[i].in),
				     cases[i].max, &value),
		    cases[i].outcome);
		if (cases[i].outcome == 0)
			assert_true(value == cases[i].value);
	}
}

static void
test_hexadecimal_digits(void **state)
{
	static const char digits[] = "0123456789abcdef", others[] = "/:@G`g ";

	(void)state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(number_hex_digit(digits[i]), i);
	assert_int_equal(number_hex_digit('A'), 10);
	assert_int_equal(number_hex_digit('F'), 15);
	for (size_t i = 0; i < sizeof(others); i++)
		assert_int_equal(number_hex_digit(others[i]), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_hexadecimal_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
