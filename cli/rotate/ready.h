/*
 * When a key may sign, and when the record of one that signs no more has really
 * gone: what the name servers showed, and the time, to a decision. Arithmetic;
 * no socket, clock or file.
 *
 * Whatever a name server gives may lie in some resolver's cache for as long as
 * its TTL says. So while a server gives anything but what is wanted, nobody may
 * count on it before that time has passed again; and where all of them first
 * gave it, one may have given something else a moment before.
 */
#ifndef CLI_ROTATE_READY_H
#define CLI_ROTATE_READY_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* For how long any other answer counts, at least: resolvers have bounds
	 * of their own for short TTLs. */
	ROTATE_OTHER_MIN = 3600,
	/* And at most: no resolver keeps one for longer, whatever the TTL (a
	 * week is BIND's bound, Unbound's is a day). A server that lies may say
	 * 68 years. */
	ROTATE_OTHER_MAX = 7 * 86400,
	/* So long a name server may be silent before a person hears of it. */
	ROTATE_LAME_AFTER = 86400
};

/* What a look at all name servers showed. */
struct rotate_sight {
	bool others;	/* one gave something else, */
	uint32_t ttl;	/* which may be kept for so long, the longest */
	bool unheard;	/* one gave no answer, or which they are is not known */
	bool confirmed; /* the resolver gives what is wanted, too */
};

/* What is kept between looks, with the key; seconds since 1970, 0 for not
 * yet. */
struct rotate_standing {
	int64_t seen;  /* since when all servers have given what is wanted */
	int64_t until; /* up to when something else may be in a cache */
	int64_t met;  /* when something else was met last: `until' less that, or
			* less `seen', is how long the longest may be kept */
	int64_t lame; /* since when one has not answered */
};

/* Takes a look of that moment. The clock may have been set back, or have been
 * wrong before: then it counts as the first look. */
void rotate_standing_take(
    struct rotate_standing *, const struct rotate_sight *, int64_t now);

enum rotate_wait {
	ROTATE_READY,
	ROTATE_WAIT_RECORD,  /* a name server gives something else */
	ROTATE_WAIT_SERVER,  /* one gave no answer this time */
	ROTATE_WAIT_CACHES,  /* `until` has not passed */
	ROTATE_WAIT_RESOLVER /* the resolver does not give it yet */
};

/* Behind rotate_standing_take(), with the same look and time. */
enum rotate_wait rotate_standing_wait(
    const struct rotate_standing *, const struct rotate_sight *, int64_t now);

/* Has a server been silent for so long that a person should see to it? */
bool rotate_standing_is_lame(const struct rotate_standing *, int64_t now);

#endif
