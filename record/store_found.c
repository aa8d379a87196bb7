/* Who failed, and why; and how all of a domain is deleted; see store.h. */
#include "record/store_private.h"

static sqlite3_stmt *
ask_found(struct record_store *store, const struct record_question *q)
{
	static const enum record_statement by[] = {
	    [RECORD_FOUND_BY_CLIENT] = STATEMENT_FOUND_BY_CLIENT,
	    [RECORD_FOUND_BY_DOMAIN] = STATEMENT_FOUND_BY_DOMAIN,
	    [RECORD_FOUND_BY_REASON] = STATEMENT_FOUND_BY_REASON,
	};
	sqlite3_stmt *s = record_store_statement(store, by[q->by]);

	if (s == NULL)
		return NULL;
	(void)sqlite3_bind_int64(s, 1, q->from);
	(void)sqlite3_bind_int64(s, 2, q->to);
	record_store_bind(s, 3, q->domain);
	(void)sqlite3_bind_int(s, 4, q->failed);
	(void)sqlite3_bind_int64(s, 5, q->most);
	return s;
}

int
record_store_found(struct record_store *store,
    const struct record_question *question, record_found_fn *fn, void *ctx)
{
	sqlite3_stmt *s = ask_found(store, question);
	int result;

	if (s == NULL)
		return -1;
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		struct record_found found = {
		    .direction = record_store_text(s, 0),
		    .key = record_store_text(s, 1),
		    .count = sqlite3_column_int64(s, 2),
		    .failed = sqlite3_column_int64(s, 3),
		    .dkim = sqlite3_column_int64(s, 4),
		    .spf = sqlite3_column_int64(s, 5),
		    .dmarc = sqlite3_column_int64(s, 6),
		    .why = record_store_text(s, 7),
		};

		fn(ctx, &found);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

static int
forget_each(struct record_store *store, struct slice domain, int64_t *count)
{
	static const enum record_statement which[] = {STATEMENT_FORGET_TALLY,
	    STATEMENT_FORGET_ROW, STATEMENT_FORGET_FOUND, STATEMENT_FORGET_SENT,
	    STATEMENT_FORGET_FAILURE, STATEMENT_FORGET_ANSWER,
	    STATEMENT_FORGET_ANSWERED};

	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		sqlite3_stmt *s = record_store_statement(store, which[i]);

		if (s == NULL)
			return -1;
		record_store_bind(s, 1, domain);
		if (record_store_run(store, s) != 0)
			return -1;
		*count += sqlite3_changes(store->db);
	}
	return 0;
}

/* secure_delete overwrites what is deleted, and the log of writes, which
 * holds it still, is emptied. */
int
record_store_forget(struct record_store *store, struct slice domain,
    int64_t *count, struct strbuf *reason)
{
	*count = 0;
	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	if (forget_each(store, domain, count) != 0)
		return record_store_fail(store, "forget", reason);
	if (record_store_commit(store, reason) != 0)
		return -1;
	if (record_store_exec(store, "PRAGMA wal_checkpoint(TRUNCATE)") != 0)
		return record_store_fail(store, "checkpoint", reason);
	return 0;
}
