/*
 * The report a person reads, as check-auth reflectors made it a habit: a
 * line a check, then what was looked at and, for each failure, what to do
 * about it. Lines end in LF; what came from the message is made harmless.
 */
#ifndef AUTH_SUMMARY_H
#define AUTH_SUMMARY_H

#include "auth/results.h"
#include "base/slice.h"
#include "base/strbuf.h"

/* A summary of the most results, with its advice, stays below this. */
#define AUTH_SUMMARY_MAX (96 * 1024)

/* What the results are about. Empty slices: not known; of mail_from one that
 * has an address, SLICE(""), is <>. */
struct auth_summary {
	const struct auth_results *results;
	struct slice client, helo, mail_from;
	struct slice spam;  /* what spamd said: "ham (...)"; empty: no line */
	struct slice rules; /* SpamAssassin's that matched: "A, B" */
	bool listed;	    /* the message came through a mailing list */
	/* For a sender who is not proven: words of ours and of RFC 8601, names
	 * in A-labels, addresses; as much of it as the strbuf takes. */
	bool stranger;
	bool foreign; /* for somebody who has no signpost to set */
	bool own;     /* it came from this host itself, so there is no client */
};

/*
 * "Summary of Results", then `SPF check: pass` and its kin, one line each:
 * SPF, DomainKeys, DKIM, Sender-ID, DMARC, ARC, iprev, and SpamAssassin where
 * asked; how much is to do ("3 things to do", "nothing to do"); then the
 * details, those first about which there is something to do. The word is the
 * best of several signatures; a check that could not be made is "not checked".
 * 0, or -1 where the strbuf is full.
 */
int auth_summary_print(const struct auth_summary *, struct strbuf *out);

#endif
