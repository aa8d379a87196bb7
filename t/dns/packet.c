/* dns/packet: what goes out, octet by octet, and what is believed of what
 * comes in. The packets are made by hand here, not by ldns. */
#include <stdlib.h>
#include <time.h>

#include "base/xalloc.h"
#include "dns/packet.h"
#include "t/lib/unit.h"

enum { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, MX = 15, TXT = 16 };
enum { QR = 0x8000, AA = 0x0400, TC = 0x0200, RD = 0x0100, RA = 0x0080 };
enum { AD = 0x0020, SERVFAIL = 2, FORMERR = 1, NXDOMAIN = 3, REFUSED = 5 };
enum { ID = 0x1234, ANSWER = 0, AUTHORITY = 1, ADDITIONAL = 2 };

/* A packet in the making. */
struct wire {
	struct strbuf bytes;
};

static void
put16(struct strbuf *to, unsigned value)
{
	(void)strbuf_add_char(to, (char)(value >> 8));
	(void)strbuf_add_char(to, (char)value);
}

static void
put_name(struct strbuf *to, const char *name)
{
	struct slice label, rest = slice_str(name);

	while (*name != '\0' && slice_cut(&rest, '.', &label)) {
		(void)strbuf_add_char(to, (char)label.n);
		(void)strbuf_add(to, label);
	}
	(void)strbuf_add_char(to, 0);
}

static void
begin(struct wire *wire, unsigned id, unsigned flags)
{
	strbuf_init(&wire->bytes, 1 << 20);
	put16(&wire->bytes, id);
	put16(&wire->bytes, flags);
	for (int i = 0; i < 4; i++)
		put16(&wire->bytes, 0);
}

static void
count(struct wire *wire, size_t section)
{
	wire->bytes.p[4 + 2 * section + 1]++;
	if (wire->bytes.p[4 + 2 * section + 1] == 0)
		wire->bytes.p[4 + 2 * section]++;
}

static void
ask(struct wire *wire, const char *name, unsigned type)
{
	put_name(&wire->bytes, name);
	put16(&wire->bytes, type);
	put16(&wire->bytes, 1);
	count(wire, 0);
}

static void
add(struct wire *wire, size_t section, const char *owner, unsigned type,
    struct slice rdata)
{
	put_name(&wire->bytes, owner);
	put16(&wire->bytes, type);
	put16(&wire->bytes, 1);
	put16(&wire->bytes, 0);
	put16(&wire->bytes, 600);
	put16(&wire->bytes, (unsigned)rdata.n);
	(void)strbuf_add(&wire->bytes, rdata);
	count(wire, section + 1);
}

static void
add_named(struct wire *wire, size_t section, const char *owner, unsigned type,
    const char *target)
{
	struct strbuf rdata;

	strbuf_init(&rdata, 1000);
	if (type == MX)
		put16(&rdata, 10);
	put_name(&rdata, target);
	add(wire, section, owner, type, strbuf_slice(&rdata));
	strbuf_clear(&rdata);
}

/* An SOA whose own TTL is 600. */
static void
add_soa(struct wire *wire, const char *owner, unsigned minimum)
{
	struct strbuf rdata;

	strbuf_init(&rdata, 1000);
	put_name(&rdata, "ns.example");
	put_name(&rdata, "root.example");
	for (int i = 0; i < 9; i++)
		put16(&rdata, 0);
	put16(&rdata, minimum);
	add(wire, AUTHORITY, owner, SOA, strbuf_slice(&rdata));
	strbuf_clear(&rdata);
}

static struct dns_packet_query
query_of(enum dns_type type, const char *name)
{
	struct dns_packet_query query = {.id = ID, .edns = true, .cnames = 8};

	assert_int_equal(
	    dns_question_set(&query.question, type, slice_str(name)), 0);
	return query;
}

/* Reads a copy of the exact size, for the sanitizer's sake. */
static enum dns_packet_kind
read_copy(struct slice bytes, const struct dns_packet_query *query,
    struct dns_packet_answer *answer)
{
	char *copy = xslicedup(bytes), *exact = xmalloc(bytes.n ? bytes.n : 1);
	enum dns_packet_kind kind;

	memcpy(exact, copy, bytes.n);
	kind = dns_packet_read(slice_from(exact, bytes.n), query, answer);
	free(exact);
	free(copy);
	return kind;
}

static enum dns_packet_kind
finish(struct wire *wire, const struct dns_packet_query *query,
    struct dns_packet_answer *answer)
{
	enum dns_packet_kind kind =
	    read_copy(strbuf_slice(&wire->bytes), query, answer);

	strbuf_clear(&wire->bytes);
	return kind;
}

static void
test_a_question_on_the_wire(void **state)
{
	struct dns_packet_query query =
	    query_of(DNS_TXT, "s._domainkey.ex.org");
	struct strbuf wire;

	(void)state;
	query.want_ad = true;
	strbuf_init(&wire, 1000);
	assert_int_equal(dns_packet_write(&query, &wire), 0);
	assert_slice_equal(strbuf_slice(&wire),
	    SLICE("\x12\x34\x01\x20\0\x01\0\0\0\0\0\x01"
		  "\x01s\x0a_domainkey\x02"
		  "ex\x03org\0\0\x10\0\x01"
		  "\0\0\x29\x04\xd0\0\0\0\0\0\0"));
	strbuf_reset(&wire);
	query.want_ad = query.edns = false;
	assert_int_equal(dns_packet_write(&query, &wire), 0);
	assert_slice_equal(strbuf_slice(&wire),
	    SLICE("\x12\x34\x01\0\0\x01\0\0\0\0\0\0"
		  "\x01s\x0a_domainkey\x02"
		  "ex\x03org\0\0\x10\0\x01"));
	strbuf_clear(&wire);
}

static void
test_every_type_is_read(void **state)
{
	static const struct {
		enum dns_type type;
		unsigned wire;
		struct slice rdata, value;
	} cases[] = {
	    {DNS_A, 1, SLICE_INIT("\x7f\0\0\x01"), SLICE_INIT("\x7f\0\0\x01")},
	    {DNS_AAAA, 28, SLICE_INIT("0123456789abcdef"),
		SLICE_INIT("0123456789abcdef")},
	    {DNS_MX, 15, SLICE_INIT("\0\x0a\x02MX\x03org\0"),
		SLICE_INIT("mx.org")},
	    {DNS_MX, 15, SLICE_INIT("\0\x0a\0"), SLICE_INIT("")},
	    {DNS_PTR, 12, SLICE_INIT("\x04Host\x03org\0"),
		SLICE_INIT("host.org")},
	    {DNS_NS, 2, SLICE_INIT("\x02NS\x03org\0"), SLICE_INIT("ns.org")},
	    {DNS_SOA, 6,
		SLICE_INIT(
		    "\x02NS\x03org\0\x01r\0\0\0\0\x01\0\0\0\x01\0\0\0\x01"
		    "\0\0\0\x01\0\0\0\x01"),
		SLICE_INIT("ns.org")},
	    {DNS_TXT, 16, SLICE_INIT("\x05v=DKI\0\x04M1; "),
		SLICE_INIT("v=DKIM1; ")},
	    {DNS_TXT, 16, SLICE_INIT("\0"), SLICE_INIT("")},
	    {DNS_TXT, 16, SLICE_INIT("\x02\0\xff"), SLICE_INIT("\0\xff")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_packet_query query =
		    query_of(cases[i].type, "x.org");
		struct dns_packet_answer answer;
		struct wire wire;

		begin(&wire, ID, QR | RD | RA);
		ask(&wire, "X.oRg", cases[i].wire);
		add(&wire, ANSWER, "x.ORG", cases[i].wire, cases[i].rdata);
		assert_int_equal(
		    finish(&wire, &query, &answer), DNS_PACKET_ANSWER);
		assert_int_equal(answer.reply->answer.status, DNS_OK);
		assert_int_equal(answer.reply->answer.count, 1);
		assert_slice_equal(
		    answer.reply->answer.records[0].value, cases[i].value);
		if (cases[i].type == DNS_MX)
			assert_int_equal(
			    answer.reply->answer.records[0].preference, 10);
		assert_int_equal(answer.reply->ttl, 600);
		assert_false(answer.reply->answer.authentic);
		dns_reply_drop(answer.reply);
	}
}

static void
test_only_the_answer_to_our_question_counts(void **state)
{
	static const struct {
		unsigned id, flags, type;
		const char *name;
	} cases[] = {
	    {ID + 1, QR, TXT, "x.org"},	     /* another id */
	    {ID, 0, TXT, "x.org"},	     /* a question */
	    {ID, QR | 0x2800, TXT, "x.org"}, /* an update */
	    {ID, QR, A, "x.org"},	     /* another type */
	    {ID, QR, TXT, "y.org"},	     /* another name */
	    {ID, QR, TXT, "x.org.evil"},     /* a longer one */
	    {ID, QR, TXT, ""},		     /* the root */
	};
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_packet_answer answer;
		struct wire wire;

		begin(&wire, cases[i].id, cases[i].flags);
		ask(&wire, cases[i].name, cases[i].type);
		add(&wire, ANSWER, "x.org", TXT, SLICE("\x01x"));
		assert_int_equal(
		    finish(&wire, &query, &answer), DNS_PACKET_WRONG);
		assert_null(answer.reply);
	}
}

static void
test_no_question_or_two_is_wrong(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR);
	add(&wire, ANSWER, "x.org", TXT, SLICE("\x01x"));
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_WRONG);
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	ask(&wire, "x.org", TXT);
	add(&wire, ANSWER, "x.org", TXT, SLICE("\x01x"));
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_WRONG);
	begin(&wire, ID, QR | SERVFAIL);
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_FAILED);
}

static void
test_response_codes(void **state)
{
	static const struct {
		unsigned flags;
		bool edns;
		enum dns_packet_kind kind;
	} cases[] = {
	    {SERVFAIL, true, DNS_PACKET_FAILED},
	    {REFUSED, true, DNS_PACKET_FAILED},
	    {FORMERR, true, DNS_PACKET_NO_EDNS},
	    {FORMERR, false, DNS_PACKET_FAILED},
	    {TC, true, DNS_PACKET_TRUNCATED},
	    {0, true, DNS_PACKET_ANSWER},
	    {NXDOMAIN, true, DNS_PACKET_ANSWER},
	};
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_packet_answer answer;
		struct wire wire;

		begin(&wire, ID, QR | cases[i].flags);
		ask(&wire, "x.org", TXT);
		query.edns = cases[i].edns;
		assert_int_equal(finish(&wire, &query, &answer), cases[i].kind);
		dns_reply_drop(answer.reply);
	}
}

static void
check_negative(unsigned flags, bool soa, enum dns_status status, uint32_t ttl)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	begin(&wire, ID, QR | flags);
	ask(&wire, "x.org", TXT);
	if (soa)
		add_soa(&wire, "org", ttl);
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_ANSWER);
	assert_int_equal(answer.reply->answer.status, status);
	assert_int_equal(answer.reply->answer.count, 0);
	assert_int_equal(answer.reply->ttl, ttl > 600 ? 600 : ttl);
	dns_reply_drop(answer.reply);
}

static void
test_nothing_lives_as_long_as_the_soa_says(void **state)
{
	(void)state;
	check_negative(0, true, DNS_NODATA, 60);
	check_negative(NXDOMAIN, true, DNS_NXDOMAIN, 60);
	check_negative(NXDOMAIN, true, DNS_NXDOMAIN, 6000);
	check_negative(0, false, DNS_NODATA, 0);
	check_negative(NXDOMAIN, false, DNS_NXDOMAIN, 0);
}

static void
test_nxdomain_beats_records(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR | NXDOMAIN);
	ask(&wire, "x.org", TXT);
	add(&wire, ANSWER, "x.org", TXT, SLICE("\x01x"));
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_ANSWER);
	assert_int_equal(answer.reply->answer.status, DNS_NXDOMAIN);
	dns_reply_drop(answer.reply);
}

static void
test_a_referral_is_no_answer(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	add_named(&wire, AUTHORITY, "org", NS, "ns.org");
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_FAILED);
}

static void
test_records_of_other_names_are_left_out(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR | AD);
	ask(&wire, "x.org", TXT);
	add(&wire, ANSWER, "y.org", TXT, SLICE("\x01y"));
	add(&wire, ANSWER, "x.org", TXT, SLICE("\x01x"));
	add(&wire, ANSWER, "x.org", A, SLICE("\x7f\0\0\x01"));
	add(&wire, AUTHORITY, "x.org", TXT, SLICE("\x01z"));
	add(&wire, ADDITIONAL, "x.org", TXT, SLICE("\x01z"));
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_ANSWER);
	assert_int_equal(answer.reply->answer.count, 1);
	assert_slice_equal(answer.reply->answer.records[0].value, SLICE("x"));
	assert_true(answer.reply->answer.authentic);
	dns_reply_drop(answer.reply);
}

static void
test_cnames_are_followed_in_any_order(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	add(&wire, ANSWER, "z.org", TXT, SLICE("\x01z"));
	add_named(&wire, ANSWER, "y.org", CNAME, "z.org");
	add_named(&wire, ANSWER, "x.org", CNAME, "Y.org");
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_ANSWER);
	assert_slice_equal(answer.reply->answer.records[0].value, SLICE("z"));
	assert_int_equal(answer.cnames, 2);
	dns_reply_drop(answer.reply);
}

static void
test_a_chain_may_leave_the_packet(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	add_named(&wire, ANSWER, "x.org", CNAME, "y.net");
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_CNAME);
	assert_string_equal(answer.next.name, "y.net");
	assert_int_equal(answer.next.type, DNS_TXT);
	assert_int_equal(answer.ttl, 600);
	/* With the SOA of the zone it leads to, it has ended there. */
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	add_named(&wire, ANSWER, "x.org", CNAME, "y.net");
	add_soa(&wire, "net", 60);
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_ANSWER);
	assert_int_equal(answer.reply->answer.status, DNS_NODATA);
	dns_reply_drop(answer.reply);
}

static void
test_a_chain_has_a_bound(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "a.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR);
	ask(&wire, "a.org", TXT);
	add_named(&wire, ANSWER, "a.org", CNAME, "b.org");
	add_named(&wire, ANSWER, "b.org", CNAME, "a.org");
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_FAILED);
	query.cnames = 0;
	begin(&wire, ID, QR);
	ask(&wire, "a.org", TXT);
	add_named(&wire, ANSWER, "a.org", CNAME, "b.org");
	add(&wire, ANSWER, "b.org", TXT, SLICE("\x01z"));
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_FAILED);
}

static void
test_a_name_with_a_dot_or_control_in_a_label_is_none(void **state)
{
	static const struct slice targets[] = {
	    SLICE_INIT("\x03"
		       "a.b\x03org\0"),
	    SLICE_INIT("\x03"
		       "a\0b\x03org\0"),
	    SLICE_INIT("\x03"
		       "a\nb\x03org\0"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct dns_packet_query query = query_of(DNS_PTR, "x.org");
		struct dns_packet_answer answer;
		struct wire wire;

		begin(&wire, ID, QR);
		ask(&wire, "x.org", PTR);
		add(&wire, ANSWER, "x.org", PTR, targets[i]);
		assert_int_equal(
		    finish(&wire, &query, &answer), DNS_PACKET_ANSWER);
		assert_int_equal(answer.reply->answer.status, DNS_NODATA);
		dns_reply_drop(answer.reply);
		begin(&wire, ID, QR);
		ask(&wire, "x.org", PTR);
		add(&wire, ANSWER, "x.org", CNAME, targets[i]);
		assert_int_equal(
		    finish(&wire, &query, &answer), DNS_PACKET_FAILED);
	}
}

static void
test_every_cut_of_a_packet_is_wrong(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	add(&wire, ANSWER, "x.org", TXT, SLICE("\x01x"));
	for (size_t n = 0; n < wire.bytes.n; n++)
		assert_int_equal(
		    read_copy(slice_first(strbuf_slice(&wire.bytes), n), &query,
			&answer),
		    DNS_PACKET_WRONG);
	strbuf_clear(&wire.bytes);
}

static void
test_records_have_a_bound(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;

	(void)state;
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	for (int i = 0; i < DNS_RECORDS_MAX + 1; i++)
		add(&wire, ANSWER, "x.org", TXT, SLICE("\x01x"));
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_ANSWER);
	assert_int_equal(answer.reply->answer.count, DNS_RECORDS_MAX);
	dns_reply_drop(answer.reply);
}

/* 64 KiB whose every name is a pointer to a pointer to itself, and 64 KiB
 * of records that all point to one long name: neither may take long. */
static void
test_pointer_bombs_take_no_time(void **state)
{
	struct dns_packet_query query = query_of(DNS_TXT, "x.org");
	struct dns_packet_answer answer;
	struct wire wire;
	clock_t before = clock();

	(void)state;
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	put16(&wire.bytes, 0xc000 | (unsigned)wire.bytes.n);
	while (wire.bytes.n < 65000) {
		put16(&wire.bytes, 0xc000 | 23);
		put16(&wire.bytes, TXT);
		put16(&wire.bytes, 1);
		for (int i = 0; i < 3; i++)
			put16(&wire.bytes, 0);
		count(&wire, ANSWER + 1);
	}
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_WRONG);
	begin(&wire, ID, QR);
	ask(&wire, "x.org", TXT);
	for (int i = 0; i < 5400; i++) {
		put16(&wire.bytes, 0xc000 | 12);
		put16(&wire.bytes, CNAME);
		put16(&wire.bytes, 1);
		put16(&wire.bytes, 0);
		put16(&wire.bytes, 60);
		put16(&wire.bytes, 2);
		put16(&wire.bytes, 0xc000 | 12);
		count(&wire, ANSWER + 1);
	}
	assert_int_equal(finish(&wire, &query, &answer), DNS_PACKET_FAILED);
	assert_true(clock() - before < 5 * CLOCKS_PER_SEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_question_on_the_wire),
	    cmocka_unit_test(test_every_type_is_read),
	    cmocka_unit_test(test_only_the_answer_to_our_question_counts),
	    cmocka_unit_test(test_no_question_or_two_is_wrong),
	    cmocka_unit_test(test_response_codes),
	    cmocka_unit_test(test_nothing_lives_as_long_as_the_soa_says),
	    cmocka_unit_test(test_nxdomain_beats_records),
	    cmocka_unit_test(test_a_referral_is_no_answer),
	    cmocka_unit_test(test_records_of_other_names_are_left_out),
	    cmocka_unit_test(test_cnames_are_followed_in_any_order),
	    cmocka_unit_test(test_a_chain_may_leave_the_packet),
	    cmocka_unit_test(test_a_chain_has_a_bound),
	    cmocka_unit_test(
		test_a_name_with_a_dot_or_control_in_a_label_is_none),
	    cmocka_unit_test(test_every_cut_of_a_packet_is_wrong),
	    cmocka_unit_test(test_records_have_a_bound),
	    cmocka_unit_test(test_pointer_bombs_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
