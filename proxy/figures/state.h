/*
 * How is it going: a line for each part, for /health, the page and the
 * figures. Arithmetic on the shared page and a clock of the caller's; what has
 * to be asked for (next hops, name servers, the database) the caller adds.
 */
#ifndef PROXY_FIGURES_STATE_H
#define PROXY_FIGURES_STATE_H

#include <stddef.h>

#include "base/strbuf.h"
#include "proxy/figures/shared.h"
#include "proxy/settings/config.h"

enum proxy_state_level {
	PROXY_STATE_OK,
	PROXY_STATE_WARN, /* it wants somebody; mail goes on */
	PROXY_STATE_FAIL  /* mail stops */
};

enum { PROXY_STATE_LINES_MAX = 64 };

/* Rounds of PROXY_WORKER_TICK_S without a sign of life, after which a worker
 * hangs; the master kills it later (`watchdog`). */
enum { PROXY_STATE_SILENT_ROUNDS = 3 };

struct proxy_state_line {
	enum proxy_state_level level;
	char part[24]; /* "out", "database" */
	char text[640];
};

struct proxy_state {
	bool deaf; /* none of our name servers answers; for _add_mail() */
	size_t count;
	struct proxy_state_line lines[PROXY_STATE_LINES_MAX];
};

/* More lines than there is room for are left out; so is the end of a text. */
void proxy_state_add(struct proxy_state *, enum proxy_state_level,
    const char *part, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The worst there is. */
enum proxy_state_level proxy_state_worst(const struct proxy_state *);

/* Are all workers there, and do they show signs of life? */
void proxy_state_add_workers(struct proxy_state *, const struct proxy_config *,
    const struct proxy_shared *);

/* The sums that proxy/figures/history.h takes. */
struct proxy_history_sums proxy_state_sums(const struct proxy_shared *);

/* Signing, mail put off and records lost of late. `now` is the history's. */
void proxy_state_add_mail(struct proxy_state *, const struct proxy_config *,
    const struct proxy_shared *, int64_t now);

/* Was the last reload refused? */
void proxy_state_add_reload(struct proxy_state *, const struct proxy_shared *);

/* Do keys sign that the world cannot see, or none where one could? */
void proxy_state_add_keys(struct proxy_state *, const struct proxy_shared *);

/* For /health: a line for each part, "ok", "warn" or "fail" in front; or "ok"
 * alone in its line, where nothing fails, and those that are not well. */
void proxy_state_print(
    const struct proxy_state *, bool verbose, struct strbuf *);

#endif
