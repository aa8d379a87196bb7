/* dns/question: which names are names, and those of reverse look-ups. And
 * t/lib/zone, which the rooms above lean on. */
#include <stdio.h>

#include "base/strbuf.h"
#include "dns/question.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

#define TEN	"abcdefghi."
#define FIFTY	TEN TEN TEN TEN TEN
#define L60	"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"
#define NAME253 FIFTY FIFTY FIFTY FIFTY FIFTY "abc"

static void
test_names_taken(void **state)
{
	static const struct {
		struct slice given;
		const char *kept;
	} cases[] = {
	    {SLICE_INIT("example.org"), "example.org"},
	    {SLICE_INIT("Example.ORG."), "example.org"},
	    {SLICE_INIT("S1._DomainKey.x"), "s1._domainkey.x"},
	    {SLICE_INIT("a b\\.c"), "a b\\.c"},
	    {SLICE_INIT("\xc3\x9cx.org"), "\xc3\x9cx.org"},
	    {SLICE_INIT(L60 "xyz.org"), L60 "xyz.org"},
	    {SLICE_INIT(NAME253), NAME253},
	    {SLICE_INIT(NAME253 "."), NAME253},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_question question;

		assert_int_equal(
		    dns_question_set(&question, DNS_TXT, cases[i].given), 0);
		assert_string_equal(question.name, cases[i].kept);
		assert_int_equal(question.type, DNS_TXT);
	}
}

static void
test_names_refused(void **state)
{
	static const struct slice cases[] = {
	    SLICE_INIT(""),
	    SLICE_INIT("."),
	    SLICE_INIT(".."),
	    SLICE_INIT("a..b"),
	    SLICE_INIT(".a"),
	    SLICE_INIT("a.."),
	    SLICE_INIT("a\0b"),
	    SLICE_INIT("a\nb"),
	    SLICE_INIT("a\tb"),
	    SLICE_INIT("a\x7f"),
	    SLICE_INIT(L60 "wxyz.org"),
	    SLICE_INIT(NAME253 "d"),
	    SLICE_INIT(NAME253 ".d"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_question question = {.name = "before"};

		assert_int_equal(
		    dns_question_set(&question, DNS_TXT, cases[i]), -1);
		assert_string_equal(question.name, "before");
	}
}

static void
test_equality_is_of_type_and_name(void **state)
{
	struct dns_question a, b;

	(void)state;
	assert_int_equal(dns_question_set(&a, DNS_TXT, SLICE("a.example")), 0);
	assert_int_equal(dns_question_set(&b, DNS_TXT, SLICE("A.EXAMPLE.")), 0);
	assert_true(dns_question_equal(&a, &b));
	b.type = DNS_A;
	assert_false(dns_question_equal(&a, &b));
	assert_int_equal(dns_question_set(&b, DNS_TXT, SLICE("b.example")), 0);
	assert_false(dns_question_equal(&a, &b));
}

static void
test_reverse_names(void **state)
{
	/* RFC 3596 section 2.5's example, 4321:0:1:2:3:4:567:89ab. */
	static const char v6[] =
	    "\x43\x21\x00\x00\x00\x01\x00\x02\x00\x03\x00\x04\x05\x67\x89\xab";
	struct dns_question question;

	(void)state;
	assert_int_equal(
	    dns_question_set_reverse(&question, SLICE("\xc0\x00\x02\x01")), 0);
	assert_string_equal(question.name, "1.2.0.192.in-addr.arpa");
	assert_int_equal(question.type, DNS_PTR);
	assert_int_equal(
	    dns_question_set_reverse(&question, slice_from(v6, 16)), 0);
	assert_string_equal(question.name,
	    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4."
	    "ip6.arpa");
	assert_int_equal(dns_question_set_reverse(&question, SLICE("abc")), -1);
	assert_int_equal(dns_question_set_reverse(&question, SLICE("")), -1);
}

static void
check_zone(struct zone *zone, enum dns_type type, const char *name,
    enum dns_status status, struct slice first)
{
	struct dns_question question;
	const struct dns_answer *answer;

	assert_int_equal(dns_question_set(&question, type, slice_str(name)), 0);
	answer = zone_find(zone, &question);
	assert_int_equal(answer->status, status);
	if (status == DNS_OK)
		assert_slice_equal(answer->records[0].value, first);
}

static void
test_a_zone_answers_from_its_script(void **state)
{
	struct zone *zone = zone_new("; a comment\n"
				     "a.example A 192.0.2.1\n"
				     "A.example a 192.0.2.2\n"
				     "a.example MX 10 mx.Example\n"
				     "a.example TXT v=spf1  -all \n"
				     "q.example TXT \"a \\\"\" \"b\\065\"\n"
				     "slow.example * timeout\n"
				     "slow.example A nodata\n"
				     "gone.example TXT nxdomain\n"
				     "alias.example CNAME a.example\n"
				     "loop.example CNAME loop.example\n"
				     "null.example MX 0 .\n");

	(void)state;
	check_zone(zone, DNS_A, "a.example", DNS_OK, SLICE("\xc0\x00\x02\x01"));
	check_zone(zone, DNS_MX, "a.example", DNS_OK, SLICE("mx.example"));
	check_zone(zone, DNS_TXT, "a.example", DNS_OK, SLICE("v=spf1  -all"));
	check_zone(zone, DNS_TXT, "q.example", DNS_OK, SLICE("a \"bA"));
	check_zone(zone, DNS_AAAA, "a.example", DNS_NODATA, SLICE(""));
	check_zone(zone, DNS_TXT, "slow.example", DNS_TEMPFAIL, SLICE(""));
	check_zone(zone, DNS_A, "slow.example", DNS_NODATA, SLICE(""));
	check_zone(zone, DNS_TXT, "gone.example", DNS_NXDOMAIN, SLICE(""));
	check_zone(zone, DNS_TXT, "none.example", DNS_NXDOMAIN, SLICE(""));
	check_zone(zone, DNS_MX, "alias.example", DNS_OK, SLICE("mx.example"));
	check_zone(zone, DNS_A, "loop.example", DNS_TEMPFAIL, SLICE(""));
	check_zone(zone, DNS_MX, "null.example", DNS_OK, SLICE(""));
	zone_free(zone);
}

/* Asks three at once and a fourth when the first is answered; writes down
 * the answers as they come. */
struct asker {
	size_t asked;
	bool first_answered;
	char log[32];
	size_t log_n;
};

static bool
asker_ask(void *state, struct dns_question *question)
{
	struct asker *asker = state;
	char name[] = "0.example";

	if (asker->asked == (asker->first_answered ? 4 : 3))
		return false;
	name[0] = (char)('0' + asker->asked++);
	return dns_question_set(question, DNS_A, slice_str(name)) == 0;
}

static void
asker_answer(void *state, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct asker *asker = state;

	assert_true(asker->log_n + 2 < sizeof(asker->log));
	asker->first_answered |= question->name[0] == '0';
	asker->log[asker->log_n++] = question->name[0];
	asker->log[asker->log_n++] = answer->status == DNS_TEMPFAIL ? '!' : ' ';
}

static void
ask_once(struct zone *zone, size_t timeout, void *arg)
{
	static const struct zone_subject subject = {asker_ask, asker_answer};
	struct asker asker = {0};
	struct strbuf *log = arg;

	(void)timeout;
	assert_int_equal(zone_run(zone, &subject, &asker), 4);
	assert_string_equal(zone_asked(zone, 3)->name, "3.example");
	(void)strbuf_addf(log, "%s|", asker.log);
}

static void
test_a_zone_answers_in_every_order(void **state)
{
	struct zone *zone = zone_new("");
	struct strbuf log;

	(void)state;
	strbuf_init(&log, 1000);
	zone_every_way(zone, ask_once, &log);
	assert_string_equal(strbuf_text(&log),
	    "0 1 2 3 |2 1 0 3 |0!1 2 3 |0 1!2 3 |0 1 2!3 |0 1 2 3!|");
	strbuf_clear(&log);
	zone_free(zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_taken),
	    cmocka_unit_test(test_names_refused),
	    cmocka_unit_test(test_equality_is_of_type_and_name),
	    cmocka_unit_test(test_reverse_names),
	    cmocka_unit_test(test_a_zone_answers_from_its_script),
	    cmocka_unit_test(test_a_zone_answers_in_every_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
