/* record/store: what was added comes out summed; age, size and the answers
 * an hour are bounded. Real SQLite files in a directory of the test's own. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "record/store.h"
#include "record/store_page.h"
#include "t/lib/unit.h"

#define NOW 1000000000
static sqlite3 *opened; /* the last one */

int __real_sqlite3_open_v2(
    const char *name, sqlite3 **db, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(
    const char *name, sqlite3 **db, int flags, const char *vfs);

int
__wrap_sqlite3_open_v2(
    const char *name, sqlite3 **db, int flags, const char *vfs)
{
	int result = __real_sqlite3_open_v2(name, db, flags, vfs);

	opened = *db;
	return result;
}

struct fixture {
	char dir[64], path[96];
	struct strbuf reason;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/signpost-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/results.sqlite", f->dir);
	strbuf_init(&f->reason, 1000);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const tails[] = {"", "-wal", "-shm"};
	struct fixture *f = *state;
	char path[128];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", f->path, tails[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	strbuf_clear(&f->reason);
	free(f);
	return 0;
}

static struct record_store *
open_store(struct fixture *f, struct record_store_limits limits)
{
	struct record_store *store =
	    record_store_open(f->path, &limits, &f->reason);

	if (store == NULL)
		fail_msg("%s", strbuf_text(&f->reason));
	return store;
}

static int
add_with_policy(struct fixture *f, struct record_store *store, int64_t time,
    const char *author, const char *dmarc, const char *policy)
{
	struct strbuf bytes;
	struct record_kept kept;
	char text[32];
	int result;

	strbuf_init(&bytes, RECORD_KEPT_MAX);
	(void)snprintf(text, sizeof(text), "%lld", (long long)time);
	(void)record_kept_add(&bytes, RECORD_TIME, slice_str(text));
	(void)record_kept_add(&bytes, RECORD_DIRECTION, SLICE("in"));
	(void)record_kept_add(&bytes, RECORD_AUTHOR, slice_str(author));
	(void)record_kept_add(&bytes, RECORD_STATUS, SLICE("sent"));
	(void)record_kept_add(&bytes, RECORD_DMARC, slice_str(dmarc));
	(void)record_kept_add(
	    &bytes, RECORD_DKIM, SLICE("pass\ta.example\ts1\t"));
	(void)record_kept_add(&bytes, RECORD_POLICY_DOMAIN, slice_str(author));
	(void)record_kept_add(&bytes, RECORD_POLICY, slice_str(policy));
	(void)record_kept_add(&bytes, RECORD_CLIENT, SLICE("192.0.2.1"));
	(void)record_kept_add(&bytes, RECORD_DISPOSITION, SLICE("none"));
	assert_int_equal(record_kept_parse(strbuf_slice(&bytes), &kept), 0);
	result = record_store_add(store, &kept, &f->reason);
	strbuf_clear(&bytes);
	return result;
}

static int
add(struct fixture *f, struct record_store *store, int64_t time,
    const char *author, const char *dmarc)
{
	return add_with_policy(
	    f, store, time, author, dmarc, "v=DMARC1; p=none");
}

static void
print_tally(void *ctx, const struct record_tally *t)
{
	(void)strbuf_addf(ctx, "%.*s %.*s %.*s %lld %lld\n",
	    (int)t->direction.n, t->direction.p, (int)t->what.n, t->what.p,
	    (int)t->result.n, t->result.p, (long long)t->hour,
	    (long long)t->count);
}

static void
print_domain(void *ctx, const struct record_domain *d)
{
	(void)strbuf_addf(ctx, "%.*s in %lld pass %lld fail %lld\n",
	    (int)d->name.n, d->name.p, (long long)d->in, (long long)d->pass,
	    (long long)d->fail);
}

static void
print_row(void *ctx, const struct record_row *r)
{
	(void)strbuf_addf(ctx, "%.*s %lld [%.*s]\n", (int)r->client.n,
	    r->client.p, (long long)r->count, (int)r->results.n, r->results.p);
}

struct reading {
	struct record_store *store;
	struct strbuf *out;
	int failed;
};

static void
print_policy(void *ctx, const struct record_policy *policy)
{
	struct reading *r = ctx;

	(void)strbuf_addf(
	    r->out, "%.*s: ", (int)policy->domain.n, policy->domain.p);
	if (record_store_rows(
		r->store, NOW - NOW % 86400, policy, print_row, r->out) != 0)
		r->failed = -1;
}

static int
all_rows(struct record_store *store, struct slice domain, struct strbuf *out)
{
	struct reading r = {store, out, 0};

	return record_store_policies(
		   store, NOW - NOW % 86400, domain, print_policy, &r) != 0
	    ? -1
	    : r.failed;
}

static void
test_sums(void **state)
{
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){0});
	struct strbuf out;
	struct stat st;

	strbuf_init(&out, 10000);
	assert_int_equal(add(f, store, NOW, "a.example", "pass"), 0);
	assert_int_equal(add(f, store, NOW, "a.example", "pass"), 0);
	assert_int_equal(add(f, store, NOW + 3600, "b.example", "fail"), 0);
	assert_int_equal(record_store_commit(store, &f->reason), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_int_equal(record_store_domains(store, 0, print_domain, &out), 0);
	assert_string_equal(strbuf_text(&out),
	    "a.example in 2 pass 2 fail 0\n"
	    "b.example in 1 pass 0 fail 1\n");
	strbuf_reset(&out);
	assert_int_equal(
	    record_store_hours(store, NOW + 1, print_tally, &out), 0);
	assert_string_equal(strbuf_text(&out),
	    "in dmarc fail 1000000800 1\n"
	    "in message sent 1000000800 1\n");
	strbuf_reset(&out);
	assert_int_equal(all_rows(store, SLICE(""), &out), 0);
	assert_string_equal(strbuf_text(&out),
	    "a.example: 192.0.2.1 2 [dkim\tpass\ta.example\ts1\t\n]\n"
	    "b.example: 192.0.2.1 1 [dkim\tpass\ta.example\ts1\t\n]\n");
	strbuf_reset(&out);
	assert_int_equal(all_rows(store, SLICE("b.example"), &out), 0);
	assert_string_equal(strbuf_text(&out),
	    "b.example: 192.0.2.1 1 [dkim\tpass\ta.example\ts1\t\n]\n");
	strbuf_clear(&out);
	record_store_close(store);
}

static void
print_policy_record(void *ctx, const struct record_policy *policy)
{
	(void)strbuf_addf(
	    ctx, "%.*s\n", (int)policy->policy.n, policy->policy.p);
}

/* Of a record with a tag of so many octets before rua= so much is kept; its rows
 * are found by it. */
static void
check_policy(struct fixture *f, struct record_store *store, const char *domain,
    int octets, size_t kept)
{
	struct strbuf text, out, want;
	struct record_policy policy = {.domain = slice_str(domain)};

	strbuf_init(&text, 10000);
	strbuf_init(&want, 10000);
	strbuf_init(&out, 10000);
	(void)strbuf_addf(&text,
	    "v=DMARC1; p=none; x=%0*d; rua=mailto:reports@a.example", octets,
	    0);
	(void)strbuf_add(&want, slice_first(strbuf_slice(&text), kept));
	(void)strbuf_add_char(&want, '\n');
	assert_int_equal(
	    add_with_policy(f, store, NOW, domain, "fail", strbuf_text(&text)),
	    0);
	assert_int_equal(record_store_policies(store, NOW - NOW % 86400,
			     slice_str(domain), print_policy_record, &out),
	    0);
	assert_string_equal(strbuf_text(&out), strbuf_text(&want));
	strbuf_reset(&out);
	policy.policy = strbuf_slice(&text);
	assert_int_equal(record_store_rows(store, NOW - NOW % 86400, &policy,
			     print_row, &out),
	    0);
	assert_true(out.n > 0);
	strbuf_clear(&text);
	strbuf_clear(&want);
	strbuf_clear(&out);
}

static void
test_no_policy_is_cut_in_an_address(void **state)
{
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){0});

	check_policy(f, store, "a.example", 220, SIZE_MAX);
	check_policy(f, store, "b.example", 980, 20 + 980);
	check_policy(f, store, "c.example", 2000, 16);
	record_store_close(store);
}

static void
test_age_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct record_store *store = open_store(
	    f, (struct record_store_limits){.keep_seconds = 2 * 86400});
	struct strbuf out;

	strbuf_init(&out, 10000);
	assert_int_equal(add(f, store, NOW, "a.example", "pass"), 0);
	assert_int_equal(
	    record_store_expire(store, NOW + 86400, &f->reason), 0);
	assert_int_equal(record_store_domains(store, 0, print_domain, &out), 0);
	assert_true(out.n > 0);
	strbuf_reset(&out);
	assert_int_equal(
	    record_store_expire(store, NOW + 3 * 86400, &f->reason), 0);
	assert_int_equal(record_store_domains(store, 0, print_domain, &out), 0);
	assert_int_equal(all_rows(store, SLICE(""), &out), 0);
	assert_int_equal(out.n, 0);
	strbuf_clear(&out);
	record_store_close(store);
}

static void
test_size_is_bounded_and_it_goes_on_after(void **state)
{
	struct fixture *f = *state;
	struct record_store *store = open_store(
	    f, (struct record_store_limits){.bytes_max = 128 * 1024});
	struct stat st;
	int failed = 0;

	for (int i = 0; i < 4000 && failed == 0; i++) {
		char author[32];

		(void)snprintf(author, sizeof(author), "d%d.example", i);
		failed = add(f, store, NOW, author, "pass");
		if (failed == 0)
			failed = record_store_commit(store, &f->reason);
	}
	assert_int_equal(failed, -1);
	assert_non_null(strstr(strbuf_text(&f->reason), "full"));
	assert_int_equal(stat(f->path, &st), 0);
	assert_in_range(st.st_size, 0, 256 * 1024);

	strbuf_reset(&f->reason);
	assert_int_equal(
	    record_store_expire(store, NOW + 20 * 86400, &f->reason), 0);
	assert_int_equal(add(f, store, NOW, "a.example", "pass"), 0);
	record_store_close(store);
}

static void
print_answer(void *ctx, const struct record_answer *a)
{
	(void)strbuf_addf(ctx, "%lld %u %.*s %.*s", (long long)a->id, a->tries,
	    (int)a->to.n, a->to.p, (int)a->message.n, a->message.p);
}

static const struct record_answer_bounds bounds = {
    .mailbox = 2, .domain = 4, .stranger_domain = 3, .client = 5, .all = 30};

/* One answer to that mailbox ("a@a.example"). */
static int
ask_as(struct fixture *f, struct record_store *store, int64_t now,
    const struct record_asker *asker)
{
	struct record_asker full = *asker;
	struct record_answer answer = {
	    .to = full.mailbox, .message = SLICE("SECRET text")};

	full.bounds = &bounds;
	full.domain =
	    slice_after(full.mailbox, slice_find(full.mailbox, '@') + 1);
	strbuf_reset(&f->reason);
	return record_store_put_answer(store, now, &full, &answer, &f->reason);
}

static void
test_answers_wait(void **state)
{
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){0});
	struct strbuf out;

	strbuf_init(&out, 10000);
	assert_int_equal(
	    ask_as(f, store, NOW,
		&(struct record_asker){.mailbox = SLICE("b@a.example")}),
	    1);
	assert_int_equal(
	    ask_as(f, store, NOW + 1,
		&(struct record_asker){
		    .mailbox = SLICE("a@a.example"), .proven = true}),
	    1);
	assert_int_equal(
	    record_store_due_answer(store, NOW - 1, print_answer, &out), 0);
	/* Proven senders come first. */
	assert_int_equal(
	    record_store_due_answer(store, NOW + 1, print_answer, &out), 1);
	assert_string_equal(strbuf_text(&out), "2 0 a@a.example SECRET text");
	strbuf_reset(&out);
	/* It is ours for a minute: nobody else gets it. */
	assert_int_equal(
	    record_store_due_answer(store, NOW + 60, print_answer, &out), 1);
	assert_string_equal(strbuf_text(&out), "1 0 b@a.example SECRET text");
	assert_int_equal(
	    record_store_due_answer(store, NOW + 60, print_answer, &out), 0);
	assert_int_equal(record_store_defer_answer(store, 2, NOW + 60), 0);
	assert_int_equal(record_store_drop_answer(store, 1), 0);
	assert_int_equal(
	    record_store_due_answer(store, NOW + 59, print_answer, &out), 0);
	strbuf_reset(&out);
	assert_int_equal(
	    record_store_due_answer(store, NOW + 60, print_answer, &out), 1);
	assert_string_equal(strbuf_text(&out), "2 1 a@a.example SECRET text");
	strbuf_clear(&out);
	record_store_close(store);
}

/* Each asks as often as it is let, and once more in vain. */
/* That it was sent could not be written: so it is not sent. */
static void
test_none_is_sent_while_the_file_is_locked(void **state)
{
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){0});
	struct strbuf out;
	sqlite3 *other;

	strbuf_init(&out, 10000);
	assert_int_equal(
	    ask_as(f, store, NOW,
		&(struct record_asker){.mailbox = SLICE("a@a.example")}),
	    1);
	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(
	    record_store_due_answer(store, NOW, print_answer, &out), -1);
	assert_int_equal(out.n, 0);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(
	    record_store_due_answer(store, NOW, print_answer, &out), 1);
	strbuf_clear(&out);
	record_store_close(store);
}

/* Nor does one who gets none hold others off. */
static void
test_who_is_refused_leaves_no_lock(void **state)
{
	static const struct record_asker asker = {
	    .mailbox = SLICE_INIT("a@a.example")};
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){0});
	sqlite3 *other;
	int result = 1;

	for (int i = 0; i < 10 && result == 1; i++)
		result = ask_as(f, store, NOW, &asker);
	assert_int_equal(result, 0);
	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	record_store_close(store);
}

static void
test_bounds_an_hour(void **state)
{
	static const struct {
		const char *mailbox, *client;
		bool proven;
		int most;
		const char *why;
	} cases[] = {
	    {"a@a.example", "c1", false, 2, "mailbox"},
	    {"b@a.example", "c1", false, 1, "domain"},
	    {"a@b.example", "c1", false, 2, "mailbox"},
	    {"a@c.example", "c1", false, 0, "client"},
	    {"a@d.example", "c2", false, 1, "not proven"},
	    /* None of that is counted to those who are proven. */
	    {"a@a.example", "c1", true, 2, "mailbox"},
	    {"b@a.example", "c1", true, 2, "mailbox"},
	    {"c@a.example", "c1", true, 0, "domain"},
	    {"a@b.example", "c1", true, 1, "client"},
	};
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){0});

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct record_asker asker = {
		    .mailbox = slice_str(cases[i].mailbox),
		    .client = slice_str(cases[i].client),
		    .proven = cases[i].proven,
		};
		int count = 0;

		while (count < 10 &&
		    ask_as(f, store, NOW + (int64_t)i, &asker) == 1)
			count++;
		if (count != cases[i].most ||
		    strstr(strbuf_text(&f->reason), cases[i].why) == NULL)
			fail_msg("%s: %d, %s", cases[i].mailbox, count,
			    strbuf_text(&f->reason));
	}
	/* Proven senders have four fifths of all. */
	for (int i = 0; i < 30; i++) {
		char name[40];
		int n = snprintf(name, sizeof(name), "x@%d.example", i);

		assert_int_equal(ask_as(f, store, NOW + 99,
				     &(struct record_asker){
					 .mailbox = slice_from(name, (size_t)n),
					 .client = slice_from(name, (size_t)n),
					 .proven = true}),
		    i < 24 - 5);
	}
	record_store_close(store);
}

static void
test_waiting_strangers_leave_room(void **state)
{
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){.answers_max = 5});
	struct record_asker asker = {.mailbox = SLICE("a@a.example")};

	assert_int_equal(ask_as(f, store, NOW, &asker), 1);
	assert_int_equal(ask_as(f, store, NOW, &asker), 0);
	assert_string_equal(strbuf_text(&f->reason), "too many answers wait");
	asker.proven = true;
	assert_int_equal(ask_as(f, store, NOW, &asker), 1);
	record_store_close(store);
}

/* Whether the database's files hold that text. */
static bool
files_hold(const struct fixture *f, const char *text)
{
	static const char *const ends[] = {"", "-wal"};
	bool found = false;

	for (size_t i = 0; i < 2; i++) {
		static char bytes[1 << 20];
		char path[300];
		size_t n;
		FILE *file;

		(void)snprintf(path, sizeof(path), "%s%s", f->path, ends[i]);
		file = fopen(path, "r");
		n = file == NULL ? 0 : fread(bytes, 1, sizeof(bytes), file);
		found |=
		    slice_search(slice_from(bytes, n), slice_str(text)) < n;
		if (file != NULL)
			(void)fclose(file);
	}
	return found;
}

static void
test_what_was_sent_is_gone_and_askers_after_an_hour(void **state)
{
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){0});
	struct record_asker asker = {.mailbox = SLICE("who-asks@a.example"),
	    .client = SLICE("192.0.2.0/24")};

	assert_int_equal(ask_as(f, store, NOW, &asker), 1);
	assert_int_equal(record_store_purge(store, NOW, &f->reason), 0);
	assert_true(files_hold(f, "SECRET"));
	assert_int_equal(record_store_drop_answer(store, 1), 0);
	assert_int_equal(record_store_purge(store, NOW + 1, &f->reason), 0);
	assert_false(files_hold(f, "SECRET"));

	assert_int_equal(record_store_purge(store, NOW + 3599, &f->reason), 0);
	assert_true(files_hold(f, "who-asks"));
	assert_int_equal(record_store_purge(store, NOW + 3600, &f->reason), 0);
	assert_false(files_hold(f, "who-asks"));
	assert_false(files_hold(f, "192.0.2"));

	/* So does whoever expires, where there is no reflector any more. */
	assert_int_equal(ask_as(f, store, NOW, &asker), 1);
	assert_int_equal(record_store_drop_answer(store, 1), 0);
	assert_int_equal(record_store_expire(store, NOW + 3600, &f->reason), 0);
	assert_false(files_hold(f, "who-asks"));
	assert_false(files_hold(f, "SECRET"));

	/* Nor does a clock that was set back keep them. */
	assert_int_equal(ask_as(f, store, NOW, &asker), 1);
	assert_int_equal(record_store_drop_answer(store, 1), 0);
	assert_int_equal(record_store_purge(store, NOW - 86400, &f->reason), 0);
	assert_false(files_hold(f, "who-asks"));
	record_store_close(store);
}

/* Made by a version that answered anybody. */
static void
test_old_answers_are_not_sent(void **state)
{
	struct fixture *f = *state;
	struct record_asker asker = {.mailbox = SLICE("a@a.example")};
	struct record_store *store;
	struct strbuf out;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db,
		"CREATE TABLE answer (id INTEGER PRIMARY KEY, made INTEGER,"
		" due INTEGER, tries INTEGER, recipient TEXT, message BLOB);"
		"INSERT INTO answer VALUES (1, 0, 0, 0, 'a@a.example',"
		" 'OLDWORDS')",
		NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	store = open_store(f, (struct record_store_limits){0});
	strbuf_init(&out, 1000);
	assert_int_equal(
	    record_store_due_answer(store, NOW, print_answer, &out), 0);
	assert_int_equal(ask_as(f, store, NOW, &asker), 1);
	strbuf_clear(&out);
	record_store_close(store);
	assert_false(files_hold(f, "OLDWORDS"));
}

static void
test_a_path_that_cannot_be_opened_is_named(void **state)
{
	static const struct record_store_limits limits;
	struct fixture *f = *state;

	(void)snprintf(f->path, sizeof(f->path), "%s/none/x", f->dir);
	assert_null(record_store_open(f->path, &limits, &f->reason));
	assert_non_null(strstr(strbuf_text(&f->reason), f->path));
	assert_null(record_store_open_reader(f->path, &f->reason));
}

/* As the one who has taken the recorder over would leave it. */
static void
spoil(struct fixture *f, const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	record_store_close(open_store(f, (struct record_store_limits){0}));
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* `late`: why there are none. */
static int
read_rows(struct fixture *f, struct strbuf *out, bool late)
{
	struct record_store *store =
	    record_store_open_reader(f->path, &f->reason);
	int result;

	assert_non_null(store);
	record_store_bound(store, 200);
	result = all_rows(store, SLICE(""), out);
	assert_int_equal(record_store_was_late(store), late);
	record_store_close(store);
	return result;
}

static void
test_a_view_in_place_of_a_table_is_not_looked_into(void **state)
{
	struct fixture *f = *state;
	struct strbuf out;

	strbuf_init(&out, 10000);
	spoil(f,
	    "DROP TABLE row; CREATE VIEW row AS SELECT 999993600 AS day,"
	    "'a.example' AS policy_domain, 'p' AS policy, '' AS client,"
	    "'' AS disposition, '' AS dkim, '' AS spf, '' AS overrides,"
	    "'' AS author, '' AS sender, '' AS recipient, '' AS results,"
	    "1 AS count");
	assert_int_equal(read_rows(f, &out, false), -1);
	assert_int_equal(out.n, 0);
	strbuf_clear(&out);
}

static void
test_a_trigger_does_not_run(void **state)
{
	struct fixture *f = *state;
	struct record_store *store;
	struct strbuf out;

	strbuf_init(&out, 10000);
	spoil(f,
	    "CREATE TRIGGER t AFTER INSERT ON row BEGIN"
	    " UPDATE row SET client = 'taken over'; END");
	store = open_store(f, (struct record_store_limits){0});
	assert_int_equal(add(f, store, NOW, "a.example", "pass"), 0);
	record_store_close(store);
	assert_int_equal(read_rows(f, &out, false), 0);
	assert_non_null(strstr(strbuf_text(&out), "192.0.2.1"));
	strbuf_clear(&out);
}

/* Each row costs what a thousand honest ones do. */
static void
test_a_query_has_its_time(void **state)
{
	struct fixture *f = *state;
	struct strbuf out;

	strbuf_init(&out, 10000);
	spoil(f,
	    "DROP TABLE row; CREATE TABLE row (day, policy_domain, policy,"
	    " client, disposition, dkim, spf, overrides, author, sender,"
	    " recipient, count, results AS"
	    " (length(replace(hex(zeroblob(2000 + count)), '0', 'ab'))));"
	    "WITH RECURSIVE n(i) AS"
	    " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
	    "INSERT INTO row SELECT 999993600, 'a.example', 'p', i, '', '', '',"
	    " '', '', '', '', 1 FROM n");
	assert_int_equal(read_rows(f, &out, true), -1);
	strbuf_clear(&out);
}

static void
test_a_pipe_is_no_database(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_null(record_store_open_reader(f->path, &f->reason));
	assert_non_null(strstr(strbuf_text(&f->reason), "is no file"));
}

static void
test_a_file_that_is_not_the_one_opened_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct record_store *store =
	    open_store(f, (struct record_store_limits){0});
	struct record_measure measure;
	int fd;

	assert_true(record_store_is_there(store));
	assert_int_equal(record_store_try(store, &f->reason), 0);
	assert_int_equal(add(f, store, NOW, "a.example", "pass"), 0);
	assert_int_equal(record_store_commit(store, &f->reason), 0);
	assert_int_equal(record_store_measure(store, &measure), 0);
	assert_in_range(measure.bytes, 4096, 512 * 1024);
	assert_int_equal(measure.newest, NOW - NOW % 3600);
	assert_int_equal(unlink(f->path), 0);
	assert_false(record_store_is_there(store));
	fd = open(f->path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_false(record_store_is_there(store));
	record_store_close(store);
}

/* The recorder has closed itself in: they would lie elsewhere. */
static void
test_what_it_sorts_makes_no_files(void **state)
{
	struct record_store *store =
	    open_store(*state, (struct record_store_limits){0});
	sqlite3_stmt *asked;

	assert_int_equal(
	    sqlite3_prepare_v2(opened, "PRAGMA temp_store", -1, &asked, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(asked), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(asked, 0), 2); /* memory */
	sqlite3_finalize(asked);
	record_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_no_policy_is_cut_in_an_address, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_age_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_size_is_bounded_and_it_goes_on_after, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answers_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_none_is_sent_while_the_file_is_locked, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_who_is_refused_leaves_no_lock, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_bounds_an_hour, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_waiting_strangers_leave_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_was_sent_is_gone_and_askers_after_an_hour, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		test_old_answers_are_not_sent, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_path_that_cannot_be_opened_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_view_in_place_of_a_table_is_not_looked_into, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_trigger_does_not_run, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_query_has_its_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_it_sorts_makes_no_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_pipe_is_no_database, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_file_that_is_not_the_one_opened_is_noticed, setup,
		teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
