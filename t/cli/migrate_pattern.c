/* cli/migrate_pattern: patterns of a refile: table. */
#include "cli/migrate_pattern.h"
#include "t/lib/unit.h"

static void
test_a_pattern_is_a_number_of_words_or_none(void **state)
{
	static const struct {
		const char *pattern, *words; /* between blanks; NULL: none */
	} cases[] = {
	    {"*@example.org", "*@example.org"},
	    {"a.b+c@d", "a.b+c@d"},
	    {"(info|sales)@d", "info@d sales@d"},
	    {"a[bc]d?@e", "abd@e ab@e acd@e ac@e"},
	    {"(a|(b|c)x)*", "a* bx* cx*"},
	    {"(a|)b", "ab b"},
	    {"[0-9]@d", NULL},
	    {"[^a]@d", NULL},
	    {"[a", NULL},
	    {"(a", NULL},
	    {"a)", NULL},
	    {"a|b", NULL},
	    {"a{2}", NULL},
	    {"a\\.b", NULL},
	    {"^a", NULL},
	    {"a$", NULL},
	    {"*?", NULL},
	    {"?", NULL},
	    {"[a.b]", NULL},
	    {"((((((((((a))))))))))", NULL},
	    {"[ab][ab][ab][ab][ab][ab][ab][ab][ab]", NULL},
	};
	struct strbuf words;

	(void)state;
	strbuf_init(&words, 1000 * 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count;

		strbuf_reset(&words);
		count =
		    migrate_pattern_words(slice_str(cases[i].pattern), &words);
		if (cases[i].words == NULL) {
			assert_int_equal(count, 0);
			continue;
		}
		assert_true(count > 0);
		for (size_t k = 0; k + 1 < words.n; k++)
			if (words.p[k] == '\0')
				words.p[k] = ' ';
		assert_string_equal(strbuf_text(&words), cases[i].words);
	}
	strbuf_clear(&words);
}

static void
test_a_star_stands_for_anything(void **state)
{
	static const struct {
		const char *word, *text;
		bool matches;
	} cases[] = {
	    {"*@example.org", "a@example.org", true},
	    {"*@example.org", "A@EXAMPLE.org", true},
	    {"*@example.org", "a@sub.example.org", false},
	    {"*@*.example.org", "a@b.c.example.org", true},
	    {"*@*.example.org", "a@example.org", false},
	    {"*", "", true},
	    {"**", "abc", true},
	    {"a*b*c", "aXbXXbc", true},
	    {"a*b*c", "acb", false},
	    {"", "", true},
	    {"", "a", false},
	    {"abc", "ab", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(migrate_word_matches(slice_str(cases[i].word),
				slice_str(cases[i].text)) == cases[i].matches);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_pattern_is_a_number_of_words_or_none),
	    cmocka_unit_test(test_a_star_stands_for_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
