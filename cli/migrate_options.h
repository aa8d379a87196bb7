/*
 * OpenDKIM's options, each with ours, or why there is none and what to do
 * instead. DKIMproxy's are in proxy/settings/dkimproxy.h.
 */
#ifndef CLI_MIGRATE_OPTIONS_H
#define CLI_MIGRATE_OPTIONS_H

#include "base/slice.h"

enum migrate_type {
	MIGRATE_BOOL,
	MIGRATE_INT,
	MIGRATE_TEXT,
	MIGRATE_SET /* a dataset */
};

enum migrate_fate {
	MIGRATE_DONE,	 /* what it says is carried over */
	MIGRATE_NOTHING, /* there is nothing to be done about it */
	MIGRATE_ACT	 /* where it is set, a person has to do something */
};

struct migrate_option {
	const char *name;
	enum migrate_type type;
	enum migrate_fate fate;
	const char *ours;   /* "[out] ttl"; NULL: there is none */
	const char *advice; /* why, or what to do; half a sentence */
};

/* NULL where it is none; case is ignored, as OpenDKIM does. */
const struct migrate_option *migrate_option_find(struct slice name);

#endif
