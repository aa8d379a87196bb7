/* What the aggregate reports are made of, and what was sent; see store.h. */
#include "record/store_private.h"

int
record_store_policies(struct record_store *store, int64_t day,
    struct slice domain, record_policy_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_POLICIES);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, day);
	record_store_bind(s, 2, domain);
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		struct record_policy policy = {
		    .domain = record_store_text(s, 0),
		    .policy = record_store_text(s, 1),
		    .count = sqlite3_column_int64(s, 2),
		};

		fn(ctx, &policy);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

int
record_store_rows(struct record_store *store, int64_t day,
    const struct record_policy *policy, record_row_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_ROWS);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, day);
	record_store_bind(s, 2, policy->domain);
	record_store_bind_policy(s, 3, policy->policy);
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		struct record_row row = {
		    .client = record_store_text(s, 0),
		    .disposition = record_store_text(s, 1),
		    .dkim = record_store_text(s, 2),
		    .spf = record_store_text(s, 3),
		    .overrides = record_store_text(s, 4),
		    .author = record_store_text(s, 5),
		    .sender = record_store_text(s, 6),
		    .recipient = record_store_text(s, 7),
		    .results = record_store_text(s, 8),
		    .count = sqlite3_column_int64(s, 9),
		};

		fn(ctx, &row);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

/* --- what was sent --- */

static const char *const words[] = {
    [RECORD_SENT_NOT] = "",
    [RECORD_SENT] = "sent",
    [RECORD_SENT_DEFERRED] = "deferred",
    [RECORD_SENT_REFUSED] = "refused",
    [RECORD_SENT_UNWANTED] = "unwanted",
};

const char *
record_sent_word(enum record_sent_state state)
{
	return words[state];
}

/* What cannot be read was not sent. */
static enum record_sent_state
parse_state(struct slice word)
{
	for (size_t i = 1; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_equal(word, slice_str(words[i])))
			return (enum record_sent_state)i;
	return RECORD_SENT_NOT;
}

static void
bind_key(sqlite3_stmt *s, const struct record_sent *sent)
{
	(void)sqlite3_bind_int64(s, 1, sent->day);
	record_store_bind(s, 2, sent->domain);
	record_store_bind_policy(s, 3, sent->policy);
	record_store_bind(s, 4, sent->address);
}

int
record_store_get_sent(
    struct record_store *store, struct record_sent *sent, struct strbuf *reply)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_SENT);
	int result;

	sent->state = RECORD_SENT_NOT;
	if (s == NULL)
		return -1;
	bind_key(s, sent);
	result = record_store_step(store, s);
	if (result == SQLITE_ROW) {
		sent->at = sqlite3_column_int64(s, 0);
		sent->state = parse_state(record_store_text(s, 1));
		strbuf_add(reply, record_store_text(s, 2));
	}
	(void)sqlite3_reset(s);
	sent->reply = strbuf_slice(reply);
	return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : -1;
}

int
record_store_put_sent(struct record_store *store,
    const struct record_sent *sent, struct strbuf *reason)
{
	sqlite3_stmt *s;

	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	s = record_store_statement(store, STATEMENT_SENT_PUT);
	if (s == NULL)
		return record_store_fail(store, "sent", reason);
	bind_key(s, sent);
	(void)sqlite3_bind_int64(s, 5, sent->at);
	record_store_bind(s, 6, slice_str(words[sent->state]));
	record_store_bind(s, 7, sent->reply);
	if (record_store_run(store, s) != 0)
		return record_store_fail(store, "sent", reason);
	return record_store_commit(store, reason);
}

int
record_store_list_sent(struct record_store *store, int64_t first, int64_t last,
    struct slice domain, record_sent_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_SENT_LIST);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, first);
	(void)sqlite3_bind_int64(s, 2, last);
	record_store_bind(s, 3, domain);
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		struct record_sent sent = {
		    .day = sqlite3_column_int64(s, 0),
		    .domain = record_store_text(s, 1),
		    .policy = record_store_text(s, 2),
		    .address = record_store_text(s, 3),
		    .at = sqlite3_column_int64(s, 4),
		    .state = parse_state(record_store_text(s, 5)),
		    .reply = record_store_text(s, 6),
		};

		fn(ctx, &sent);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}
