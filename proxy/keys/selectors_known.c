/* Which key of a domain is to sign; see selectors_known.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/table.h"
#include "base/xalloc.h"
#include "proxy/keys/key_way.h"
#include "proxy/keys/selectors.h"
#include "proxy/keys/selectors_folder.h"
#include "proxy/keys/selectors_known.h"

/* Of a domain: the key that is to sign, by its kind. */
struct chosen {
	char *name; /* NULL: there is none */
	bool staged, lost;
};

enum { KINDS = DKIM_KEY_ED25519 + 1 };

/* A file, and what it says. */
struct known {
	TAILQ_ENTRY(known) used;
	uint32_t number;
	char *path;
	/* Of what was read; and of what was refused since. */
	struct proxy_key_stamp read, refused;
	struct chosen keys[KINDS];
};

TAILQ_HEAD(knowns, known);

struct proxy_selectors_known {
	void (*complain)(void *ctx, const char *text);
	void *ctx;
	size_t most, count;
	struct proxy_selectors_counts counts;
	struct table table;
	struct known **at;  /* by number */
	struct knowns used; /* the least lately used first */
};

/* --- what is remembered --- */

static void
clear_keys(struct chosen keys[KINDS])
{
	for (int i = 0; i < KINDS; i++)
		free(keys[i].name);
	memset(keys, 0, KINDS * sizeof(*keys));
}

/* Adds a file's keys to the counts, or takes them out (`by` -1). */
static void
count_keys(struct proxy_selectors_known *known, const struct chosen keys[KINDS],
    int by)
{
	for (int i = 0; i < KINDS; i++) {
		struct proxy_selectors_counts *counts = &known->counts;

		if (keys[i].name == NULL)
			continue;
		*(keys[i].staged       ? &counts->staged
			: keys[i].lost ? &counts->lost
				       : &counts->published) += (uint64_t)by;
	}
}

struct proxy_selectors_counts
proxy_selectors_known_counts(const struct proxy_selectors_known *known)
{
	return known->counts;
}

static void
forget_known(struct proxy_selectors_known *known, struct known *one)
{
	table_remove(&known->table,
	    table_hash(&known->table, slice_str(one->path), 0), one->number);
	TAILQ_REMOVE(&known->used, one, used);
	count_keys(known, one->keys, -1);
	clear_keys(one->keys);
	free(one->path);
	free(one);
	known->count--;
}

static struct known *
find_known(struct proxy_selectors_known *known, struct slice path)
{
	uint32_t n = TABLE_NONE;

	if (known != NULL)
		n = table_first(
		    &known->table, table_hash(&known->table, path, 0));
	for (; n != TABLE_NONE; n = table_next(&known->table, n))
		if (slice_equal(slice_str(known->at[n]->path), path)) {
			TAILQ_REMOVE(&known->used, known->at[n], used);
			TAILQ_INSERT_TAIL(&known->used, known->at[n], used);
			return known->at[n];
		}
	return NULL;
}

/* The table grows with what is in it: who has one domain has no room for a
 * hundred thousand. */
static void
grow_known(struct proxy_selectors_known *known)
{
	size_t room = known->table.room == 0 ? 64 : 2 * known->table.room;
	struct known *one;

	if (known->table.room > 0)
		table_clear(&known->table);
	table_init(&known->table, room);
	known->at = xreallocarray(known->at, room, sizeof(struct known *));
	TAILQ_FOREACH (one, &known->used, used) {
		one->number = table_add(&known->table,
		    table_hash(&known->table, slice_str(one->path), 0));
		known->at[one->number] = one;
	}
}

static struct known *
add_known(struct proxy_selectors_known *known, struct slice path)
{
	struct known *one;

	if (known->count == known->most)
		forget_known(known, TAILQ_FIRST(&known->used));
	if (known->count == known->table.room)
		grow_known(known);
	one = xcalloc(1, sizeof(*one));
	one->path = xslicedup(path);
	one->number =
	    table_add(&known->table, table_hash(&known->table, path, 0));
	known->at[one->number] = one;
	TAILQ_INSERT_TAIL(&known->used, one, used);
	known->count++;
	return one;
}

struct proxy_selectors_known *
proxy_selectors_known_new(
    size_t most, void (*complain)(void *ctx, const char *text), void *ctx)
{
	struct proxy_selectors_known *known = xcalloc(1, sizeof(*known));

	known->most = most;
	known->complain = complain;
	known->ctx = ctx;
	TAILQ_INIT(&known->used);
	grow_known(known);
	return known;
}

void
proxy_selectors_known_free(struct proxy_selectors_known *known)
{
	if (known == NULL)
		return;
	while (!TAILQ_EMPTY(&known->used))
		forget_known(known, TAILQ_FIRST(&known->used));
	table_clear(&known->table);
	free(known->at);
	free(known);
}

/* --- one file --- */

/* A file while it is looked at. */
struct looking {
	const struct proxy_key_readers *readers;
	const char *path;
	struct proxy_key_stamp stamp;
	struct strbuf *reason;
};

static int
check_rights(const struct looking *look, const struct stat *st)
{
	unsigned mode = st->st_mode & 07777;
	bool owned = false;

	for (size_t i = 0; i < look->readers->owner_count; i++)
		owned |= look->readers->owners[i] == st->st_uid;
	if (S_ISREG(st->st_mode) && owned && (mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	if (!S_ISREG(st->st_mode))
		return strbuf_fail(
		    look->reason, "%s is no regular file", look->path);
	if (owned)
		strbuf_addf(look->reason,
		    "%s has mode %04o, which lets others write to it: chmod "
		    "go-w ",
		    look->path, mode);
	else
		strbuf_addf(look->reason, "%s belongs to user %u: chown root ",
		    look->path, (unsigned)st->st_uid);
	escape_shell(slice_str(look->path), look->reason);
	return -1;
}

/* Of each kind the active one, else the first that is staged. */
static void
take_keys(const struct proxy_selectors *s, struct chosen keys[KINDS])
{
	for (int i = 0; i < KINDS; i++) {
		const struct proxy_selector *key = proxy_selectors_first(
		    s, (enum dkim_key_type)i, PROXY_SELECTOR_ACTIVE);

		keys[i].staged = key == NULL;
		if (key == NULL)
			key = proxy_selectors_first(
			    s, (enum dkim_key_type)i, PROXY_SELECTOR_STAGED);
		if (key == NULL)
			continue;
		keys[i].name = xstrdup(key->name);
		keys[i].lost = key->moments[PROXY_SELECTOR_LOST] != 0;
	}
}

/* What was good before goes on to count. Told once for each change of the
 * file, and not for each message. */
static enum proxy_key_status
refuse_change(
    const struct looking *look, struct known *one, struct chosen keys[KINDS])
{
	const struct proxy_selectors_known *known = look->readers->known;
	struct strbuf text;

	if (one == NULL)
		return PROXY_KEY_TROUBLE;
	if (!proxy_key_stamp_equal(&one->refused, &look->stamp)) {
		one->refused = look->stamp;
		strbuf_init(&text, 2 * PROXY_KEY_REASON_MAX);
		strbuf_addf(&text, "%s; what it said before goes on to count",
		    strbuf_text(look->reason));
		known->complain(known->ctx, strbuf_text(&text));
		strbuf_clear(&text);
	}
	memcpy(keys, one->keys, sizeof(one->keys));
	return PROXY_KEY_FOUND;
}

/*
 * The keys that the file names; where it is remembered they are the memory's,
 * else the caller's (`*own`).
 */
static enum proxy_key_status
look_at_open(struct looking *look, int fd, struct chosen keys[KINDS], bool *own)
{
	struct proxy_selectors_known *known = look->readers->known;
	struct known *one = find_known(known, slice_str(look->path));
	struct stat st;

	if (fstat(fd, &st) != 0) {
		strbuf_addf(
		    look->reason, "%s: %s", look->path, strerror(errno));
		return refuse_change(look, one, keys);
	}
	proxy_key_stamp_file(&st, &look->stamp);
	if (one == NULL || !proxy_key_stamp_equal(&one->read, &look->stamp)) {
		struct chosen fresh[KINDS] = {{0}};
		struct proxy_selectors *s = NULL;

		if (check_rights(look, &st) == 0)
			s = proxy_selectors_read_open(
			    fd, look->path, look->reason);
		if (s == NULL)
			return refuse_change(look, one, keys);
		take_keys(s, fresh);
		proxy_selectors_free(s);
		*own = known == NULL;
		memcpy(keys, fresh, sizeof(fresh));
		if (known == NULL)
			return PROXY_KEY_FOUND;
		if (one == NULL)
			one = add_known(known, slice_str(look->path));
		count_keys(known, one->keys, -1);
		clear_keys(one->keys);
		memcpy(one->keys, fresh, sizeof(fresh));
		count_keys(known, one->keys, 1);
		one->read = look->stamp;
	}
	memcpy(keys, one->keys, sizeof(one->keys));
	return PROXY_KEY_FOUND;
}

static enum proxy_key_status
look_at_selectors(struct looking *look, struct chosen keys[KINDS], bool *own)
{
	struct proxy_selectors_known *known = look->readers->known;
	struct known *one;
	enum proxy_key_status status;
	int fd = proxy_key_way_open(look->path, look->reason);

	if (fd >= 0) {
		status = look_at_open(look, fd, keys, own);
		(void)close(fd);
		return status;
	}
	one = find_known(known, slice_str(look->path));
	if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
		return refuse_change(look, one, keys);
	/* Its owner has taken it away. */
	if (one != NULL)
		forget_known(known, one);
	strbuf_reset(look->reason);
	strbuf_addf(look->reason, "%s: %s", look->path, strerror(ENOENT));
	return PROXY_KEY_MISSING;
}

/* --- doors --- */

int
proxy_selectors_folder_path(const struct proxy_key_rule *rule,
    struct slice domain, struct strbuf *path, struct strbuf *reason)
{
	if (proxy_key_path(rule, domain, path, reason) != 0)
		return -1;
	strbuf_truncate(path, slice_find_last(strbuf_slice(path), '/'));
	return 0;
}

int
proxy_selectors_path(const struct proxy_key_rule *rule, struct slice domain,
    struct strbuf *path, struct strbuf *reason)
{
	if (proxy_selectors_folder_path(rule, domain, path, reason) == 0 &&
	    strbuf_add_str(path, "/" PROXY_SELECTORS_NAME) == 0)
		return 0;
	return strbuf_fail(reason, "the path of selectors is too long");
}

static enum dkim_key_type
kind_of(const struct proxy_key_rule *rule, const struct chosen keys[KINDS])
{
	static const enum dkim_key_type order[] = {
	    DKIM_KEY_RSA, DKIM_KEY_ED25519};

	if (rule->algorithm != DKIM_ALGORITHM_UNKNOWN)
		return dkim_algorithm_key_type(rule->algorithm);
	for (int staged = 0; staged <= 1; staged++)
		for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
			if (keys[order[i]].name != NULL &&
			    keys[order[i]].staged == (staged == 1))
				return order[i];
	return DKIM_KEY_RSA;
}

enum proxy_key_status
proxy_selectors_choose(const struct proxy_key_readers *readers,
    const struct proxy_key_rule *rule, struct slice domain,
    struct proxy_selectors_choice *choice, struct strbuf *reason)
{
	struct looking look = {.readers = readers, .reason = reason};
	enum proxy_key_status status = PROXY_KEY_TROUBLE;
	struct chosen keys[KINDS] = {{0}};
	enum dkim_key_type kind;
	struct strbuf path;
	bool own = false;

	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	if (proxy_selectors_path(rule, domain, &path, reason) == 0) {
		look.path = strbuf_text(&path);
		status = look_at_selectors(&look, keys, &own);
	}
	kind = kind_of(rule, keys);
	if (status == PROXY_KEY_FOUND && keys[kind].name == NULL) {
		strbuf_reset(reason);
		strbuf_addf(reason,
		    "%s names no key of %s that is active or staged", look.path,
		    dkim_key_type_name(kind));
		status = PROXY_KEY_MISSING;
	} else if (status == PROXY_KEY_FOUND) {
		struct strbuf name;

		/* A complaint of the file was told elsewhere. */
		strbuf_reset(reason);
		strbuf_init(&name, sizeof(choice->name));
		strbuf_add_str(&name, keys[kind].name);
		memcpy(choice->name, name.p, name.n + 1);
		strbuf_clear(&name);
		choice->staged = keys[kind].staged;
	}
	if (own)
		clear_keys(keys);
	strbuf_clear(&path);
	return status;
}
