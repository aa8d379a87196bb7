/*
 * The results database: one SQLite file, bounded in size and age. Holds
 * tallies by hour for the status page, rows for the aggregate reports (RFC
 * 9990), and the reflector's answers until they are sent. The only file
 * that knows SQLite is store.c and its helpers.
 *
 * Adding gathers rows in a transaction that record_store_commit() ends: the
 * recorder commits once a second, so a crash loses at most that.
 */
#ifndef RECORD_STORE_H
#define RECORD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "record/kept.h"

/* What is kept of one text; longer ones are cut. */
#define RECORD_TEXT_MAX 255
/* And of a policy record; of a longer one as many whole tags as fit. */
#define RECORD_POLICY_MAX 1024

/* A statement may take this long, ms; then it fails as "interrupted". */
#define RECORD_QUERY_MS 10000

struct record_store;

struct record_store_limits {
	uint64_t bytes_max;   /* of the file; 0: 512 MiB */
	int64_t keep_seconds; /* age of what is kept; 0: 9 days */
	unsigned answers_max; /* waiting; 0: 1000 */
};

/*
 * Opens, or makes with mode 0600. NULL and the reason on failure.
 *
 * Whoever opens the file trusts nothing in it, for root's tools read what
 * the recorder wrote, and it may have been taken over: views and triggers do
 * not run, and a statement ends after RECORD_QUERY_MS. A root that opens it
 * must have become the recorder's user before: SQLite puts files beside it.
 */
struct record_store *record_store_open(const char *path,
    const struct record_store_limits *, struct strbuf *reason);

/* Opens what is there, to write too; makes none. */
struct record_store *record_store_open_writer(
    const char *path, struct strbuf *reason);

/* Opens what is there to read only. */
struct record_store *record_store_open_reader(
    const char *path, struct strbuf *reason);

/* Statements may take that long from now on, ms. */
void record_store_bound(struct record_store *, int64_t ms);

/* Whether the last one that was begun took that long, and has no answer. */
bool record_store_was_late(const struct record_store *);

/* Commits; NULL is fine. */
void record_store_close(struct record_store *);

/* Is the file that was opened still the one of that name? Where it is not,
 * what is committed is seen by nobody. */
bool record_store_is_there(const struct record_store *);

/* Did the last one to fail find the file locked by somebody else? */
bool record_store_is_busy(const struct record_store *);

/* Could something be kept now? Writes some bytes and deletes them again. 0,
 * or -1 and the reason. */
int record_store_try(struct record_store *, struct strbuf *reason);

/* How full it is. */
struct record_measure {
	uint64_t bytes; /* in use; to compare with bytes_max */
	int64_t newest; /* the newest record's hour; 0: there is none */
};
int record_store_measure(struct record_store *, struct record_measure *);

/* Can anything be made of it? (It has a time.) */
bool record_store_takes(const struct record_kept *);

/* Takes one record: tallies, and a row of the aggregate where the message
 * had a DMARC policy. 0; -1 and the reason where the database refuses (disk
 * full, over bytes_max): what was not committed is lost, the store goes on. */
int record_store_add(
    struct record_store *, const struct record_kept *, struct strbuf *reason);
int record_store_commit(struct record_store *, struct strbuf *reason);

/* Deletes what is older than keep_seconds before `now`, and purges (below). */
int record_store_expire(
    struct record_store *, int64_t now, struct strbuf *reason);

/* One tally: so many messages of that domain with that result in the time
 * asked for. The views live for the call. */
struct record_tally {
	struct slice direction; /* "out", "in" */
	struct slice domain;
	struct slice what;   /* "signed", "dkim", "dmarc" ... */
	struct slice result; /* "pass", "fail", the reason unsigned */
	int64_t hour;	     /* its beginning; 0 where summed over hours */
	int64_t count;
};
typedef void record_tally_fn(void *ctx, const struct record_tally *);

/* --- aggregate reports --- */

/* A domain and its policy, of which one report tells. The views live for the
 * call. */
struct record_policy {
	struct slice domain, policy; /* the record as published */
	int64_t count;		     /* messages */
};
typedef void record_policy_fn(void *ctx, const struct record_policy *);

/* Those of the day that begins at `day`, a domain's together; of one domain
 * where it is not empty. */
int record_store_policies(struct record_store *, int64_t day,
    struct slice domain, record_policy_fn *, void *ctx);

/* One row of an aggregate report. The views live for the call. */
struct record_row {
	struct slice client, disposition, dkim, spf; /* aligned: pass, fail */
	struct slice overrides;			/* types, each followed by LF */
	struct slice author, sender, recipient; /* domains */
	struct slice results; /* lines "dkim TAB result TAB d TAB s TAB why" */
	int64_t count;
};
typedef void record_row_fn(void *ctx, const struct record_row *);

/* The rows of one policy on one day, by client. */
int record_store_rows(struct record_store *, int64_t day,
    const struct record_policy *, record_row_fn *, void *ctx);

/* --- what was sent of them --- */

enum record_sent_state {
	RECORD_SENT_NOT, /* it was never tried */
	RECORD_SENT,
	RECORD_SENT_DEFERRED, /* to be tried again */
	RECORD_SENT_REFUSED,  /* for good */
	RECORD_SENT_UNWANTED  /* nor may it be: no address, or not approved */
};

/* One report to one address. */
struct record_sent {
	int64_t day, at; /* its first second; when it was tried last */
	struct slice domain, policy, address;
	enum record_sent_state state;
	struct slice reply; /* the next hop's, or why there was none */
};
typedef void record_sent_fn(void *ctx, const struct record_sent *);

/* "sent", "deferred", "refused", "unwanted". */
const char *record_sent_word(enum record_sent_state);

/* Fills in state, at and, up to the caller's strbuf, the reply. 0 or -1. */
int record_store_get_sent(
    struct record_store *, struct record_sent *, struct strbuf *reply);
/* Commits. */
int record_store_put_sent(
    struct record_store *, const struct record_sent *, struct strbuf *reason);
/* Those of the days from `first` to `last`, of one domain where it is not
 * empty. */
int record_store_list_sent(struct record_store *, int64_t first, int64_t last,
    struct slice domain, record_sent_fn *, void *ctx);

/* --- who failed, and why --- */

enum record_found_by {
	RECORD_FOUND_BY_CLIENT,
	RECORD_FOUND_BY_DOMAIN,
	RECORD_FOUND_BY_REASON
};

struct record_question {
	int64_t from, to;    /* hours; `to` is not in it */
	struct slice domain; /* and those below it; empty: all */
	bool failed;	     /* only those */
	unsigned most;	     /* lines of the answer */
	enum record_found_by by;
};

/* The views live for the call. */
struct record_found {
	struct slice direction, key;
	int64_t count, failed;
	int64_t dkim, spf, dmarc; /* how many passed */
	struct slice why;	  /* the most frequent reason; may be empty */
};
typedef void record_found_fn(void *ctx, const struct record_found *);

/* Those with the most failures first. */
int record_store_found(struct record_store *, const struct record_question *,
    record_found_fn *, void *ctx);

/* Deletes all that is kept of a domain and of those below it, answers to
 * mailboxes there too. 0 and how many rows those were; -1 and the reason. */
int record_store_forget(struct record_store *, struct slice domain,
    int64_t *count, struct strbuf *reason);

/* --- the reflector --- */

/* An answer of the reflector. */
struct record_answer {
	int64_t id;
	struct slice to, message; /* CRLF line ends; views as above */
	unsigned tries;
};
typedef void record_answer_fn(void *ctx, const struct record_answer *);

/* Answers in an hour. Senders that are proven are counted among themselves;
 * of `all` the others have a fifth, and proven senders the rest. */
struct record_answer_bounds {
	unsigned mailbox, domain, stranger_domain, client, all;
};

/* Who asks, as far as it is counted, and by which bounds. */
struct record_asker {
	bool proven;
	struct slice mailbox, domain; /* as record_mailbox_fold() has them */
	struct slice client;	      /* its network */
	const struct record_answer_bounds *bounds;
};

/* Whether one more answer is within the bounds: 1; 0 or, where the database
 * refuses, -1, with the reason. */
int record_store_may_answer(struct record_store *, int64_t now,
    const struct record_asker *, struct strbuf *reason);

/* Keeps the answer until it is sent, and the asker for an hour, where it is
 * within the bounds. Likewise. */
int record_store_put_answer(struct record_store *, int64_t now,
    const struct record_asker *, const struct record_answer *,
    struct strbuf *reason);
/* The oldest that is due at `now`; 1 where the function was called. Before
 * that it is put off for a minute: whoever else looks does not send it too, and
 * where not even this can be written, none is sent (-1), for that it was sent
 * could not be written either. */
int record_store_due_answer(
    struct record_store *, int64_t now, record_answer_fn *, void *ctx);
/* Sent or given up; or to be tried again at `at`. */
int record_store_drop_answer(struct record_store *, int64_t id);
int record_store_defer_answer(struct record_store *, int64_t id, int64_t at);

/* Forgets who asked over an hour before `now`, and clears the file and its log
 * of what was dropped; call it every few seconds. 0 or -1 and the reason. */
int record_store_purge(
    struct record_store *, int64_t now, struct strbuf *reason);

#endif
