/* auth/iprev: RFC 8601 section 3 and the words of section 2.7.3. */
#include "auth/iprev.h"
#include "auth/address.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

static bool
ask(void *iprev, struct dns_question *question)
{
	return auth_iprev_ask(iprev, question);
}

static void
answer(void *iprev, const struct dns_question *question,
    const struct dns_answer *given)
{
	auth_iprev_answer(iprev, question, given);
}

static const struct zone_subject subject = {ask, answer};

struct iprev_case {
	const char *zone, *address;
	enum mail_verdict verdict;
	const char *name;
};

#define V4 "1.2.0.192.in-addr.arpa PTR "
#define V6                                                               \
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0." \
	"2.ip6.arpa PTR "

#define TEN                                                                    \
	V4 "a.example\n" V4 "b.example\n" V4 "c.example\n" V4 "d.example\n" V4 \
	   "e.example\n" V4 "f.example\n" V4 "g.example\n" V4 "h.example\n" V4 \
	   "i.example\n" V4 "j.example\n"

static const struct iprev_case cases[] = {
    {V4 "a.example\na.example A 192.0.2.1\n", "192.0.2.1", MAIL_VERDICT_PASS,
	"a.example"},
    {V6 "a.example\na.example AAAA 2001:db8::1\n", "2001:db8::1",
	MAIL_VERDICT_PASS, "a.example"},
    {V4 "a.example\na.example A 192.0.2.1\n", "::ffff:192.0.2.1",
	MAIL_VERDICT_PASS, "a.example"},
    {V4 "b.example\n" V4 "a.example\na.example A 192.0.2.1\n"
	"b.example A 192.0.2.9\n",
	"192.0.2.1", MAIL_VERDICT_PASS, "a.example"},
    {V4 "a.example\na.example A 192.0.2.2\n", "192.0.2.1", MAIL_VERDICT_FAIL,
	""},
    {V4 "a.example\n", "192.0.2.1", MAIL_VERDICT_FAIL, ""},
    {V4 "a.example\na.example AAAA ::1\n", "192.0.2.1", MAIL_VERDICT_FAIL, ""},
    {"", "192.0.2.1", MAIL_VERDICT_PERMERROR, ""},
    {V4 "timeout\n", "192.0.2.1", MAIL_VERDICT_TEMPERROR, ""},
    {V4 "a.example\na.example A timeout\n", "192.0.2.1", MAIL_VERDICT_TEMPERROR,
	""},
    {V4 "a.example\n" V4 "b.example\na.example A timeout\n"
	"b.example A 192.0.2.1\n",
	"192.0.2.1", MAIL_VERDICT_PASS, "b.example"},
    /* The tenth name is looked at, the eleventh is not. */
    {TEN "j.example A 192.0.2.1\n", "192.0.2.1", MAIL_VERDICT_PASS,
	"j.example"},
    {TEN V4 "k.example\nk.example A 192.0.2.1\n", "192.0.2.1",
	MAIL_VERDICT_FAIL, ""},
};

static void
check_once(struct zone *zone, size_t timeout, void *arg)
{
	const struct iprev_case *c = arg;
	struct auth_iprev *iprev = auth_iprev_new(slice_str(c->address));

	(void)zone_run(zone, &subject, iprev);
	assert_true(auth_iprev_done(iprev));
	if (timeout == ZONE_NO_TIMEOUT) {
		assert_int_equal(auth_iprev_verdict(iprev), c->verdict);
		assert_slice_equal(auth_iprev_name(iprev), slice_str(c->name));
	} else if (auth_iprev_verdict(iprev) != c->verdict) {
		assert_int_equal(
		    auth_iprev_verdict(iprev), MAIL_VERDICT_TEMPERROR);
	}
	assert_true(auth_iprev_verdict(iprev) == MAIL_VERDICT_PASS ||
	    auth_iprev_reason(iprev) != MAIL_REASON_NONE);
	auth_iprev_free(iprev);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zone *zone = zone_new(cases[i].zone);
		struct iprev_case c = cases[i];

		zone_every_way(zone, check_once, &c);
		zone_free(zone);
	}
}

static void
test_what_is_no_address(void **state)
{
	static const char *const bad[] = {"", "unknown", "[192.0.2.1]",
	    "192.0.2", "192.0.2.256", "1.2.3.4.5", "2001:db8::1::2",
	    "2001:db8::1%lo", "IPV6:::1", " 192.0.2.1"};
	struct auth_address address;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(auth_iprev_new(slice_str(bad[i])));
		assert_int_equal(
		    auth_address_parse(slice_str(bad[i]), &address), -1);
	}
	assert_int_equal(
	    auth_address_parse(SLICE("192.0.2.1\0x"), &address), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_what_is_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
