/* mail/fold: lines of 78 columns, and no line of white space. */
#include "mail/fold.h"
#include "t/lib/unit.h"

#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10

static void
test_word_folds_where_a_line_is_full(void **state)
{
	struct strbuf out;
	struct mail_fold fold;

	(void)state;
	strbuf_init(&out, 1000);
	mail_fold_begin(&fold, &out, SLICE("Name"));
	mail_fold_word(&fold, SLICE(X70 "xx")); /* to column 78 */
	mail_fold_word(&fold, SLICE("y"));	/* folds */
	mail_fold_word(&fold, SLICE(X70));	/* folds: 8 + 1 + 1 + 70 */
	mail_fold_word(&fold, SLICE(X70 "xxx"));
	mail_fold_end(&fold);
	assert_slice_equal(strbuf_slice(&out),
	    SLICE("Name: " X70 "xx\r\n\ty\r\n\t" X70 "\r\n\t" X70 "xxx\r\n"));
	strbuf_clear(&out);
}

static void
test_glue_puts_no_space_and_folds_once(void **state)
{
	struct strbuf out;
	struct mail_fold fold;

	(void)state;
	strbuf_init(&out, 1000);
	mail_fold_begin(&fold, &out, SLICE("N"));
	mail_fold_word(&fold, SLICE("h=a:"));
	mail_fold_glue(&fold, SLICE("b:"));
	mail_fold_glue(&fold, SLICE(X70)); /* 79 columns: folds */
	mail_fold_glue(&fold, SLICE(X70 "xxxxxxxxxx"));
	mail_fold_glue(&fold, SLICE(X70 "xxxxxxxxxx"));
	mail_fold_end(&fold);
	assert_slice_equal(strbuf_slice(&out),
	    SLICE("N: h=a:b:\r\n\t" X70 "\r\n\t" X70 "xxxxxxxxxx\r\n\t" X70
		  "xxxxxxxxxx\r\n"));
	strbuf_clear(&out);
}

static void
test_anywhere_fills_lines(void **state)
{
	struct strbuf out;
	struct mail_fold fold;

	(void)state;
	strbuf_init(&out, 1000);
	mail_fold_begin(&fold, &out, SLICE("N"));
	mail_fold_word(&fold, SLICE("b="));
	mail_fold_anywhere(&fold, SLICE(X70 "xxx" X70 "yy"));
	mail_fold_end(&fold);
	assert_slice_equal(strbuf_slice(&out),
	    SLICE("N: b=" X70 "xxx\r\n\t" X70 "\r\n\tyy\r\n"));
	strbuf_clear(&out);
}

/* Whatever is put in: no line over 78 unless one piece is wider, none of
 * white space alone, and without the folds it is what was put in. */
static void
test_any_mix_keeps_its_lines_short(void **state)
{
	char piece[80];
	struct strbuf out, plain;
	struct mail_fold fold;
	struct slice rest, line;

	(void)state;
	memset(piece, 'p', sizeof(piece));
	strbuf_init(&out, 1 << 20);
	strbuf_init(&plain, 1 << 20);
	mail_fold_begin(&fold, &out, SLICE("Field"));
	for (size_t i = 0; i < 2000; i++) {
		struct slice some = slice_from(piece, 1 + i * 7919 % 60);

		(void)strbuf_add(&plain, some);
		if (i % 3 == 0)
			mail_fold_word(&fold, some);
		else if (i % 3 == 1)
			mail_fold_glue(&fold, some);
		else
			mail_fold_anywhere(&fold, some);
	}
	mail_fold_end(&fold);
	rest = slice_first(strbuf_slice(&out), out.n - 2);
	rest = slice_after(rest, sizeof("Field:") - 1);
	for (size_t at = 0; slice_cut(&rest, '\n', &line);) {
		struct slice word, words = slice_trim(line);
		size_t indent = at == 0 ? sizeof("Field:") - 1 : 7;

		assert_true(words.n > 0);
		if (rest.p != NULL)
			assert_int_equal(line.p[line.n - 1], '\r');
		assert_true(indent + slice_trim(line).n + 1 <= 78);
		while (slice_cut(&words, ' ', &word)) {
			assert_slice_equal(word,
			    slice_first(
				slice_after(strbuf_slice(&plain), at), word.n));
			at += word.n;
		}
		if (rest.p == NULL)
			assert_int_equal(at, plain.n);
	}
	strbuf_clear(&out);
	strbuf_clear(&plain);
}

static void
test_a_full_buffer_is_seen_at_the_end(void **state)
{
	struct strbuf out;
	struct mail_fold fold;

	(void)state;
	strbuf_init(&out, 10);
	mail_fold_begin(&fold, &out, SLICE("Name"));
	mail_fold_word(&fold, SLICE(X70));
	mail_fold_anywhere(&fold, SLICE(X70));
	mail_fold_end(&fold);
	assert_true(out.full);
	strbuf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_word_folds_where_a_line_is_full),
	    cmocka_unit_test(test_glue_puts_no_space_and_folds_once),
	    cmocka_unit_test(test_anywhere_fills_lines),
	    cmocka_unit_test(test_any_mix_keeps_its_lines_short),
	    cmocka_unit_test(test_a_full_buffer_is_seen_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
