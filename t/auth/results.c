/* auth/results: the field, its folding, what it quotes; forged fields. */
#include <stdio.h>
#include <stdlib.h>

#include "auth/results.h"
#include "mail/header.h"
#include "t/lib/unit.h"

static void
assert_field(const struct auth_results *results, const char *want)
{
	struct strbuf out;

	strbuf_init(&out, 1 << 20);
	assert_int_equal(
	    auth_results_print_field(results, SLICE("mx.example.org"), &out),
	    0);
	assert_slice_equal(strbuf_slice(&out), slice_str(want));
	strbuf_clear(&out);
}

static void
test_an_empty_list_says_none(void **state)
{
	static const struct auth_results results;

	(void)state;
	assert_field(
	    &results, "Authentication-Results: mx.example.org; none\r\n");
}

static void
test_every_method_with_its_properties(void **state)
{
	static const struct auth_results results = {.count = 8,
	    .list = {
		{.method = AUTH_SPF,
		    .verdict = MAIL_VERDICT_PASS,
		    .property = "mailfrom",
		    .identity = SLICE_INIT("a@example.org")},
		{.method = AUTH_SPF,
		    .verdict = MAIL_VERDICT_NONE,
		    .property = "helo",
		    .identity = SLICE_INIT("mail.example.org")},
		{.method = AUTH_SENDERID,
		    .verdict = MAIL_VERDICT_SOFTFAIL,
		    .property = "resent-from",
		    .identity = SLICE_INIT("b@example.org")},
		{.method = AUTH_DOMAINKEYS,
		    .verdict = MAIL_VERDICT_PASS,
		    .domain = SLICE_INIT("example.org"),
		    .identity = SLICE_INIT("left@out"),
		    .selector = SLICE_INIT("s")},
		{.method = AUTH_DKIM,
		    .verdict = MAIL_VERDICT_FAIL,
		    .domain = SLICE_INIT("example.org"),
		    .selector = SLICE_INIT("s1"),
		    .identity = SLICE_INIT("@example.org"),
		    .algorithm = SLICE_INIT("rsa-sha256"),
		    .signature = SLICE_INIT("dzdVy/fAKCdLXdJOc9G2q8LoXSl"),
		    .bits = 2048,
		    .authentic = true,
		    .reason = "body hash does not match"},
		{.method = AUTH_DMARC,
		    .verdict = MAIL_VERDICT_FAIL,
		    .property = "from",
		    .domain = SLICE_INIT("example.org"),
		    .policy = "reject",
		    .disposition = "quarantine"},
		{.method = AUTH_ARC,
		    .verdict = MAIL_VERDICT_PASS,
		    .instance = 2},
		{.method = AUTH_IPREV,
		    .verdict = MAIL_VERDICT_PASS,
		    .identity = SLICE_INIT("2001:db8::1")},
	    }};

	(void)state;
	assert_field(&results,
	    "Authentication-Results: mx.example.org;\r\n"
	    "\tspf=pass smtp.mailfrom=a@example.org;\r\n"
	    "\tspf=none smtp.helo=mail.example.org;\r\n"
	    "\tsender-id=softfail header.resent-from=b@example.org;\r\n"
	    "\tdomainkeys=pass header.d=example.org header.s=s;\r\n"
	    "\tdkim=fail (2048-bit key, DNSSEC) "
	    "reason=\"body hash does not match\"\r\n"
	    "\theader.d=example.org header.s=s1 header.a=rsa-sha256\r\n"
	    "\theader.b=\"dzdVy/fA\" header.i=@example.org;\r\n"
	    "\tdmarc=fail (p=reject) header.from=example.org "
	    "policy.dmarc=quarantine;\r\n"
	    "\tarc=pass (i=2);\r\n"
	    "\tiprev=pass policy.iprev=\"2001:db8::1\"\r\n");
}

static void
test_b_is_as_long_as_it_takes_to_tell_signatures_apart(void **state)
{
	static const struct auth_results results = {.count = 2,
	    .list = {
		{.method = AUTH_DKIM, .signature = SLICE_INIT("aaaaaaaaaab")},
		{.method = AUTH_DKIM, .signature = SLICE_INIT("aaaaaaaaaac")},
	    }};

	(void)state;
	assert_field(&results,
	    "Authentication-Results: mx.example.org;\r\n"
	    "\tdkim=none header.b=aaaaaaaaaab;\r\n"
	    "\tdkim=none header.b=aaaaaaaaaac\r\n");
}

/* What a message says comes out as one value, whatever it holds. */
static void
test_nothing_injects_a_result(void **state)
{
	static const struct {
		struct slice value;
		const char *want;
	} cases[] = {
	    {SLICE_INIT("a@b.example; dkim=pass"),
		"\"a@b.example? dkim=pass\""},
	    {SLICE_INIT("a@b\r\n\tdkim=pass"), "\"a@b???dkim=pass\""},
	    {SLICE_INIT("a b@c"), "\"a b@c\""},
	    {SLICE_INIT("a\"b@c"), "\"a\\\"b@c\""},
	    {SLICE_INIT("a\\"), "\"a\\\\\""},
	    {SLICE_INIT("\"x; y\"@b.example"), "\"\\\"x? y\\\"@b.example\""},
	    {SLICE_INIT("a(b)c"), "\"a(b)c\""},
	    {SLICE_INIT("a\0b"), "\"a?b\""},
	    {SLICE_INIT("\xc3\xa9@b.example"), "\"\xc3\xa9@b.example\""},
	    {SLICE_INIT("\xc3@b.example"), "\"?@b.example\""},
	    {SLICE_INIT("a\xc2\x85@b.example"), "\"a?@b.example\""},
	    {SLICE_INIT("\xc2\x80\xc2\x9f\xc2\xa0@b.example"),
		"\"??\xc2\xa0@b.example\""},
	    {SLICE_INIT("a\x7f@b.example"), "\"a?@b.example\""},
	    {SLICE_INIT("srs0=x=y=z@b.example"), "srs0=x=y=z@b.example"},
	    {SLICE_INIT("x=y"), "\"x=y\""},
	    {SLICE_INIT("@b.example"), "@b.example"},
	    {SLICE_INIT("a@b@c.example"), "\"a@b@c.example\""},
	    {SLICE_INIT("a@b_c.example"), "a@b_c.example"},
	    {SLICE_INIT("a@[192.0.2.1]"), "\"a@[192.0.2.1]\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct auth_results results = {.count = 1};
		char want[500];

		results.list[0] = (struct auth_result){.method = AUTH_SPF,
		    .property = "mailfrom",
		    .identity = cases[i].value};
		snprintf(want, sizeof(want),
		    "Authentication-Results: mx.example.org;\r\n"
		    "\tspf=none smtp.mailfrom=%s\r\n",
		    cases[i].want);
		assert_field(&results, want);
	}
}

static void
assert_lines_are_short(struct slice field, size_t most)
{
	size_t column = 0;

	for (size_t i = 0; i < field.n; i++) {
		column = field.p[i] == '\n' ? 0 : column + 1;
		assert_true(column <= most);
	}
}

/* `n` octets of a local part and what follows it. */
static struct slice
long_address(struct strbuf *text, size_t n, const char *end)
{
	strbuf_init(text, 1 << 20);
	for (size_t i = 0; i < n; i++)
		(void)strbuf_add_char(text, 'a');
	(void)strbuf_add_str(text, end);
	return strbuf_slice(text);
}

/* The first 320 octets of such an address would be another domain's. */
static void
test_of_a_long_address_the_domain_is_shown(void **state)
{
	struct strbuf text;
	struct slice address =
	    long_address(&text, 311, "@bank.example.evil.example");
	struct auth_results results = {.count = 3,
	    .list = {{.method = AUTH_SPF,
			 .property = "mailfrom",
			 .identity = address},
		{.method = AUTH_SENDERID,
		    .property = "from",
		    .identity = address},
		{.method = AUTH_DKIM,
		    .domain = SLICE("evil.example"),
		    .identity = address}}};

	(void)state;
	assert_field(&results,
	    "Authentication-Results: mx.example.org;\r\n"
	    "\tspf=none smtp.mailfrom=@bank.example.evil.example;\r\n"
	    "\tsender-id=none header.from=@bank.example.evil.example;\r\n"
	    "\tdkim=none header.d=evil.example "
	    "header.i=@bank.example.evil.example\r\n");
	strbuf_clear(&text);
}

static void
test_an_address_at_the_bound_is_shown_whole(void **state)
{
	struct auth_results results = {
	    .count = 1, .list = {{.method = AUTH_SPF, .property = "mailfrom"}}};
	struct strbuf text, out;
	struct slice address = long_address(&text, 320 - 13, "@bank.example");

	(void)state;
	results.list[0].identity = address;
	strbuf_init(&out, 1 << 20);
	assert_int_equal(
	    auth_results_print_field(&results, SLICE("mx"), &out), 0);
	assert_true(slice_search(strbuf_slice(&out), address) < out.n);
	strbuf_clear(&text);
	strbuf_clear(&out);
}

static void
test_other_long_values_are_left_out(void **state)
{
	struct strbuf text, more;
	struct slice value =
	    long_address(&text, 311, "@bank.example.evil.example");
	struct slice name = long_address(&more, 321, "");
	struct auth_results results = {.count = 5,
	    .list = {
		{.method = AUTH_SPF, .property = "helo", .identity = value},
		{.method = AUTH_SPF, .property = "mailfrom", .identity = name},
		{.method = AUTH_DKIM,
		    .domain = name,
		    .selector = name,
		    .algorithm = name,
		    .signature = SLICE("abc")},
		{.method = AUTH_DMARC, .property = "from", .domain = name},
		{.method = AUTH_IPREV, .identity = name}}};

	(void)state;
	assert_field(&results,
	    "Authentication-Results: mx.example.org;\r\n"
	    "\tspf=none;\r\n\tspf=none;\r\n\tdkim=none header.b=abc;\r\n"
	    "\tdmarc=none;\r\n\tiprev=none\r\n");
	strbuf_clear(&text);
	strbuf_clear(&more);
}

/* Quoting makes it longer still, and a line has its end somewhere. */
static void
test_the_longest_values_have_room(void **state)
{
	struct auth_results results = {.count = 1};
	char value[320];
	struct strbuf out;

	(void)state;
	memset(value, '"', sizeof(value));
	results.list[0] = (struct auth_result){.method = AUTH_SPF,
	    .property = "mailfrom",
	    .identity = {value, sizeof(value)}};
	strbuf_init(&out, 1 << 20);
	assert_int_equal(
	    auth_results_print_field(&results, SLICE("mx"), &out), 0);
	assert_lines_are_short(strbuf_slice(&out), 998);
	assert_true(out.n > 2 * sizeof(value));
	strbuf_clear(&out);
}

static void
test_a_reason_that_is_cut_says_so(void **state)
{
	struct auth_results results = {.count = 1};
	char reason[252], want[400];

	(void)state;
	memset(reason, 'x', sizeof(reason));
	reason[251] = '\0';
	results.list[0] =
	    (struct auth_result){.method = AUTH_DMARC, .reason = reason};
	snprintf(want, sizeof(want),
	    "Authentication-Results: mx.example.org;\r\n"
	    "\tdmarc=none\r\n\treason=\"%.250s...\"\r\n",
	    reason);
	assert_field(&results, want);
	reason[250] = '\0';
	snprintf(want, sizeof(want),
	    "Authentication-Results: mx.example.org;\r\n"
	    "\tdmarc=none\r\n\treason=\"%s\"\r\n",
	    reason);
	assert_field(&results, want);
}

static void
test_an_id_is_never_cut(void **state)
{
	static const struct auth_results results;
	char id[AUTH_RESULTS_ID_MAX + 1];
	struct strbuf out;

	(void)state;
	memset(id, 'a', sizeof(id));
	strbuf_init(&out, 1000);
	assert_int_equal(auth_results_print_field(
			     &results, slice_from(id, sizeof(id) - 1), &out),
	    0);
	assert_true(slice_search(strbuf_slice(&out),
			slice_from(id, sizeof(id) - 1)) < out.n);
	strbuf_reset(&out);
	assert_int_equal(auth_results_print_field(
			     &results, slice_from(id, sizeof(id)), &out),
	    -1);
	strbuf_reset(&out);
	assert_int_equal(auth_results_print_value(
			     &results, slice_from(id, sizeof(id)), &out),
	    -1);
	strbuf_clear(&out);
}

static void
test_a_long_list_is_cut_and_keeps_what_is_no_signature(void **state)
{
	struct auth_results results = {.count = AUTH_RESULTS_MAX};
	struct strbuf out;
	char long_name[301];

	(void)state;
	memset(long_name, 'a', sizeof(long_name));
	for (size_t i = 0; i < AUTH_RESULTS_MAX; i++)
		results.list[i] = (struct auth_result){.method = AUTH_DKIM,
		    .domain = {long_name, 300},
		    .selector = {long_name, 300}};
	results.list[AUTH_RESULTS_MAX - 1] =
	    (struct auth_result){.method = AUTH_DMARC};
	strbuf_init(&out, 1 << 20);
	assert_int_equal(
	    auth_results_print_field(&results, SLICE("mx"), &out), 0);
	assert_true(out.n < 2 * AUTH_RESULTS_FIELD_MAX);
	assert_true(
	    slice_search(strbuf_slice(&out), SLICE("dmarc=none")) < out.n);
	assert_true(slice_search(strbuf_slice(&out),
			SLICE(" more left out)\r\n")) < out.n);
	strbuf_clear(&out);
}

/* SIZE to the next hop is raised by the bound. */
static void
test_no_field_is_longer_than_is_said(void **state)
{
	static const enum auth_method others[AUTH_RESULTS_OTHERS] = {AUTH_SPF,
	    AUTH_SPF, AUTH_SENDERID, AUTH_DMARC, AUTH_DMARC, AUTH_ARC,
	    AUTH_IPREV, AUTH_IPREV};
	struct auth_results results = {.count = AUTH_RESULTS_MAX};
	char value[321], id[AUTH_RESULTS_ID_MAX];
	struct strbuf out;

	(void)state;
	memset(id, '"', sizeof(id));
	memset(value, '"', sizeof(value) - 1);
	value[320] = '\0';
	for (size_t i = 0; i < AUTH_RESULTS_MAX; i++)
		results.list[i] = (struct auth_result){
		    .method = i < AUTH_RESULTS_MAX - AUTH_RESULTS_OTHERS
			? AUTH_DOMAINKEYS
			: others[i + AUTH_RESULTS_OTHERS - AUTH_RESULTS_MAX],
		    .verdict = MAIL_VERDICT_PERMERROR,
		    .domain = {value, 320},
		    .identity = {value, 320},
		    .selector = {value, 320},
		    .algorithm = {value, 320},
		    .signature = {value, 320},
		    .property = "mailfrom",
		    .disposition = "quarantine",
		    .policy = "quarantine",
		    .reason = value,
		    .instance = 50,
		    .bits = 4096,
		    .authentic = true};
	strbuf_init(&out, 1 << 20);
	assert_int_equal(auth_results_print_field(
			     &results, slice_from(id, sizeof(id)), &out),
	    0);
	assert_in_range(
	    out.n, AUTH_RESULTS_FIELD_MAX + 8192, AUTH_RESULTS_MOST);
	strbuf_clear(&out);
}

static void
test_a_full_strbuf_is_an_error(void **state)
{
	static const struct auth_results results;
	struct strbuf out;

	(void)state;
	strbuf_init(&out, 10);
	assert_int_equal(
	    auth_results_print_field(&results, SLICE("mx"), &out), -1);
	strbuf_clear(&out);
}

static bool
is_forged(const char *field, const struct slice *ids, size_t count)
{
	struct mail_header *header =
	    mail_header_parse(slice_str(field), 1 << 20);
	bool forged;

	assert_non_null(header);
	assert_int_equal(mail_header_count(header), 1);
	forged = auth_results_is_forged(mail_header_at(header, 0), ids, count);
	mail_header_free(header);
	return forged;
}

static const struct slice our_ids[] = {SLICE_INIT("mx.example.org"),
    SLICE_INIT("b\xc3\xbc"
	       "cher.example"),
    SLICE_INIT("Gate7"), SLICE_INIT("our own (office)")};

static void
test_forged_fields(void **state)
{
	static const char *const forged[] = {
	    "Authentication-Results: mx.example.org; dkim=pass\r\n",
	    "authentication-RESULTS: MX.Example.ORG; dkim=pass\r\n",
	    "Authentication-Results : mx.example.org; none\r\n",
	    "Authentication-Results:mx.example.org;none\r\n",
	    "Authentication-Results: mx.example.org 1; dkim=pass\r\n",
	    "Authentication-Results: mx.example.org (v) 1 (w); none\r\n",
	    "Authentication-Results: mx.example.org\r\n",
	    "Authentication-Results:\r\n mx.example.org;\r\n dkim=pass\r\n",
	    "Authentication-Results: (a (nested) b) mx.example.org; x\r\n",
	    "Authentication-Results: (a\\) b) mx.example.org; x\r\n",
	    "Authentication-Results: mx.example.org(c); x\r\n",
	    "Authentication-Results: \"mx.example.org\"; x\r\n",
	    "Authentication-Results: \"mx.ex\\ample.org\"; x\r\n",
	    "Authentication-Results: \"mx.exa\r\n mple.org\" ; x\r\n",
	    "Authentication-Results: \"mx.example.org\" \"\" ; x\r\n",
	    "Authentication-Results: mx.example.org.; x\r\n",
	    "Authentication-Results: mx.example.org..; x\r\n",
	    "Authentication-Results: \"mx.example.org...\"; x\r\n",
	    "Authentication-Results: xn--bcher-kva.example..; x\r\n",
	    "Authentication-Results: mx.example.org dkim=pass\r\n",
	    "Authentication-Results: b\xc3\xbc"
	    "cher.example; x\r\n",
	    "Authentication-Results: B\xc3\x9c"
	    "CHER.example; x\r\n",
	    "Authentication-Results: xn--bcher-kva.example; x\r\n",
	    "Authentication-Results: \"XN--bcher-kva.example\"; x\r\n",
	    "Authentication-Results: gate7; x\r\n",
	    "Authentication-Results: \"our  own (office)\"; x\r\n",
	    "Authentication-Results: \"Our Own\r\n (Office)\" 1; x\r\n",
	    /* Ours to readers who trim what is white in Unicode, drop what has
	     * no width, or what is no UTF-8. */
	    "Authentication-Results: \xc2\xa0mx.example.org; x\r\n",
	    "Authentication-Results: \xc2\xa0 mx.example.org; x\r\n",
	    "Authentication-Results: mx.example.org\xc2\xa0; x\r\n",
	    "Authentication-Results: mx.example.org \xc2\xa0; x\r\n",
	    "Authentication-Results: \"mx.example.org\xc2\xa0\"; x\r\n",
	    "Authentication-Results: mx.example.org\xc2\xa0 1; x\r\n",
	    "Authentication-Results: mx\xc2\x85.example.org; x\r\n",
	    "Authentication-Results: \xc2\x85mx.example.org; x\r\n",
	    "Authentication-Results: \xe2\x80\x83mx.example.org; x\r\n",
	    "Authentication-Results: mx.example.org\xe2\x80\xa8; x\r\n",
	    "Authentication-Results: m\xe2\x80\x8bx.example.org; x\r\n",
	    "Authentication-Results: \xef\xbb\xbfmx.example.org; x\r\n",
	    "Authentication-Results: mx.example.org\xa0; x\r\n",
	    "Authentication-Results: \xa0mx.example.org; x\r\n",
	    "Authentication-Results: mx.exam\xffple.org; x\r\n",
	    "Authentication-Results: \xef\xbd\x8d\xef\xbd\x98.example.org; "
	    "x\r\n",
	    "Authentication-Results: mx\xe3\x80\x82"
	    "example\xe3\x80\x82org; x\r\n",
	    "Authentication-Results: other.example \xc2\xa0mx; x\r\n",
	    /* No id that could be another's. */
	    "Authentication-Results: \r\n",
	    "Authentication-Results: ; dkim=pass\r\n",
	    "Authentication-Results: (open mx.example.net; dkim=pass\r\n",
	    "Authentication-Results: \"open; dkim=pass\r\n",
	    "Authentication-Results: \"\"; dkim=pass\r\n",
	    "Authentication-Results: other.example/x; dkim=pass\r\n",
	    "Authentication-Results: @other.example; dkim=pass\r\n",
	    "Authentication-Results: mx.(c)example.org; dkim=pass\r\n",
	    "Authentication-Results: mx .example.org; dkim=pass\r\n",
	    "Authentication-Results: mx. example.org; dkim=pass\r\n",
	    "Authentication-Results: m x.example.org; dkim=pass\r\n",
	    "Authentication-Results: \"mx\001.example.org\"; none\r\n",
	    "Authentication-Results: other(c)mx.example.org; x\r\n",
	    "Authentication-Results: other.example (c) x; dkim=pass\r\n",
	    "Authentication-Results: other.example 1x; dkim=pass\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		if (!is_forged(forged[i], our_ids, 4))
			print_error("not seen as forged: %s", forged[i]);
		assert_true(is_forged(forged[i], our_ids, 4));
	}
}

/* Ours to readers who drop all that is white in Unicode, or look for comments,
 * quotation marks and the version in another order. */
static void
test_careless_readers_find_no_forged_field(void **state)
{
	static const char *const forged[] = {
	    "Authentication-Results: mx.exa mple.org\xc2\xa0; x\r\n",
	    "Authentication-Results: mx.example.o rg\xe2\x80\xa8; x\r\n",
	    "Authentication-Results: \xef\xbd\x8d x.example.org; x\r\n",
	    "Authentication-Results: \"mx.example.()org\" 1; x\r\n",
	    "Authentication-Results: mx.exa mple.org 1; x\r\n",
	    "Authentication-Results: .mx.example.org; x\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		if (!is_forged(forged[i], our_ids, 4))
			print_error("not seen as forged: %s", forged[i]);
		assert_true(is_forged(forged[i], our_ids, 4));
	}
}

static void
test_other_fields_are_let_be(void **state)
{
	static const char *const others[] = {
	    "Authentication-Results: mx.example.net; dkim=pass\r\n",
	    "Authentication-Results: other.example 1; dkim=pass\r\n",
	    "Authentication-Results: other.example(mx.example.org); x\r\n",
	    "Authentication-Results: xmx.example.org; dkim=pass\r\n",
	    "Authentication-Results: mx.example.org.other.example; x\r\n",
	    "Authentication-Results: \"other.example\"; mx.example.org\r\n",
	    "Authentication-Results: mta1.example from=a.example; x\r\n",
	    "Authentication-Results: other.example\r\n",
	    ("Authentication-Results: mx.b\xc3\xbc"
	     "cher.example; x\r\n"),
	    "Authentication-Results: \"other host\"; x\r\n",
	    "Authentication-Results: other.example (\xc2\xa0); x\r\n",
	    "X-Authentication-Results: mx.example.org; dkim=pass\r\n",
	    "ARC-Authentication-Results: i=1; mx.example.org; x\r\n",
	    "Subject: Authentication-Results: mx.example.org;\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (is_forged(others[i], our_ids, 4))
			print_error("taken for ours: %s", others[i]);
		assert_false(is_forged(others[i], our_ids, 4));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_empty_list_says_none),
	    cmocka_unit_test(test_every_method_with_its_properties),
	    cmocka_unit_test(
		test_b_is_as_long_as_it_takes_to_tell_signatures_apart),
	    cmocka_unit_test(test_nothing_injects_a_result),
	    cmocka_unit_test(test_of_a_long_address_the_domain_is_shown),
	    cmocka_unit_test(test_an_address_at_the_bound_is_shown_whole),
	    cmocka_unit_test(test_other_long_values_are_left_out),
	    cmocka_unit_test(test_the_longest_values_have_room),
	    cmocka_unit_test(test_a_reason_that_is_cut_says_so),
	    cmocka_unit_test(test_an_id_is_never_cut),
	    cmocka_unit_test(
		test_a_long_list_is_cut_and_keeps_what_is_no_signature),
	    cmocka_unit_test(test_no_field_is_longer_than_is_said),
	    cmocka_unit_test(test_a_full_strbuf_is_an_error),
	    cmocka_unit_test(test_forged_fields),
	    cmocka_unit_test(test_careless_readers_find_no_forged_field),
	    cmocka_unit_test(test_other_fields_are_let_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
