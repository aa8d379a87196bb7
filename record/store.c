/* The results database; see store.h. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "record/store_private.h"

enum {
	BYTES_MAX_DEFAULT = 512 << 20,
	KEEP_SECONDS_DEFAULT = 9 * 86400,
	ANSWERS_MAX_DEFAULT = 1000,
	BUSY_MS = 2000
};

static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS tally ("
    " hour INTEGER, direction TEXT, domain TEXT, what TEXT, result TEXT,"
    " count INTEGER,"
    " PRIMARY KEY (hour, direction, domain, what, result)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS row ("
    " day INTEGER, policy_domain TEXT, policy TEXT, client TEXT,"
    " disposition TEXT, dkim TEXT, spf TEXT, overrides TEXT, author TEXT,"
    " sender TEXT, recipient TEXT, results TEXT, count INTEGER,"
    " PRIMARY KEY (day, policy_domain, policy, client, disposition, dkim,"
    " spf, overrides, author, sender, recipient, results)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS answer ("
    " id INTEGER PRIMARY KEY, made INTEGER, due INTEGER, tries INTEGER,"
    " recipient TEXT, message BLOB);"
    "CREATE INDEX IF NOT EXISTS answer_due ON answer (due);"
    "CREATE INDEX IF NOT EXISTS answer_recipient ON answer (recipient, made);";

/* A dropped answer keeps its row, without its message, for as long as the
 * count of an hour needs it. */
static const char *const texts[STATEMENTS] = {
    [STATEMENT_TALLY] = "INSERT INTO tally VALUES (?1, ?2, ?3, ?4, ?5, 1)"
			" ON CONFLICT DO UPDATE SET count = count + 1",
    [STATEMENT_ROW] = "INSERT INTO row VALUES"
		      " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1)"
		      " ON CONFLICT DO UPDATE SET count = count + 1",
    [STATEMENT_EXPIRE_TALLY] = "DELETE FROM tally WHERE hour < ?1",
    [STATEMENT_EXPIRE_ROW] = "DELETE FROM row WHERE day < ?1",
    [STATEMENT_EXPIRE_ANSWER] = "DELETE FROM answer WHERE made < ?1",
    [STATEMENT_BY_DOMAIN] =
	"SELECT direction, domain, what, result, 0, sum(count) AS total"
	" FROM tally WHERE hour >= ?1"
	" GROUP BY direction, domain, what, result"
	" ORDER BY total DESC, domain, what, result LIMIT ?2",
    [STATEMENT_BY_HOUR] = "SELECT direction, '', what, result, hour, sum(count)"
			  " FROM tally WHERE hour >= ?1"
			  " GROUP BY hour, direction, what, result"
			  " ORDER BY hour, direction, what, result",
    [STATEMENT_ROWS] =
	"SELECT policy_domain, policy, client, disposition, dkim, spf,"
	" overrides, author, sender, recipient, results, count FROM row"
	" WHERE day = ?1 AND (?2 = '' OR policy_domain = ?2)"
	" ORDER BY policy_domain, policy, client",
    [STATEMENT_COUNT_ANSWERS] =
	"SELECT count(*) FROM answer WHERE message IS NOT NULL",
    [STATEMENT_COUNT_SENDER] =
	"SELECT count(*) FROM answer WHERE recipient = ?1 AND made > ?2",
    [STATEMENT_PUT_ANSWER] =
	"INSERT INTO answer VALUES (NULL, ?1, ?1, 0, ?2, ?3)",
    [STATEMENT_DUE_ANSWER] =
	"SELECT id, tries, recipient, message FROM answer"
	" WHERE due <= ?1 AND message IS NOT NULL ORDER BY due LIMIT 1",
    [STATEMENT_DROP_ANSWER] = "UPDATE answer SET message = NULL WHERE id = ?1",
    [STATEMENT_DEFER_ANSWER] =
	"UPDATE answer SET due = ?2, tries = tries + 1 WHERE id = ?1",
};

int
record_store_fail(
    struct record_store *store, const char *what, struct strbuf *reason)
{
	if (reason != NULL)
		(void)strbuf_addf(reason, "%s: %s", what,
		    store->db == NULL ? "out of memory"
				      : sqlite3_errmsg(store->db));
	if (store->db != NULL && store->begun &&
	    sqlite3_get_autocommit(store->db) == 0)
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	store->begun = false;
	return -1;
}

sqlite3_stmt *
record_store_statement(struct record_store *store, enum record_statement which)
{
	sqlite3_stmt **statement = &store->statements[which];

	if (*statement == NULL &&
	    sqlite3_prepare_v3(store->db, texts[which], -1,
		SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
		return NULL;
	(void)sqlite3_reset(*statement);
	(void)sqlite3_clear_bindings(*statement);
	return *statement;
}

void
record_store_bind(sqlite3_stmt *statement, int at, struct slice text)
{
	if (text.n > RECORD_TEXT_MAX)
		text.n = RECORD_TEXT_MAX;
	(void)sqlite3_bind_text(statement, at, text.n == 0 ? "" : text.p,
	    (int)text.n, SQLITE_STATIC);
}

struct slice
record_store_text(sqlite3_stmt *statement, int column)
{
	const void *bytes = sqlite3_column_blob(statement, column);
	int n = sqlite3_column_bytes(statement, column);

	return slice_from(bytes, bytes == NULL || n < 0 ? 0 : (size_t)n);
}

int
record_store_run(sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	(void)sqlite3_reset(statement);
	return result == SQLITE_DONE ? 0 : -1;
}

int
record_store_begin(struct record_store *store)
{
	if (store->begun)
		return 0;
	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
	    SQLITE_OK)
		return -1;
	store->begun = true;
	return 0;
}

/* The file's bound is SQLite's own: an INSERT over it fails as on a full
 * disk. */
static int
bound_size(struct record_store *store)
{
	struct strbuf pragma;
	sqlite3_stmt *size;
	int64_t page = 4096;
	int result;

	if (sqlite3_prepare_v2(
		store->db, "PRAGMA page_size", -1, &size, NULL) == SQLITE_OK &&
	    sqlite3_step(size) == SQLITE_ROW)
		page = sqlite3_column_int64(size, 0);
	(void)sqlite3_finalize(size);
	strbuf_init(&pragma, 100);
	(void)strbuf_addf(&pragma, "PRAGMA max_page_count = %lld",
	    (long long)((int64_t)store->limits.bytes_max / page + 1));
	result =
	    sqlite3_exec(store->db, strbuf_text(&pragma), NULL, NULL, NULL);
	strbuf_clear(&pragma);
	return result == SQLITE_OK ? 0 : -1;
}

static struct record_store *
open_as(const char *path, int flags, struct strbuf *reason)
{
	struct record_store *store = xcalloc(1, sizeof(*store));
	mode_t before = umask(077);
	int result = sqlite3_open_v2(
	    path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	(void)umask(before);
	if (result != SQLITE_OK) {
		(void)record_store_fail(store, path, reason);
		record_store_close(store);
		return NULL;
	}
	(void)sqlite3_busy_timeout(store->db, BUSY_MS);
	return store;
}

struct record_store *
record_store_open(const char *path, const struct record_store_limits *limits,
    struct strbuf *reason)
{
	struct record_store *store =
	    open_as(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, reason);
	mode_t before;
	int result;

	if (store == NULL)
		return NULL;
	store->limits = *limits;
	if (store->limits.bytes_max == 0)
		store->limits.bytes_max = BYTES_MAX_DEFAULT;
	if (store->limits.keep_seconds == 0)
		store->limits.keep_seconds = KEEP_SECONDS_DEFAULT;
	if (store->limits.answers_max == 0)
		store->limits.answers_max = ANSWERS_MAX_DEFAULT;
	before = umask(077);
	result = sqlite3_exec(store->db, schema, NULL, NULL, NULL);
	(void)umask(before);
	if (result != SQLITE_OK || bound_size(store) != 0) {
		(void)record_store_fail(store, path, reason);
		record_store_close(store);
		return NULL;
	}
	return store;
}

struct record_store *
record_store_open_reader(const char *path, struct strbuf *reason)
{
	return open_as(path, SQLITE_OPEN_READONLY, reason);
}

void
record_store_close(struct record_store *store)
{
	if (store == NULL)
		return;
	(void)record_store_commit(store, NULL);
	for (size_t i = 0; i < STATEMENTS; i++)
		(void)sqlite3_finalize(store->statements[i]);
	(void)sqlite3_close(store->db);
	free(store);
}

int
record_store_commit(struct record_store *store, struct strbuf *reason)
{
	if (!store->begun)
		return 0;
	if (sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return record_store_fail(store, "commit", reason);
	store->begun = false;
	return 0;
}

int
record_store_expire(
    struct record_store *store, int64_t now, struct strbuf *reason)
{
	static const enum record_statement which[] = {STATEMENT_EXPIRE_TALLY,
	    STATEMENT_EXPIRE_ROW, STATEMENT_EXPIRE_ANSWER};

	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		sqlite3_stmt *s = record_store_statement(store, which[i]);

		if (s == NULL)
			return record_store_fail(store, "expire", reason);
		(void)sqlite3_bind_int64(
		    s, 1, now - store->limits.keep_seconds);
		if (record_store_run(s) != 0)
			return record_store_fail(store, "expire", reason);
	}
	return record_store_commit(store, reason);
}
