/*
 * Every key that a configuration names: opened, read, and tried against the
 * signatures that are to be made with it. With what passes here mail is
 * signed, as long as nobody touches the files.
 */
#ifndef PROXY_KEYS_KEY_CHECK_H
#define PROXY_KEYS_KEY_CHECK_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "proxy/settings/config.h"

struct dkim_key;
struct proxy_key_check;

/*
 * Who asks. A daemon that starts serves the domains whose keys are good: what
 * is wrong with the key of one domain is a warning, and no longer than
 * PROXY_KEY_CHECK_MS is spent on all. Whoever tests (serve -t, check) or
 * changes (a reload) has them all looked at, and all trouble is an error.
 * Directories that would have all keys of a rule refused are one at any time.
 */
enum proxy_key_check_for { PROXY_KEY_CHECK_START, PROXY_KEY_CHECK_ALL };

#define PROXY_KEY_CHECK_MS 150

/* In steps, for who has something else to do meanwhile. The configuration is
 * borrowed. A step takes about so long and says whether it was the last; the
 * end says what was found: 0, or -1 where there are errors. */
struct proxy_key_check *proxy_key_check_new(
    const struct proxy_config *, enum proxy_key_check_for);
bool proxy_key_check_step(struct proxy_key_check *, unsigned ms);
int proxy_key_check_end(struct proxy_key_check *, struct proxy_report *);
void proxy_key_check_free(struct proxy_key_check *); /* NULL is fine */

/* All of that at once. */
int proxy_key_check_run(const struct proxy_config *, enum proxy_key_check_for,
    struct proxy_report *);

/* The use of a key: of what a signature that names none is made with, 0, for
 * every key has an algorithm of its own. */
unsigned proxy_key_use_of(const struct proxy_signature *);

/* Is the key of the type that all these uses want? 0, or -1 and what is not:
 * "the key is rsa, a signature with it is ed25519-sha256". */
int proxy_key_fits_uses(
    const struct dkim_key *, unsigned uses, struct strbuf *reason);

#endif
