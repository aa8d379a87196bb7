/* record/rua: RFC 9990 section 4, its own example among the cases, in every
 * order of answers. */
#include "record/rua.h"
#include "t/lib/unit.h"
#include "t/lib/zone.h"

static const char zone_text[] =
    "_dmarc.example.com TXT v=DMARC1; p=none\n"
    "_dmarc.example.net TXT v=DMARC1; p=none\n"
    "_dmarc.example.org TXT v=DMARC1; p=none\n"
    "blue.example.com._report._dmarc.red.example.net TXT v=DMARC1\n"
    "example.com._report._dmarc.other.example.net TXT v=DMARC1; "
    "rua=mailto:new@other.example.net\n"
    "example.com._report._dmarc.evil.example.net TXT v=DMARC1; "
    "rua=mailto:victim@example.org\n"
    "example.com._report._dmarc.spf.example.net TXT v=spf1 -all\n"
    "example.com._report._dmarc.down.example.net TXT timeout\n";

static const struct {
	const char *domain, *rua;
	enum record_rua_status status;
	const char *address;
} cases[] = {
    {"example.com", "mailto:a@example.com", RECORD_RUA_APPROVED,
	"a@example.com"},
    {"example.com", " MAILTO:a@Reports.Example.COM!10m ", RECORD_RUA_APPROVED,
	"a@reports.example.com"},
    {"example.com", "mailto:a%2Bb@example.com", RECORD_RUA_APPROVED,
	"a+b@example.com"},
    {"blue.example.com", "mailto:reports@red.example.net", RECORD_RUA_APPROVED,
	"reports@red.example.net"},
    {"green.example.com", "mailto:reports@red.example.net", RECORD_RUA_UNWANTED,
	NULL},
    {"example.com", "mailto:old@other.example.net", RECORD_RUA_APPROVED,
	"new@other.example.net"},
    {"example.com", "mailto:a@evil.example.net", RECORD_RUA_UNWANTED, NULL},
    {"example.com", "mailto:a@spf.example.net", RECORD_RUA_UNWANTED, NULL},
    {"example.com", "mailto:a@down.example.net", RECORD_RUA_LATER, NULL},
    {"example.com", "https://example.com/", RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:", RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:a", RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:@example.com", RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:a%0d%0aRCPT@example.com", RECORD_RUA_NO_ADDRESS,
	NULL},
    {"example.com", "mailto:a%3e@example.com", RECORD_RUA_NO_ADDRESS, NULL},
    /* A relay might take the first @ for the one that counts. */
    {"example.com", "mailto:a@other.example.net@example.com",
	RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:a%40other.example.net@example.com",
	RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:%22a%22@example.com", RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:a..b@example.com", RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:a@[192.0.2.1]", RECORD_RUA_NO_ADDRESS, NULL},
    {"example.com", "mailto:\xc3\xa4@example.com", RECORD_RUA_NO_ADDRESS, NULL},
    {"xn--bcher-kva.example",
	"mailto:a@B\xc3\xbc"
	"cher.example",
	RECORD_RUA_APPROVED, "a@xn--bcher-kva.example"},
    {"xn--bcher-kva.example", "mailto:a@b%C3%BCcher.example",
	RECORD_RUA_APPROVED, "a@xn--bcher-kva.example"},
};

static bool
ask(void *state, struct dns_question *question)
{
	return record_rua_ask(state, question);
}

static void
answer(void *state, const struct dns_question *question,
    const struct dns_answer *given)
{
	record_rua_answer(state, question, given);
}

static const struct zone_subject subject = {ask, answer};

static size_t which;

static void
check_case(struct zone *zone, size_t timeout, void *arg)
{
	struct record_rua *r = record_rua_new(
	    slice_str(cases[which].domain), slice_str(cases[which].rua));
	enum record_rua_status status;
	struct slice address;

	(void)arg;
	(void)zone_run(zone, &subject, r);
	assert_int_equal(record_rua_count(r), 1);
	status = record_rua_at(r, 0, &address);
	if (timeout == ZONE_NO_TIMEOUT) {
		assert_int_equal(status, cases[which].status);
		if (cases[which].address != NULL)
			assert_slice_equal(
			    address, slice_str(cases[which].address));
	} else if (cases[which].status != RECORD_RUA_APPROVED) {
		assert_int_not_equal(status, RECORD_RUA_APPROVED);
	}
	record_rua_free(r);
}

static void
test_cases(void **state)
{
	struct zone *zone = zone_new(zone_text);

	(void)state;
	for (which = 0; which < sizeof(cases) / sizeof(cases[0]); which++)
		zone_every_way(zone, check_case, NULL);
	zone_free(zone);
}

static void
test_several_are_judged_each_and_bounded(void **state)
{
	struct zone *zone = zone_new(zone_text);
	struct record_rua *r = record_rua_new(SLICE("example.com"),
	    SLICE("mailto:a@example.com,mailto:b@spf.example.net,"
		  "mailto:a@Example.COM!1m,mailto:d@example.com,x,"
		  "mailto:f@example.com,mailto:g@example.com"));
	static const enum record_rua_status want[] = {RECORD_RUA_APPROVED,
	    RECORD_RUA_UNWANTED, RECORD_RUA_AGAIN, RECORD_RUA_APPROVED,
	    RECORD_RUA_NO_ADDRESS, RECORD_RUA_TOO_MANY};
	struct slice address;

	(void)state;
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	(void)zone_run(zone, &subject, r);
	assert_int_equal(record_rua_count(r), RECORD_RUA_MAX + 1);
	for (size_t i = 0; i < RECORD_RUA_MAX + 1; i++)
		assert_int_equal(record_rua_at(r, i, &address), want[i]);
	(void)record_rua_at(r, 4, &address);
	assert_slice_equal(address, SLICE("x")); /* as it came, to be named */
	record_rua_free(r);
	zone_free(zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_several_are_judged_each_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
