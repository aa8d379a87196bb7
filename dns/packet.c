/*
 * Packets by ldns; see packet.h. ldns reads the form; what we believe of it
 * is decided here: the question must be ours, records count only at the
 * end of the CNAME chain that begins at our name, and a name that our text
 * form cannot hold is none.
 */
#include <stdlib.h>

#include <ldns/ldns.h>

#include "base/xalloc.h"
#include "dns/packet.h"

/* RFC 1035 section 4.1.1. */
enum { HEADER_SIZE = 12, NAME_WIRE_MAX = 255 };

/* The longest text that records of one answer may come to. */
enum { VALUES_MAX = 1 << 20 };

/* RFC 2181 section 8: a TTL with the top bit is zero. */
#define TTL_MAX 0x7fffffffU

static const ldns_rr_type wire_types[] = {
    [DNS_A] = LDNS_RR_TYPE_A,
    [DNS_AAAA] = LDNS_RR_TYPE_AAAA,
    [DNS_MX] = LDNS_RR_TYPE_MX,
    [DNS_PTR] = LDNS_RR_TYPE_PTR,
    [DNS_TXT] = LDNS_RR_TYPE_TXT,
    [DNS_NS] = LDNS_RR_TYPE_NS,
    [DNS_SOA] = LDNS_RR_TYPE_SOA,
};

/*
 * The text of a name, through the same door as everyone's. 0; -1 where it
 * is none of ours. The root, which is no question, is the empty string.
 */
static int
name_from_wire(const ldns_rdf *rdf, struct dns_question *name)
{
	const unsigned char *wire = ldns_rdf_data(rdf);
	size_t size = ldns_rdf_size(rdf), at = 0, n = 0;
	char text[NAME_WIRE_MAX + 1];

	if (ldns_rdf_get_type(rdf) != LDNS_RDF_TYPE_DNAME ||
	    size > NAME_WIRE_MAX)
		return -1;
	while (at < size && wire[at] != 0) {
		size_t label_n = wire[at++];

		/* ldns has taken compression apart already; a length that leads
		 * out of the name must not be believed all the same. RFC 2181
		 * section 11 allows any octet in a label: a dot within one
		 * would make two labels of it in our text, and the owner of one
		 * name could answer for another. */
		if (label_n > size - at ||
		    memchr(wire + at, '.', label_n) != NULL)
			return -1;
		memcpy(text + n, wire + at, label_n);
		n += label_n;
		text[n++] = '.';
		at += label_n;
	}
	if (n == 0) {
		name->name[0] = '\0';
		return 0;
	}
	return dns_question_set(name, name->type, slice_from(text, n));
}

static ldns_pkt *
query_packet(const struct dns_packet_query *query)
{
	struct slice label, rest = slice_str(query->question.name);
	unsigned char name[NAME_WIRE_MAX];
	size_t n = 0;
	ldns_rdf *rdf;
	ldns_pkt *packet;

	/* The name has been through dns_question_set: no label is over 63
	 * octets and no name over 255, so it fits. */
	while (slice_cut(&rest, '.', &label)) {
		name[n++] = (unsigned char)label.n;
		memcpy(name + n, label.p, label.n);
		n += label.n;
	}
	name[n++] = 0;
	rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, n, name);
	if (rdf == NULL)
		abort();
	/* Without RD a server tells what it has itself and asks nobody. */
	packet = ldns_pkt_query_new(rdf, wire_types[query->question.type],
	    LDNS_RR_CLASS_IN, query->direct ? 0 : LDNS_RD);
	if (packet == NULL)
		abort();
	ldns_pkt_set_id(packet, query->id);
	/* RFC 6840 section 5.7: AD in a question says that we would like to
	 * know whether the answer was validated, without asking for the
	 * signatures. */
	ldns_pkt_set_ad(packet, query->want_ad);
	if (query->edns)
		ldns_pkt_set_edns_udp_size(packet, DNS_UDP_SIZE);
	return packet;
}

int
dns_packet_write(const struct dns_packet_query *query, struct strbuf *wire)
{
	ldns_pkt *packet = query_packet(query);
	uint8_t *bytes = NULL;
	size_t n = 0;
	int result;

	if (ldns_pkt2wire(&bytes, packet, &n) != LDNS_STATUS_OK)
		abort();
	result = strbuf_add(wire, slice_from((const char *)bytes, n));
	free(bytes);
	ldns_pkt_free(packet);
	return result;
}

/* Header and question, before any more of it is looked at. RFC 5452 section
 * 9.1: an answer must repeat the question. A forger who guessed the id may not
 * know what was asked. */
static bool
question_is_ours(
    const unsigned char *wire, size_t n, const struct dns_packet_query *query)
{
	struct dns_question asked = {.type = query->question.type};
	ldns_pkt_rcode rcode = LDNS_RCODE_WIRE(wire);
	size_t at = HEADER_SIZE;
	ldns_rr *rr = NULL;
	bool ours;

	/* Some servers leave the question out of an error. */
	if (LDNS_QDCOUNT(wire) == 0 && rcode != LDNS_RCODE_NOERROR &&
	    rcode != LDNS_RCODE_NXDOMAIN)
		return true;
	if (LDNS_QDCOUNT(wire) != 1 ||
	    ldns_wire2rr(&rr, wire, n, &at, LDNS_SECTION_QUESTION) !=
		LDNS_STATUS_OK)
		return false;
	ours = ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
	    ldns_rr_get_type(rr) == wire_types[query->question.type] &&
	    name_from_wire(ldns_rr_owner(rr), &asked) == 0 &&
	    dns_question_equal(&asked, &query->question);
	ldns_rr_free(rr);
	return ours;
}

/* Reading the answer of one packet. */
struct reading {
	const struct dns_packet_query *query;
	ldns_rr_list *records;
	struct dns_question at; /* where the chain has come to */
	unsigned cnames;
	uint32_t ttl;
};

/* A record of another name in the answer is none of ours, however it got there:
 * that is how caches were poisoned. */
static bool
owner_is(const ldns_rr *rr, const struct dns_question *name)
{
	struct dns_question owner = {.type = name->type};

	return ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
	    name_from_wire(ldns_rr_owner(rr), &owner) == 0 &&
	    strcmp(owner.name, name->name) == 0;
}

static uint32_t
ttl_of(const ldns_rr *rr)
{
	uint32_t ttl = ldns_rr_ttl(rr);

	return ttl > TTL_MAX ? 0 : ttl;
}

/* An answer is as old as its shortest-lived part, a CNAME on the way among
 * them. */
static uint32_t
ttl_less(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The next record of that type at the chain's end, from `*index` on. */
static const ldns_rr *
next_record(const struct reading *reading, ldns_rr_type type, size_t *index)
{
	size_t count = ldns_rr_list_rr_count(reading->records);

	while (*index < count) {
		const ldns_rr *rr =
		    ldns_rr_list_rr(reading->records, (*index)++);

		if (ldns_rr_get_type(rr) == type && owner_is(rr, &reading->at))
			return rr;
	}
	return NULL;
}

/* RFC 7208 section 3.3 and RFC 6376 section 3.6.2.2: the strings of one record
 * are put together without anything between. */
static int
add_txt(const ldns_rr *rr, struct strbuf *values)
{
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
		const char *bytes = (const char *)ldns_rdf_data(rdf);
		size_t n = ldns_rdf_size(rdf);

		if (n > 0 && strbuf_add(values, slice_from(bytes + 1, n - 1)))
			return -1;
	}
	return 0;
}

/* The length is checked, since whoever uses it takes it for an address. */
static int
add_host_address(const ldns_rr *rr, size_t n, struct strbuf *values)
{
	const ldns_rdf *rdf = ldns_rr_rdf(rr, 0);

	if (rdf == NULL || ldns_rdf_size(rdf) != n)
		return -1;
	return strbuf_add(
	    values, slice_from((const char *)ldns_rdf_data(rdf), n));
}

static int
add_host_name(const ldns_rr *rr, size_t index, struct strbuf *values)
{
	const ldns_rdf *rdf = ldns_rr_rdf(rr, index);
	struct dns_question name = {.type = DNS_A};

	if (rdf == NULL || name_from_wire(rdf, &name) != 0)
		return -1;
	return strbuf_add_str(values, name.name);
}

/* 0; -1 where the record is unusable, with nothing added. */
static int
add_record(enum dns_type type, const ldns_rr *rr, struct dns_record *record,
    struct strbuf *values)
{
	const ldns_rdf *preference = ldns_rr_rdf(rr, 0);
	size_t before = values->n;
	int result = -1;

	switch (type) {
	case DNS_A:
		result = add_host_address(rr, 4, values);
		break;
	case DNS_AAAA:
		result = add_host_address(rr, 16, values);
		break;
	case DNS_MX:
		if (preference == NULL || ldns_rdf_size(preference) != 2)
			break;
		record->preference = ldns_rdf2native_int16(preference);
		result = add_host_name(rr, 1, values);
		break;
	case DNS_PTR:
	case DNS_NS:
	case DNS_SOA:
		result = add_host_name(rr, 0, values);
		break;
	case DNS_TXT:
		result = add_txt(rr, values);
		break;
	}
	if (result != 0)
		strbuf_truncate(values, before);
	else
		record->value.n = values->n - before;
	return result;
}

/* All records of the type at the chain's end; NULL where there are none that
 * can be used. RFC 2181 section 5.2 has all records of a set share one TTL;
 * where they do not the least counts. What is unusable is left out and does not
 * spoil the others. */
static struct dns_reply *
collect(struct reading *reading)
{
	enum dns_type type = reading->query->question.type;
	struct dns_record *records = xcalloc(DNS_RECORDS_MAX, sizeof(*records));
	struct dns_reply *reply = NULL;
	struct strbuf values;
	size_t count = 0, index = 0;
	const ldns_rr *rr;

	strbuf_init(&values, VALUES_MAX);
	while (count < DNS_RECORDS_MAX &&
	    (rr = next_record(reading, wire_types[type], &index)) != NULL) {
		reading->ttl = ttl_less(reading->ttl, ttl_of(rr));
		if (add_record(type, rr, &records[count], &values) == 0)
			count++;
	}
	if (count > 0)
		reply = dns_reply_new(
		    records, count, strbuf_slice(&values), reading->ttl);
	strbuf_clear(&values);
	free(records);
	return reply;
}

/* To the end of the chain. -1 where it is too long or leads to a name that is
 * none. Bounded, because two names may point to each other, and the chain of
 * one answer goes on in the next. */
static int
follow_cnames(struct reading *reading)
{
	ldns_rr_type wanted = wire_types[reading->query->question.type];

	while (!reading->query->link || reading->cnames == 0) {
		size_t first = 0, index = 0;
		const ldns_rr *rr;
		const ldns_rdf *target;

		if (next_record(reading, wanted, &first) != NULL)
			return 0;
		rr = next_record(reading, LDNS_RR_TYPE_CNAME, &index);
		if (rr == NULL)
			return 0;
		target = ldns_rr_rdf(rr, 0);
		if (target == NULL ||
		    reading->cnames++ >= reading->query->cnames ||
		    name_from_wire(target, &reading->at) != 0 ||
		    reading->at.name[0] == '\0')
			return -1;
		reading->ttl = ttl_less(reading->ttl, ttl_of(rr));
	}
	return 0;
}

static const ldns_rr *
find_authority(const ldns_pkt *packet, ldns_rr_type type)
{
	const ldns_rr_list *list = ldns_pkt_authority(packet);

	for (size_t i = 0; i < ldns_rr_list_rr_count(list); i++)
		if (ldns_rr_get_type(ldns_rr_list_rr(list, i)) == type)
			return ldns_rr_list_rr(list, i);
	return NULL;
}

/* RFC 2308 section 5: the lesser of the SOA's own TTL and its MINIMUM. */
static uint32_t
negative_ttl(const ldns_rr *soa, uint32_t ttl)
{
	const ldns_rdf *minimum = soa ? ldns_rr_rdf(soa, 6) : NULL;

	if (minimum == NULL || ldns_rdf_size(minimum) != 4)
		return 0;
	ttl = ttl_less(ttl, ttl_of(soa));
	return ttl_less(ttl, ldns_rdf2native_int32(minimum));
}

static enum dns_packet_kind
give(struct dns_packet_answer *answer, const struct reading *reading,
    struct dns_reply *reply)
{
	answer->cnames = reading->cnames;
	answer->reply = reply;
	/* AD is for the whole answer (RFC 4035 section 3.2.3). */
	reply->answer.authentic = answer->authentic;
	return DNS_PACKET_ANSWER;
}

static enum dns_packet_kind
give_alias(struct dns_packet_answer *answer, const struct reading *reading)
{
	answer->next = reading->at;
	answer->ttl = reading->ttl;
	answer->cnames = reading->cnames;
	return DNS_PACKET_CNAME;
}

static enum dns_packet_kind
read_answer(const ldns_pkt *packet, const struct dns_packet_query *query,
    struct dns_packet_answer *answer)
{
	struct reading reading = {.query = query,
	    .records = ldns_pkt_answer(packet),
	    .at = query->question,
	    .ttl = TTL_MAX};
	struct dns_reply *reply = NULL;
	const ldns_rr *soa;
	uint32_t ttl;

	if (follow_cnames(&reading) != 0)
		return DNS_PACKET_FAILED;
	answer->authentic = ldns_pkt_ad(packet);
	answer->authoritative = ldns_pkt_aa(packet);
	if (query->link && reading.cnames > 0)
		return give_alias(answer, &reading);
	if (ldns_pkt_get_rcode(packet) == LDNS_RCODE_NOERROR)
		reply = collect(&reading);
	if (reply != NULL)
		return give(answer, &reading, reply);
	/* No record of the type at the chain's end: which kind of nothing? */
	soa = find_authority(packet, LDNS_RR_TYPE_SOA);
	/* Also for a name that is there without this type: both are negative
	 * answers (RFC 2308 section 2). */
	ttl = negative_ttl(soa, reading.ttl);
	if (ldns_pkt_get_rcode(packet) == LDNS_RCODE_NXDOMAIN)
		return give(
		    answer, &reading, dns_reply_new_status(DNS_NXDOMAIN, ttl));
	/* The chain leads out of what this server knows, so its end is asked
	 * for on its own. */
	if (soa == NULL && reading.cnames > 0)
		return give_alias(answer, &reading);
	/* A referral (RFC 2308 section 2.2): not asked to go there. */
	if (soa == NULL && !ldns_pkt_aa(packet) &&
	    find_authority(packet, LDNS_RR_TYPE_NS) != NULL)
		return DNS_PACKET_FAILED;
	return give(answer, &reading, dns_reply_new_status(DNS_NODATA, ttl));
}

static enum dns_packet_kind
read_packet(const ldns_pkt *packet, const struct dns_packet_query *query,
    struct dns_packet_answer *answer)
{
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);

	/* BADVERS and what else has no place in the header's four bits. */
	if (ldns_pkt_edns_extended_rcode(packet) != 0)
		return query->edns ? DNS_PACKET_NO_EDNS : DNS_PACKET_FAILED;
	switch (rcode) {
	case LDNS_RCODE_NOERROR:
	case LDNS_RCODE_NXDOMAIN:
		return read_answer(packet, query, answer);
	case LDNS_RCODE_FORMERR:
	case LDNS_RCODE_NOTIMPL:
		return query->edns ? DNS_PACKET_NO_EDNS : DNS_PACKET_FAILED;
	default:
		return DNS_PACKET_FAILED;
	}
}

enum dns_packet_kind
dns_packet_read(struct slice bytes, const struct dns_packet_query *query,
    struct dns_packet_answer *answer)
{
	const unsigned char *wire = (const unsigned char *)bytes.p;
	enum dns_packet_kind kind;
	ldns_pkt *packet = NULL;

	memset(answer, 0, sizeof(*answer));
	/* The cheap things first: what floods us with forged answers should
	 * cost us little. */
	if (bytes.n < HEADER_SIZE || LDNS_ID_WIRE(wire) != query->id ||
	    !LDNS_QR_WIRE(wire) ||
	    LDNS_OPCODE_WIRE(wire) != LDNS_PACKET_QUERY ||
	    !question_is_ours(wire, bytes.n, query))
		return DNS_PACKET_WRONG;
	/* RFC 2181 section 9: what is in a cut answer is not to be used, so it
	 * is not even parsed. */
	if (LDNS_TC_WIRE(wire))
		return DNS_PACKET_TRUNCATED;
	if (ldns_wire2pkt(&packet, wire, bytes.n) != LDNS_STATUS_OK)
		return DNS_PACKET_WRONG;
	kind = read_packet(packet, query, answer);
	ldns_pkt_free(packet);
	return kind;
}
