/* A header that is too large, field by field. */
#include "mail/skim.h"
#include "base/strbuf.h"
#include "mail/header.h"
#include "t/lib/unit.h"

static const struct {
	const char *in, *want;
} cases[] = {
    {"", ""},
    {"A: 1\r\n\r\nDrop: x\r\n", "A: 1\r\n\r\nDrop: x\r\n"},
    {"Drop: 1\r\n\r\nb", "\r\nb"},
    {"A: 1\r\nDrop: 2\r\n 3\r\n\t4\r\nB: 5\r\n 6\r\n\r\nb",
	"A: 1\r\nB: 5\r\n 6\r\n\r\nb"},
    {"dROP : x\r\nDrop: y\r\nDropped: z\r\n\r\n", "Dropped: z\r\n\r\n"},
    {"A: 1\r\nno field\r\nDrop: x\r\n", "A: 1\r\n\r\nno field\r\nDrop: x\r\n"},
    {"Drop: 1\r\nno field\r\n", "\r\nno field\r\n"},
    {" fold\r\nDrop: x\r\n", "\r\n fold\r\nDrop: x\r\n"},
    {"A: 1\r\nDrop: 2", "A: 1\r\n"},
    {"A: 1\r\nB: 2", "A: 1\r\nB: 2"},
    {"A: a\nDrop: b\r\r\nDrop: c\r\n\r\n", "A: a\nDrop: b\r\r\n\r\n"},
    {"A: 1\r\nDrop: 2\r\n", "A: 1\r\n"},
};

static size_t shown; /* octets of the longest field */

static bool
drops(void *ctx, const struct mail_field *field, bool whole)
{
	(void)ctx;
	if (field->raw.n > shown)
		shown = field->raw.n;
	if (slice_equal_nocase(field->name, SLICE("Long")))
		return whole;
	return slice_equal_nocase(field->name, SLICE("Drop"));
}

static void
keep(void *ctx, struct slice bytes)
{
	(void)strbuf_add(ctx, bytes);
}

static const struct mail_skim_ops ops = {drops, keep};

static void
skim(struct slice in, size_t cut, struct strbuf *out)
{
	struct mail_skim *s = mail_skim_new(&ops, out);

	strbuf_init(out, 1 << 24);
	for (; in.n > 0; in = slice_after(in, cut))
		mail_skim_write(s, slice_first(in, cut));
	mail_skim_end(s);
	mail_skim_free(s);
}

static void
test_fields_are_left_out_in_any_cuts(void **state)
{
	struct strbuf out;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t cut = 1; cut < 40; cut++) {
			skim(slice_str(cases[i].in), cut, &out);
			assert_slice_equal(
			    strbuf_slice(&out), slice_str(cases[i].want));
			strbuf_clear(&out);
		}
}

/* Of a field of any length the beginning is shown, and the whole goes. */
static void
test_long_fields_are_judged_by_their_beginning(void **state)
{
	static const char *const names[] = {"Drop: ", "Keep: ", "Long: "};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct strbuf in, out;

		strbuf_init(&in, 1 << 20);
		(void)strbuf_add_str(&in, names[i]);
		for (int k = 0; k < 20000; k++)
			(void)strbuf_add_str(&in, i == 1 ? "xx\r\n " : "xxxxx");
		(void)strbuf_add_str(&in, "\r\n\r\n");
		for (size_t cut = 1; cut < 100000; cut += 4999) {
			shown = 0;
			skim(strbuf_slice(&in), cut, &out);
			assert_int_equal(out.n, i == 0 ? 2 : in.n);
			assert_int_equal(shown, MAIL_SKIM_FIELD_MAX);
			strbuf_clear(&out);
		}
		strbuf_clear(&in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields_are_left_out_in_any_cuts),
	    cmocka_unit_test(test_long_fields_are_judged_by_their_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
