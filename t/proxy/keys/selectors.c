/* The file of selectors as a value: read, changed, printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "proxy/keys/selectors.h"
#include "t/lib/unit.h"

static const char usual[] =
    "# kept by signpost rotate; may be edited\n"
    "rsa      active   m202611r   since=2026-11-29T10:00:00Z\n"
    "rsa      staged   m202705r   made=2027-05-29T04:00:00Z  "
    "seen=2027-05-29T06:10:00Z\n"
    "\n"
    "Ed25519  ACTIVE   m202611e   since=2026-11-29T10:00:00Z  # ours\n"
    "\trsa retired m202605r since=2026-11-29T10:00:00Z\n";

static struct proxy_selectors *
parse(const char *text)
{
	struct strbuf reason;
	struct proxy_selectors *s;

	strbuf_init(&reason, 4096);
	s = proxy_selectors_parse("selectors", slice_str(text), &reason);
	if (s == NULL)
		fail_msg("%s", strbuf_text(&reason));
	strbuf_clear(&reason);
	return s;
}

static void
expect_refused(const char *text, const char *want)
{
	struct strbuf reason;

	strbuf_init(&reason, 4096);
	assert_null(
	    proxy_selectors_parse("selectors", slice_str(text), &reason));
	if (strcmp(strbuf_text(&reason), want) != 0)
		fail_msg("\"%s\" is refused with \"%s\", want \"%s\"", text,
		    strbuf_text(&reason), want);
	strbuf_clear(&reason);
}

static void
expect_printed(const struct proxy_selectors *s, const char *want)
{
	struct strbuf text;

	strbuf_init(&text, PROXY_SELECTORS_BYTES_MAX);
	proxy_selectors_print(s, &text);
	assert_string_equal(strbuf_text(&text), want);
	strbuf_clear(&text);
}

static void
test_a_file_is_read_and_printed_as_it_was(void **state)
{
	struct proxy_selectors *s = parse(usual);
	const struct proxy_selector *key;

	(void)state;
	expect_printed(s, usual);
	key = proxy_selectors_next(s, NULL);
	assert_string_equal(key->name, "m202611r");
	assert_int_equal(key->type, DKIM_KEY_RSA);
	assert_int_equal(key->state, PROXY_SELECTOR_ACTIVE);
	assert_int_equal(key->moments[PROXY_SELECTOR_SINCE], 1795946400);
	assert_int_equal(key->moments[PROXY_SELECTOR_MADE], 0);
	key = proxy_selectors_next(s, key);
	assert_int_equal(key->state, PROXY_SELECTOR_STAGED);
	assert_int_equal(key->moments[PROXY_SELECTOR_SEEN], 1811571000);
	key = proxy_selectors_next(s, key);
	assert_int_equal(key->type, DKIM_KEY_ED25519);
	key = proxy_selectors_next(s, key);
	assert_int_equal(key->state, PROXY_SELECTOR_RETIRED);
	assert_null(proxy_selectors_next(s, key));
	proxy_selectors_free(s);
}

static void
test_a_key_is_found_by_kind_and_state_and_by_name(void **state)
{
	struct proxy_selectors *s = parse(usual);

	(void)state;
	assert_string_equal(
	    proxy_selectors_first(s, DKIM_KEY_RSA, PROXY_SELECTOR_ACTIVE)->name,
	    "m202611r");
	assert_string_equal(
	    proxy_selectors_first(s, DKIM_KEY_ED25519, PROXY_SELECTOR_ACTIVE)
		->name,
	    "m202611e");
	assert_null(
	    proxy_selectors_first(s, DKIM_KEY_ED25519, PROXY_SELECTOR_STAGED));
	assert_string_equal(
	    proxy_selectors_find(s, SLICE("M202605R"))->name, "m202605r");
	assert_null(proxy_selectors_find(s, SLICE("m2026")));
	proxy_selectors_free(s);
}

static void
test_a_mistake_refuses_the_file_with_its_line(void **state)
{
	static const char *const cases[][2] = {
	    {"", "selectors:0: no key is named"},
	    {"# nothing\n\n", "selectors:2: no key is named"},
	    {"rsa active a",
		"selectors:1: the last line has no end: is the file all "
		"there?"},
	    {"rsa active a\nrsa staged",
		"selectors:2: the last line has no end: is the file all "
		"there?"},
	    {"dsa active a\n",
		"selectors:1: a line begins with rsa or ed25519, not with "
		"\"dsa\""},
	    {"rsa signing a\n",
		"selectors:1: a key is staged, active or retired, not "
		"\"signing\""},
	    {"rsa\n", "selectors:1: a key is staged, active or retired, not"},
	    {"rsa active\n", "selectors:1: no selector:"},
	    {"rsa active ../x\n", "selectors:1: no selector: \"../x\""},
	    {"rsa active a_b\n", "selectors:1: no selector: \"a_b\""},
	    {"rsa active a\nrsa active b\n",
		"selectors:2: of each kind one key alone is active, and a line "
		"above has it: \"b\""},
	    {"rsa active a\ned25519 staged A\n",
		"selectors:2: a line above has this selector: \"A\""},
	    {"rsa active a sicne=2026-11-29T10:00:00Z\n",
		"selectors:1: behind a selector stand made=, seen=, until=, "
		"since=, used=, lost=, lame= and told=, not "
		"\"sicne=2026-11-29T10:00:00Z\""},
	    {"rsa active a b\n",
		"selectors:1: behind a selector stand made=, seen=, until=, "
		"since=, used=, lost=, lame= and told=, not \"b\""},
	    {"rsa active a since=2026-11-29T10:00:00Z "
	     "since=2026-11-29T10:00:00Z\n",
		"selectors:1: it is there twice: "
		"\"since=2026-11-29T10:00:00Z\""},
	    {"# x\nrsa active a since=2027-02-29T10:00:00Z\n",
		"selectors:2: it is no time, as in "
		"since=2026-11-29T10:00:00Z: \"since=2027-02-29T10:00:00Z\""},
	    {"rsa active a since=\n",
		"selectors:1: it is no time, as in "
		"since=2026-11-29T10:00:00Z: \"since=\""},
	    {"rsa active a\x01\n",
		"selectors:1: a control character: \"rsa active a\\x01\""},
	    {"# \x1b[2J\n", "selectors:1: a control character: \"# \\x1b[2J\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_refused(cases[i][0], cases[i][1]);
}

static void
test_a_file_has_bounds(void **state)
{
	struct strbuf text, want;

	(void)state;
	strbuf_init(&text, 2 * PROXY_SELECTORS_BYTES_MAX);
	strbuf_init(&want, 200);
	for (int i = 0; i < PROXY_SELECTORS_LINES_MAX; i++)
		strbuf_addf(&text, "rsa retired a%d\n", i);
	proxy_selectors_free(parse(strbuf_text(&text)));
	strbuf_add_str(&text, "\n");
	strbuf_addf(&want, "selectors:%d: there are too many lines",
	    PROXY_SELECTORS_LINES_MAX + 1);
	expect_refused(strbuf_text(&text), strbuf_text(&want));
	strbuf_reset(&text);
	strbuf_reset(&want);
	strbuf_add_str(&text, "rsa active a\n#");
	while (text.n < PROXY_SELECTORS_BYTES_MAX - 1)
		strbuf_add_char(&text, 'x');
	strbuf_add_char(&text, '\n');
	proxy_selectors_free(parse(strbuf_text(&text)));
	text.p[text.n - 1] = 'x';
	strbuf_add_char(&text, '\n');
	strbuf_addf(
	    &want, "selectors: over %d bytes", PROXY_SELECTORS_BYTES_MAX);
	expect_refused(strbuf_text(&text), strbuf_text(&want));
	strbuf_clear(&want);
	strbuf_clear(&text);
}

static void
test_only_what_changes_is_printed_anew(void **state)
{
	struct proxy_selectors *s = parse(usual);
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 4096);
	assert_int_equal(proxy_selectors_set_state(s, SLICE("m202611r"),
			     PROXY_SELECTOR_RETIRED, &reason),
	    0);
	assert_int_equal(proxy_selectors_set_moment(s, SLICE("m202611r"),
			     PROXY_SELECTOR_SINCE, 1811574000),
	    0);
	assert_int_equal(proxy_selectors_set_state(s, SLICE("m202705r"),
			     PROXY_SELECTOR_ACTIVE, &reason),
	    0);
	assert_int_equal(proxy_selectors_set_moment(
			     s, SLICE("m202705r"), PROXY_SELECTOR_SEEN, 0),
	    0);
	assert_int_equal(proxy_selectors_set_moment(s, SLICE("m202611e"),
			     PROXY_SELECTOR_USED, 1811574001),
	    0);
	assert_int_equal(proxy_selectors_remove(s, SLICE("m202605r")), 0);
	assert_int_equal(
	    proxy_selectors_add(s, DKIM_KEY_ED25519, SLICE("n"), &reason), 0);
	expect_printed(s,
	    "# kept by signpost rotate; may be edited\n"
	    "rsa      retired  m202611r  since=2027-05-29T07:00:00Z\n"
	    "rsa      active   m202705r  made=2027-05-29T04:00:00Z\n"
	    "\n"
	    "ed25519  active   m202611e  since=2026-11-29T10:00:00Z  "
	    "used=2027-05-29T07:00:01Z  # ours\n"
	    "ed25519  staged   n\n");
	assert_int_equal(reason.n, 0);
	strbuf_clear(&reason);
	proxy_selectors_free(s);
}

static void
expect_kept_out(int outcome, struct strbuf *reason, const char *want)
{
	assert_int_equal(outcome, -1);
	assert_string_equal(strbuf_text(reason), want);
	strbuf_reset(reason);
}

static void
test_a_change_that_would_be_a_mistake_is_none(void **state)
{
	struct proxy_selectors *s = parse(usual);
	struct strbuf reason;

	(void)state;
	strbuf_init(&reason, 4096);
	expect_kept_out(proxy_selectors_set_state(s, SLICE("m202705r"),
			    PROXY_SELECTOR_ACTIVE, &reason),
	    &reason, "selector m202611r is active");
	expect_kept_out(proxy_selectors_set_state(
			    s, SLICE("x"), PROXY_SELECTOR_ACTIVE, &reason),
	    &reason, "there is no selector x");
	expect_kept_out(
	    proxy_selectors_add(s, DKIM_KEY_RSA, SLICE("M202611E"), &reason),
	    &reason, "selector M202611E is taken");
	expect_kept_out(
	    proxy_selectors_add(s, DKIM_KEY_RSA, SLICE("a/b"), &reason),
	    &reason, "a/b: no selector");
	assert_int_equal(proxy_selectors_remove(s, SLICE("x")), -1);
	assert_int_equal(
	    proxy_selectors_set_moment(s, SLICE("x"), PROXY_SELECTOR_MADE, 1),
	    -1);
	expect_printed(s, usual);
	strbuf_clear(&reason);
	proxy_selectors_free(s);
}

static void
test_lines_end_as_an_editor_has_them(void **state)
{
	struct proxy_selectors *s = parse("rsa active a\r\n# b\r\n\r\n");

	(void)state;
	assert_string_equal(proxy_selectors_find(s, SLICE("a"))->name, "a");
	expect_printed(s, "rsa active a\n# b\n\n");
	proxy_selectors_free(s);
}

static void
test_times_are_what_they_were(void **state)
{
	static const char *const bad[] = {"2026-11-29T10:00:00",
	    "2026-11-29 10:00:00Z", "2026-11-29T10:00:00+", "2026-11-29",
	    "2026-13-29T10:00:00Z", "2026-11-31T10:00:00Z",
	    "2026-11-29T24:00:00Z", "1969-12-31T23:59:59Z",
	    "1970-01-01T00:00:00Z", "-026-11-29T10:00:00Z"};
	struct strbuf text;
	int64_t when;

	(void)state;
	strbuf_init(&text, 64);
	assert_int_equal(
	    proxy_selector_time_parse(SLICE("2028-02-29T23:59:59Z"), &when), 0);
	proxy_selector_time_print(when, &text);
	assert_string_equal(strbuf_text(&text), "2028-02-29T23:59:59Z");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (proxy_selector_time_parse(slice_str(bad[i]), &when) == 0)
			fail_msg("%s is a time", bad[i]);
	strbuf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_file_is_read_and_printed_as_it_was),
	    cmocka_unit_test(test_a_key_is_found_by_kind_and_state_and_by_name),
	    cmocka_unit_test(test_a_mistake_refuses_the_file_with_its_line),
	    cmocka_unit_test(test_a_file_has_bounds),
	    cmocka_unit_test(test_only_what_changes_is_printed_anew),
	    cmocka_unit_test(test_a_change_that_would_be_a_mistake_is_none),
	    cmocka_unit_test(test_lines_end_as_an_editor_has_them),
	    cmocka_unit_test(test_times_are_what_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
