/* The bounded table of keys behind proxy/keys/keys.c; nobody else's. */
#ifndef PROXY_KEYS_KEY_CACHE_PRIVATE_H
#define PROXY_KEYS_KEY_CACHE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "base/slice.h"
#include "base/table.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/keys.h"

struct dkim_key;

/* A key and how many hold it: the table is one, each use is one. */
struct proxy_key_held {
	struct dkim_key *key;
	char *domain, *selector;
	int64_t since, used; /* s since 1970; used 0: never */
	unsigned holders;
};

TAILQ_HEAD(proxy_key_uses, proxy_key_use);

enum proxy_key_entry_state {
	PROXY_KEY_ENTRY_IDLE,	/* known, or never asked */
	PROXY_KEY_ENTRY_QUEUED, /* to be asked */
	PROXY_KEY_ENTRY_ASKED
};

struct proxy_key_entry {
	TAILQ_ENTRY(proxy_key_entry) used;
	TAILQ_ENTRY(proxy_key_entry) asking; /* queued, or in flight */
	enum proxy_key_entry_state state;
	uint32_t id;
	uint32_t number; /* in the table */
	unsigned rule;
	char *domain;
	bool known;   /* `status` is an answer, of `known_at` */
	bool looking; /* asked without need: only another key counts */
	time_t known_at, asked_at, looked_at;
	enum proxy_key_status status;
	struct proxy_key_stamp stamp;
	struct proxy_key_held *held;
	/* The one before, while it is good: it had another selector. */
	struct proxy_key_held *replaced;
	time_t replaced_at;
	char *reason;
	struct proxy_key_uses waits;
};

TAILQ_HEAD(proxy_key_entries, proxy_key_entry);

struct proxy_key_cache {
	size_t cap, count;
	/* Room for more than `cap`, where so many are waited for. */
	struct table table;
	struct proxy_key_entry **at;   /* by number */
	struct proxy_key_entries used; /* the least lately used first */
};

void proxy_key_cache_init(struct proxy_key_cache *, size_t cap);
void proxy_key_cache_clear(struct proxy_key_cache *);

/* The entry of a rule and a domain, made where there is none; what is idle
 * and least lately used leaves for it. Now the most lately used. */
struct proxy_key_entry *proxy_key_cache_get(
    struct proxy_key_cache *, unsigned rule, struct slice domain);
/* The same where there is one, else NULL. */
struct proxy_key_entry *proxy_key_cache_find(
    struct proxy_key_cache *, unsigned rule, struct slice domain);

/* One more holder of it, and one less; NULL is fine. */
struct proxy_key_held *proxy_key_hold(struct proxy_key_held *);
void proxy_key_let_go(struct proxy_key_held *);
/* Takes the key; one holder. */
struct proxy_key_held *proxy_key_hold_new(
    struct dkim_key *, const char *domain, struct slice selector);

#endif
