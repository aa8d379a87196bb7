/* The results database; see store.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "record/store_private.h"

enum {
	BYTES_MAX_DEFAULT = 512 << 20,
	KEEP_SECONDS_DEFAULT = 9 * 86400,
	ANSWERS_MAX_DEFAULT = 1000,
	BUSY_MS = 500,		 /* who else writes is ours, and quick */
	PATIENT_MS = 10000,	 /* a tool's, whom nobody waits for */
	OPS_BETWEEN_LOOKS = 100, /* at the clock */
	VALUE_MAX = 4 << 20,	 /* one value, or one row */
	TRY_BYTES = 64 << 10
};

/* SQLite's memory in this process: a file made to sort without end must not
 * take all there is. */
#define HEAP_MAX ((sqlite3_int64)256 << 20)

static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "PRAGMA secure_delete = ON;"
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
    "CREATE TABLE IF NOT EXISTS failure ("
    " domain TEXT, hour INTEGER, policy TEXT, client TEXT, reason TEXT,"
    " count INTEGER,"
    " PRIMARY KEY (domain, hour, policy, client, reason)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS answer ("
    " id INTEGER PRIMARY KEY, made INTEGER, due INTEGER, tries INTEGER,"
    " proven INTEGER, recipient TEXT, message BLOB);"
    "CREATE INDEX IF NOT EXISTS answer_due ON answer (due);"
    "CREATE TABLE IF NOT EXISTS answered ("
    " at INTEGER, proven INTEGER, mailbox TEXT, domain TEXT, client TEXT);"
    "CREATE TABLE IF NOT EXISTS found ("
    " hour INTEGER, direction TEXT, domain TEXT, client TEXT,"
    " failed INTEGER, dkim INTEGER, spf INTEGER, dmarc INTEGER, why TEXT,"
    " count INTEGER,"
    " PRIMARY KEY (hour, direction, domain, client, failed, dkim, spf, dmarc,"
    " why)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS sent ("
    " day INTEGER, domain TEXT, policy TEXT, address TEXT, at INTEGER,"
    " state TEXT, reply TEXT,"
    " PRIMARY KEY (day, domain, policy, address)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS trial (bytes BLOB);";

/* Of a domain and of those below it, ?1. */
#define UNDER(column)                                               \
	"(" column " = ?1 OR substr(" column ", -length(?1) - 1) =" \
	" '.' || ?1)"

/* Texts in which such a domain stands as a word; those in which it stands at
 * all are few, and found soon. */
#define WORDS(text)                                                        \
	"' ' || replace(replace(replace(replace(replace(" text             \
	", char(9), ' '), char(10), ' '), ';', ' '), ',', ' '), ')', ' ')" \
	" || ' '"
#define NAMES(text)                                      \
	"(instr(" text ", ?1) > 0 AND"                   \
	" (instr(" WORDS(text) ", ' ' || ?1 || ' ') > 0" \
			       " OR instr(" WORDS(       \
				   text) ", '.' || ?1 || ' ') > 0))"

/* The messages of ?1 <= hour < ?2 of domain ?3 (all where it is empty) by
 * `key`; with ?4 only those that failed; of each key the most frequent
 * reason: with a single max() SQLite takes `why` from that row. */
#define FOUND_BY(key)                                                       \
	"SELECT direction, key, sum(n), sum(f), sum(dk), sum(sp), sum(dm)," \
	" why, max(f * 2 + (why <> '')) FROM"                               \
	" (SELECT direction, " key " AS key, why, sum(count) AS n,"         \
	" sum(count * failed) AS f, sum(count * dkim) AS dk,"               \
	" sum(count * spf) AS sp, sum(count * dmarc) AS dm FROM found"      \
	" WHERE hour >= ?1 AND hour < ?2 AND (?3 = '' OR domain = ?3 OR"    \
	" substr(domain, -length(?3) - 1) = '.' || ?3)"                     \
	" AND failed >= ?4 GROUP BY direction, key, why)"                   \
	" GROUP BY direction, key ORDER BY sum(f) DESC, sum(n) DESC, key"   \
	" LIMIT ?5"

static const char *const texts[STATEMENTS] = {
    [STATEMENT_TALLY] = "INSERT INTO tally VALUES (?1, ?2, ?3, ?4, ?5, 1)"
			" ON CONFLICT DO UPDATE SET count = count + 1",
    [STATEMENT_ROW] = "INSERT INTO row VALUES"
		      " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1)"
		      " ON CONFLICT DO UPDATE SET count = count + 1",
    [STATEMENT_FOUND] = "INSERT INTO found VALUES"
			" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1)"
			" ON CONFLICT DO UPDATE SET count = count + 1",
    [STATEMENT_EXPIRE_FOUND] = "DELETE FROM found WHERE hour < ?1",
    [STATEMENT_EXPIRE_SENT] = "DELETE FROM sent WHERE day < ?1",
    [STATEMENT_EXPIRE_TALLY] = "DELETE FROM tally WHERE hour < ?1",
    [STATEMENT_EXPIRE_ROW] = "DELETE FROM row WHERE day < ?1",
    [STATEMENT_EXPIRE_ANSWER] = "DELETE FROM answer WHERE made < ?1",
    [STATEMENT_FAILURE] = "INSERT INTO failure VALUES (?1, ?2, ?3, ?4, ?5, 1)"
			  " ON CONFLICT DO UPDATE SET count = count + 1",
    [STATEMENT_EXPIRE_FAILURE] = "DELETE FROM failure WHERE hour < ?1",
    [STATEMENT_DOMAINS] =
	"SELECT domain,"
	" sum(count) FILTER (WHERE what = 'message' AND direction = 'in'),"
	" sum(count) FILTER (WHERE what = 'message' AND direction = 'out'),"
	" sum(count) FILTER (WHERE what = 'dmarc' AND result = 'pass'),"
	" sum(count) FILTER (WHERE what = 'dmarc' AND result = 'fail'),"
	" sum(count) FILTER (WHERE what = 'outgoing' AND result = "
	"'unsigned')"
	" FROM tally WHERE hour >= ?1"
	" AND what IN ('message', 'dmarc', 'outgoing') GROUP BY domain",
    /* Not summed: that would sort what is summed by who reads it. */
    [STATEMENT_HOURS] =
	"SELECT direction, what, result, hour, count FROM tally"
	" WHERE hour >= ?1 AND what IN ('message', 'dmarc', 'outgoing')",
    [STATEMENT_SIGNED_FOR] =
	"SELECT DISTINCT domain FROM tally WHERE hour >= ?1"
	" AND direction = 'out' AND what = 'signed' LIMIT ?2",
    [STATEMENT_FAILING_CLIENTS] =
	"SELECT client, sum(count) AS n, count(*) OVER () FROM failure"
	" WHERE domain = ?1 AND hour >= ?2"
	" GROUP BY client ORDER BY n DESC, client LIMIT 3",
    [STATEMENT_FAILING_REASON] =
	"SELECT reason, sum(count) AS n, 0 FROM failure"
	" WHERE domain = ?1 AND hour >= ?2"
	" GROUP BY reason ORDER BY n DESC, reason LIMIT 1",
    [STATEMENT_FAILING_POLICY] =
	"SELECT policy, hour, 0 FROM failure WHERE domain = ?1"
	" AND hour >= ?2 ORDER BY hour DESC, count DESC LIMIT 1",
    [STATEMENT_ANSWERS_WAITING] = "SELECT count(*) FROM answer"
				  " WHERE tries > 0",
    [STATEMENT_REPORTS] =
	"SELECT EXISTS (SELECT 1 FROM row WHERE day = ?1"
	" AND policy LIKE '%rua%mailto:%'),"
	" count(*) FILTER (WHERE day = ?1),"
	" count(*) FILTER (WHERE day = ?1 AND state = 'deferred'),"
	" count(*) FILTER (WHERE day = ?1 AND state = 'sent'),"
	" count(*) FILTER (WHERE state = 'sent' AND at >= ?2 AND at < ?3),"
	" coalesce(max(at) FILTER (WHERE state = 'sent'), 0) FROM sent",
    [STATEMENT_SIZE] = "SELECT page_count * page_size FROM"
		       " pragma_page_count, pragma_page_size",
    [STATEMENT_ROWS] =
	"SELECT client, disposition, dkim, spf,"
	" overrides, author, sender, recipient, results, count FROM row"
	" WHERE day = ?1 AND policy_domain = ?2 AND policy = ?3"
	" ORDER BY client",
    [STATEMENT_POLICIES] = "SELECT policy_domain, policy, sum(count) FROM row"
			   " WHERE day = ?1 AND (?2 = '' OR policy_domain = ?2)"
			   " GROUP BY policy_domain, policy",
    [STATEMENT_FOUND_BY_CLIENT] = FOUND_BY("client"),
    [STATEMENT_FOUND_BY_DOMAIN] = FOUND_BY("domain"),
    [STATEMENT_FOUND_BY_REASON] = FOUND_BY("why"),
    [STATEMENT_SENT] = "SELECT at, state, reply FROM sent WHERE day = ?1"
		       " AND domain = ?2 AND policy = ?3 AND address = ?4",
    [STATEMENT_SENT_PUT] =
	"INSERT OR REPLACE INTO sent VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_SENT_LIST] =
	"SELECT day, domain, policy, address, at, state, reply FROM sent"
	" WHERE day >= ?1 AND day <= ?2 AND (?3 = '' OR domain = ?3)"
	" ORDER BY day, domain, policy, address",
    [STATEMENT_FORGET_TALLY] = "DELETE FROM tally WHERE " UNDER("domain"),
    [STATEMENT_FORGET_ROW] =
	"DELETE FROM row WHERE " UNDER("sender") " OR " UNDER("policy_domain") " OR " UNDER(
	    "author") " OR " UNDER("recipient") " OR " NAMES("results"),
    [STATEMENT_FORGET_FOUND] =
	"DELETE FROM found WHERE " UNDER("domain") " OR " NAMES("why"),
    [STATEMENT_FORGET_FAILURE] =
	"DELETE FROM failure WHERE " UNDER("domain") " OR " NAMES("reason"),
    [STATEMENT_FORGET_SENT] = "DELETE FROM sent WHERE " UNDER(
	"domain") " OR " NAMES("replace(lower(address), '@', ' ')"),
    [STATEMENT_FORGET_ANSWERED] = "DELETE FROM answered WHERE " UNDER("domain"),
    [STATEMENT_FORGET_ANSWER] =
	"DELETE FROM answer WHERE lower(substr(recipient, -length(?1) - 1))"
	" IN ('@' || ?1, '.' || ?1)",
    [STATEMENT_COUNT_HOUR] =
	"SELECT total(mailbox = ?2 AND proven), total(mailbox = ?2),"
	" total(domain = ?3 AND proven), total(domain = ?3),"
	" total(client = ?4 AND proven), total(client = ?4),"
	" total(proven), count(*) FROM answered WHERE at > ?1",
    [STATEMENT_COUNT_WAITING] = "SELECT count(*) FROM answer WHERE proven = ?1",
    [STATEMENT_NOTE_ANSWERED] =
	"INSERT INTO answered VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_EXPIRE_ANSWERED] =
	"DELETE FROM answered WHERE at <= ?1 OR at > ?2",
    [STATEMENT_PUT_ANSWER] =
	"INSERT INTO answer VALUES (NULL, ?1, ?1, 0, ?2, ?3, ?4)",
    [STATEMENT_DUE_ANSWER] =
	"SELECT id, tries, recipient, message FROM answer"
	" WHERE due <= ?1 ORDER BY proven DESC, due LIMIT 1",
    [STATEMENT_CLAIM_ANSWER] = "UPDATE answer SET due = ?2 WHERE id = ?1",
    [STATEMENT_DROP_ANSWER] = "DELETE FROM answer WHERE id = ?1",
    [STATEMENT_DEFER_ANSWER] =
	"UPDATE answer SET due = ?2, tries = tries + 1 WHERE id = ?1",
};

int
record_store_fail(
    struct record_store *store, const char *what, struct strbuf *reason)
{
	/* A schema's names may be in it, whoever wrote that. */
	const char *words =
	    store->db == NULL ? "out of memory" : sqlite3_errmsg(store->db);

	if (reason != NULL) {
		strbuf_addf(reason, "%s: ", what);
		escape_log(slice_str(words), reason);
	}
	store->busy = store->db != NULL &&
	    (sqlite3_errcode(store->db) & 0xff) == SQLITE_BUSY;
	if (store->db != NULL && store->begun &&
	    sqlite3_get_autocommit(store->db) == 0)
		(void)record_store_exec(store, "ROLLBACK");
	store->begun = false;
	return -1;
}

sqlite3_stmt *
record_store_statement(struct record_store *store, enum record_statement which)
{
	sqlite3_stmt **statement = &store->statements[which];

	store->spent = 0;
	store->late = false;
	store->entered = clock_ms();
	if (*statement == NULL &&
	    sqlite3_prepare_v3(store->db, texts[which], -1,
		SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
		return NULL;
	(void)sqlite3_reset(*statement);
	(void)sqlite3_clear_bindings(*statement);
	return *statement;
}

static void
bind_at_most(sqlite3_stmt *statement, int at, struct slice text, size_t most)
{
	text = slice_first(text, most);
	(void)sqlite3_bind_text(statement, at, text.n == 0 ? "" : text.p,
	    (int)text.n, SQLITE_STATIC);
}

void
record_store_bind(sqlite3_stmt *statement, int at, struct slice text)
{
	bind_at_most(statement, at, text, RECORD_TEXT_MAX);
}

/* Half an address in rua= would be another one. */
void
record_store_bind_policy(sqlite3_stmt *statement, int at, struct slice record)
{
	struct slice kept = slice_first(record, RECORD_POLICY_MAX);

	if (kept.n < record.n && record.p[kept.n] != ';')
		kept = slice_first(kept, slice_find_last(kept, ';'));
	bind_at_most(statement, at, kept, RECORD_POLICY_MAX);
}

struct slice
record_store_text(sqlite3_stmt *statement, int column)
{
	const void *bytes = sqlite3_column_blob(statement, column);
	int n = sqlite3_column_bytes(statement, column);

	return slice_from(bytes, bytes == NULL || n < 0 ? 0 : (size_t)n);
}

/* SQLite asks this now and then; other than 0 ends the statement. */
static int
is_over_time(void *ctx)
{
	const struct record_store *store = ctx;

	return store->spent + (clock_ms() - store->entered) > store->patience;
}

int
record_store_step(struct record_store *store, sqlite3_stmt *statement)
{
	int result;

	store->entered = clock_ms();
	result = sqlite3_step(statement);
	store->spent += clock_ms() - store->entered;
	store->late |= result == SQLITE_INTERRUPT;
	return result;
}

int
record_store_run(struct record_store *store, sqlite3_stmt *statement)
{
	int result = record_store_step(store, statement);

	(void)sqlite3_reset(statement);
	return result == SQLITE_DONE ? 0 : -1;
}

int
record_store_exec(struct record_store *store, const char *sql)
{
	store->spent = 0;
	store->entered = clock_ms();
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
									   : -1;
}

int
record_store_begin(struct record_store *store)
{
	if (store->begun)
		return 0;
	if (record_store_exec(store, "BEGIN IMMEDIATE") != 0)
		return -1;
	store->begun = true;
	return 0;
}

/* Reads a number that a pragma gives; `otherwise` where it does not. */
static int64_t
pragma(struct record_store *store, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *s = NULL;
	int64_t n = otherwise;

	store->spent = 0;
	if (sqlite3_prepare_v2(store->db, sql, -1, &s, NULL) == SQLITE_OK &&
	    record_store_step(store, s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	(void)sqlite3_finalize(s);
	return n;
}

/* Nothing but a regular file is opened (a pipe would keep us for ever), nor
 * what SQLite could only read where it is to be written. */
static int
look_at_file(struct record_store *store, bool writes)
{
	struct stat st;

	if (stat(store->path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			errno = EINVAL;
		else if (access(store->path, writes ? R_OK | W_OK : R_OK) == 0)
			return 0;
	} else if (errno == ENOENT && writes) {
		return 0;
	}
	return -1;
}

static int
open_file(struct record_store *store, int flags, struct strbuf *reason)
{
	mode_t before;
	int result;
	static const int off[] = {SQLITE_DBCONFIG_ENABLE_TRIGGER,
	    SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_TRUSTED_SCHEMA,
	    SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION};

	if (look_at_file(store, (flags & SQLITE_OPEN_READWRITE) != 0) != 0)
		return strbuf_fail(reason, "%s: %s", store->path,
		    errno == EINVAL ? "is no file" : strerror(errno));
	before = umask(077);
	result = sqlite3_open_v2(
	    store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	(void)umask(before);
	if (result != SQLITE_OK)
		return record_store_fail(store, store->path, reason);
	/* The file may have been made by somebody who has taken the recorder
	 * over: what it says of itself is not believed. No view or trigger
	 * in it runs, no function is called from its schema, it can attach
	 * no other file, and a statement has its time. */
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		(void)sqlite3_db_config(store->db, off[i], 0, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	(void)sqlite3_hard_heap_limit64(HEAP_MAX);
	(void)sqlite3_busy_timeout(store->db, BUSY_MS);
	sqlite3_progress_handler(
	    store->db, OPS_BETWEEN_LOOKS, is_over_time, store);
	/* Touches the file, which so far nobody has looked into. */
	if (record_store_exec(store,
		"PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;"
		"PRAGMA mmap_size = 0; PRAGMA "
		"schema_version;") != 0)
		return record_store_fail(store, store->path, reason);
	return 0;
}

static struct record_store *
open_as(const char *path, int flags, struct strbuf *reason)
{
	struct record_store *store = xcalloc(1, sizeof(*store));

	store->path = xstrdup(path);
	store->patience = RECORD_QUERY_MS;
	if (open_file(store, flags, reason) != 0) {
		record_store_close(store);
		return NULL;
	}
	return store;
}

static int
prepare_file(struct record_store *store)
{
	mode_t before = umask(077);
	int64_t page;
	int result = 0;
	struct strbuf text;
	struct stat st;

	/* Answers of a version that sent them to anybody are not sent any
	 * more. */
	if (pragma(store,
		"SELECT count(*) > 0 AND total(name = 'proven') = 0"
		" FROM pragma_table_info('answer')",
		0) != 0)
		result = record_store_exec(
		    store, "PRAGMA secure_delete = ON; DROP TABLE answer;");
	if (result == 0)
		result = record_store_exec(store, schema);
	(void)umask(before);
	if (stat(store->path, &st) == 0) {
		store->device = st.st_dev;
		store->inode = st.st_ino;
	}
	if (result != 0)
		return -1;
	/* The file's bound is SQLite's own: an INSERT over it fails as on a
	 * full disk. */
	page = pragma(store, "PRAGMA page_size", 4096);
	strbuf_init(&text, 100);
	strbuf_addf(&text, "PRAGMA max_page_count = %lld",
	    (long long)((int64_t)store->limits.bytes_max / page + 1));
	result = record_store_exec(store, strbuf_text(&text));
	strbuf_clear(&text);
	return result;
}

struct record_store *
record_store_open(const char *path, const struct record_store_limits *limits,
    struct strbuf *reason)
{
	struct record_store *store =
	    open_as(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, reason);

	if (store == NULL)
		return NULL;
	store->limits = *limits;
	if (store->limits.bytes_max == 0)
		store->limits.bytes_max = BYTES_MAX_DEFAULT;
	if (store->limits.keep_seconds == 0)
		store->limits.keep_seconds = KEEP_SECONDS_DEFAULT;
	if (store->limits.answers_max == 0)
		store->limits.answers_max = ANSWERS_MAX_DEFAULT;
	if (prepare_file(store) != 0) {
		(void)record_store_fail(store, path, reason);
		record_store_close(store);
		return NULL;
	}
	return store;
}

bool
record_store_is_there(const struct record_store *store)
{
	struct stat st;

	return stat(store->path, &st) == 0 && st.st_dev == store->device &&
	    st.st_ino == store->inode;
}

bool
record_store_is_busy(const struct record_store *store)
{
	return store->busy;
}

int
record_store_try(struct record_store *store, struct strbuf *reason)
{
	struct strbuf text;

	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	strbuf_init(&text, 100);
	strbuf_addf(
	    &text, "INSERT INTO trial VALUES (zeroblob(%d))", TRY_BYTES);
	if (record_store_exec(store, strbuf_text(&text)) != 0) {
		strbuf_clear(&text);
		return record_store_fail(store, "trial", reason);
	}
	strbuf_clear(&text);
	if (record_store_commit(store, reason) != 0)
		return -1;
	if (record_store_exec(store, "DELETE FROM trial") != 0)
		return record_store_fail(store, "trial", reason);
	return 0;
}

int
record_store_measure(struct record_store *store, struct record_measure *to)
{
	int64_t page = pragma(store, "PRAGMA page_size", -1);
	int64_t pages = pragma(store, "PRAGMA page_count", -1);
	int64_t unused = pragma(store, "PRAGMA freelist_count", -1);
	int64_t newest = pragma(store, "SELECT max(hour) FROM tally", -1);

	if (page < 0 || pages < 0 || unused < 0 || newest < 0)
		return -1;
	*to = (struct record_measure){
	    .bytes = (uint64_t)((pages - unused) * page), .newest = newest};
	return 0;
}

struct record_store *
record_store_open_writer(const char *path, struct strbuf *reason)
{
	struct record_store *store =
	    open_as(path, SQLITE_OPEN_READWRITE, reason);

	if (store != NULL)
		(void)sqlite3_busy_timeout(store->db, PATIENT_MS);
	if (store != NULL && record_store_exec(store, schema) != 0) {
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
record_store_bound(struct record_store *store, int64_t ms)
{
	store->patience = ms;
}

bool
record_store_was_late(const struct record_store *store)
{
	return store->late;
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
	free(store->path);
	free(store);
}

int
record_store_commit(struct record_store *store, struct strbuf *reason)
{
	if (!store->begun)
		return 0;
	if (record_store_exec(store, "COMMIT") != 0)
		return record_store_fail(store, "commit", reason);
	store->begun = false;
	return 0;
}

int
record_store_expire(
    struct record_store *store, int64_t now, struct strbuf *reason)
{
	static const enum record_statement which[] = {STATEMENT_EXPIRE_TALLY,
	    STATEMENT_EXPIRE_FAILURE, STATEMENT_EXPIRE_ROW,
	    STATEMENT_EXPIRE_FOUND, STATEMENT_EXPIRE_SENT,
	    STATEMENT_EXPIRE_ANSWER};

	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
		sqlite3_stmt *s = record_store_statement(store, which[i]);

		if (s == NULL)
			return record_store_fail(store, "expire", reason);
		(void)sqlite3_bind_int64(
		    s, 1, now - store->limits.keep_seconds);
		if (record_store_run(store, s) != 0)
			return record_store_fail(store, "expire", reason);
	}
	/* Where there is no reflector any more, nobody else does. */
	return record_store_purge(store, now, reason);
}
