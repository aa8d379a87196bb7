/*
 * auth/spf beside the RFC 7208 suite: the reason given, answers in any
 * order and late ones, and records that are made to hurt.
 */
#include <stdio.h>
#include <stdlib.h>

#include "auth/spf.h"
#include "auth/spf_macro.h"
#include "auth/spf_record.h"
#include "base/xalloc.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

static bool
ask(void *spf, struct dns_question *question)
{
	return auth_spf_ask(spf, question);
}

static void
answer(void *spf, const struct dns_question *question,
    const struct dns_answer *given)
{
	auth_spf_answer(spf, question, given);
}

static const struct zone_subject subject = {ask, answer};

struct spf_case {
	const char *zone, *address, *sender;
	enum mail_verdict verdict;
	const char *mechanism, *reason; /* NULL: not looked at */
};

#define PASS	  MAIL_VERDICT_PASS
#define FAIL	  MAIL_VERDICT_FAIL
#define NEUTRAL	  MAIL_VERDICT_NEUTRAL
#define TEMPERROR MAIL_VERDICT_TEMPERROR
#define PERMERROR MAIL_VERDICT_PERMERROR

static const struct spf_case cases[] = {
    {"x.example TXT v=spf1 ip4:192.0.2.0/24 -all\n", "192.0.2.1", "a@x.example",
	PASS, "ip4:192.0.2.0/24", "ip4:192.0.2.0/24 of x.example"},
    {"x.example TXT v=spf1 ip4:192.0.2.0/24 -all\n", "192.0.3.1", "a@x.example",
	FAIL, "-all", "-all of x.example"},
    {"x.example TXT v=spf1 ip4:192.0.2.0/24 -all\n", "::ffff:192.0.2.9",
	"a@x.example", PASS, "ip4:192.0.2.0/24", NULL},
    {"x.example TXT v=spf1 ip6:2001:db8::/33 -all\n", "2001:db8:7fff::1",
	"a@x.example", PASS, NULL, NULL},
    {"x.example TXT v=spf1 ip6:2001:db8::/33 -all\n", "2001:db8:8000::1",
	"a@x.example", FAIL, NULL, NULL},
    {"x.example TXT v=spf1 ?include:y.example -all\n"
     "y.example TXT v=spf1 redirect=z.example\n"
     "z.example TXT v=spf1 -ip4:192.0.2.2 +mx:m.example/24 -all\n"
     "m.example MX 10 h.example\nh.example A 192.0.2.77\n",
	"192.0.2.1", "a@x.example", NEUTRAL, "?include:y.example",
	"?include:y.example of x.example, by +mx:m.example/24 of z.example"},
    {"x.example TXT v=spf1 include:y.example ~all\n"
     "y.example TXT v=spf1 -all\n",
	"192.0.2.1", "a@x.example", MAIL_VERDICT_SOFTFAIL, "~all",
	"~all of x.example"},
    {"x.example TXT v=spf1 ip4:192.0.2.2\n", "192.0.2.1", "a@x.example",
	NEUTRAL, "", "nothing matches in x.example"},
    {"x.example TXT v=spf1 redirect=y.example\n", "192.0.2.1", "a@x.example",
	PERMERROR, "", "redirect= to a domain without a record: y.example"},
    {"x.example TXT v=spf1 include:y.example\n", "192.0.2.1", "a@x.example",
	PERMERROR, "", "include of a domain without a record: y.example"},
    {"x.example TXT v=spf1 ipv4:192.0.2.1 -all\n", "192.0.2.1", "a@x.example",
	PERMERROR, "",
	"no SPF mechanism: \"ipv4:192.0.2.1\", in the record of x.example"},
    {"x.example TXT v=spf1 -all\nx.example TXT v=spf1 +all\n", "192.0.2.1",
	"a@x.example", PERMERROR, "", "more than one SPF record at x.example"},
    {"x.example TXT timeout\n", "192.0.2.1", "a@x.example", TEMPERROR, "",
	"no answer for the record of x.example"},
    {"", "192.0.2.1", "a@x.example", MAIL_VERDICT_NONE, "",
	"no SPF record at x.example"},
    {"x.example TXT v=spf1 ptr -all\n"
     "1.2.0.192.in-addr.arpa PTR b.example\n"
     "1.2.0.192.in-addr.arpa PTR m.x.example\n"
     "m.x.example A 192.0.2.1\nb.example A 192.0.2.1\n",
	"192.0.2.1", "a@x.example", PASS, "ptr", NULL},
    {"x.example TXT v=spf1 exists:%{p}.%{d} -all\n"
     "1.2.0.192.in-addr.arpa PTR m.x.example\n"
     "m.x.example A 192.0.2.1\nm.x.example.x.example A 127.0.0.2\n",
	"192.0.2.1", "a@x.example", PASS, "exists:%{p}.%{d}", NULL},
    {"x.example TXT v=spf1 mx a:b.example a:c.example -all\n"
     "x.example MX 1 m.example\nx.example MX 2 n.example\n"
     "m.example A 192.0.2.9\nn.example A 192.0.2.1\n",
	"192.0.2.1", "a@x.example", PASS, "mx", NULL},
    /* A local part beyond ASCII matches no term that uses it, and no term
     * that does not is touched (RFC 8616 section 4). */
    {"x.example TXT v=spf1 -exists:%{l}.x.example ip4:192.0.2.1 -all\n"
     "\xc3\xa9.x.example A 127.0.0.2\n",
	"192.0.2.1", "\xc3\xa9@x.example", PASS, "ip4:192.0.2.1", NULL},
    /* One host of an mx matches: whatever became of the other. */
    {"x.example TXT v=spf1 mx -all\nx.example MX 1 a.example\n"
     "x.example MX 2 b.example\na.example A timeout\n"
     "b.example A 192.0.2.1\n",
	"192.0.2.1", "a@x.example", PASS, "mx", NULL},
    {"x.example TXT v=spf1 mx -all\nx.example MX 1 a.example\n"
     "x.example MX 2 b.example\na.example A timeout\n"
     "b.example A 192.0.2.2\n",
	"192.0.2.1", "a@x.example", TEMPERROR, NULL, NULL},
    /* Two look-ups may come to nothing, a third may not. */
    {"x.example TXT v=spf1 a:1.example mx:2.example ip4:192.0.2.1\n",
	"192.0.2.1", "a@x.example", PASS, NULL, NULL},
    {"x.example TXT v=spf1 a:b.example mx:c.example a:d.example "
     "ip4:192.0.2.1\n",
	"192.0.2.1", "a@x.example", PERMERROR, NULL,
	"more than two look-ups came to nothing, in the record of "
	"x.example"},
};

static struct auth_spf *
begin(const struct spf_case *c)
{
	struct slice sender = slice_str(c->sender);
	struct auth_spf_identity identity = {
	    .address = slice_str(c->address),
	    .domain = slice_after(sender, slice_find_last(sender, '@') + 1),
	    .sender = sender,
	    .helo = SLICE("helo.example"),
	};

	return auth_spf_new(&identity, AUTH_SPF_V1);
}

/* A time-out makes a temporary error, or a match is missed (mx hosts, ptr);
 * but never what no answer could have made. */
static void
check_once(struct zone *zone, size_t timeout, void *arg)
{
	const struct spf_case *c = arg;
	struct auth_spf *spf = begin(c);
	struct auth_spf_finding finding;

	(void)zone_run(zone, &subject, spf);
	assert_true(auth_spf_done(spf));
	finding = auth_spf_finding(spf);
	if (timeout == ZONE_NO_TIMEOUT) {
		if (finding.verdict != c->verdict)
			print_error("%s%s\n", c->zone, finding.reason);
		assert_int_equal(finding.verdict, c->verdict);
		if (c->mechanism != NULL)
			assert_string_equal(finding.mechanism, c->mechanism);
		if (c->reason != NULL)
			assert_string_equal(finding.reason, c->reason);
	} else if (finding.verdict == PASS) {
		assert_int_equal(c->verdict, PASS);
	}
	auth_spf_free(spf);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zone *zone = zone_new(cases[i].zone);
		struct spf_case c = cases[i];

		zone_every_way(zone, check_once, &c);
		zone_free(zone);
	}
}

/* The verdict of one record, and how many questions it made. */
static enum mail_verdict
check_zone(const char *text, size_t *asked)
{
	struct spf_case c = {.address = "192.0.2.1", .sender = "a@x.example"};
	struct zone *zone = zone_new(text);
	struct auth_spf *spf = begin(&c);
	enum mail_verdict verdict;

	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	*asked = zone_run(zone, &subject, spf);
	assert_true(auth_spf_done(spf));
	verdict = auth_spf_finding(spf).verdict;
	assert_true(strlen(auth_spf_finding(spf).reason) < 2000);
	auth_spf_free(spf);
	zone_free(zone);
	return verdict;
}

static void
test_loops_end(void **state)
{
	static const char *const loops[] = {
	    "x.example TXT v=spf1 include:x.example -all\n",
	    "x.example TXT v=spf1 redirect=x.example\n",
	    "x.example TXT v=spf1 include:y.example\n"
	    "y.example TXT v=spf1 redirect=x.example\n",
	    "x.example TXT v=spf1 include:y.example include:y.example\n"
	    "y.example TXT v=spf1 include:x.example include:x.example\n",
	};
	size_t asked;

	(void)state;
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		assert_int_equal(check_zone(loops[i], &asked), PERMERROR);
		assert_int_equal(asked, AUTH_SPF_LOOKUPS_MAX + 1);
	}
}

/* Ten nested includes are allowed, eleven are not. */
static void
test_deep_includes(void **state)
{
	char zone[4000] = "x.example TXT v=spf1 include:n1.example -all\n";
	size_t n = strlen(zone), asked;

	(void)state;
	for (int i = 1; i < 10; i++)
		n += (size_t)snprintf(zone + n, sizeof(zone) - n,
		    "n%d.example TXT v=spf1 include:n%d.example\n", i, i + 1);
	snprintf(zone + n, sizeof(zone) - n, "n10.example TXT v=spf1 +all\n");
	assert_int_equal(check_zone(zone, &asked), PASS);
	snprintf(zone + n, sizeof(zone) - n,
	    "n10.example TXT v=spf1 include:n11.example\n"
	    "n11.example TXT v=spf1 +all\n");
	assert_int_equal(check_zone(zone, &asked), PERMERROR);
}

/* One term repeated until the record has `octets`. */
static char *
long_zone(const char *term, size_t octets, const char *last)
{
	static const char head[] = "x.example TXT v=spf1 ";
	char *zone = xmalloc(octets + 200);
	size_t n = 6, at = strlen(head);

	memcpy(zone, head, at);
	while (n + strlen(term) + 1 + strlen(last) < octets) {
		at +=
		    (size_t)snprintf(zone + at, octets + 200 - at, "%s ", term);
		n += strlen(term) + 1;
	}
	snprintf(zone + at, octets + 200 - at, "%s\n", last);
	return zone;
}

static void
test_long_records(void **state)
{
	char *zone = long_zone("ip4:192.0.2.2", 9900, "+all");
	size_t asked;

	(void)state;
	assert_int_equal(check_zone(zone, &asked), PASS);
	assert_int_equal(asked, 1);
	free(zone);
	zone = long_zone("ip4:192.0.2.2", 11000, "+all");
	assert_int_equal(check_zone(zone, &asked), PERMERROR);
	free(zone);
	zone = long_zone("a:b.example", 9900, "+all");
	assert_int_equal(check_zone(zone, &asked), PERMERROR);
	assert_in_range(asked, 1, AUTH_SPF_LOOKUPS_MAX + 1);
	free(zone);
	zone = long_zone("x=%{s}", 9900, "+all");
	assert_int_equal(check_zone(zone, &asked), PASS);
	free(zone);
}

/* 2,400 macros in one name: no more memory than the bound, no match. */
static void
test_macro_bombs(void **state)
{
	static const char head[] = "x.example TXT v=spf1 exists:";
	char *zone = xmalloc(20000);
	size_t n = strlen(head), asked;

	(void)state;
	memcpy(zone, head, n);
	while (n < 9900) {
		memcpy(zone + n, "%{S}", 4);
		n += 4;
	}
	memcpy(zone + n, ".y +all\n", 9);
	assert_int_equal(check_zone(zone, &asked), PASS);
	free(zone);
}

/* Eleven MX names are an error, eleven PTR names are not. */
static void
test_many_names(void **state)
{
	char mx[3000], ptr[3000];
	size_t m = 0, p = 0, asked;

	(void)state;
	m += (size_t)snprintf(mx, sizeof(mx), "x.example TXT v=spf1 mx +all\n");
	p += (size_t)snprintf(
	    ptr, sizeof(ptr), "x.example TXT v=spf1 ptr:n.example +all\n");
	for (int i = 0; i < 11; i++) {
		m += (size_t)snprintf(
		    mx + m, sizeof(mx) - m, "x.example MX 1 m%d.example\n", i);
		p += (size_t)snprintf(ptr + p, sizeof(ptr) - p,
		    "1.2.0.192.in-addr.arpa PTR m%d.n.example\n", i);
	}
	assert_int_equal(check_zone(mx, &asked), PERMERROR);
	assert_int_equal(asked, 2);
	assert_int_equal(check_zone(ptr, &asked), PASS);
	assert_int_equal(asked, 2 + AUTH_SPF_NAMES_MAX);
}

/* The most that one record can ask: ten mx of ten hosts. */
static void
test_the_most_questions(void **state)
{
	char zone[20000];
	size_t n, asked;

	(void)state;
	n = (size_t)snprintf(zone, sizeof(zone), "x.example TXT v=spf1");
	for (int i = 0; i < 10; i++)
		n += (size_t)snprintf(
		    zone + n, sizeof(zone) - n, " mx:%c.example", 'a' + i);
	n += (size_t)snprintf(zone + n, sizeof(zone) - n, "\n");
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(zone + n, sizeof(zone) - n,
		    "%c.example MX 1 h%d.example\n", 'a' + i / 10, i);
	assert_int_equal(check_zone(zone, &asked), NEUTRAL);
	assert_int_equal(asked, 111);
}

static void
test_syntax(void **state)
{
	static const char *const good[] = {"v=spf1", "v=spf1 ", "v=spf1  a",
	    "V=SPF1 A MX PTR ALL", "v=spf1 a/0", "v=spf1 a//0",
	    "v=spf1 a/32//128", "v=spf1 a:b.example/24//64", "v=spf1 mx:%{d}/8",
	    "v=spf1 x=", "v=spf1 x-y.z_1=%{l1r-}%%%_%-",
	    "v=spf1 exists:%{i}._spf.%{d2}", "v=spf1 a:b.example.",
	    "v=spf1 ip6:::1/0", "v=spf1 ip4:0.0.0.0/0", "v=spf1 a:b-c.e-x",
	    "v=spf1 redirect=%{d}", "v=spf1 a:b/c.example"};
	static const char *const bad[] = {"v=spf1 a/33", "v=spf1 a/01",
	    "v=spf1 a/", "v=spf1 a//129", "v=spf1 a/24/64",
	    "v=spf1 a:", "v=spf1 all:x.example", "v=spf1 all/8",
	    "v=spf1 include", "v=spf1 include:", "v=spf1 exists",
	    "v=spf1 exists:x.example/24", "v=spf1 ip4",
	    "v=spf1 ip4:", "v=spf1 ip4:192.0.2", "v=spf1 ip4:x",
	    "v=spf1 ip4:192.0.2.1/33", "v=spf1 ip4:192.0.2.1//32",
	    "v=spf1 ip4:192.0.02.1", "v=spf1 ip6:192.0.2.1",
	    "v=spf1 ip6:::1/129", "v=spf1 ip6:fe80::1%lo", "v=spf1 foo",
	    "v=spf1 -", "v=spf1 --all", "v=spf1 a:com", "v=spf1 a:x.1",
	    "v=spf1 a:x.-a", "v=spf1 a:x.a-", "v=spf1 a:x..", "v=spf1 a:%{d",
	    "v=spf1 a:%{}", "v=spf1 a:%{z}", "v=spf1 a:%{d0}", "v=spf1 a:%{d!}",
	    "v=spf1 a:%d", "v=spf1 a:%", "v=spf1 a:%{c}", "v=spf1 a:%{r}",
	    "v=spf1 a:%{t}", "v=spf1 redirect=", "v=spf1 exp=x", "v=spf1 x=%",
	    "v=spf1 redirect=a.example redirect=a.example",
	    "v=spf1 exp=a.example EXP=a.example", "v=spf1 \ta",
	    "v=spf1 a:b\x7f.example", "v=spf1 x=\xc3\xa9", "v=spf1 =x",
	    "v=spf1 1x=y"};
	struct auth_spf_record record;
	struct auth_spf_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (auth_spf_record_parse(
			slice_str(good[i]), &record, &fault) != 0)
			fail_msg(
			    "%s: %s", good[i], mail_reason_text(fault.reason));
		auth_spf_record_clear(&record);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (auth_spf_record_parse(slice_str(bad[i]), &record, &fault) !=
		    -1)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(record.count, 0);
	}
}

/* RFC 7208 section 7.4's examples. */
static void
test_macro_examples(void **state)
{
	static const struct {
		const char *text, *name;
	} v4[] = {
	    {"%{s}.x", "strong-bad@email.example.com.x"},
	    {"%{o}", "email.example.com"},
	    {"%{d}", "email.example.com"},
	    {"%{d4}", "email.example.com"},
	    {"%{d3}", "email.example.com"},
	    {"%{d2}", "example.com"},
	    {"%{d1}", "com"},
	    {"%{dr}", "com.example.email"},
	    {"%{d2r}", "example.email"},
	    {"%{l}", "strong-bad"},
	    {"%{l-}", "strong.bad"},
	    {"%{lr}", "strong-bad"},
	    {"%{lr-}", "bad.strong"},
	    {"%{l1r-}", "strong"},
	    {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
	    {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
	    {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
		"bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
	    {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
		"3.2.0.192.in-addr.strong.lp._spf.example.com"},
	    {"%{d2}.trusted-domains.example.net",
		"example.com.trusted-domains.example.net"},
	    {"%{L}%%%_%-", "strong-bad% %20"},
	    {"%{S}", "strong-bad%40email.example.com"},
	};
	static const unsigned char octets4[] = {192, 0, 2, 3};
	static const unsigned char octets6[] = {
	    0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xcb, 1};
	struct auth_spf_macro macro = {
	    .sender = SLICE("strong-bad@email.example.com"),
	    .local = SLICE("strong-bad"),
	    .sender_domain = SLICE("email.example.com"),
	    .domain = SLICE("email.example.com"),
	    .address = octets4,
	    .address_length = 4,
	};
	struct strbuf name;

	(void)state;
	strbuf_init(&name, 300);
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		strbuf_reset(&name);
		assert_int_equal(
		    auth_spf_macro_domain(slice_str(v4[i].text), &macro, &name),
		    0);
		assert_slice_equal(strbuf_slice(&name), slice_str(v4[i].name));
	}
	macro.address = octets6;
	macro.address_length = 16;
	strbuf_reset(&name);
	assert_int_equal(auth_spf_macro_domain(
			     SLICE("%{ir}.%{v}._spf.%{d2}"), &macro, &name),
	    0);
	assert_slice_equal(strbuf_slice(&name),
	    SLICE("1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0."
		  "1.0.0.2.ip6._spf.example.com"));
	strbuf_clear(&name);
}

/* Section 7.3: labels go from the left until the name fits. */
static void
test_long_names_lose_labels_on_the_left(void **state)
{
	static const unsigned char octets[] = {192, 0, 2, 3};
	char local[300];
	struct auth_spf_macro macro = {.address = octets, .address_length = 4};
	struct strbuf name;

	(void)state;
	for (size_t i = 0; i < sizeof(local); i++)
		local[i] = i % 10 == 9 ? '.' : 'a';
	macro.local = slice_from(local, 299);
	strbuf_init(&name, DNS_NAME_MAX);
	assert_int_equal(
	    auth_spf_macro_domain(SLICE("%{l}.x.example"), &macro, &name), 0);
	assert_in_range(name.n, 240, DNS_NAME_MAX);
	assert_true(slice_ends_nocase(
	    strbuf_slice(&name), SLICE("a.aaaaaaaaa.x.example")));
	assert_int_equal(name.p[9], '.');
	strbuf_clear(&name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_loops_end),
	    cmocka_unit_test(test_deep_includes),
	    cmocka_unit_test(test_long_records),
	    cmocka_unit_test(test_macro_bombs),
	    cmocka_unit_test(test_many_names),
	    cmocka_unit_test(test_the_most_questions),
	    cmocka_unit_test(test_syntax),
	    cmocka_unit_test(test_macro_examples),
	    cmocka_unit_test(test_long_names_lose_labels_on_the_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
