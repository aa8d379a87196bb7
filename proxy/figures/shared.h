/*
 * The page that master, workers and recorder share: a slot for each worker,
 * written by that worker alone, read by whoever wants to know. Counting on
 * it costs no lock and no system call. The master makes it before the first
 * worker and hands its descriptor on at exec; it lives as long as the master.
 */
#ifndef PROXY_FIGURES_SHARED_H
#define PROXY_FIGURES_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "proxy/figures/counters.h"
#include "proxy/figures/history.h"
#include "proxy/figures/role.h"

/* Workers at a time, those of a reload that drain among them. */
enum { PROXY_SHARED_SLOTS = 256 };

struct proxy_shared_slot {
	_Atomic uint32_t role;	 /* enum proxy_role; by the master */
	_Atomic int32_t pid;	 /* 0: nobody runs in it; by the master */
	_Atomic uint32_t drains; /* an old one that finishes; by the master */
	_Atomic uint32_t silent; /* rounds without a sign of life; likewise */
	struct proxy_counters counters; /* kept when its worker is replaced */
};

/* How the last reload went; by the master. */
enum { PROXY_RELOAD_TEXT_MAX = 512 };

struct proxy_reload {
	_Atomic int64_t done;	 /* s since 1970: settings were last taken */
	_Atomic int64_t refused; /* of the last one, refused; 0: it was not */
	_Atomic char why[PROXY_RELOAD_TEXT_MAX]; /* with file and line */
};

struct proxy_shared {
	_Atomic uint64_t generation;  /* configurations applied; 1 at first */
	_Atomic uint64_t restarts;    /* workers that died and were replaced */
	_Atomic int64_t started;      /* seconds since 1970 */
	_Atomic uint64_t workers;     /* of each front, that should serve */
	struct proxy_counters master; /* what it says of its own process */
	struct proxy_reload reload;
	struct proxy_history history; /* by the recorder */
	_Atomic uint64_t
	    spool[PROXY_SHARED_SLOTS]; /* for proxy/message/quota.h */
	struct proxy_shared_slot slots[PROXY_SHARED_SLOTS];
};

/* A new page, zeroed; its descriptor (close-on-exec) in *fd. NULL and errno
 * where there is no memory for it. */
struct proxy_shared *proxy_shared_new(int *fd);

/* The page behind a descriptor. NULL and errno where it is none. */
struct proxy_shared *proxy_shared_map(int fd);
void proxy_shared_unmap(struct proxy_shared *); /* NULL is fine */

/* Who has which slot, by the master's own count: what the page says of it
 * may be what a worker that was taken over has written there. All zero: none
 * was ever used. */
struct proxy_slots {
	enum proxy_role roles[PROXY_SHARED_SLOTS];
	bool taken[PROXY_SHARED_SLOTS];
};

/* The slot for a worker of that role: one that nobody runs in, by choice
 * one that the role had before, so that what it counted goes on. -1 where
 * all are taken. Its spool and its open sessions are zeroed. */
int proxy_shared_take(
    struct proxy_shared *, struct proxy_slots *, enum proxy_role);
void proxy_shared_leave(struct proxy_shared *, struct proxy_slots *, int slot);

/* The settings were taken at `now`, or refused. */
void proxy_shared_reloaded(struct proxy_shared *, int64_t now);
void proxy_shared_refused(struct proxy_shared *, int64_t now, struct slice why);
/* Why the last reload was refused, in `to`; false where it was not. A worker
 * that was taken over may have written it: it is nobody's to be sure of. */
bool proxy_shared_refusal(
    const struct proxy_shared *, char to[PROXY_RELOAD_TEXT_MAX]);

/* A counter of all slots of a role together. */
uint64_t proxy_shared_sum(
    const struct proxy_shared *, enum proxy_role, enum proxy_counter);

#endif
