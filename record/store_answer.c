/*
 * The reflector's answers and who was answered in the last hour; see store.h.
 * An answer's row goes when it was sent. What is deleted is overwritten in
 * the file (secure_delete), and record_store_purge() does away with its copy
 * in the write-ahead log.
 */
#include "record/store_private.h"

enum { HOUR = 3600, MINUTE = 60, FIFTH = 5 };

/* Rows of the last hour: those of proven senders, and all. */
struct count {
	int64_t proven, all;
};
struct counts {
	struct count mailbox, domain, client, any;
};

static int
count_hour(struct record_store *store, int64_t now,
    const struct record_asker *asker, struct counts *counts)
{
	struct count *list[] = {
	    &counts->mailbox, &counts->domain, &counts->client, &counts->any};
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_COUNT_HOUR);
	int result;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, now - HOUR);
	record_store_bind(s, 2, asker->mailbox);
	record_store_bind(s, 3, asker->domain);
	record_store_bind(s, 4, asker->client);
	result = record_store_step(store, s);
	for (int i = 0; result == SQLITE_ROW && i < 4; i++) {
		list[i]->proven = sqlite3_column_int64(s, 2 * i);
		list[i]->all = sqlite3_column_int64(s, 2 * i + 1);
	}
	(void)sqlite3_reset(s);
	return result == SQLITE_ROW ? 0 : -1;
}

/* Senders that are proven are counted among themselves, so that no stranger
 * uses up what is theirs; of the whole and of what may wait strangers have a
 * fifth. NULL: there is room. */
static const char *
over_bounds(const struct record_asker *asker, const struct counts *counts,
    const struct record_answer_bounds *bounds)
{
	bool proven = asker->proven;
	int64_t strangers = counts->any.all - counts->any.proven;
	int64_t fifth = bounds->all / FIFTH;
	const struct {
		int64_t count, most;
		const char *why;
	} all[] = {
	    {proven ? counts->mailbox.proven : counts->mailbox.all,
		bounds->mailbox, "too many answers an hour to that mailbox"},
	    {proven ? counts->domain.proven : counts->domain.all,
		proven ? bounds->domain : bounds->stranger_domain,
		"too many answers an hour to that domain"},
	    {proven ? counts->client.proven : counts->client.all,
		bounds->client, "too many answers an hour to that client"},
	    {proven ? counts->any.proven : strangers,
		proven ? bounds->all - fifth : fifth,
		proven ? "too many answers an hour"
		       : "too many answers an hour to senders not proven"},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].count >= all[i].most)
			return all[i].why;
	return NULL;
}

/* Likewise for those that wait for the next hop. 1: room; 0: none; -1. */
static int
may_wait(struct record_store *store, bool proven)
{
	sqlite3_stmt *s =
	    record_store_statement(store, STATEMENT_COUNT_WAITING);
	int64_t most = store->limits.answers_max, fifth = most / FIFTH;
	int64_t count = -1;

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int(s, 1, proven);
	if (record_store_step(store, s) == SQLITE_ROW)
		count = sqlite3_column_int64(s, 0);
	(void)sqlite3_reset(s);
	if (count < 0)
		return -1;
	return count < (proven ? most - fifth : fifth);
}

int
record_store_may_answer(struct record_store *store, int64_t now,
    const struct record_asker *asker, struct strbuf *reason)
{
	struct counts counts = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
	const char *why;
	int waits;

	if (count_hour(store, now, asker, &counts) != 0)
		return record_store_fail(store, "answer", reason);
	why = over_bounds(asker, &counts, asker->bounds);
	waits = why == NULL ? may_wait(store, asker->proven) : 1;
	if (waits == 0)
		why = "too many answers wait";
	if (why != NULL)
		strbuf_add_str(reason, why);
	if (waits < 0)
		return record_store_fail(store, "answer", reason);
	return why == NULL;
}

static int
note_asker(
    struct record_store *store, int64_t now, const struct record_asker *asker)
{
	sqlite3_stmt *s =
	    record_store_statement(store, STATEMENT_NOTE_ANSWERED);

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, now);
	(void)sqlite3_bind_int(s, 2, asker->proven);
	record_store_bind(s, 3, asker->mailbox);
	record_store_bind(s, 4, asker->domain);
	record_store_bind(s, 5, asker->client);
	return record_store_run(store, s);
}

static int
put_answer(struct record_store *store, int64_t now, bool proven,
    const struct record_answer *answer)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_PUT_ANSWER);

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, now);
	(void)sqlite3_bind_int(s, 2, proven);
	(void)sqlite3_bind_text(
	    s, 3, answer->to.p, (int)answer->to.n, SQLITE_STATIC);
	(void)sqlite3_bind_blob(
	    s, 4, answer->message.p, (int)answer->message.n, SQLITE_STATIC);
	return record_store_run(store, s);
}

int
record_store_put_answer(struct record_store *store, int64_t now,
    const struct record_asker *asker, const struct record_answer *answer,
    struct strbuf *reason)
{
	int fits;

	if (answer->to.n > INT16_MAX || answer->message.n > INT32_MAX) {
		strbuf_add_str(reason, "it is too long");
		return 0;
	}
	if (record_store_begin(store) != 0)
		return record_store_fail(store, "begin", reason);
	fits = record_store_may_answer(store, now, asker, reason);
	if (fits == 0) /* let go of the lock; and keep what came before */
		return record_store_commit(store, reason);
	if (fits < 0)
		return -1;
	if (note_asker(store, now, asker) != 0 ||
	    put_answer(store, now, asker->proven, answer) != 0)
		return record_store_fail(store, "answer", reason);
	return record_store_commit(store, reason) == 0 ? 1 : -1;
}

static int
claim(struct record_store *store, int64_t id, int64_t now)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_CLAIM_ANSWER);

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, id);
	(void)sqlite3_bind_int64(s, 2, now + MINUTE);
	if (record_store_run(store, s) != 0)
		return -1;
	return record_store_commit(store, NULL);
}

/* Looked for and claimed under one lock, so that one recorder alone has it
 * while another takes its place. */
int
record_store_due_answer(
    struct record_store *store, int64_t now, record_answer_fn *fn, void *ctx)
{
	sqlite3_stmt *s;
	int result;

	if (record_store_begin(store) != 0)
		return -1;
	s = record_store_statement(store, STATEMENT_DUE_ANSWER);
	if (s == NULL)
		return record_store_fail(store, "answer", NULL);
	(void)sqlite3_bind_int64(s, 1, now);
	result = record_store_step(store, s);
	if (result == SQLITE_ROW &&
	    claim(store, sqlite3_column_int64(s, 0), now) != 0)
		result = SQLITE_ERROR;
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
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		return record_store_fail(store, "answer", NULL);
	if (record_store_commit(store, NULL) != 0)
		return -1;
	return result == SQLITE_ROW;
}

int
record_store_drop_answer(struct record_store *store, int64_t id)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_DROP_ANSWER);

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, id);
	store->purge = true;
	return record_store_run(store, s);
}

int
record_store_defer_answer(struct record_store *store, int64_t id, int64_t at)
{
	sqlite3_stmt *s = record_store_statement(store, STATEMENT_DEFER_ANSWER);

	if (s == NULL)
		return -1;
	(void)sqlite3_bind_int64(s, 1, id);
	(void)sqlite3_bind_int64(s, 2, at);
	return record_store_run(store, s);
}

int
record_store_purge(
    struct record_store *store, int64_t now, struct strbuf *reason)
{
	sqlite3_stmt *s =
	    record_store_statement(store, STATEMENT_EXPIRE_ANSWERED);

	/* A clock that was set back must not keep rows longer. */
	if (s == NULL)
		return record_store_fail(store, "forget", reason);
	(void)sqlite3_bind_int64(s, 1, now - HOUR);
	(void)sqlite3_bind_int64(s, 2, now + MINUTE);
	if (record_store_run(store, s) != 0)
		return record_store_fail(store, "forget", reason);
	if (sqlite3_changes(store->db) > 0)
		store->purge = true;
	if (record_store_commit(store, reason) != 0)
		return -1;
	if (!store->purge)
		return 0;
	/* Who reads at this moment may keep the log: then the next time. */
	if (sqlite3_wal_checkpoint_v2(store->db, NULL,
		SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
		store->purge = false;
	return 0;
}
