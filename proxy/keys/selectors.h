/*
 * The file `selectors' beside a domain's keys: what each of them is. A person
 * may read and edit it; who changes it keeps what he does not change, comments
 * and spacing too.
 *
 *	# kept by signpost rotate; may be edited
 *	rsa      active   m202611r  since=2026-11-29T10:00:00Z
 *	rsa      staged   m202705r  made=2027-05-29T04:00:00Z
 *	ed25519  active   m202611e
 *
 * A file with a mistake in it is none: it is refused whole, with its line and
 * the reason. Arithmetic only; proxy/keys/selectors_folder.h reads and writes.
 */
#ifndef PROXY_KEYS_SELECTORS_H
#define PROXY_KEYS_SELECTORS_H

#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/key.h"

/* Of one file: its bytes, and its lines. */
#define PROXY_SELECTORS_BYTES_MAX 65536
#define PROXY_SELECTORS_LINES_MAX 500

enum proxy_selector_state {
	PROXY_SELECTOR_STAGED,	/* made; its record is to be published */
	PROXY_SELECTOR_ACTIVE,	/* signs; one of each kind at most */
	PROXY_SELECTOR_RETIRED, /* signs no more; its record is still there */
	PROXY_SELECTOR_STATES
};

/* What is known of a key's life, as NAME=TIME, each of them or none. */
enum proxy_selector_moment {
	PROXY_SELECTOR_MADE,  /* made=: the key */
	PROXY_SELECTOR_SEEN,  /* seen=: since then each name server asked gave
			       * its record, and nothing else */
	PROXY_SELECTOR_UNTIL, /* until=: up to then another answer may be in a
			       * cache */
	PROXY_SELECTOR_MET,   /* met=: a name server gave another answer, the
			       * last time */
	PROXY_SELECTOR_SINCE, /* since=: it is active, or retired */
	PROXY_SELECTOR_USED,  /* used=: the daemon's last use of it, as it was
			       * last told */
	PROXY_SELECTOR_LOST,  /* lost=: its record was found gone, or wrong */
	PROXY_SELECTOR_LAME,  /* lame=: a name server has not answered since */
	PROXY_SELECTOR_TOLD,  /* told=: a person, what he must do */
	PROXY_SELECTOR_MOMENTS
};

/* One key; valid until the next change of the selectors. */
struct proxy_selector {
	enum dkim_key_type type;
	enum proxy_selector_state state;
	const char *name;
	int64_t moments[PROXY_SELECTOR_MOMENTS]; /* s since 1970; 0: none */
};

struct proxy_selectors;

/* With nothing in it but a comment that says whose it is. */
struct proxy_selectors *proxy_selectors_new(void);

/* NULL, and the reason, "NAME:LINE: why", where there is a mistake. */
struct proxy_selectors *proxy_selectors_parse(
    const char *name, struct slice text, struct strbuf *reason);
void proxy_selectors_free(struct proxy_selectors *); /* NULL is fine */

/* As a file; the strbuf's cap must be PROXY_SELECTORS_BYTES_MAX. */
void proxy_selectors_print(const struct proxy_selectors *, struct strbuf *);

/* In the order of the file: the first one behind NULL, NULL behind the last. */
const struct proxy_selector *proxy_selectors_next(
    const struct proxy_selectors *, const struct proxy_selector *);
/* The first one of that kind and state; NULL: there is none. */
const struct proxy_selector *proxy_selectors_first(
    const struct proxy_selectors *, enum dkim_key_type,
    enum proxy_selector_state);
/* By its name, whatever its case; NULL: there is none. */
const struct proxy_selector *proxy_selectors_find(
    const struct proxy_selectors *, struct slice name);

/* A staged key more. 0, or -1 and the reason: the name is taken, or is none;
 * there is no room. */
int proxy_selectors_add(struct proxy_selectors *, enum dkim_key_type,
    struct slice name, struct strbuf *reason);
/* -1 and the reason where there is no such key, or another one of its kind is
 * active. */
int proxy_selectors_set_state(struct proxy_selectors *, struct slice name,
    enum proxy_selector_state, struct strbuf *reason);
/* 0 takes the moment out. -1: there is no such key. */
int proxy_selectors_set_moment(struct proxy_selectors *, struct slice name,
    enum proxy_selector_moment, int64_t when);
/* -1: there is no such key. */
int proxy_selectors_remove(struct proxy_selectors *, struct slice name);

/* "staged"; static. */
const char *proxy_selector_state_name(enum proxy_selector_state);
/* "2026-11-29T10:00:00Z", both ways. -1: it is no such time. */
void proxy_selector_time_print(int64_t when, struct strbuf *);
int proxy_selector_time_parse(struct slice, int64_t *when);

#endif
