/* What h= of a DomainKey-Signature covers, and in which order. */
#include "dkim/domainkeys_private.h"
#include "mail/header.h"
#include "t/lib/unit.h"

enum { FIELDS_MAX = 20 };

/* The first octets of the values. */
static void
expect(const struct mail_field **fields, size_t count, const char *want)
{
	char values[FIELDS_MAX + 1] = "";

	assert_true(count <= FIELDS_MAX);
	for (size_t i = 0; i < count; i++)
		values[i] = slice_trim(fields[i]->value).p[0];
	assert_string_equal(values, want);
}

#define MIXED "S: s\r\nA: 1\r\nB: 2\r\nA: 3\r\nC: 4\r\nB: 5\r\n\r\n"
#define BELOW "A: 1\r\nB: 2\r\nS: s\r\nA: 3\r\nA: 4\r\nB: 5\r\n\r\n"

static void
test_both_readings_of_h(void **state)
{
	static const struct {
		const char *header;
		size_t index; /* of the signature */
		const char *names, *as_they_stand, *by_name;
	} cases[] = {
	    /* without h=: all below */
	    {MIXED, 0, NULL, "12345", "12345"},
	    {BELOW, 2, NULL, "345", "345"},
	    {BELOW, 5, NULL, "", ""},
	    /* a name once: all its fields */
	    {MIXED, 0, "A", "13", "13"},
	    {MIXED, 0, "C:A", "134", "413"},
	    {MIXED, 0, "A:B", "1235", "1325"},
	    {MIXED, 0, "B:A", "1235", "2513"},
	    /* several times: the lowest for the last, the rest for the first */
	    {MIXED, 0, "A:B:A", "1235", "1253"},
	    {MIXED, 0, "A:B:A:B", "1235", "1235"},
	    {MIXED, 0, "B:A:B:A", "1235", "2153"},
	    {BELOW, 2, "A:B:A", "345", "354"},
	    /* more often than it is there */
	    {MIXED, 0, "A:A:A:A", "13", "13"},
	    /* case and white space */
	    {MIXED, 0, " a\r\n\t: c ", "134", "134"},
	    /* names without a field */
	    {MIXED, 0, "X:C:X", "4", "4"},
	    {MIXED, 0, "", "", ""},
	    /* nothing above, and not the signature itself */
	    {BELOW, 2, "A:B", "345", "345"},
	    {BELOW, 3, "A:B", "45", "45"},
	    {BELOW, 5, "A:B", "", ""},
	    {MIXED, 0, "S:C", "4", "4"},
	    {MIXED, 1, "A:A", "3", "3"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_header *header =
		    mail_header_parse(slice_str(cases[i].header), 1 << 20);
		struct slice names = cases[i].names == NULL
		    ? slice_from(NULL, 0)
		    : slice_str(cases[i].names);
		const struct mail_field *fields[FIELDS_MAX];

		print_message("%s\n", cases[i].names);
		expect(fields,
		    dkim_domainkeys_as_they_stand(
			names, header, cases[i].index, fields),
		    cases[i].as_they_stand);
		expect(fields,
		    dkim_domainkeys_by_name(
			names, header, cases[i].index, fields),
		    cases[i].by_name);
		mail_header_free(header);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_both_readings_of_h),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
