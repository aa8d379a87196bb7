/*
 * One record: what a worker hands to the recorder about one message. A list
 * of tagged texts, printed to one datagram and parsed from it. The reader
 * trusts no byte of it: a worker reads hostile mail and may have been taken
 * over.
 *
 * On the wire: "SP1", then for each member one byte of tag, three bytes of
 * length (big-endian) and the bytes.
 */
#ifndef RECORD_KEPT_H
#define RECORD_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Members of one record, octets of one record: a datagram on a local
 * socket must hold it with the kernel's default bounds. */
#define RECORD_KEPT_MEMBERS_MAX 128
#define RECORD_KEPT_MAX		(160 * 1024)

enum record_tag {
	RECORD_TIME = 1,      /* seconds since 1970, decimal */
	RECORD_DIRECTION,     /* "out" or "in" */
	RECORD_AUTHOR,	      /* From's domain */
	RECORD_SENDER,	      /* the domain of MAIL FROM */
	RECORD_RECIPIENT,     /* the domain of the first RCPT TO */
	RECORD_CLIENT,	      /* the client's address */
	RECORD_STATUS,	      /* "sent", "rejected", "deferred" */
	RECORD_SIGNED,	      /* "dkim:example.org", repeated */
	RECORD_UNSIGNED,      /* the reason, where no signature was made */
	RECORD_DKIM,	      /* result TAB d= TAB s= TAB reason; repeated */
	RECORD_DOMAINKEYS,    /* likewise */
	RECORD_SPF,	      /* result TAB domain TAB "mfrom"|"helo" */
	RECORD_SENDERID,      /* result */
	RECORD_DMARC,	      /* result */
	RECORD_ARC,	      /* result */
	RECORD_POLICY_DOMAIN, /* where the DMARC record stands */
	RECORD_POLICY,	      /* the DMARC record */
	RECORD_DISPOSITION,   /* "none", "pass", "quarantine", "reject" */
	RECORD_DKIM_ALIGNED,  /* "pass" or "fail" */
	RECORD_SPF_ALIGNED,   /* "pass" or "fail" */
	RECORD_OVERRIDE,      /* RFC 9990's PolicyOverrideType; repeated */
	RECORD_ANSWER_TO,     /* reflector: the envelope sender; empty: <> */
	RECORD_SUMMARY,	      /* reflector: the report, LF line ends */
	RECORD_HEADER,	      /* reflector: of the header what is quoted */
	RECORD_MESSAGE,	      /* reflector: the message, for spamd */
	RECORD_PROOF,	      /* reflector: a word of reflect.h; there for mail
				 to it and for no other */
	RECORD_SUBJECT,	      /* reflector: Subject, where it is shown */
	RECORD_MESSAGE_ID,    /* reflector: with its <> */
	RECORD_UNANSWERED,    /* reflector: why there is no answer */
	RECORD_TAGS
};

/* Adds one member; the first call on an empty strbuf writes the head. 0, or
 * -1 where the strbuf is full or the value is over 2^24-1 octets. */
int record_kept_add(struct strbuf *, enum record_tag, struct slice value);

struct record_member {
	enum record_tag tag;
	struct slice value; /* a view into the datagram */
};

struct record_kept {
	size_t count;
	struct record_member members[RECORD_KEPT_MEMBERS_MAX];
};

/* 0; -1 where the bytes are no record. Unknown tags are left out. */
int record_kept_parse(struct slice datagram, struct record_kept *);

/* The first member of that tag from `*at` on, moving it behind; false where
 * there is none. */
bool record_kept_next(const struct record_kept *, enum record_tag, size_t *at,
    struct slice *value);

/* The first of that tag; empty where there is none. */
struct slice record_kept_get(const struct record_kept *, enum record_tag);

#endif
