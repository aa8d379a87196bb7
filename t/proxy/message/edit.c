/* An edit names fields by name and number, in any mixture of names. */
#include <stdio.h>

#include "base/strbuf.h"
#include "proxy/message/edit.h"
#include "t/lib/unit.h"

enum { HEADER_MAX = 1 << 20 };

static void
test_a_field_is_named_by_its_number(void **state)
{
	static const struct proxy_removed want[] = {
	    {SLICE_INIT("A"), 0, 1},
	    {SLICE_INIT("B"), 1, 1},
	    {SLICE_INIT("a"), 4, 3},
	    {SLICE_INIT("b"), 5, 2},
	    {SLICE_INIT("A"), 7, 4},
	};
	struct mail_header *header = mail_header_parse(
	    SLICE("A: 0\r\nB: 1\r\nA: 2\r\nC: 3\r\na: 4\r\nb: 5\r\nC: 6\r\n"
		  "A: 7\r\n\r\n"),
	    HEADER_MAX);
	struct proxy_edit *edit = proxy_edit_new();
	const struct proxy_removed *removed;

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_int_equal(
		    proxy_edit_remove(edit, header, want[i].index), 0);
	assert_int_equal(
	    proxy_edit_removed(edit, &removed), sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_slice_equal(removed[i].name, want[i].name);
		assert_int_equal(removed[i].index, want[i].index);
		assert_int_equal(removed[i].number, want[i].number);
	}
	proxy_edit_free(edit);
	mail_header_free(header);
}

/* A header of nothing but what is left out costs no square of its fields. */
static void
test_keeps_its_bounds(void **state)
{
	struct proxy_edit *edit = proxy_edit_new();
	const struct proxy_removed *removed;
	static const char field[1024];
	struct mail_header *header;
	struct strbuf text;
	size_t count;

	(void)state;
	strbuf_init(&text, HEADER_MAX);
	for (unsigned i = 0; i < PROXY_EDIT_REMOVED_MAX; i++)
		strbuf_addf(&text, "%s: %u\r\n", i % 3 == 0 ? "B" : "A", i);
	header = mail_header_parse(strbuf_slice(&text), HEADER_MAX);
	assert_non_null(header);
	for (unsigned i = 0; i < PROXY_EDIT_REMOVED_MAX; i++)
		assert_int_equal(proxy_edit_remove(edit, header, i), 0);
	count = proxy_edit_removed(edit, &removed);
	assert_int_equal(count, PROXY_EDIT_REMOVED_MAX);
	assert_int_equal(removed[count - 1].number, count - (count + 2) / 3);
	assert_int_equal(proxy_edit_remove(edit, header, count), -1);
	proxy_edit_free(edit);

	edit = proxy_edit_new();
	assert_int_equal(proxy_edit_remove(edit, header, 5), 0);
	assert_int_equal(proxy_edit_remove(edit, header, 5), -1);
	assert_int_equal(proxy_edit_remove(edit, header, 4), -1);
	assert_int_equal(proxy_edit_remove(edit, header, count), -1);
	for (unsigned i = 0; i < PROXY_EDIT_TOP_MAX / sizeof(field); i++)
		assert_int_equal(
		    proxy_edit_top(edit, slice_from(field, sizeof(field))), 0);
	assert_int_equal(proxy_edit_top(edit, SLICE("x")), -1);
	assert_int_equal(proxy_edit_top_fields(edit).n, PROXY_EDIT_TOP_MAX);
	proxy_edit_free(edit);
	mail_header_free(header);
	strbuf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_field_is_named_by_its_number),
	    cmocka_unit_test(test_keeps_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
