/* mail/header: the parts of a field, and finding fields by name. */
#include <stdio.h>
#include <time.h>

#include "base/strbuf.h"
#include "mail/header.h"
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
test_as_many_names_as_there_may_be(void **state)
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

/* 900 fields; with `alike` they differ where a hash for few does not look. */
static struct mail_header *
many_fields(bool alike, struct strbuf *names)
{
	struct strbuf bytes;
	struct mail_header *header;
	char name[32];

	strbuf_init(&bytes, 1 << 20);
	for (unsigned n = 0; n < 900; n++) {
		(void)snprintf(name, sizeof(name),
		    alike ? "x-%04u-middle-x" : "x-%07u", n);
		(void)strbuf_addf(&bytes, "%s: y\r\n", name);
		(void)strbuf_addf(names, "%s:", name);
	}
	header = mail_header_parse(strbuf_slice(&bytes), 1 << 20);
	assert_non_null(header);
	strbuf_clear(&bytes);
	return header;
}

/* Processor time of a look at each name, the shortest of some. */
static double
time_to_find(bool alike)
{
	struct mail_header *header;
	struct strbuf names;
	double least = 1e9;

	strbuf_init(&names, 1 << 20);
	header = many_fields(alike, &names);
	for (int round = 0; round < 20; round++) {
		struct slice rest = strbuf_slice(&names), name;
		clock_t began = clock();
		double spent;

		while (slice_cut(&rest, ':', &name))
			if (name.n > 0)
				assert_int_equal(
				    mail_header_count_of(header, name), 1);
		spent = (double)(clock() - began) / CLOCKS_PER_SEC;
		least = spent < least ? spent : least;
	}
	mail_header_free(header);
	strbuf_clear(&names);
	return least;
}

static void
test_nobody_can_foresee_who_shares_a_bucket(void **state)
{
	double usual = time_to_find(false), hostile = time_to_find(true);

	(void)state;
	print_message("900 names: %.0f us, chosen to collide: %.0f us\n",
	    usual * 1e6, hostile * 1e6);
	assert_true(hostile < 5 * usual + 100e-6);
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
	    cmocka_unit_test(test_as_many_names_as_there_may_be),
	    cmocka_unit_test(test_nobody_can_foresee_who_shares_a_bucket),
	    cmocka_unit_test(test_parse_copies_and_minds_the_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
