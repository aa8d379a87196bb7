/*
 * The reflector: a record of mail to it becomes an answer, which waits in
 * the store until the next hop took it. Asks spamd where there is one.
 */
#ifndef RECORD_REFLECTOR_H
#define RECORD_REFLECTOR_H

#include <stdint.h>

#include "base/slice.h"
#include "record/kept.h"
#include "record/spamd.h"
#include "record/store.h"
#include "smtp/relay.h"

/* Questions to spamd at a time; an answer over it says that it was busy. */
#define RECORD_REFLECTOR_SPAMD_MAX 16
/* After so many tries, about three days, an answer is given up. */
#define RECORD_REFLECTOR_TRIES_MAX 72

/* What became of a mail to it, for those who count. */
enum record_reflector_result {
	RECORD_REFLECTOR_SENT,
	RECORD_REFLECTOR_DEFERRED,     /* a try; another will follow */
	RECORD_REFLECTOR_GIVEN_UP,     /* refused, or tried too often */
	RECORD_REFLECTOR_TOO_MANY,     /* over a bound of an hour */
	RECORD_REFLECTOR_NOT_ANSWERED, /* RFC 3834, and what else forbids it */
	RECORD_REFLECTOR_LOST,	       /* not made, or not kept */
	RECORD_REFLECTOR_RESULTS
};

/* All borrowed, for as long as the reflector. */
struct record_reflector_rules {
	struct slice address; /* whose mail is answered, and From */
	struct slice helo;
	struct smtp_target relay;	    /* where answers go */
	struct record_spamd_at spamd;	    /* length 0: none */
	struct record_answer_bounds bounds; /* answers in an hour */
	/* A line for the log: foreign text in it is escaped. */
	void (*say)(void *ctx, bool trouble, const char *what);
	void (*count)(void *ctx, enum record_reflector_result); /* or NULL */
	void *ctx;
};

struct record_reflector;

struct record_reflector *record_reflector_new(struct event_base *,
    struct record_store *, const struct record_reflector_rules *);

/* A record; one of mail that was not to the reflector is passed over. Why
 * mail to it gets no answer is said. Copied. */
void record_reflector_take(
    struct record_reflector *, const struct record_kept *);

/* Sends what is due, one mail after the other, and forgets what is over.
 * `now` in seconds since 1970; call it every few seconds. */
void record_reflector_tick(struct record_reflector *, int64_t now);

/* What waits for spamd is answered without its word. NULL is fine. */
void record_reflector_free(struct record_reflector *);

#endif
