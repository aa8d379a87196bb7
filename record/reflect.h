/*
 * The reflector's answer as a message: pure arithmetic. What of a message may
 * be shown to its envelope sender depends on what proves that it is his: who
 * can be named by anybody gets words of ours only.
 */
#ifndef RECORD_REFLECT_H
#define RECORD_REFLECT_H

#include <stdint.h>

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Octets of the original's header that are quoted; what is over is cut. */
#define RECORD_REFLECT_HEADER_MAX  (32 * 1024)
#define RECORD_REFLECT_SUBJECT_MAX 200
#define RECORD_REFLECT_MAIL_MAX	   (512 * 1024)

/* Octets of an answer to a sender who is not proven, all in all; of a domain
 * name in it, and of a Message-ID that it answers. */
enum {
	RECORD_REFLECT_STRANGER_MAX = 2048,
	RECORD_REFLECT_SUMMARY_MAX = 1400, /* what the report may use of it */
	RECORD_REFLECT_NAME_MAX = 100,
	RECORD_REFLECT_ID_MAX = 200
};

/* What proves that a message is its envelope sender's. */
enum record_proof {
	RECORD_PROOF_NONE,
	RECORD_PROOF_REFUTED, /* SPF says fail: no answer */
	RECORD_PROOF_SPF,     /* SPF passed for the envelope sender */
	/* A signature aligned with it passed, and it covers that the message
	 * was to the reflector. */
	RECORD_PROOF_DKIM
};

/* "none", "refuted", "spf", "dkim"; parsing gives 0, or -1. */
const char *record_proof_word(enum record_proof);
int record_proof_parse(struct slice, enum record_proof *);

struct record_reflection {
	enum record_proof proof;
	struct slice from;	 /* the reflector's address */
	struct slice to;	 /* the envelope sender */
	struct slice summary;	 /* the report, LF or CRLF line ends */
	struct slice spam;	 /* "ham (...)"; empty: no line */
	struct slice rules;	 /* SpamAssassin's that matched */
	struct slice message_id; /* the original's, with <>; may be empty */
	struct slice id;	 /* left of our own Message-ID's @ */
	/* Only shown to proven senders: of the original's header what may be
	 * quoted, and its Subject. */
	struct slice header, subject;
	int64_t now; /* seconds since 1970 */
};

/*
 * The whole message: ASCII, CRLF line ends, every line short enough. The line
 * "SpamAssassin check: " is put behind the summary's last line that ends in
 * " check: WORD". To a stranger (RECORD_PROOF_NONE) whole lines are left out
 * from the end until it fits. 0, or -1 where the strbuf is full or a value
 * holds what would break the header.
 */
int record_reflect_print(const struct record_reflection *, struct strbuf *);

struct record_kept;

/* What a worker says of mail to the reflector, held once more against its
 * bounds, for it may have been taken over: each word once, none longer than it
 * may be, and of mail that nobody has proven to have sent nothing is shown.
 * True, too, of a record that says nothing of it. */
bool record_reflect_is_within(const struct record_kept *);

#endif
