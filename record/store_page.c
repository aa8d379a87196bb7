/* What the status page asks; see store_page.h. */
#include <stdio.h>
#include <string.h>

#include "record/store_page.h"
#include "record/store_private.h"

/* Each row is passed on as it comes: a database of a year must not become a
 * list in memory. A statement that was begun is always reset, or it would keep
 * its lock. */
int
record_store_hours(
    struct record_store *store, int64_t from, record_tally_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_HOURS);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, from);
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		const struct record_tally tally = {
		    .direction = record_store_text(s, 0),
		    .what = record_store_text(s, 1),
		    .result = record_store_text(s, 2),
		    .hour = sqlite3_column_int64(s, 3),
		    .count = sqlite3_column_int64(s, 4),
		};

		fn(ctx, &tally);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

int
record_store_domains(
    struct record_store *store, int64_t from, record_domain_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_DOMAINS);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, from);
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		struct record_domain domain;

		domain = (struct record_domain){
		    .name = record_store_text(s, 0),
		    .in = sqlite3_column_int64(s, 1),
		    .out = sqlite3_column_int64(s, 2),
		    .pass = sqlite3_column_int64(s, 3),
		    .fail = sqlite3_column_int64(s, 4),
		    .bare = sqlite3_column_int64(s, 5),
		};
		fn(ctx, &domain);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

/* At most so many, the database being asked to stop: it grows with each
 * stranger whose mail is signed. */
int
record_store_signed_for(struct record_store *store, int64_t from, unsigned most,
    record_domain_fn *fn, void *ctx)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_SIGNED_FOR);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, from);
	(void)sqlite3_bind_int64(s, 2, most);
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		const struct record_domain domain = {
		    .name = record_store_text(s, 0)};

		fn(ctx, &domain);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

/* The shares that a statement of (name, count, how many) gives, at most so
 * many; how many there are in all in *all. */
static int
read_shares(struct record_store *store, enum record_statement which,
    struct slice domain, struct record_share *to, int64_t *all)
{
	sqlite3_stmt *s = record_store_statement(store, which);
	int result;

	if (s == NULL)
		return -1;
	record_store_bind(s, 1, domain);
	(void)sqlite3_bind_int64(s, 2, *all);
	*all = 0;
	while ((result = record_store_step(store, s)) == SQLITE_ROW) {
		/* Cut, as it was written by whoever sent the mail. */
		struct slice name =
		    slice_first(record_store_text(s, 0), RECORD_TEXT_MAX);

		(void)snprintf(to->name, sizeof(to->name), "%.*s", (int)name.n,
		    name.n == 0 ? "" : name.p);
		to->count = sqlite3_column_int64(s, 1);
		*all = sqlite3_column_int64(s, 2);
		to++;
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_DONE ? 0 : -1;
}

int
record_store_failures(struct record_store *store, int64_t from,
    struct slice domain, struct record_failures *to)
{
	/* In: from when; out: how many there are. Each statement has its
	 * own. */
	int64_t reasons = from, policies = from;

	memset(to, 0, sizeof(*to));
	to->client_count = from;
	if (read_shares(store, STATEMENT_FAILING_CLIENTS, domain, to->clients,
		&to->client_count) != 0 ||
	    read_shares(store, STATEMENT_FAILING_REASON, domain, &to->reason,
		&reasons) != 0 ||
	    read_shares(store, STATEMENT_FAILING_POLICY, domain, &to->policy,
		&policies) != 0)
		return -1;
	return 0;
}

int
record_store_reports(struct record_store *store, int64_t day, int64_t since,
    int64_t now, struct record_reports *to)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_REPORTS);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, day);
	(void)sqlite3_bind_int64(s, 2, since);
	(void)sqlite3_bind_int64(s, 3, now);
	result = record_store_step(store, s);
	if (result == SQLITE_ROW)
		*to = (struct record_reports){
		    .wanted = sqlite3_column_int(s, 0) != 0,
		    .tried = sqlite3_column_int64(s, 1),
		    .deferred = sqlite3_column_int64(s, 2),
		    .taken = sqlite3_column_int64(s, 3),
		    .sent = sqlite3_column_int64(s, 4),
		    .last_sent = sqlite3_column_int64(s, 5),
		};
	(void)sqlite3_reset(s);
	return result == SQLITE_ROW ? 0 : -1;
}

static int64_t
number_of(struct record_store *store, enum record_statement which)
{
	sqlite3_stmt *s = record_store_statement(store, which);
	int64_t n = -1;

	if (s != NULL && record_store_step(store, s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	if (s != NULL)
		(void)sqlite3_reset(s);
	return n;
}

int64_t
record_store_answers_waiting(struct record_store *store)
{
	return number_of(store, STATEMENT_ANSWERS_WAITING);
}

int64_t
record_store_size(struct record_store *store)
{
	return number_of(store, STATEMENT_SIZE);
}
