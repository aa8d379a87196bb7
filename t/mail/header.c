/* mail/header: the parts of a field, and finding fields by name. */
#include "mail/header.h"
#include "base/strbuf.h"
#include "t/lib/unit.h"

static void
test_name_value_and_offset(void **state)
{
	static const struct {
		const char *raw, *name, *value;
	} cases[] = {
	    {"Subject: a b\r\n", "Subject", " a b"},
	    {"Subject \t:\ta\r\n b\r\n", "Subject", "\ta\r\n b"},
	    {"X:\r\n", "X", ""},
	    {"X::y\r\n", "X", ":y"},
	};
	struct slice before = SLICE("First: 1\r\n");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf bytes;
		struct mail_header *header;
		const struct mail_field *field;

		strbuf_init(&bytes, 1000);
		(void)strbuf_add(&bytes, before);
		(void)strbuf_add_str(&bytes, cases[i].raw);
		header = mail_header_parse(strbuf_slice(&bytes), 1000);
		assert_non_null(header);
		assert_int_equal(mail_header_count(header), 2);
		assert_null(mail_header_at(header, 2));
		field = mail_header_at(header, 1);
		assert_slice_equal(field->raw, slice_str(cases[i].raw));
		assert_slice_equal(field->name, slice_str(cases[i].name));
		assert_slice_equal(field->value, slice_str(cases[i].value));
		assert_int_equal(field->offset, before.n);
		mail_header_free(header);
		strbuf_clear(&bytes);
	}
}

static void
test_find_up_goes_from_the_bottom(void **state)
{
	struct mail_header *header =
	    mail_header_parse(SLICE("To: 0\r\nReceived: 1\r\nRECEIVED: 2\r\n"
				    "Subject: 3\r\nreceived : 4\r\n\r\n"),
		1000);
	static const size_t want[] = {4, 2, 1};
	size_t below;

	(void)state;
	assert_non_null(header);
	below = mail_header_count(header);
	for (size_t i = 0; i < 3; i++) {
		const struct mail_field *field =
		    mail_header_find_up(header, SLICE("Received"), &below);

		assert_ptr_equal(field, mail_header_at(header, want[i]));
		assert_int_equal(below, want[i]);
	}
	assert_null(mail_header_find_up(header, SLICE("Received"), &below));
	assert_null(mail_header_find_up(header, SLICE("Received"), &below));
	below = mail_header_count(header);
	assert_null(mail_header_find_up(header, SLICE("Receive"), &below));
	below = mail_header_count(header);
	assert_null(mail_header_find_up(header, SLICE(""), &below));
	assert_ptr_equal(mail_header_last(header, SLICE("received")),
	    mail_header_at(header, 4));
	assert_null(mail_header_last(header, SLICE("From")));
	assert_int_equal(mail_header_count_of(header, SLICE("rEceived")), 3);
	assert_int_equal(mail_header_count_of(header, SLICE("Subject")), 1);
	assert_int_equal(mail_header_count_of(header, SLICE("From")), 0);
	mail_header_free(header);
}

/* More names than buckets: each is still found, and only it. */
static void
test_a_thousand_names(void **state)
{
	struct strbuf bytes;
	struct mail_header *header;

	(void)state;
	strbuf_init(&bytes, 1 << 20);
	for (int i = 0; i < MAIL_HEADER_FIELDS_MAX; i++)
		(void)strbuf_addf(&bytes, "X-%d: v\r\n", i);
	header = mail_header_parse(strbuf_slice(&bytes), 1 << 20);
	assert_non_null(header);
	for (int i = 0; i < MAIL_HEADER_FIELDS_MAX; i++) {
		struct strbuf name;

		strbuf_init(&name, 100);
		(void)strbuf_addf(&name, "x-%d", i);
		assert_ptr_equal(mail_header_last(header, strbuf_slice(&name)),
		    mail_header_at(header, (size_t)i));
		assert_int_equal(
		    mail_header_count_of(header, strbuf_slice(&name)), 1);
		strbuf_clear(&name);
	}
	mail_header_free(header);
	strbuf_clear(&bytes);
}

static void
test_parse_copies_and_minds_the_cap(void **state)
{
	char bytes[] = "A: b\r\n\r\nbody";
	struct mail_header *header =
	    mail_header_parse(slice_from(bytes, sizeof(bytes) - 1), 6);

	(void)state;
	assert_non_null(header);
	memset(bytes, 'x', sizeof(bytes));
	assert_slice_equal(mail_header_at(header, 0)->raw, SLICE("A: b\r\n"));
	assert_int_equal(mail_header_size(header), 6);
	assert_int_equal(mail_header_ending(header), MAIL_HEADER_END_BLANK);
	mail_header_free(header);
	assert_null(mail_header_parse(SLICE("A: b\r\n\r\n"), 5));
	mail_header_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_name_value_and_offset),
	    cmocka_unit_test(test_find_up_goes_from_the_bottom),
	    cmocka_unit_test(test_a_thousand_names),
	    cmocka_unit_test(test_parse_copies_and_minds_the_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
