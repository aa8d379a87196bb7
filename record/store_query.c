/* What the page and the reports ask; see store.h. */
#include "record/store_private.h"

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
