/* What the page, the reports and the reflector ask; see store.h. */
#include "record/store_private.h"

enum { HOUR = 3600 };

static int
each_tally(
    struct record_store *store, sqlite3_stmt *s, record_tally_fn *fn, void *ctx)
{
	int result;

	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		struct record_tally tally = {
		    .direction = record_store_text(s, 0),
		    .domain = record_store_text(s, 1),
		    .what = record_store_text(s, 2),
		    .result = record_store_text(s, 3),
		    .hour = sqlite3_column_int64(s, 4),
		    .count = sqlite3_column_int64(s, 5),
		};

		fn(ctx, &tally);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

int
record_store_by_domain(struct record_store *store, int64_t from, unsigned most,
    record_tally_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_BY_DOMAIN);

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, from);
	(void)sqlite3_bind_int64(s, 2, most);
	return each_tally(store, s, fn, ctx);
}

int
record_store_by_hour(
    struct record_store *store, int64_t from, record_tally_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_BY_HOUR);

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, from);
	return each_tally(store, s, fn, ctx);
}

int
record_store_rows(struct record_store *store, int64_t from,
    struct slice policy_domain, record_row_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_ROWS);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, from);
	record_store_bind(s, 2, policy_domain);
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		struct record_row row = {
		    .policy_domain = record_store_text(s, 0),
		    .policy = record_store_text(s, 1),
		    .client = record_store_text(s, 2),
		    .disposition = record_store_text(s, 3),
		    .dkim = record_store_text(s, 4),
		    .spf = record_store_text(s, 5),
		    .overrides = record_store_text(s, 6),
		    .author = record_store_text(s, 7),
		    .sender = record_store_text(s, 8),
		    .recipient = record_store_text(s, 9),
		    .results = record_store_text(s, 10),
		    .count = sqlite3_column_int64(s, 11),
		};

		fn(ctx, &row);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

/* The single number that a statement gives; -1 on failure. */
static int64_t
one_number(struct record_store *store, sqlite3_stmt *s)
{
	int64_t n = record_store_step(store, s) == SQLITE_ROW
	    ? sqlite3_column_int64(s, 0)
	    : -1;

	(void)sqlite3_reset(s);
	return n;
}

/* 1: there is room for one more answer to that sender; 0 no; -1 failed. */
static int
answer_fits(
    struct record_store *store, int64_t now, unsigned an_hour, struct slice to)
{
	sqlite3_stmt *s =
	    record_store_statement(store, STATEMENT_COUNT_ANSWERS);
	int64_t waiting = s == NULL ? -1 : one_number(store, s);
	int64_t recent;

	s = record_store_statement(store, STATEMENT_COUNT_SENDER);
	if (waiting < 0 || s == NULL)
		return -1;
	record_store_bind(s, 1, to);
	(void)sqlite3_bind_int64(s, 2, now - HOUR);
	recent = one_number(store, s);
	if (recent < 0)
		return -1;
	return waiting < (int64_t)store->limits.answers_max &&
	    recent < (int64_t)an_hour;
}

int
record_store_put_answer(struct record_store *store, int64_t now,
    unsigned an_hour, const struct record_answer *answer, struct strbuf *reason)
{
	sqlite3_stmt *s;
	int fits;

	if (answer->to.n > RECORD_TEXT_MAX || answer->message.n > INT32_MAX)
		return 0;
	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	fits = answer_fits(store, now, an_hour, answer->to);
	if (fits <= 0)
		return fits == 0 ? 0
				 : record_store_fail(store, "answer", reason);
	s = record_store_statement(store, STATEMENT_PUT_ANSWER);
	if (s == NULL)
		return record_store_fail(store, "answer", reason);
	(void)sqlite3_bind_int64(s, 1, now);
	record_store_bind(s, 2, answer->to);
	(void)sqlite3_bind_blob(
	    s, 3, answer->message.p, (int)answer->message.n, SQLITE_STATIC);
	if (record_store_run(store, s) != 0)
		return record_store_fail(store, "answer", reason);
	return record_store_commit(store, reason) == 0 ? 1 : -1;
}

int
record_store_due_answer(
    struct record_store *store, int64_t now, record_answer_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_DUE_ANSWER);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, now);
	result = record_store_step(store, s);
	if (result == SQLITE_ROW) {
		struct record_answer answer = {
		    .id = sqlite3_column_int64(s, 0),
		    .tries = (unsigned)sqlite3_column_int(s, 1),
		    .to = record_store_text(s, 2),
		    .message = record_store_text(s, 3),
		};

		fn(ctx, &answer);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_ROW ? 1 : result == SQLITE_DONE ? 0 : -1;
}

static int
change_answer(struct record_store *store, enum record_statement which,
    int64_t id, int64_t at)
{
	sqlite3_stmt *s = record_store_statement(store, which);

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, id);
	if (which == STATEMENT_DEFER_ANSWER)
		(void)sqlite3_bind_int64(s, 2, at);
	return record_store_run(store, s);
}

int
record_store_drop_answer(struct record_store *store, int64_t id)
{
	return change_answer(store, STATEMENT_DROP_ANSWER, id, 0);
}

int
record_store_defer_answer(struct record_store *store, int64_t id, int64_t at)
{
	return change_answer(store, STATEMENT_DEFER_ANSWER, id, at);
}
