/*
 * The fronts that there can be: a row each, which says what the settings call
 * it and what it does to a message. All else of a front is in its section
 * (struct proxy_front). Nobody asks whether a front is [out] or [in], but what
 * it does; so another front takes a row here.
 *
 * What is signed and what is checked are the configuration's, not a row's: two
 * fronts that sign do it by the same rules. Signers hold the keys of all
 * fronts, and tools ask by which rules a domain's mail is signed, not where.
 * Who needs other rules runs another daemon.
 */
#ifndef PROXY_SETTINGS_FRONTS_H
#define PROXY_SETTINGS_FRONTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct proxy_config;
struct proxy_front;

/* What a front does to a message: its filter. */
enum proxy_filter_kind {
	PROXY_FILTER_SIGN,
	PROXY_FILTER_VERIFY,
	PROXY_FILTER_KINDS
};

struct proxy_front_row {
	const char *name; /* of its section */
	enum proxy_filter_kind filter;
	const char *spool_dir; /* where the settings name none */
	const char *user;      /* likewise; NULL: that of [signpost] */
};

enum { PROXY_FRONTS = 2 };

extern const struct proxy_front_row proxy_front_rows[PROXY_FRONTS];

/* Numbers and names the fronts of a configuration that is to be read. */
void proxy_fronts_init(struct proxy_config *);

/* The number of the front with that section; PROXY_FRONTS: none has it. */
size_t proxy_front_find(struct slice section);

/* Is any there? One with that filter? */
bool proxy_fronts_any(const struct proxy_config *);
bool proxy_fronts_have(const struct proxy_config *, enum proxy_filter_kind);

/* The first with that filter that is there; where none is, the first that
 * could be, whose user and bounds have their values all the same. */
const struct proxy_front *proxy_front_with(
    const struct proxy_config *, enum proxy_filter_kind);

#endif
