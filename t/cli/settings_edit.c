/* cli/settings_edit: a line here and there, all else as it was. */
#include "cli/settings_edit.h"
#include "t/lib/unit.h"

enum { TEXT_MAX = 1000 };

static const char sample[] = "# signpost.conf\n"
			     "[signpost]\n"
			     "user = signpost ; who\n"
			     "[out]\n"
			     "domain = example.org, ; ours\n"
			     "    example.com\n"
			     "relay = 127.0.0.1:10028\n"
			     "#ttl = 0 ; seconds\n"
			     "# Take the # away.\n"
			     "#[in]\n"
			     "#listen = 127.0.0.1:10025\n"
			     "[dns]\n"
			     "timeout = 5s";

static void
test_what_a_line_sets_is_found(void **state)
{
	static const struct {
		const char *section, *name, *value; /* NULL: none */
	} cases[] = {
	    {"signpost", "user", "signpost"},
	    {"out", "user", NULL},
	    {"out", "domain", "example.org,"},
	    {"out", "ttl", NULL},
	    {"in", "listen", NULL},
	    {"dns", "timeout", "5s"},
	    {"dns", "time", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice value;
		bool found = cli_settings_get(slice_str(sample),
		    slice_str(cases[i].section), slice_str(cases[i].name),
		    &value);

		assert_int_equal(found, cases[i].value != NULL);
		if (found)
			assert_slice_equal(value, slice_str(cases[i].value));
	}
}

static void
test_a_line_is_set_where_a_person_would_set_it(void **state)
{
	static const struct {
		bool add;
		const char *section, *name, *value, *before, *after;
	} cases[] = {
	    {false, "a", "b", "1", "[a]\nb = 0 ; why\nc = 2\n",
		"[a]\nb = 1\nc = 2\n"},
	    {false, "a", "b", "1", "[a]\nb = 0,\n  7\nc = 2\n",
		"[a]\nb = 1\nc = 2\n"},
	    {false, "a", "b", "1", "[a]\nc = 2\n#b = 0\n[d]\n",
		"[a]\nc = 2\nb = 1\n[d]\n"},
	    {false, "a", "b", "1", "[a]\nc = 2\n", "[a]\nb = 1\nc = 2\n"},
	    {false, "a", "b", "1", "[c]\nb = 2", "[c]\nb = 2\n\n[a]\nb = 1\n"},
	    {false, "a", "b", "1", "", "[a]\nb = 1\n"},
	    /* a section behind a # is taken from behind it */
	    {false, "a", "b", "1", "[c]\n#[a]\n#b = 0\n#c = 5\n[d]\nb = 2\n",
		"[c]\n[a]\nb = 1\n#c = 5\n[d]\nb = 2\n"},
	    /* what it shows is not of the section above */
	    {false, "c", "b", "1", "[c]\n#[a]\n#b = 0\n",
		"[c]\nb = 1\n#[a]\n#b = 0\n"},
	    /* what is shown in another section is not where it belongs */
	    {false, "a", "b", "1", "[a]\nc = 2\n[d]\n#[a]\n#b = 0\n",
		"[a]\nb = 1\nc = 2\n[d]\n#[a]\n#b = 0\n"},
	    {true, "a", "b", "1", "[a]\nb = 0,\n\t7\nb = 8\n\t9\nc = 2\n",
		"[a]\nb = 0,\n\t7\nb = 8\n\t9\nb = 1\nc = 2\n"},
	    {true, "a", "b", "1", "[a]\nc = 2\n", "[a]\nb = 1\nc = 2\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf text;
		int (*edit)(
		    struct strbuf *, struct slice, struct slice, struct slice) =
		    cases[i].add ? cli_settings_add : cli_settings_set;

		strbuf_init(&text, TEXT_MAX);
		(void)strbuf_add_str(&text, cases[i].before);
		assert_int_equal(
		    edit(&text, slice_str(cases[i].section),
			slice_str(cases[i].name), slice_str(cases[i].value)),
		    0);
		assert_slice_equal(
		    strbuf_slice(&text), slice_str(cases[i].after));
		strbuf_clear(&text);
	}
}

static void
test_a_text_that_grows_past_its_cap_is_refused_whole(void **state)
{
	static const char before[] = "[a]\nb = 0\n";
	struct strbuf text;

	(void)state;
	strbuf_init(&text, sizeof(before) + 3);
	(void)strbuf_add_str(&text, before);
	assert_int_equal(cli_settings_set(&text, SLICE("a"), SLICE("b"),
			     SLICE("a long value")),
	    -1);
	assert_slice_equal(strbuf_slice(&text), slice_str(before));
	strbuf_clear(&text);
}

static bool
is_that(void *ctx, struct slice item)
{
	return slice_equal(item, slice_str(ctx));
}

static void
test_an_item_is_taken_out_of_a_list(void **state)
{
	static const struct {
		int dropped;
		const char *before, *after;
	} cases[] = {
	    {0, "[a]\nb = y, z\n", "[a]\nb = y, z\n"},
	    {0, "[c]\nb = x\n[a]\n# b = x\nc = x\n",
		"[c]\nb = x\n[a]\n# b = x\nc = x\n"},
	    {1, "[a]\nb = x, y ; two\nc = 2\n", "[a]\nb = y ; two\nc = 2\n"},
	    {1, "[a]\nb=y ,x,z", "[a]\nb = y, z\n"},
	    {1, "[a]\nb = x ; one\nc = 2\n", "[a]\nc = 2\n"},
	    {2, "[a]\nb = y\nb = x\nb = z, x\n", "[a]\nb = y\nb = z\n"},
	    /* lines that go on */
	    {1, "[a]\nb = y,\n  x, ; he\n\tz\nc = 1\n",
		"[a]\nb = y,\n\tz\nc = 1\n"},
	    {1, "[a]\nb = x, ; he\n  y, z ; they\n  w\nc = 1\n",
		"[a]\nb = y, z ; they\n  w\nc = 1\n"},
	    {2, "[a]\nb = x,\n  x\n  w\n", "[a]\nb = w\n"},
	    {2, "[a]\nb =\n  x\n  x\nc = 1\n", "[a]\nb =\nc = 1\n"},
	    {1, "[a]\nb = y\n# of it\n  x, z\n", "[a]\nb = y\n# of it\n\tz\n"},
	    /* what goes on behind another line is not of the list */
	    {0, "[a]\nb = y\nc = z\n  x\n", "[a]\nb = y\nc = z\n  x\n"},
	};
	char wanted[] = "x";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf text;

		strbuf_init(&text, TEXT_MAX);
		strbuf_add_str(&text, cases[i].before);
		assert_int_equal(cli_settings_drop(&text, SLICE("a"),
				     SLICE("b"), is_that, wanted),
		    cases[i].dropped);
		assert_string_equal(strbuf_text(&text), cases[i].after);
		strbuf_clear(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_a_line_sets_is_found),
	    cmocka_unit_test(test_a_line_is_set_where_a_person_would_set_it),
	    cmocka_unit_test(
		test_a_text_that_grows_past_its_cap_is_refused_whole),
	    cmocka_unit_test(test_an_item_is_taken_out_of_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
