/* Bottom-up picking: RFC 6376 section 5.4.2. */
#include <string.h>

#include "base/strbuf.h"
#include "dkim/field_pick.h"
#include "mail/header.h"
#include "t/lib/unit.h"

static const char fields[] = "A: 1\r\nB: 2\r\nA: 3\r\nC: 4\r\nA: 5\r\n\r\n";

/* Those fields and no others are marked. */
static void
expect_marks(
    const struct mail_header *header, const char *names, const char *want)
{
	bool picked[5] = {false};
	size_t marked = 0;

	dkim_field_pick_mark(header, slice_str(names), picked);
	for (size_t i = 0; i < 5; i++)
		if (picked[i]) {
			struct slice value =
			    slice_trim(mail_header_at(header, i)->value);

			assert_non_null(strchr(want, value.p[0]));
			marked++;
		}
	assert_int_equal(marked, strlen(want));
}

/* The values that are picked, without anything around. */
static void
expect(const char *names, size_t itself, const char *want)
{
	struct mail_header *header =
	    mail_header_parse(slice_str(fields), 1 << 20);
	struct strbuf text, digits;
	struct strbuf_sink sink;

	assert_non_null(header);
	strbuf_init(&text, 1000);
	strbuf_init(&digits, 1000);
	strbuf_sink_init(&sink, &text);
	dkim_field_pick_write(header, slice_str(names),
	    mail_header_at(header, itself), DKIM_CANON_SIMPLE, &sink.sink);
	for (size_t i = 0; i < text.n; i++)
		if (ascii_is_digit(text.p[i]))
			strbuf_add_char(&digits, text.p[i]);
	assert_string_equal(strbuf_text(&digits), want);
	if (itself >= mail_header_count(header))
		expect_marks(header, names, want);
	strbuf_clear(&text);
	strbuf_clear(&digits);
	mail_header_free(header);
}

enum { NONE = 99 };

static void
test_a_name_stands_for_its_lowest_field_that_is_left(void **state)
{
	static const struct {
		const char *names;
		size_t itself;
		const char *values;
	} cases[] = {
	    {"A", NONE, "5"},
	    {"A:A:A", NONE, "531"},
	    {"A:A:A:A:A", NONE, "531"},
	    {"a : B\r\n\t:a", NONE, "523"},
	    {"X:A:X:C", NONE, "54"},
	    {"B:B:A", NONE, "25"},
	    {"", NONE, ""},
	    /* A signature is not signed by itself, but stands in the line. */
	    {"A:B", 4, "2"},
	    {"A:A:B", 4, "32"},
	    {"A:A:A", 2, "51"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].names, cases[i].itself, cases[i].values);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_a_name_stands_for_its_lowest_field_that_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
