/*
 * What all name servers of a key's record give now, and the resolver: many keys
 * in one go. An alias is followed link by link, each asked of the servers of its
 * own zone, wherever one of them leads; what one server gives counts for the
 * whole, since a resolver may have asked just that one.
 *
 *	look = rotate_look_new(resolver, without, count);
 *	for each: rotate_look_add(look, name, &want)	0, 1, 2 ...
 *	rotate_look_run(look);
 *	rotate_look_at(look, 0) ...
 */
#ifndef CLI_ROTATE_LOOK_H
#define CLI_ROTATE_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "cli/rotate/ready.h"
#include "dkim/algorithm.h"

enum rotate_want_kind {
	ROTATE_WANT_RECORD, /* the one record of that key */
	ROTATE_WANT_GONE,   /* none of that key any more */
	ROTATE_WANT_NO_TXT, /* none at all, for the key is not known */
	/* No such name (NXDOMAIN), not even an alias: one that exists without a
	 * TXT record has a record of another type, or names below it. */
	ROTATE_WANT_FREE,
	ROTATE_WANT_EMPTY /* no such name, where an alias leads neither */
};

struct rotate_want {
	enum rotate_want_kind kind;
	struct slice octets; /* of p=; copied */
	enum dkim_algorithm algorithm;
	/* The resolver alone: for whether a record is still there. */
	bool resolver_only;
};

/* What the resolver gives. */
enum rotate_resolved {
	ROTATE_RESOLVED_UNASKED,
	ROTATE_RESOLVED_NONE, /* no answer, SERVFAIL: it may be bogus, too */
	ROTATE_RESOLVED_RIGHT,
	ROTATE_RESOLVED_OTHER
};

struct rotate_shown {
	struct rotate_sight sight;
	enum rotate_resolved resolved;
	bool alias; /* there is one at the name itself */
	/* Where aliases lead, or the name itself: there the record belongs.
	 * NULL: the servers were not asked. */
	const char *end;
	const char *other; /* what a server gave instead; NULL */
	/* Which server lacks what, which is silent: for people. "" for none */
	const char *lacking, *silent;
};

struct cli_resolver;
struct rotate_look;

/* Servers that are left out, by name or address; all is borrowed. */
struct rotate_without {
	const char *const *list;
	size_t count;
};

struct rotate_look *rotate_look_new(
    struct cli_resolver *, const struct rotate_without *);
void rotate_look_free(struct rotate_look *); /* NULL is fine */

/* Its number. `name` in A-labels. */
size_t rotate_look_add(
    struct rotate_look *, struct slice name, const struct rotate_want *);
void rotate_look_run(struct rotate_look *);
const struct rotate_shown *rotate_look_at(const struct rotate_look *, size_t);

#endif
