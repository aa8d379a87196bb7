/*
 * Private keys, read when first needed, a bounded number kept; what leaves
 * is wiped. Lives in the signing workers only and asks the master, which
 * alone can read the files (proxy/keys/key_files.h). A key that is missing,
 * broken or changed is looked at again within PROXY_KEYS_RECHECK_S.
 */
#ifndef PROXY_KEYS_KEYS_H
#define PROXY_KEYS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* A key older than this, s, is asked about again before it is used; what
 * was no key, after so many. */
#define PROXY_KEYS_RECHECK_S 30
#define PROXY_KEYS_MISSING_S 10
/* How long the master may take, s, before it is trouble. */
#define PROXY_KEYS_WAIT_S 20

struct dkim_key;
struct event_base;
struct proxy_config;
struct proxy_keys;
struct proxy_key_use;

enum proxy_key_status {
	PROXY_KEY_FOUND,
	PROXY_KEY_MISSING, /* no file, where any domain's may be: not signed */
	PROXY_KEY_TROUBLE  /* unreadable, refused, no key: `on_error =` */
};

struct proxy_key_answer {
	enum proxy_key_status status;
	const struct dkim_key *key; /* until proxy_key_use_end() */
	struct slice domain;	    /* whose key: the one asked for, or a parent
				     * (rules with `parents`); as long as the key */
	const char *reason; /* where there is none; lives for the call */
};

/* Called once, from the event loop, never out of proxy_keys_get(). */
typedef void proxy_key_fn(void *ctx, const struct proxy_key_answer *);

/* Asks the master over `master_fd`, which it takes; keeps at most `cap`
 * keys, not counting those in use. */
struct proxy_keys *proxy_keys_new(
    struct event_base *, int master_fd, size_t cap);

/* Without a master: this process reads the files itself, as it may. The
 * configuration is borrowed. */
struct proxy_keys *proxy_keys_new_local(
    struct event_base *, const struct proxy_config *, size_t cap);

/* The key for a domain by a rule of the configuration. The use holds the
 * key until it is ended; equal questions in flight are asked once. */
struct proxy_key_use *proxy_keys_get(struct proxy_keys *, unsigned rule,
    struct slice domain, proxy_key_fn *, void *ctx);

/* Every key is looked at again before its next use. */
void proxy_keys_doubt(struct proxy_keys *);

/* Gives the key back, or stops waiting for it. From any place. NULL is
 * fine. */
void proxy_key_use_end(struct proxy_key_use *);

/* How many keys are in memory, and the age of the oldest of their files in
 * seconds, by its time of change. */
struct proxy_keys_figures {
	uint64_t keys, oldest;
};
struct proxy_keys_figures proxy_keys_figures(const struct proxy_keys *);

/* No use may be left. Wipes. NULL is fine. */
void proxy_keys_free(struct proxy_keys *);

#endif
