/* base/slice: borrowed bytes. */
#include "base/slice.h"
#include "t/lib/unit.h"

static void
test_parts_never_leave_the_slice(void **state)
{
	struct slice s = SLICE("abc");

	(void)state;
	assert_slice_equal(slice_after(s, 0), SLICE("abc"));
	assert_slice_equal(slice_after(s, 2), SLICE("c"));
	assert_int_equal(slice_after(s, 3).n, 0);
	assert_int_equal(slice_after(s, 4).n, 0);
	assert_int_equal(slice_after(s, SIZE_MAX).n, 0);
	assert_slice_equal(slice_first(s, 2), SLICE("ab"));
	assert_slice_equal(slice_first(s, 9), SLICE("abc"));
	assert_int_equal(slice_str(NULL).n, 0);
	assert_slice_equal(slice_str("abc"), s);
}

static void
test_equality(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal, nocase, starts, ends; /* b being what a has */
	} cases[] = {
	    {"", "", true, true, true, true},
	    {"abc", "abc", true, true, true, true},
	    {"abc", "aBC", false, true, true, true},
	    {"abc", "AB", false, false, true, false},
	    {"abc", "BC", false, false, false, true},
	    {"abc", "", false, false, true, true},
	    {"", "a", false, false, false, false},
	    {"[", "{", false, false, false, false}, /* 0x20 apart */
	    {"\xc3\xa4", "\xc3\x84", false, false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice a = slice_str(cases[i].a);
		struct slice b = slice_str(cases[i].b);

		assert_int_equal(slice_equal(a, b), cases[i].equal);
		assert_int_equal(slice_equal_nocase(a, b), cases[i].nocase);
		assert_int_equal(slice_starts_nocase(a, b), cases[i].starts);
		assert_int_equal(slice_ends_nocase(a, b), cases[i].ends);
	}
	assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
	assert_true(slice_equal(slice_from(NULL, 0), SLICE("")));
}

static void
test_finding(void **state)
{
	struct slice s = SLICE("abcabc\0");

	(void)state;
	assert_int_equal(slice_find(s, 'b'), 1);
	assert_int_equal(slice_find_last(s, 'b'), 4);
	assert_int_equal(slice_find(s, '\0'), 6);
	assert_int_equal(slice_find(s, 'x'), s.n);
	assert_int_equal(slice_find_last(s, 'x'), s.n);
	assert_int_equal(slice_find(slice_from(NULL, 0), 'x'), 0);
	assert_int_equal(slice_find_last(slice_from(NULL, 0), 'x'), 0);
	assert_int_equal(slice_search(s, SLICE("ca")), 2);
	assert_int_equal(slice_search(s, SLICE("cx")), s.n);
	assert_int_equal(slice_search(SLICE("ab"), SLICE("abc")), 2);
	assert_int_equal(slice_search(slice_from(NULL, 0), SLICE("a")), 0);
}

static void
test_trim(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {" \t\r\na b\n\r\t ", "a b"},
	    {"a", "a"},
	    {" \r\n", ""},
	    {"", ""},
	    {"\va\f", "\va\f"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_slice_equal(slice_trim(slice_str(cases[i].in)),
		    slice_str(cases[i].out));
}

static void
test_cut_gives_every_piece(void **state)
{
	static const struct {
		const char *list;
		size_t count;
		const char *pieces[4];
	} cases[] = {
	    {"a,b,c", 3, {"a", "b", "c"}},
	    {"a,", 2, {"a", ""}},
	    {",a", 2, {"", "a"}},
	    {",,", 3, {"", "", ""}},
	    {"a", 1, {"a"}},
	    {"", 1, {""}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice piece, rest = slice_str(cases[i].list);
		size_t count = 0;

		while (slice_cut(&rest, ',', &piece)) {
			assert_true(count < cases[i].count);
			assert_slice_equal(
			    piece, slice_str(cases[i].pieces[count]));
			count++;
		}
		assert_int_equal(count, cases[i].count);
		assert_null(rest.p);
	}
}

static void
test_ascii_is_ascii_only(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)(unsigned char)i;
		bool upper = i >= 'A' && i <= 'Z';
		bool lower = i >= 'a' && i <= 'z';
		bool digit = i >= '0' && i <= '9';

		assert_int_equal(ascii_lower(c), upper ? (char)(i + 32) : c);
		assert_int_equal(ascii_is_alpha(c), upper || lower);
		assert_int_equal(ascii_is_digit(c), digit);
		assert_int_equal(ascii_is_alnum(c), upper || lower || digit);
		assert_int_equal(ascii_is_blank(c), i == ' ' || i == '\t');
		assert_int_equal(ascii_is_space(c),
		    i == ' ' || i == '\t' || i == '\r' || i == '\n');
		assert_int_equal(slice_is_ascii(slice_from(&c, 1)), i < 128);
	}
}

static void
test_one_of_the_words_in_any_case(void **state)
{
	static const char *const words[] = {"none", "Pass", NULL};

	(void)state;
	assert_true(slice_is_one_of(SLICE("NONE"), words));
	assert_true(slice_is_one_of(SLICE("pass"), words));
	assert_false(slice_is_one_of(SLICE("pas"), words));
	assert_false(slice_is_one_of(SLICE("passed"), words));
	assert_false(slice_is_one_of(SLICE(""), words));
}

static void
test_a_word_that_stands_anywhere(void **state)
{
	static const char *const words[] = {"clam", "Dkim", NULL};

	(void)state;
	assert_true(slice_has_one_of(SLICE("clam"), words));
	assert_true(slice_has_one_of(SLICE("inet:clamav:1"), words));
	assert_true(slice_has_one_of(SLICE("openDkim"), words));
	assert_false(slice_has_one_of(SLICE("opendkim"), words));
	assert_false(slice_has_one_of(SLICE("cla"), words));
	assert_false(slice_has_one_of(SLICE(""), words));
}

static void
test_white_space_that_stands_anywhere(void **state)
{
	(void)state;
	assert_true(slice_has_space(SLICE(" a")));
	assert_true(slice_has_space(SLICE("a\tb")));
	assert_true(slice_has_space(SLICE("a\r")));
	assert_true(slice_has_space(SLICE("\n")));
	assert_false(slice_has_space(SLICE("ab\v")));
	assert_false(slice_has_space(SLICE("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parts_never_leave_the_slice),
	    cmocka_unit_test(test_equality),
	    cmocka_unit_test(test_finding),
	    cmocka_unit_test(test_trim),
	    cmocka_unit_test(test_cut_gives_every_piece),
	    cmocka_unit_test(test_a_word_that_stands_anywhere),
	    cmocka_unit_test(test_white_space_that_stands_anywhere),
	    cmocka_unit_test(test_ascii_is_ascii_only),
	    cmocka_unit_test(test_one_of_the_words_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
