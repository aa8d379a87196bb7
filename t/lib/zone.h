/*
 * The other side of ask and answer: a zone written down in the test, and
 * the orders in which its answers may come. No socket, no clock.
 *
 * A zone is text, one record a line, "NAME TYPE value":
 *
 *	s1._domainkey.example.org TXT v=DKIM1; p=MII...
 *	example.org MX 10 mx.example.org
 *	example.org A 192.0.2.1
 *	slow.example.org TXT timeout
 *	empty.example.org TXT nodata
 *	gone.example.org TXT nxdomain
 *	www.example.org CNAME example.org
 *	quoted.example.org TXT "two strings " "joined"
 *
 * Lines of the same name and type make one answer. A type `*` (with
 * timeout or nxdomain) is for every type that has no line of its own. A
 * name that has lines of other types is nodata, any other name nxdomain.
 * CNAMEs are followed. Empty lines and lines that begin with `;` are
 * skipped; anything else that is not a record fails the test. A TXT value
 * that does not begin with a quotation mark is the rest of the line;
 * in a quoted one \" \\ and \DDD (decimal) are one octet, as they are in
 * the name.
 */
#ifndef T_LIB_ZONE_H
#define T_LIB_ZONE_H

#include <stdint.h>

#include "dns/question.h"

/* More questions than this from one subject fail the test. */
#define ZONE_QUESTIONS_MAX 1000

struct zone;

struct zone *zone_new(const char *text);
void zone_free(struct zone *);

/* The answer; never NULL; the zone's until it is freed. */
const struct dns_answer *zone_find(struct zone *, const struct dns_question *);

/* What is under test: any check with the two verbs. */
struct zone_subject {
	bool (*ask)(void *state, struct dns_question *);
	void (*answer)(void *state, const struct dns_question *,
	    const struct dns_answer *);
};

enum zone_order { ZONE_FORWARD, ZONE_REVERSE };

#define ZONE_NO_TIMEOUT SIZE_MAX

/*
 * Starts anew: nothing asked yet. Answers will come in the order asked
 * or the last asked first; the `timeout`-th question (from 0, as asked;
 * ZONE_NO_TIMEOUT for none) is answered DNS_TEMPFAIL.
 */
void zone_begin(struct zone *, enum zone_order, size_t timeout);

/*
 * Takes every question that the subject has, then gives it one answer.
 * False where there was nothing to answer. For tests that feed a body
 * between two answers.
 */
bool zone_step(struct zone *, const struct zone_subject *, void *state);

/* Steps until nothing is open. Returns how many were asked in all. */
size_t zone_run(struct zone *, const struct zone_subject *, void *state);

/* Asked since zone_begin(). */
size_t zone_asked_count(const struct zone *);
const struct dns_question *zone_asked(const struct zone *, size_t index);

/*
 * Runs `once` in every way answers may come: forward, reverse, and forward
 * with each question of the first run timing out in turn. `once` makes its
 * subject, calls zone_run() and checks the outcome; `timeout` is
 * ZONE_NO_TIMEOUT where the result must be the usual one.
 */
void zone_every_way(struct zone *,
    void (*once)(struct zone *, size_t timeout, void *arg), void *arg);

#endif
