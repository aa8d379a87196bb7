/*
 * What a front does to a message: signing, verifying. The fronts do not know
 * which by name, and a filter knows no SMTP: it sees the envelope, the header,
 * the body in chunks and the end, and gives an edit and an outcome.
 *
 * Calls come in this order: begin, then header or no_header, body any
 * number of times, end, free. free may come after any of them.
 */
#ifndef PROXY_MESSAGE_FILTER_H
#define PROXY_MESSAGE_FILTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/slice.h"
#include "base/trace.h"
#include "proxy/message/edit.h"
#include "proxy/message/envelope.h"
#include "proxy/message/journal.h"
#include "proxy/message/outcome.h"

struct mail_field;
struct mail_header;

typedef void proxy_outcome_fn(void *ctx, const struct proxy_outcome *);

/* The message once more, for a filter that has to have it at its end. A front
 * that keeps none does so only where begin has asked for it. */
struct proxy_again {
	bool wanted; /* by begin */
	/* Up to `most` bytes from its beginning, as they will go on but for
	 * the edit: how many, or -1 where they cannot be read. */
	ssize_t (*read)(void *ctx, char *to, size_t most);
	void *ctx;
};

/* What begin is given, all borrowed until free. */
struct proxy_filter_job {
	const struct proxy_envelope *envelope;
	struct proxy_journal *journal; /* where the filter notes what it did */
	struct proxy_edit *edit;       /* where it puts what it changes */
	struct proxy_again *again;
	/* Told once at most, behind end and before the outcome, perhaps before
	 * end returns: the message will pass, unless trouble of ours keeps it.
	 * So whoever sends it on may begin. NULL: nobody wants to know. */
	void (*passing)(void *ctx);
	void *ctx;
	const struct trace *trace; /* NULL: nobody looks */
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

	/* Is the body wanted, once the header was given? Where it is not, a
	 * front that need not read it may leave body out. NULL: it is. */
	bool (*wants_body)(void *filter);

	/* The message is complete. The function is called once, perhaps
	 * before end returns, and not at all where free came first. */
	void (*end)(void *filter, proxy_outcome_fn *, void *ctx);

	/* Ends the filter and whatever it is waiting for. */
	void (*free)(void *filter);

	/* How many bytes at most it may add to a message: SIZE= to the relay
	 * is raised by them (RFC 1870). */
	size_t (*most_added)(void *env);

	/* Could a message of that envelope, as far as it is known at MAIL, be
	 * refused for its sender? Then it must have one that we can read.
	 * NULL: none could. */
	bool (*judges_sender)(void *env, const struct proxy_envelope *);
};

#endif
