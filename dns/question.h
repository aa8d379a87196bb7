/*
 * What is asked of the DNS and what came back. Plain values; no socket, no
 * packet. A name here is text without escapes: labels between dots, ASCII
 * letters in lower case, no final dot. A label holds any octet but NUL,
 * controls and the dot; so a backslash is a backslash.
 */
#ifndef DNS_QUESTION_H
#define DNS_QUESTION_H

#include <stdint.h>

#include "base/slice.h"

/* RFC 1035 section 2.3.4: 255 octets on the wire are 253 in text. */
#define DNS_NAME_MAX  253
#define DNS_LABEL_MAX 63

enum dns_type { DNS_A, DNS_AAAA, DNS_MX, DNS_PTR, DNS_TXT, DNS_NS, DNS_SOA };

/*
 * NODATA: the name is there, records of the type are not. TEMPFAIL: no
 * usable answer in time; asking again later may help.
 */
enum dns_status { DNS_OK, DNS_NODATA, DNS_NXDOMAIN, DNS_TEMPFAIL };

struct dns_question {
	enum dns_type type;
	char name[256]; /* NUL-terminated */
};

struct dns_record {
	unsigned preference; /* MX only */
	struct slice value;  /* TXT joined; A, AAAA raw bytes; else a name,
			     * of SOA that of the primary server */
};

/*
 * `records` are for the length of the call that shows them. They are there
 * with DNS_OK alone, and then at least one. The name of an MX may be empty
 * (RFC 7505, "null MX").
 */
struct dns_answer {
	enum dns_status status;
	bool authentic; /* validated by a resolver that we trust to say so */
	/* The name that was asked for is a CNAME: it exists, whatever became of
	 * the one that it leads to, which `status` is of (RFC 6604). */
	bool alias;
	size_t count;
	const struct dns_record *records;
};

/*
 * Makes a question: copies the name in lower case and drops one final dot.
 * 0; or -1, the question being left alone, where the name is none that the
 * DNS can hold: empty, an empty label, a label over 63 or a name over 253
 * octets, a NUL or other control character.
 */
int dns_question_set(struct dns_question *, enum dns_type, struct slice name);

/*
 * The PTR question for an address of 4 or 16 raw bytes (in-addr.arpa,
 * ip6.arpa). 0; or -1 for another length.
 */
int dns_question_set_reverse(struct dns_question *, struct slice address);

bool dns_question_equal(
    const struct dns_question *, const struct dns_question *);

/* "A", "TXT"; "ok", "nodata", "nxdomain", "tempfail". */
const char *dns_type_name(enum dns_type);
const char *dns_status_name(enum dns_status);

#endif
