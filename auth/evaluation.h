/*
 * All checks of one message: DKIM, DomainKeys, SPF, Sender-ID, DMARC, ARC,
 * iprev. Same verbs as each check alone; pools their questions, asks none
 * twice, and asks together whatever does not wait for an answer.
 *
 *	e = auth_evaluation_new(&rules, &client, now);
 *	auth_evaluation_header(e, header);		once, whole
 *	while (auth_evaluation_ask(e, &question)) ...	again after each answer
 *	auth_evaluation_answer(e, &question, &answer) ...
 *	auth_evaluation_body(e, chunk) ...
 *	auth_evaluation_end(e);
 *	auth_evaluation_done(e)
 *	auth_evaluation_results(e, &results);
 *
 * Questions may be asked before the header is there (SPF and iprev need
 * only the client). A question without an answer by the deadline is
 * answered DNS_TEMPFAIL by the caller; there is no second way to end.
 */
#ifndef AUTH_EVALUATION_H
#define AUTH_EVALUATION_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/results.h"
#include "base/slice.h"
#include "dkim/verifier.h"
#include "dns/question.h"

struct mail_header;

/* Questions of one message, all checks together, where the rules do not
 * say. What would pass it is answered DNS_TEMPFAIL by the evaluation. */
#define AUTH_EVALUATION_QUESTIONS_MAX 60

/* What is checked and how. Borrowed for the length of _new(). */
struct auth_rules {
	unsigned checks; /* 1u << AUTH_DKIM | ... */
	struct dkim_rules dkim;
	unsigned questions; /* 0: AUTH_EVALUATION_QUESTIONS_MAX */
	/* SPF: HELO's result too where there is a MAIL FROM (after it). */
	bool spf_helo;
	struct slice receiver; /* our host name, for SPF's %{r} */
	/* ARC: domains of sealers whose results we believe. */
	const struct slice *arc_trusted;
	size_t arc_trusted_count;
};

/*
 * Who handed us the message. Borrowed for the length of _new(). Without an
 * address (text, no brackets: "192.0.2.1", "2001:db8::1") there is no
 * result for SPF, Sender-ID and iprev.
 */
struct auth_client {
	struct slice address;
	struct slice helo; /* empty: not known */
	/* Without the angle brackets; empty: <>, so HELO's domain is checked in
	 * its place (RFC 7208 section 2.4). */
	struct slice mail_from;
};

struct auth_evaluation;

/* `now` in seconds since 1970. Never NULL. */
struct auth_evaluation *auth_evaluation_new(
    const struct auth_rules *, const struct auth_client *, int64_t now);

/* Once, before the body. Left out where there is only a client to check.
 * The header must outlive the evaluation. */
void auth_evaluation_header(
    struct auth_evaluation *, const struct mail_header *);

/* Instead, where the header is too large to be looked at: every check of it
 * ends in a permanent error that says so; there is no body. */
void auth_evaluation_no_header(struct auth_evaluation *);

/* The next question; false when there is none for now. */
bool auth_evaluation_ask(struct auth_evaluation *, struct dns_question *);
/* Answers to what was not asked are ignored. The answer is not kept. */
void auth_evaluation_answer(struct auth_evaluation *,
    const struct dns_question *, const struct dns_answer *);

/* The body, in any cuts, as received (CRLF line ends). */
void auth_evaluation_body(struct auth_evaluation *, struct slice chunk);
void auth_evaluation_end(struct auth_evaluation *);

/* Everything answered and the message ended. */
bool auth_evaluation_done(const struct auth_evaluation *);

/* Once done. The results' text lives as long as the evaluation. */
void auth_evaluation_results(
    const struct auth_evaluation *, struct auth_results *);

void auth_evaluation_free(struct auth_evaluation *); /* NULL is fine */

#endif
