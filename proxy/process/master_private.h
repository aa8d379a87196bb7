/* Shared by the files of the master; nobody else's. */
#ifndef PROXY_PROCESS_MASTER_PRIVATE_H
#define PROXY_PROCESS_MASTER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "dns/conf_page.h"
#include "proxy/figures/process.h"
#include "proxy/figures/shared.h"
#include "proxy/keys/hello_wire.h"
#include "proxy/keys/key_files.h"
#include "proxy/message/signers.h"
#include "proxy/process/control.h"
#include "proxy/process/life_wire.h"
#include "proxy/process/master_rules.h"
#include "proxy/process/notify.h"
#include "proxy/process/spawn.h"
#include "proxy/settings/config.h"

struct event;
struct event_base;

struct proxy_generation;
struct proxy_control;
struct proxy_key_check;
struct proxy_master;

enum { PROXY_MASTER_ORPHANS_MAX = 256, PROXY_SEAT_GIFTS_MAX = 2048 };

/* What is to be handed to a process whose socket had no room for it yet. */
struct proxy_gift {
	STAILQ_ENTRY(proxy_gift) entry;
	struct proxy_hello hello;
	int fd; /* ours */
};

STAILQ_HEAD(proxy_gifts, proxy_gift);

/* What a worker leaves. */
struct proxy_orphan {
	int records;
	unsigned front;
};

/* The place of one worker. */
struct proxy_seat {
	struct proxy_generation *generation;
	enum proxy_role role;
	enum proxy_seat_state state;
	pid_t pid;
	unsigned slot;
	int control, keys, lines, hello; /* our ends; -1: none */
	int records; /* of a worker: the recorder's end; -1: none */
	struct event *on_control, *on_keys, *on_lines, *on_pause;
	struct proxy_gifts gifts; /* the first one first */
	size_t gift_count;
	struct event *on_room; /* there are some */
	struct proxy_life life;
	time_t since;	  /* it was forked */
	unsigned silent;  /* rounds since its last sign of life */
	unsigned keyless; /* rounds since it could ask for keys no more */
	unsigned paused;  /* s, of the last pause; 0: none yet */
	bool replaced;	  /* one that sat here has ended */
};

/* One reading of the configuration, and its workers. */
struct proxy_generation {
	TAILQ_ENTRY(proxy_generation) link;
	struct proxy_master *master;
	struct proxy_config *config;
	uint64_t number; /* the first that served is 1; 0: has not served */
	struct proxy_key_readers readers;
	int settings; /* proxy_config_pack() */
	struct proxy_seat *seats;
	size_t seat_count;
	bool leaving; /* its workers were told to go: nobody is replaced */
};

TAILQ_HEAD(proxy_generations, proxy_generation);

/* A listening socket, kept over reloads. */
struct proxy_socket {
	struct proxy_endpoint at;
	struct proxy_rights rights;
	int fd;
};

/* What the master remembers of its own life, for who asks it. Seconds since
 * 1970. */
enum proxy_reload_result {
	PROXY_RELOAD_NONE, /* there was none since the start */
	PROXY_RELOAD_RUNNING,
	PROXY_RELOAD_DONE,
	PROXY_RELOAD_REFUSED
};

struct proxy_master_history {
	int64_t started, read_at, reload_at;
	uint64_t generation; /* of those that served, the last one's number */
	enum proxy_reload_result reload; /* the last one */
	char why[PROXY_RELOAD_TEXT_MAX]; /* it was refused */
};

/* A tool's question of keys that is under way. */
enum { PROXY_INQUIRIES_MAX = 8 };

struct proxy_master_inquiry {
	struct proxy_master *master;
	struct proxy_inquiry *inquiry; /* NULL: none */
	struct proxy_control_ticket ticket;
};

struct proxy_master {
	const struct proxy_master_job *job;
	struct event_base *base;
	struct log *log;
	struct proxy_generations generations; /* the newest last */
	struct proxy_generation *serving;     /* NULL before the first */
	struct proxy_generation *starting;    /* not yet all reported in */
	struct proxy_socket *sockets;
	size_t socket_count;
	int shared_fd; /* of its page, to read */
	struct proxy_shared_files files;
	/* Ends of workers that have ended, until what they sent is read. */
	struct proxy_orphan orphans[PROXY_MASTER_ORPHANS_MAX];
	size_t orphan_count;
	struct dns_conf_page *conf_page; /* for who may not open resolv.conf */
	int conf_fd;
	struct event *conf_timer;
	struct proxy_process_eyes eyes;
	struct proxy_shared *shared;
	struct proxy_slots slots; /* of `shared` */
	struct proxy_selectors_known *selectors;
	struct proxy_notify notify;
	/* A reload whose keys are being looked at; NULL: none. */
	struct proxy_config *checking;
	struct proxy_key_check *key_check;
	struct event *check_timer;
	struct proxy_control *control;
	struct proxy_master_history history;
	struct proxy_master_inquiry inquiries[PROXY_INQUIRIES_MAX];
	struct strbuf told; /* of this reload, for who asked for it */
	struct event *signals[4], *start_timer, *kill_timer, *watchdog, *round;
	char *path, *pidfile; /* absolute; pidfile NULL: none */
	int tell;	      /* the parent that waits; -1: none */
	enum proxy_master_state state;
	bool reload_again, failed;
};

/* --- master_seats.c: workers --- */

/* Seats for all workers that the configuration wants, still empty. Takes
 * the configuration; NULL and the reason where it cannot be packed. */
struct proxy_generation *proxy_generation_new(
    struct proxy_master *, struct proxy_config *, struct strbuf *reason);
/* Nobody may sit any more. */
void proxy_generation_free(struct proxy_generation *);

/* Forks for every empty seat; -1 and the reason where one cannot be. */
int proxy_generation_start(struct proxy_generation *, struct strbuf *reason);
bool proxy_generation_is_serving(const struct proxy_generation *);
bool proxy_generation_is_empty(const struct proxy_generation *);
/* Lets its workers, or one, take connections. */
void proxy_generation_go(const struct proxy_generation *);
void proxy_seat_go(const struct proxy_seat *);
/* A signal to all its workers, none of which is replaced then. The
 * signers' comes when the last who asks them has ended: messages in flight are
 * signed with the keys and the names that they began with. */
void proxy_generation_leave(struct proxy_generation *, int signal);
void proxy_generation_kill(struct proxy_generation *);

/* Every PROXY_WORKER_TICK_S: kills the workers that have shown no sign of life
 * for `watchdog`. Their messages are still with who sent them, and others take
 * the seats. */
void proxy_seats_look_round(struct proxy_master *);

/* Takes in children that ended. */
void proxy_seats_reap(struct proxy_master *);

/* --- master_inquiry.c: what tools ask of keys --- */

/* As proxy_control_ops.answer. */
bool proxy_master_inquire(struct proxy_master *,
    const struct proxy_control_request *, struct proxy_control_ticket,
    struct strbuf *answer);
/* All of them: the generation that they were asked of goes. */
void proxy_master_end_inquiries(struct proxy_master *, const char *why);

/* --- master_sharing.c: what processes have with each other --- */

/* Two ends, of which the process's is made to wait or not, as it likes. 0, or
 * -1 and the reason. */
int proxy_master_pair(int type, int pair[2], struct strbuf *reason);
/* Does it ask signers? */
bool proxy_seat_asks(const struct proxy_seat *);
/* Who sat down there gets what it has with all others, and they with it. */
void proxy_seat_share(struct proxy_seat *);
/* What it was not handed yet. */
void proxy_seat_drop_gifts(struct proxy_seat *);
/* What one had sent that has ended is with the recorder, or waits for the next
 * one. */
void proxy_seat_leave_records(struct proxy_seat *);
/* A socket to each of its signers that serve, for an asker of a front that
 * signs: how many; they are the caller's. */
size_t proxy_generation_meet(
    const struct proxy_generation *, int to[PROXY_SIGNERS_MAX]);

/* --- master_sockets.c: listeners --- */

/* Opens what the configuration listens on and is not open yet: 0, or -1
 * and the reason, with nothing new open. */
int proxy_sockets_open(
    struct proxy_master *, const struct proxy_config *, struct strbuf *reason);
/* Closes what the configuration does not listen on; what stays gets the
 * rights that it wants. */
void proxy_sockets_trim(struct proxy_master *, const struct proxy_config *);
void proxy_sockets_close(struct proxy_master *);
/* The descriptors of those, in order. */
size_t proxy_sockets_of(const struct proxy_master *,
    const struct proxy_listeners *, int to[PROXY_LISTENERS_MAX]);

/* --- daemon.c: the background and the pid file --- */

/* Forks; the parent waits and ends as proxy_master_run() says. Input and
 * output are /dev/null then; errors still go to who started us. The
 * descriptor to tell the parent over, or -1 and the reason. */
int proxy_daemon_begin(struct strbuf *reason);
/* It serves: the parent may go, and with it its stderr. */
void proxy_daemon_done(int *tell, bool keep_stderr);

int proxy_pidfile_write(const char *path, struct strbuf *reason);
void proxy_pidfile_remove(const char *path); /* where it is ours */
/* From one path, owned by *path, to another, which is copied there; NULL is
 * none. -1 and the reason where that cannot be: it stays where it was. */
int proxy_pidfile_move(char **path, const char *to, struct strbuf *reason);

/* --- master.c: what seats tell it --- */

void proxy_master_on_serving(struct proxy_master *, struct proxy_seat *);
/* A worker ended; `why` for people. */
void proxy_master_on_end(struct proxy_master *, struct proxy_seat *,
    const char *why, bool before_serving);
/* The last worker of a generation that was told to leave ended. */
void proxy_master_on_empty(struct proxy_master *, struct proxy_generation *);

#endif
