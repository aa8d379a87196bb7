/*
 * What a proxy does to a message between DATA and the relay. Signing is
 * one; verifying will be the other. Neither the transaction nor another
 * front of the same filters knows which by name, and a filter knows no
 * SMTP.
 *
 * Calls come in this order: begin, then header or no_header, body any
 * number of times, end, free. free may come after any of them.
 */
#ifndef PROXY_MESSAGE_FILTER_H
#define PROXY_MESSAGE_FILTER_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/trace.h"
#include "proxy/message/edit.h"
#include "proxy/message/envelope.h"
#include "proxy/message/journal.h"

struct mail_field;
struct mail_header;
struct proxy_spool;

/* What is to become of the message. */
struct proxy_outcome {
	/* Refused with this code and text ("5.6.0 no From field"); 0: passed
	 * on with the edit. The text lives as long as the filter. */
	unsigned refusal_code;
	const char *refusal_text;
};

typedef void proxy_outcome_fn(void *ctx, const struct proxy_outcome *);

/* What begin is given, all borrowed until free. */
struct proxy_filter_job {
	const struct proxy_envelope *envelope;
	struct proxy_record *record; /* where the filter notes what it did */
	struct proxy_edit *edit;     /* where it puts what it changes */
	const struct proxy_spool *spool; /* the message, once complete */
	const struct trace *trace;	 /* NULL: nobody looks */
};

struct proxy_filter_ops {
	/* `env` is what the proxy's filters share: rules, keys, a log. */
	void *(*begin)(void *env, const struct proxy_filter_job *);

	/* The header, complete, for the life of the filter. */
	void (*header)(void *filter, const struct mail_header *);

	/* The header is over its bound. `why` is a text for people; `part`,
	 * for the life of the filter, has the fields at its top that could be
	 * kept. The others are let through one by one. No body follows. */
	void (*no_header)(
	    void *filter, const char *why, const struct mail_header *part);

	/* Is this one of those others to be left out? `whole`: it is shown to
	 * its end (mail/skim.h). NULL: none is. */
	bool (*drops)(void *filter, const struct mail_field *, bool whole);

	void (*body)(void *filter, struct slice chunk);

	/* The message is complete. The function is called once, perhaps
	 * before end returns, and not at all where free came first. */
	void (*end)(void *filter, proxy_outcome_fn *, void *ctx);

	/* Ends the filter and whatever it is waiting for. */
	void (*free)(void *filter);

	/* How many bytes at most it may add to a message: SIZE= to the relay
	 * is raised by them (RFC 1870). */
	size_t (*most_added)(void *env);

	/* What it says depends on the reverse path: one that cannot be read
	 * is refused. */
	bool judges_sender;
};

#endif
