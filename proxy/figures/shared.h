/*
 * The pages that master, workers, signers and recorder share: one that the
 * master writes, and one for each process, written by it alone and read by
 * whoever wants to know. Counting there costs no lock and no system call. Each
 * is a sealed memory file of its own, so that nobody can reach another's by way
 * of his; in each process they are mapped side by side, and what it has not
 * been shown reads as zeros. They live as long as the master.
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

/* Processes at a time, those of a reload that drain among them. */
enum { PROXY_SHARED_SLOTS = 512 };

/* Octets of a page: whole ones of every machine's. */
#define PROXY_PAGE 65536

/* A place, by the master. */
struct proxy_shared_seat {
	_Atomic uint32_t role;	 /* enum proxy_role */
	_Atomic int32_t pid;	 /* 0: nobody runs in it */
	_Atomic uint32_t drains; /* an old one that finishes */
	_Atomic uint32_t silent; /* rounds without a sign of life */
};

/* Who runs there, of itself. */
union proxy_shared_slot {
	struct {
		struct proxy_counters counters; /* kept when it is replaced */
		_Atomic uint64_t spool;		/* proxy/message/quota.h */
	};
	char page[PROXY_PAGE];
};

/* How the last reload went; by the master. */
enum { PROXY_RELOAD_TEXT_MAX = 512 };

struct proxy_reload {
	_Atomic int64_t done;	 /* s since 1970: settings were last taken */
	_Atomic int64_t refused; /* of the last one, refused; 0: it was not */
	_Atomic char why[PROXY_RELOAD_TEXT_MAX]; /* with file and line */
};

struct proxy_shared {
	union {
		struct { /* by the master */
			/* Configurations applied; 1 at first. */
			_Atomic uint64_t generation;
			/* Processes that died and were replaced. */
			_Atomic uint64_t restarts;
			_Atomic int64_t started; /* s since 1970 */
			/* Of each front, that should serve; and how many
			 * signers. Others ask here, for a sandbox lets none
			 * count cores. */
			_Atomic uint64_t workers, signers;
			/* Of automatic selectors: what the world can see of
			 * the keys (proxy/keys/selectors_known.h). */
			_Atomic uint64_t keys_published, keys_lost, keys_staged;
			struct proxy_counters master; /* of its own process */
			struct proxy_reload reload;
			struct proxy_shared_seat seats[PROXY_SHARED_SLOTS];
		};
		char master_page[PROXY_PAGE];
	};
	union {
		struct proxy_history history; /* by the recorder */
		char history_page[4 * PROXY_PAGE];
	};
	union proxy_shared_slot slots[PROXY_SHARED_SLOTS];
};

/* The files behind them, of the master; -1: not made yet. */
struct proxy_shared_files {
	int master, history, slots[PROXY_SHARED_SLOTS];
};

/* New ones, zeroed, all writable to who makes them; slots' come when they are
 * taken. NULL and errno where there is no memory for them. */
struct proxy_shared *proxy_shared_new(struct proxy_shared_files *);
void proxy_shared_close(struct proxy_shared_files *);

/* A descriptor of such a file by which nobody can write; -1 and errno. */
int proxy_shared_reader(int file);

/* What a process has: the master's page to read, its own to write, and, of the
 * recorder, the history (else -1). NULL and errno where that cannot be. */
struct proxy_shared *proxy_shared_map(
    int master, int history, int own, unsigned slot);
/* And another's page, to read. 0, or -1: it is none. */
int proxy_shared_show(struct proxy_shared *, unsigned slot, int file);
void proxy_shared_unmap(struct proxy_shared *); /* NULL is fine */

/* What the spools of a role take, but for one slot's. */
uint64_t proxy_shared_spool(
    const struct proxy_shared *, enum proxy_role, unsigned but);

/* Who has which slot, by the master's own count. All zero: none was ever
 * used. */
struct proxy_slots {
	enum proxy_role roles[PROXY_SHARED_SLOTS];
	bool taken[PROXY_SHARED_SLOTS];
};

/* The slot for a worker of that role: one that nobody runs in, by choice
 * one that the role had before, so that what it counted goes on. -1 where
 * all are taken, or there is no memory for its page. Its spool and its open
 * sessions are zeroed. */
int proxy_shared_take(struct proxy_shared *, struct proxy_shared_files *,
    struct proxy_slots *, enum proxy_role);
void proxy_shared_leave(struct proxy_shared *, struct proxy_slots *, int slot);

/* The settings were taken at `now`, or refused. */
void proxy_shared_reloaded(struct proxy_shared *, int64_t now);
void proxy_shared_refused(struct proxy_shared *, int64_t now, struct slice why);
/* Why the last reload was refused, in `to`; false where it was not. */
bool proxy_shared_refusal(
    const struct proxy_shared *, char to[PROXY_RELOAD_TEXT_MAX]);

/* A counter of all slots of a role together. */
uint64_t proxy_shared_sum(
    const struct proxy_shared *, enum proxy_role, enum proxy_counter);

#endif
