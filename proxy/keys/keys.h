/*
 * Private keys, read when first needed, a bounded number kept; what leaves
 * is wiped. Lives in the signers only and asks the master, which alone can
 * read the files (proxy/keys/key_files.h). A key that is missing, broken or
 * changed is looked at again within PROXY_KEYS_RECHECK_S; and one that is held
 * every PROXY_KEYS_LOOK_S, used or not, that none is left in memory which its
 * owner has replaced, or taken away for PROXY_KEYS_RECHECK_S.
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
/* How often a key that is held is looked at, s; so many a second at most. */
#define PROXY_KEYS_LOOK_S    4
#define PROXY_KEYS_LOOKS_MAX 20
/* A key in whose place came one of another selector is good for so long, s:
 * workers have begun fields with its name. */
#define PROXY_KEYS_GRACE_S 30
/* A look that somebody wants: so long after the last one, s. */
#define PROXY_KEYS_AGAIN_S 1
/* How long one waits for such a look, s, where a key is held. */
#define PROXY_KEYS_LOOK_WAIT_S 2
/* How long the master may take, s, before it is trouble. */
#define PROXY_KEYS_WAIT_S 20

struct dkim_key;
struct event_base;
struct proxy_config;
struct proxy_keys;
struct proxy_key_held;
struct proxy_key_use;

enum proxy_key_status {
	PROXY_KEY_FOUND,
	PROXY_KEY_MISSING, /* no file, where any domain's may be: not signed */
	PROXY_KEY_TROUBLE, /* unreadable, refused, no key: `on_error =` */
	PROXY_KEY_UNPUBLISHED /* there is one, which the world cannot see yet:
			       * `before_published =` */
};

struct proxy_key_answer {
	enum proxy_key_status status;
	struct proxy_key_held *held; /* FOUND; until proxy_key_use_end() */
	const struct dkim_key *key;  /* as long as that, as the slices are */
	struct slice domain; /* whose key: the one asked for, or a parent
				      * (rules with `parents`) */
	struct slice selector;
	int64_t since, used; /* s since 1970: it was read, and it last signed;
			      * 0: it has not yet */
	const char *reason;  /* where there is none; lives for the call */
};

/* Called once, from the event loop, never out of proxy_keys_get(). */
typedef void proxy_key_fn(void *ctx, const struct proxy_key_answer *);

/* Asks the master over `master_fd`, which it takes; keeps at most `cap`
 * keys, not counting those in use. */
struct proxy_keys *proxy_keys_new(
    struct event_base *, int master_fd, size_t cap);

/* The key for a domain by a rule of the configuration. The use holds the
 * key until it is ended; equal questions in flight are asked once. */
struct proxy_key_use *proxy_keys_get(struct proxy_keys *, unsigned rule,
    struct slice domain, proxy_key_fn *, void *ctx);

/* Who asks has heard of another key than the one that is held: there may be a
 * newer one. Has it looked at again, and true: proxy_keys_get() waits for what
 * there is then, which is the old one where that look finds trouble or takes
 * longer than PROXY_KEYS_LOOK_WAIT_S. False
 * where the last look was less than PROXY_KEYS_AGAIN_S ago, so that whoever asks
 * causes one in a second at most; or where no key is held. */
bool proxy_keys_look_again(
    struct proxy_keys *, unsigned rule, struct slice domain);

/* The same at once, for the length of the call, where the answer is known and
 * is to be believed; false where it must be asked for. */
bool proxy_keys_peek(struct proxy_keys *, unsigned rule, struct slice domain,
    struct proxy_key_answer *);
/* The key of that selector, of which a replaced one is good for
 * PROXY_KEYS_GRACE_S; for the length of the call. False: there is none. */
bool proxy_keys_peek_replaced(struct proxy_keys *, unsigned rule,
    struct slice domain, struct slice selector, struct proxy_key_answer *);
/* It signed something. */
void proxy_key_note_use(struct proxy_key_held *);

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
