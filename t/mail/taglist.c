/* mail/taglist: RFC 6376 section 3.2. */
#include <time.h>

#include "base/strbuf.h"
#include "mail/taglist.h"
#include "t/lib/unit.h"

static void
test_lists(void **state)
{
	static const struct {
		const char *text, *shown; /* name=[value][whole] */
	} cases[] = {
	    {"a=b", "a=[b][b]"},
	    {"a=b;", "a=[b][b]"},
	    {"a=b; ", "a=[b][b]"},
	    {"a=b;\r\n ", "a=[b][b]"},
	    {" a = b ; c=d", "a=[b][ b ]c=[d][d]"},
	    {"\r\n\ta\r\n =\r\n\tb\r\n ;c=", "a=[b][\r\n\tb\r\n ]c=[][]"},
	    {"a=b c\r\n d;e=f", "a=[b c\r\n d][b c\r\n d]e=[f][f]"},
	    {"a=b=c==", "a=[b=c==][b=c==]"},
	    {"A=1; a=2", "A=[1][1]a=[2][2]"},
	    {"a_1=x", "a_1=[x][x]"},
	    {"i=@\xd0\xbf.test", "i=[@\xd0\xbf.test][@\xd0\xbf.test]"},
	    {"p=", "p=[][]"},
	    {"p= ;", "p=[][ ]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_taglist list;
		struct strbuf shown;
		enum mail_reason reason = MAIL_REASON_NONE;

		strbuf_init(&shown, 1000);
		assert_int_equal(mail_taglist_parse(
				     slice_str(cases[i].text), &list, &reason),
		    0);
		for (size_t j = 0; j < list.count; j++) {
			(void)strbuf_add(&shown, list.tags[j].name);
			(void)strbuf_add_str(&shown, "=[");
			(void)strbuf_add(&shown, list.tags[j].value);
			(void)strbuf_add_str(&shown, "][");
			(void)strbuf_add(&shown, list.tags[j].whole);
			(void)strbuf_add_str(&shown, "]");
		}
		assert_slice_equal(
		    strbuf_slice(&shown), slice_str(cases[i].shown));
		strbuf_clear(&shown);
	}
}

static void
test_what_is_no_list(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
	    {"", "tag without ="},
	    {" ", "tag without ="},
	    {";", "tag without ="},
	    {"a", "tag without ="},
	    {"a=b;;", "tag without ="},
	    {"a=b;;c=d", "tag without ="},
	    {";a=b", "tag without ="},
	    {"a=b; c", "tag without ="},
	    {"=b", "bad tag name"},
	    {"1=b", "bad tag name"},
	    {"a-b=c", "bad tag name"},
	    {"a b=c", "bad tag name"},
	    {"_a=c", "bad tag name"},
	    {"\xc3\xa4=c", "bad tag name"},
	    {"a=b; a=c", "duplicate tag"},
	    {"a=b; c=d; a=b", "duplicate tag"},
	    {"a=\x01", "bad character in tag value"},
	    {"a=\x7f", "bad character in tag value"},
	    {"a=\xff", "bad character in tag value"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_taglist list;
		enum mail_reason reason = MAIL_REASON_NONE;

		assert_int_equal(mail_taglist_parse(
				     slice_str(cases[i].text), &list, &reason),
		    -1);
		assert_string_equal(mail_reason_text(reason), cases[i].reason);
		assert_int_equal(list.count, 0);
		assert_int_equal(
		    mail_taglist_parse(slice_str(cases[i].text), &list, NULL),
		    -1);
	}
}

static void
test_nul_is_no_value(void **state)
{
	struct mail_taglist list;

	(void)state;
	assert_int_equal(mail_taglist_parse(SLICE("a=b\0c"), &list, NULL), -1);
	assert_int_equal(mail_taglist_parse(SLICE("a\0=b"), &list, NULL), -1);
	assert_int_equal(
	    mail_taglist_parse(slice_from(NULL, 0), &list, NULL), -1);
}

static void
test_find_tells_absent_from_empty(void **state)
{
	struct mail_taglist list;

	(void)state;
	assert_int_equal(mail_taglist_parse(SLICE("d=x; p=; q"
						  "=1"),
			     &list, NULL),
	    0);
	assert_slice_equal(mail_taglist_value(&list, SLICE("d")), SLICE("x"));
	assert_int_equal(mail_taglist_value(&list, SLICE("p")).n, 0);
	assert_non_null(mail_taglist_value(&list, SLICE("p")).p);
	assert_null(mail_taglist_value(&list, SLICE("s")).p);
	assert_null(mail_taglist_value(&list, SLICE("D")).p);
	assert_null(mail_taglist_find(&list, SLICE("s")));
	assert_ptr_equal(mail_taglist_find(&list, SLICE("q")), &list.tags[2]);
	/* a value that is empty at the very end */
	assert_int_equal(mail_taglist_parse(SLICE("p="), &list, NULL), 0);
	assert_non_null(mail_taglist_value(&list, SLICE("p")).p);
}

static void
test_how_many_tags_there_may_be(void **state)
{
	struct mail_taglist list;
	struct strbuf text;
	enum mail_reason reason = MAIL_REASON_NONE;

	(void)state;
	strbuf_init(&text, 100000);
	for (int i = 0; i < MAIL_TAGLIST_MAX; i++)
		(void)strbuf_addf(&text, "t%d=%d;", i, i);
	assert_int_equal(
	    mail_taglist_parse(strbuf_slice(&text), &list, &reason), 0);
	assert_int_equal(list.count, MAIL_TAGLIST_MAX);
	(void)strbuf_add_str(&text, "x=1");
	assert_int_equal(
	    mail_taglist_parse(strbuf_slice(&text), &list, &reason), -1);
	assert_int_equal(reason, MAIL_REASON_TAGS_TOO_MANY);
	strbuf_clear(&text);
}

/* Seconds that fifty lists of so many tags take, at best. */
static double
cost_of(int tags)
{
	struct mail_taglist list;
	struct strbuf text;
	double best = 1e9;

	strbuf_init(&text, 100000);
	for (int i = 0; i < tags; i++)
		(void)strbuf_addf(&text, "%c%c%c=;", 'a' + i / 100,
		    'a' + i / 10 % 10, 'a' + i % 10);
	for (int try = 0; try < 5; try++) {
		clock_t begin = clock();
		double took;

		for (int i = 0; i < 50; i++)
			assert_int_equal(mail_taglist_parse(
					     strbuf_slice(&text), &list, NULL),
			    0);
		took = (double)(clock() - begin) / CLOCKS_PER_SEC;
		best = took < best ? took : best;
	}
	strbuf_clear(&text);
	return best;
}

/* A header may hold a hundred lists of a thousand tags. */
static void
test_ten_times_the_tags_cost_no_hundred_times(void **state)
{
	(void)state;
	assert_true(cost_of(1000) < 40 * cost_of(100));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_what_is_no_list),
	    cmocka_unit_test(test_nul_is_no_value),
	    cmocka_unit_test(test_find_tells_absent_from_empty),
	    cmocka_unit_test(test_how_many_tags_there_may_be),
	    cmocka_unit_test(test_ten_times_the_tags_cost_no_hundred_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
