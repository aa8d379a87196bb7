/*
 * The one log line a message, as text or JSON. What peers sent is kept as
 * it came and escaped here, in one place: in text a space in a value is
 * escaped too, so no peer can add a name=value of its own.
 */
#ifndef PROXY_MESSAGE_JOURNAL_H
#define PROXY_MESSAGE_JOURNAL_H

#include <stdint.h>

#include "base/log.h"
#include "base/slice.h"
#include "base/strbuf.h"

/* What a filter may note of one message. */
#define PROXY_JOURNAL_NOTES_MAX 32
#define PROXY_JOURNAL_TEXT_CAP	8192

struct proxy_note {
	const char *name; /* static: "signed", "rule", "unsigned" ... */
	size_t at, n;	  /* of the value in `text` */
};

struct proxy_journal {
	struct proxy_note notes[PROXY_JOURNAL_NOTES_MAX];
	size_t note_count;
	struct strbuf text;
	uint64_t size; /* bytes as received */
	size_t recipients;
	struct slice queue_id, sender, client, relay; /* borrowed */
	struct strbuf message_id;
	double delay;	     /* seconds */
	const char *status;  /* static: "sent", "deferred" ... */
	struct strbuf reply; /* the answer given upstream, one line */
	struct strbuf kept;  /* for the recorder; empty: nothing */
};

void proxy_journal_init(struct proxy_journal *);
void proxy_journal_clear(struct proxy_journal *);

/* Adds name=value to the line, in the order of the calls, before delay. A
 * second note of that name is joined to the first with a comma. Over the
 * bounds it is left out. */
void proxy_journal_note(
    struct proxy_journal *, const char *name, struct slice value);

/* Writes the line. A NULL log takes and drops it. */
void proxy_journal_write(struct log *, const struct proxy_journal *);

/* A line of its own about a message ("QUEUEID: what"), at that level. What
 * is foreign in `what` must have been escaped. */
void proxy_journal_remark(struct log *, enum log_level,
    const struct proxy_journal *, const char *what);

#endif
