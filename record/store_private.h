/* What store.c shares with its helpers; SQLite's types stay here. */
#ifndef RECORD_STORE_PRIVATE_H
#define RECORD_STORE_PRIVATE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "record/store.h"

enum record_statement {
	STATEMENT_TALLY,
	STATEMENT_ROW,
	STATEMENT_FOUND,
	STATEMENT_EXPIRE_TALLY,
	STATEMENT_EXPIRE_ROW,
	STATEMENT_EXPIRE_FOUND,
	STATEMENT_EXPIRE_SENT,
	STATEMENT_EXPIRE_ANSWER,
	STATEMENT_FAILURE,
	STATEMENT_EXPIRE_FAILURE,
	STATEMENT_DOMAINS,
	STATEMENT_HOURS,
	STATEMENT_SIGNED_FOR,
	STATEMENT_FAILING_CLIENTS,
	STATEMENT_FAILING_REASON,
	STATEMENT_FAILING_POLICY,
	STATEMENT_ANSWERS_WAITING,
	STATEMENT_REPORTS,
	STATEMENT_SIZE,
	STATEMENT_ROWS,
	STATEMENT_COUNT_HOUR,
	STATEMENT_COUNT_WAITING,
	STATEMENT_NOTE_ANSWERED,
	STATEMENT_EXPIRE_ANSWERED,
	STATEMENT_POLICIES,
	STATEMENT_FOUND_BY_CLIENT,
	STATEMENT_FOUND_BY_DOMAIN,
	STATEMENT_FOUND_BY_REASON,
	STATEMENT_SENT,
	STATEMENT_SENT_PUT,
	STATEMENT_SENT_LIST,
	STATEMENT_FORGET_TALLY,
	STATEMENT_FORGET_ROW,
	STATEMENT_FORGET_FOUND,
	STATEMENT_FORGET_FAILURE,
	STATEMENT_FORGET_SENT,
	STATEMENT_FORGET_ANSWER,
	STATEMENT_FORGET_ANSWERED,
	STATEMENT_PUT_ANSWER,
	STATEMENT_DUE_ANSWER,
	STATEMENT_CLAIM_ANSWER,
	STATEMENT_DROP_ANSWER,
	STATEMENT_DEFER_ANSWER,
	STATEMENTS
};

struct record_store {
	sqlite3 *db;
	char *path;
	dev_t device; /* of the file that was opened */
	ino_t inode;
	sqlite3_stmt *statements[STATEMENTS];
	struct record_store_limits limits;
	bool begun;	  /* a transaction is open */
	bool busy;	  /* what failed last found the file locked */
	bool late;	  /* it had its time, and has no answer */
	bool purge;	  /* the log holds what was deleted */
	int64_t patience; /* RECORD_QUERY_MS, or what was asked for */
	int64_t spent;	  /* ms inside SQLite, of the statement that runs */
	int64_t entered;  /* when it was entered last; monotonic, ms */
};

/* The statement, prepared once, without bindings; NULL on failure. */
sqlite3_stmt *record_store_statement(
    struct record_store *, enum record_statement);

/* Binds at most RECORD_TEXT_MAX octets; the bytes must live until the
 * statement was run. */
void record_store_bind(sqlite3_stmt *, int at, struct slice);
void record_store_bind_policy(sqlite3_stmt *, int at, struct slice);
struct slice record_store_text(sqlite3_stmt *, int column);

/* sqlite3_step(), which ends with SQLITE_INTERRUPT where the statement has
 * spent RECORD_QUERY_MS; what the caller does between rows does not count. */
int record_store_step(struct record_store *, sqlite3_stmt *);

/* Runs one that gives no rows; 0 or -1. */
int record_store_run(struct record_store *, sqlite3_stmt *);

/* The same for a text of ours. */
int record_store_exec(struct record_store *, const char *sql);

/* Names of a record in their one spelling. */
struct record_names {
	struct slice author, policy_domain, client;
};

/* Keeps who failed, where DMARC did; 0 or -1. */
int record_store_add_failure(struct record_store *, const struct record_kept *,
    const struct record_names *, int64_t time);

/* Opens a transaction where none is. */
int record_store_begin(struct record_store *);

/* Appends "what: SQLite's words"; returns -1. A failed transaction is
 * rolled back. */
int record_store_fail(
    struct record_store *, const char *what, struct strbuf *reason);

#endif
