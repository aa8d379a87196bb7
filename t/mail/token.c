/* mail/token: each step takes what it names and nothing else. */
#include <stdlib.h>

#include "mail/token.h"
#include "t/lib/unit.h"

typedef int step(struct slice *in, struct slice *taken);

struct token_case {
	step *step;
	const char *in;
	const char *taken; /* NULL: it is not there */
	const char *left;
};

static int
fws(struct slice *in, struct slice *taken)
{
	struct slice before = *in;

	if (!mail_token_fws(in))
		return -1;
	*taken = slice_first(before, before.n - in->n);
	return 0;
}

static int
cfws(struct slice *in, struct slice *taken)
{
	struct slice before = *in;

	if (mail_token_cfws(in) != 0)
		return -1;
	*taken = slice_first(before, before.n - in->n);
	return 0;
}

static void
test_steps(void **state)
{
	static const struct token_case cases[] = {
	    {fws, " \t x", " \t ", "x"},
	    {fws, "\r\n x", "\r\n ", "x"},
	    {fws, " \r\n\t\r\n x", " \r\n\t\r\n ", "x"},
	    {fws, "\r\nx", NULL, NULL},
	    {fws, "\n x", NULL, NULL},
	    {fws, "\r\n", NULL, NULL},
	    {fws, "", NULL, NULL},
	    {cfws, "x", "", "x"},
	    {cfws, "", "", ""},
	    {cfws, " (a) (b(c)d)\r\n x", " (a) (b(c)d)\r\n ", "x"},
	    {cfws, "(\\)) x", "(\\)) ", "x"},
	    {cfws, "(a", NULL, NULL},
	    {cfws, " (a\\)", NULL, NULL},
	    {cfws, "(a\\", NULL, NULL},
	    {mail_token_comment, "(a(b)c)d", "a(b)c", "d"},
	    {mail_token_comment, "a(b)", NULL, NULL},
	    {mail_token_comment, ")", NULL, NULL},
	    {mail_token_atom, "a-b.c", "a-b", ".c"},
	    {mail_token_atom, "!#$%&'*+-/=?^_`{|}~@", "!#$%&'*+-/=?^_`{|}~",
		"@"},
	    {mail_token_atom, "\xc3\xa4 ", "\xc3\xa4", " "},
	    {mail_token_atom, ".a", NULL, NULL},
	    {mail_token_atom, "", NULL, NULL},
	    {mail_token_dot_atom, "a.b.c@", "a.b.c", "@"},
	    {mail_token_dot_atom, "a..b", "a", "..b"},
	    {mail_token_dot_atom, "a.", "a", "."},
	    {mail_token_dot_atom, ".a", NULL, NULL},
	    {mail_token_mime, "dkim=pass", "dkim", "=pass"},
	    {mail_token_mime, "a.b/c", "a.b", "/c"},
	    {mail_token_mime, "\xc3\xa4", NULL, NULL},
	    {mail_token_quoted, "\"a b\"c", "\"a b\"", "c"},
	    {mail_token_quoted, "\"\\\"\"c", "\"\\\"\"", "c"},
	    {mail_token_quoted, "\"\"", "\"\"", ""},
	    {mail_token_quoted, "\"a", NULL, NULL},
	    {mail_token_quoted, "\"a\\\"", NULL, NULL},
	    {mail_token_quoted, "a\"\"", NULL, NULL},
	    {mail_token_quoted, "\"", NULL, NULL},
	    {mail_token_domain_literal, "[::1]x", "[::1]", "x"},
	    {mail_token_domain_literal, "[]", NULL, NULL},
	    {mail_token_domain_literal, "[a", NULL, NULL},
	    {mail_token_domain_literal, "[a[b]", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct token_case *c = &cases[i];
		struct slice in = slice_str(c->in), before = in;
		struct slice taken = SLICE("untouched");

		if (c->taken == NULL) {
			assert_int_equal(c->step(&in, &taken), -1);
			assert_ptr_equal(in.p, before.p);
			assert_int_equal(in.n, before.n);
			assert_slice_equal(taken, SLICE("untouched"));
			continue;
		}
		assert_int_equal(c->step(&in, &taken), 0);
		assert_slice_equal(taken, slice_str(c->taken));
		assert_slice_equal(in, slice_str(c->left));
	}
}

/* Whoever reads the field later may have no bound, so a bound of ours would
 * hide what stands behind it. */
static void
test_comments_nest_as_deep_as_they_like(void **state)
{
	enum { DEPTH = 100000 };
	char *text = malloc(2 * DEPTH);
	struct slice in, inside;

	(void)state;
	assert_non_null(text);
	memset(text, '(', DEPTH);
	memset(text + DEPTH, ')', DEPTH);
	in = slice_from(text, 2 * DEPTH);
	assert_int_equal(mail_token_comment(&in, &inside), 0);
	assert_int_equal(in.n, 0);
	assert_int_equal(inside.n, 2 * DEPTH - 2);
	in = slice_from(text, 2 * DEPTH - 1);
	assert_int_equal(mail_token_cfws(&in), -1);
	assert_int_equal(in.n, 2 * DEPTH - 1);
	free(text);
}

static void
test_char_takes_that_character(void **state)
{
	struct slice in = SLICE("@a");

	(void)state;
	assert_false(mail_token_char(&in, 'a'));
	assert_true(mail_token_char(&in, '@'));
	assert_true(mail_token_char(&in, 'a'));
	assert_false(mail_token_char(&in, 'a'));
	assert_false(mail_token_is_atext('\0'));
	assert_false(mail_token_is_mime('\0'));
	assert_false(mail_token_is_mime('\x7f'));
}

static void
test_unquote_and_quote(void **state)
{
	static const struct {
		const char *raw, *content, *again;
	} cases[] = {
	    {"\"\"", "", "\"\""},
	    {"\"a b\"", "a b", "\"a b\""},
	    {"\"a\\\"b\\\\\"", "a\"b\\", "\"a\\\"b\\\\\""},
	    {"\"\\a\"", "a", "\"a\""},
	    {"\"a\r\n b\"", "a b", "\"a b\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf content, again;

		strbuf_init(&content, 100);
		strbuf_init(&again, 100);
		assert_int_equal(
		    mail_token_unquote(slice_str(cases[i].raw), &content), 0);
		assert_slice_equal(
		    strbuf_slice(&content), slice_str(cases[i].content));
		assert_int_equal(
		    mail_token_quote(strbuf_slice(&content), &again), 0);
		assert_slice_equal(
		    strbuf_slice(&again), slice_str(cases[i].again));
		strbuf_clear(&content);
		strbuf_clear(&again);
	}
}

static void
test_quote_lets_no_line_end_out(void **state)
{
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 100);
	assert_int_equal(mail_token_quote(SLICE("a\r\n\0b"), &out), 0);
	assert_slice_equal(strbuf_slice(&out), SLICE("\"ab\""));
	strbuf_clear(&out);
	strbuf_init(&out, 3);
	assert_int_equal(mail_token_quote(SLICE("abc"), &out), -1);
	strbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_steps),
	    cmocka_unit_test(test_comments_nest_as_deep_as_they_like),
	    cmocka_unit_test(test_char_takes_that_character),
	    cmocka_unit_test(test_unquote_and_quote),
	    cmocka_unit_test(test_quote_lets_no_line_end_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
