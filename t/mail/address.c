/* mail/address: what is an address list, what it says, and what is none. */
#include "mail/address.h"
#include "t/lib/unit.h"

/* "display|local|domain" a mailbox, each followed by a line end. */
static void
show(const struct mail_address_list *list, struct strbuf *out)
{
	for (size_t i = 0; i < mail_address_count(list); i++) {
		const struct mail_mailbox *box = mail_address_at(list, i);

		(void)strbuf_add(out, box->display);
		(void)strbuf_add_char(out, '|');
		(void)strbuf_add(out, box->local);
		(void)strbuf_add_char(out, '|');
		(void)strbuf_add(out, box->domain);
		(void)strbuf_add_char(out, '\n');
	}
	assert_null(mail_address_at(list, mail_address_count(list)));
}

static void
test_lists(void **state)
{
	static const struct {
		const char *value, *shown;
	} cases[] = {
	    {" a@b.c", "|a|b.c\n"},
	    {" <a@b.c>", "|a|b.c\n"},
	    {" Joe Q. Public <j.q@x.test>", "Joe Q. Public|j.q|x.test\n"},
	    {" \"Joe, \\\"Q\\\"\" <j@x.test>", "Joe, \"Q\"|j|x.test\n"},
	    {"=?utf-8?q?J=C3=B6rg?= <j@x.test>",
		"=?utf-8?q?J=C3=B6rg?=|j|x.test\n"},
	    {" J\xf6rg <j@x.test>", "J\xf6rg|j|x.test\n"},
	    {" a@b, c@d", "|a|b\n|c|d\n"},
	    {" X <a@b>,\r\n\tY <c@d>", "X|a|b\nY|c|d\n"},
	    /* comments and folding anywhere */
	    {" (c(d)) a (x) @ (y) b . c (z) ", "|a|b.c\n"},
	    {" Joe\r\n Public (c) (d) <(e)a(f)@(g)b(h)>(i)",
		"Joe Public|a|b\n"},
	    {"A(x)B <a@b>", "A B|a|b\n"},
	    /* quoted local parts */
	    {"\"a b\"@c", "|a b|c\n"},
	    {"\"a\\\"b\"@c", "|a\"b|c\n"},
	    {"\"a@evil.test\"@good.test", "|a@evil.test|good.test\n"},
	    {"\"<a@evil.test>\" <b@good.test>", "<a@evil.test>|b|good.test\n"},
	    {"a.\"b c\".d@e", "|a.b c.d|e\n"},
	    {"\"\"@c", "||c\n"},
	    /* obsolete: spaces round dots, routes, empty elements */
	    {"a . b @ c . d", "|a.b|c.d\n"},
	    {"<@x,@y:a@b>", "|a|b\n"},
	    {"<@x , , @y (c) : a@b>", "|a|b\n"},
	    {", ,a@b,,c@d,", "|a|b\n|c|d\n"},
	    /* dots that should not be there: the domain is beyond doubt */
	    {"a..b@c", "|a..b|c\n"},
	    {".a.@c", "|.a.|c\n"},
	    /* groups */
	    {"Undisclosed:;", ""},
	    {"G: a@b, X <c@d>;", "|a|b\nX|c|d\n"},
	    {"G: a@b;, H:c@d;,e@f", "|a|b\n|c|d\n|e|f\n"},
	    {"G:,a@b,,;", "|a|b\n"},
	    {"\"G h\" (c) : ;", ""},
	    /* literals, UTF-8, nothing */
	    {"a@[127.0.0.1]", "|a|[127.0.0.1]\n"},
	    {"a@[IPv6:::1]", "|a|[IPv6:::1]\n"},
	    {"\xd0\xb8@\xd0\xbf.\xd1\x80\xd1\x84",
		"|\xd0\xb8|\xd0\xbf.\xd1\x80\xd1\x84\n"},
	    {"", ""},
	    {" ", ""},
	    {"(nobody)", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf reason, shown;
		struct mail_address_list *list;

		strbuf_init(&reason, 1000);
		strbuf_init(&shown, 1000);
		list = mail_address_parse(slice_str(cases[i].value), &reason);
		assert_slice_equal(strbuf_slice(&reason), SLICE(""));
		assert_non_null(list);
		show(list, &shown);
		assert_slice_equal(
		    strbuf_slice(&shown), slice_str(cases[i].shown));
		mail_address_free(list);
		strbuf_clear(&shown);
		strbuf_clear(&reason);
	}
}

static void
test_what_is_no_list(void **state)
{
	static const struct {
		const char *value, *reason;
	} cases[] = {
	    {"root", "address without a domain"},
	    {"Joe Public", "address without a domain"},
	    {"a b@c", "address without a domain"},
	    {"Foo, Bar <a@b>", "address without a domain"},
	    {"a@", "bad domain in address"},
	    {"a@b..c", "bad domain in address"},
	    {"a@b.", "bad domain in address"},
	    {"a@.b", "bad domain in address"},
	    {"a@\"b\"", "bad domain in address"},
	    {"a@[b", "bad domain in address"},
	    {"@b", "bad local part in address"},
	    {".@b", "bad local part in address"},
	    {"@@@", "bad local part in address"},
	    {"<>", "empty address"},
	    {"X < (c) >", "empty address"},
	    {"<a@b", "address without its >"},
	    {"<a@b c@d>", "address without its >"},
	    {"<<a@b>>", "bad local part in address"},
	    {"<@x a@b>", "bad route in address"},
	    {"a@b c@d", "unexpected character in address list"},
	    {"a@b <c@d>", "unexpected character in address list"},
	    {"<a@b> c", "unexpected character in address list"},
	    {"a@b@c", "unexpected character in address list"},
	    {"a@b;", "unexpected character in address list"},
	    {"a@b.c\n", "unexpected character in address list"},
	    {"a@evil.test <b@good.test>",
		"unexpected character in address list"},
	    {"\"a@b", "quoted string without end in address"},
	    {"(a@b", "comment without end in address"},
	    {"a@b (c", "comment without end in address"},
	    {":;", "group without a name"},
	    {"G:", "group without its ;"},
	    {"G: a@b", "group without its ;"},
	    {"G: H: a@b;;", "group inside a group"},
	    {"a\xff@b", "bad local part in address"},
	    {"a@b\xff", "bad domain in address"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf reason;

		strbuf_init(&reason, 1000);
		assert_null(
		    mail_address_parse(slice_str(cases[i].value), &reason));
		assert_slice_equal(
		    strbuf_slice(&reason), slice_str(cases[i].reason));
		strbuf_clear(&reason);
		assert_null(
		    mail_address_parse(slice_str(cases[i].value), NULL));
	}
}

/* The addresses that others may see in what we do not read to its end. */
static void
test_what_is_salvaged_of_no_list(void **state)
{
	static const struct {
		const char *value, *shown;
	} cases[] = {
	    {"C <c@b.com> x", "C|c|b.com\n"},
	    {"<c@b.com> <x@e.org>", "|c|b.com\n|x|e.org\n"},
	    {"<c@b.com", "|c|b.com\n"},
	    {"<c@b.com c@d>", "|c|b.com\n|c|d\n"},
	    {"<<c@b.com>>", "|c|b.com\n"},
	    {"\"C\" <c@b.com", "C|c|b.com\n"},
	    {"\"C <c@b.com>", "|c|b.com\n"},
	    {"c@b.com;", "|c|b.com\n"},
	    {"c@b.com.", "|c|b.com\n"},
	    {"c@b.com..", "|c|b.com\n"},
	    {"c@b.com (", "|c|b.com\n"},
	    {"c@b.com \"x", "|c|b.com\n"},
	    {"c@b.com\x01", "|c|b.com\n"},
	    {"c@b.com[x]", "|c|b.com\n"},
	    {"C, Inc. <c@b.com>", "|c|b.com\n"},
	    {"C, Inc., c@b.com", "|c|b.com\n"},
	    {"C @ B <c@b.com>", "|C|B\n|c|b.com\n"},
	    {"x@e.org c@b.com", "|x|e.org\n|c|b.com\n"},
	    {"x@e.org@b.com", "|x|e.org\n||b.com\n"},
	    {"G: H: c@b.com", "|c|b.com\n"},
	    {"G: c@b.com", "|c|b.com\n"},
	    {"(C <c@b.com>", "|c|b.com\n"},
	    {"C [x] <c@b.com>", "|c|b.com\n"},
	    {"\xff <\xff@b.com>", "\xff|\xff|b.com\n"},
	    {"<@x c@b.com>", "|c|b.com\n"},
	    {"root", ""},
	    {"@", ""},
	    {"c@", ""},
	    {"c@.", ""},
	    {",,<,<,,,<", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_address_list *list =
		    mail_address_salvage(slice_str(cases[i].value));
		struct strbuf shown;

		assert_non_null(mail_address_fault(list));
		strbuf_init(&shown, 1000);
		show(list, &shown);
		assert_slice_equal(
		    strbuf_slice(&shown), slice_str(cases[i].shown));
		strbuf_clear(&shown);
		mail_address_free(list);
	}
}

static void
test_nothing_is_salvaged_where_all_is_well(void **state)
{
	struct mail_address_list *list =
	    mail_address_salvage(SLICE("a@b, X <c@d>"));

	(void)state;
	assert_null(mail_address_fault(list));
	assert_int_equal(mail_address_count(list), 2);
	mail_address_free(list);
}

/* Each piece is read once: half a megabyte of open comments takes no
 * time to speak of, nor do more addresses than a list may have. */
static void
test_salvage_is_bounded(void **state)
{
	enum { TIMES = 200000 };
	static const char *const pieces[] = {"<(", "<\"", ",(", "<a@b,", ",a("};

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct mail_address_list *list;
		struct strbuf value;

		strbuf_init(&value, 1 << 20);
		for (int j = 0; j < TIMES; j++)
			(void)strbuf_add_str(&value, pieces[i]);
		list = mail_address_salvage(strbuf_slice(&value));
		assert_non_null(mail_address_fault(list));
		assert_in_range(
		    mail_address_count(list), 0, MAIL_ADDRESS_COUNT_MAX);
		mail_address_free(list);
		strbuf_clear(&value);
	}
}

static void
test_nuls_are_no_address(void **state)
{
	(void)state;
	assert_null(mail_address_parse(SLICE("a@b\0.c"), NULL));
	assert_null(mail_address_parse(SLICE("a\0@b"), NULL));
}

static void
test_how_many_mailboxes_there_may_be(void **state)
{
	struct strbuf value, reason;
	struct mail_address_list *list;

	(void)state;
	strbuf_init(&value, 1 << 20);
	strbuf_init(&reason, 100);
	for (int i = 0; i < MAIL_ADDRESS_COUNT_MAX; i++)
		(void)strbuf_addf(&value, "X y <a%d@b>,", i);
	list = mail_address_parse(strbuf_slice(&value), &reason);
	assert_non_null(list);
	assert_int_equal(mail_address_count(list), MAIL_ADDRESS_COUNT_MAX);
	assert_slice_equal(mail_address_at(list, 999)->local, SLICE("a999"));
	assert_slice_equal(mail_address_at(list, 0)->display, SLICE("X y"));
	mail_address_free(list);
	(void)strbuf_add_str(&value, "a@b");
	assert_null(mail_address_parse(strbuf_slice(&value), &reason));
	assert_slice_equal(strbuf_slice(&reason), SLICE("too many addresses"));
	strbuf_clear(&value);
	strbuf_clear(&reason);
}

static void
test_print_quotes_where_it_must(void **state)
{
	static const struct {
		const char *value, *printed;
	} cases[] = {
	    {"a.b@c", "a.b@c"},
	    {"\"a.b\"@c", "a.b@c"},
	    {"\"a b\"@c", "\"a b\"@c"},
	    {"\"a\\\"b\"@c", "\"a\\\"b\"@c"},
	    {"\"a@b\"@c", "\"a@b\"@c"},
	    {"a..b@c", "\"a..b\"@c"},
	    {"\"\"@c", "\"\"@c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf out;
		struct mail_address_list *list =
		    mail_address_parse(slice_str(cases[i].value), NULL);

		assert_non_null(list);
		strbuf_init(&out, 100);
		assert_int_equal(
		    mail_mailbox_print(mail_address_at(list, 0), &out), 0);
		assert_slice_equal(
		    strbuf_slice(&out), slice_str(cases[i].printed));
		strbuf_clear(&out);
		mail_address_free(list);
	}
}

static void
test_halves_of_an_addr_spec(void **state)
{
	static const struct {
		const char *address, *local, *domain;
	} cases[] = {
	    {"a@b", "a", "b"},
	    {"\"a@b\"@c", "\"a@b\"", "c"},
	    {"@b", "", "b"},
	    {"a@", "a", ""},
	    {"a", "a", ""},
	    {"", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice address = slice_str(cases[i].address);

		assert_slice_equal(
		    mail_address_local(address), slice_str(cases[i].local));
		assert_slice_equal(
		    mail_address_domain(address), slice_str(cases[i].domain));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_what_is_no_list),
	    cmocka_unit_test(test_what_is_salvaged_of_no_list),
	    cmocka_unit_test(test_nothing_is_salvaged_where_all_is_well),
	    cmocka_unit_test(test_salvage_is_bounded),
	    cmocka_unit_test(test_nuls_are_no_address),
	    cmocka_unit_test(test_how_many_mailboxes_there_may_be),
	    cmocka_unit_test(test_print_quotes_where_it_must),
	    cmocka_unit_test(test_halves_of_an_addr_spec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
