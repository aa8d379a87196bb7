/* The master's workers: a seat each, filled again when one dies. */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log_wire.h"
#include "base/xalloc.h"
#include "proxy/keys/key_wire.h"
#include "proxy/process/master.h"
#include "proxy/process/master_private.h"
#include "proxy/process/recorder.h"
#include "proxy/process/sandbox_filter.h"
#include "proxy/process/worker.h"
#include "proxy/settings/roles.h"

/* Questions of one worker before others, and signals, have their turn: its
 * socket stays ready where there are more. */
enum { KEYS_A_TURN = 16, LINES_A_TURN = 16 };

/* A signer that ends has closed its socket too, and is reaped by then. */
enum { KEYLESS_ROUNDS = 2 };

_Static_assert(
    PROXY_SHARED_SLOTS >= 2 * ((PROXY_FRONTS + 1) * PROXY_WORKERS_MAX + 1),
    "a reload has place for each process twice");

static void
move_seat(struct proxy_seat *seat, enum proxy_seat_state state)
{
	char who[60];

	(void)snprintf(who, sizeof(who),
	    "[%s], slot %u: ", proxy_role_name(seat->role), seat->slot);
	seat->state =
	    (enum proxy_seat_state)machine_step_logged(&proxy_seat_machine,
		seat->generation->master->log, who, seat->state, state);
}

/* --- generations --- */

/* The seats of a generation are one array, made before any of them is taken:
 * events hold pointers into it, so it may not grow once a worker sits. */
static void
add_seats(struct proxy_generation *g, enum proxy_role role, size_t count)
{
	struct proxy_seat *seat;

	g->seats =
	    xreallocarray(g->seats, g->seat_count + count, sizeof(*g->seats));
	while (count-- > 0) {
		seat = &g->seats[g->seat_count++];
		memset(seat, 0, sizeof(*seat));
		seat->generation = g;
		seat->role = role;
		seat->control = seat->keys = seat->lines = seat->hello =
		    seat->records = -1;
	}
}

struct proxy_generation *
proxy_generation_new(struct proxy_master *master, struct proxy_config *config,
    struct strbuf *reason)
{
	struct proxy_generation *g = xcalloc(1, sizeof(*g));

	g->master = master;
	g->config = config;
	g->settings = -1;
	/* In the list first, since freeing it takes it out of there whatever
	 * has failed. */
	TAILQ_INSERT_TAIL(&master->generations, g, link);
	/* What its workers get besides sockets of their own. The settings
	 * travel as a sealed memory file, not as a path: a worker must get
	 * those that the master has checked, even where the file has been
	 * edited since. */
	g->settings = proxy_config_pack(config);
	if (g->settings < 0) {
		strbuf_addf(reason, "settings: %s", strerror(errno));
		proxy_generation_free(g);
		return NULL;
	}
	proxy_key_readers_init(&g->readers, config);
	g->readers.known = master->selectors;
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		if (config->fronts[i].enabled)
			add_seats(
			    g, proxy_role_of(i), proxy_worker_count(config));
	if (proxy_recorder_is_wanted(config))
		add_seats(g, PROXY_ROLE_RECORDER, 1);
	/* The order does not matter: proxy_seat_share() introduces whoever
	 * comes to all that are there. */
	add_seats(g, PROXY_ROLE_SIGNER, proxy_signer_count(config));
	return g;
}

void
proxy_generation_free(struct proxy_generation *g)
{
	size_t i;

	if (g == NULL)
		return;
	TAILQ_REMOVE(&g->master->generations, g, link);
	for (i = 0; i < g->seat_count; i++)
		if (g->seats[i].on_pause != NULL)
			event_free(g->seats[i].on_pause);
	free(g->seats);
	fd_close(&g->settings);
	proxy_config_free(g->config);
	free(g);
}

/* All or none: mail that is taken while a signer is missing could only be put
 * off, so nobody is told to begin before everybody can. */
bool
proxy_generation_is_serving(const struct proxy_generation *g)
{
	size_t i;

	for (i = 0; i < g->seat_count; i++)
		if (g->seats[i].state != PROXY_SEAT_SERVING)
			return false;
	return true;
}

bool
proxy_generation_is_empty(const struct proxy_generation *g)
{
	size_t i;

	for (i = 0; i < g->seat_count; i++)
		if (g->seats[i].state != PROXY_SEAT_EMPTY)
			return false;
	return true;
}

/* One that has ended since hears nothing, and is replaced. */
void
proxy_seat_go(const struct proxy_seat *seat)
{
	(void)send(seat->control, "g", 1, MSG_NOSIGNAL);
}

void
proxy_generation_go(const struct proxy_generation *g)
{
	size_t i;

	for (i = 0; i < g->seat_count; i++)
		proxy_seat_go(&g->seats[i]);
}

/* A pid is signalled only while its seat is taken: a child that has not been
 * reaped keeps its number, so no stranger can have it. */
static void
signal_role(const struct proxy_generation *g, enum proxy_role role, int signal)
{
	size_t i;

	for (i = 0; i < g->seat_count; i++)
		if (g->seats[i].state != PROXY_SEAT_EMPTY &&
		    g->seats[i].role == role)
			(void)kill(g->seats[i].pid, signal);
}

/* Whoever may still ask for a signature: a worker with a message in hand. */
static bool
has_asker(const struct proxy_generation *g)
{
	size_t i;

	for (i = 0; i < g->seat_count; i++)
		if (g->seats[i].state != PROXY_SEAT_EMPTY &&
		    proxy_seat_asks(&g->seats[i]))
			return true;
	return false;
}

/* Signers go last. A message that has been read needs its signature even when
 * its worker drains, and a drain may take hours. */
static void
release_signers(const struct proxy_generation *g)
{
	if (!has_asker(g))
		signal_role(g, PROXY_ROLE_SIGNER, SIGTERM);
}

/* Messages in flight still need one where all others have gone. */
static bool
is_needed(const struct proxy_seat *seat)
{
	return !seat->generation->leaving ||
	    (seat->role == PROXY_ROLE_SIGNER && has_asker(seat->generation));
}

void
proxy_generation_leave(struct proxy_generation *g, int signal)
{
	size_t i;

	/* First: a worker that dies of the signal is not replaced then. */
	g->leaving = true;
	for (i = 0; i < g->seat_count; i++)
		if (g->seats[i].on_pause != NULL && !is_needed(&g->seats[i]))
			(void)event_del(g->seats[i].on_pause);
	for (i = 0; i < PROXY_FRONTS; i++)
		signal_role(g, proxy_role_of(i), signal);
	signal_role(g, PROXY_ROLE_RECORDER, signal);
	release_signers(g);
}

/* SIGKILL, for whoever did not answer to anything milder; its seat is emptied
 * by SIGCHLD as ever. */
void
proxy_generation_kill(struct proxy_generation *g)
{
	size_t i;

	for (i = 0; i < g->seat_count; i++)
		if (g->seats[i].state != PROXY_SEAT_EMPTY)
			(void)kill(g->seats[i].pid, SIGKILL);
}

/* --- what a worker says --- */

static void
drop_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

/* For whoever looks at the page. */
static void
show_silence(const struct proxy_seat *seat)
{
	struct proxy_shared *shared = seat->generation->master->shared;

	atomic_store(&shared->seats[seat->slot].silent, seat->silent);
}

static void
on_refused(void *ctx, int call)
{
	const struct proxy_seat *seat = ctx;
	struct strbuf name;

	strbuf_init(&name, 64);
	proxy_sandbox_call_name(call, &name);
	log_printf(seat->generation->master->log, LOGGING_ERROR,
	    "process %ld of [%s]: the system call %s is not in its list and "
	    "was refused (EPERM): please report it; [signpost] sandbox = no "
	    "lets it pass",
	    (long)seat->pid, proxy_role_name(seat->role), strbuf_text(&name));
	strbuf_clear(&name);
}

/* The pipe is a hint only. What a process says there is counted, never
 * believed: the worst that one can say is that it lives. */
static void
on_control(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_seat *seat = ctx;
	char bytes[64];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* it ends; SIGCHLD tells the rest */
		drop_event(&seat->on_control);
		return;
	}
	seat->silent = 0;
	show_silence(seat);
	if (!proxy_life_hear(
		&seat->life, slice_from(bytes, (size_t)n), on_refused, seat) ||
	    seat->state != PROXY_SEAT_STARTING)
		return;
	/* Once: a worker that was taken over may repeat its word as often as it
	 * likes. */
	move_seat(seat, PROXY_SEAT_SERVING);
	proxy_master_on_serving(seat->generation->master, seat);
}

/* Of signers, which may not speak to syslog themselves. */
static void
on_lines(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_seat *seat = ctx;
	char text[LOG_DATAGRAM_MAX], who[48];

	(void)what;
	(void)snprintf(who, sizeof(who), "%s %ld", proxy_role_name(seat->role),
	    (long)seat->pid);
	for (int i = 0; i < LINES_A_TURN; i++) {
		ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			drop_event(&seat->on_lines);
			return;
		}
		/* The line is of a process that may have been taken over:
		 * log_take makes it harmless, and the master says itself which
		 * process it came from. */
		(void)log_take(seat->generation->master->log, who,
		    slice_from(text, (size_t)n));
	}
}

/* The watchdog. A worker that hangs in a loop holds its sessions for ever, and
 * its clients could not send their mail elsewhere; killed, they try again. The
 * first stroke is said and the next one kills, so that the log has it before
 * the process is gone. */
static void
kill_silent(struct proxy_seat *seat)
{
	struct proxy_generation *g = seat->generation;

	/* Of a role that shows signs of life; a start has a timer of its
	 * own. */
	if (seat->state != PROXY_SEAT_SERVING ||
	    (!proxy_role_is_worker(seat->role) &&
		seat->role != PROXY_ROLE_SIGNER))
		return;
	seat->silent++;
	show_silence(seat);
	switch (proxy_rule_silence(seat->silent, g->config->watchdog)) {
	case PROXY_SILENCE_BORNE:
		break;
	case PROXY_SILENCE_TOLD:
		log_printf(g->master->log, LOGGING_ERROR,
		    "%s %ld of [%s] hangs, no sign of life for %u s: "
		    "it will be killed",
		    proxy_role_kind(seat->role), (long)seat->pid,
		    proxy_role_name(seat->role), g->config->watchdog);
		break;
	case PROXY_SILENCE_ENDS:
		(void)kill(seat->pid, SIGKILL);
		break;
	}
}

/* A signer that can ask for keys no more would have all mail put off that comes
 * to it. Another one in its place does not. */
static void
kill_keyless(struct proxy_seat *seat)
{
	if (seat->role != PROXY_ROLE_SIGNER ||
	    seat->state == PROXY_SEAT_EMPTY || seat->on_keys != NULL ||
	    ++seat->keyless != KEYLESS_ROUNDS)
		return;
	log_printf(seat->generation->master->log, LOGGING_ERROR,
	    "signer %ld has closed its way to keys: killed", (long)seat->pid);
	(void)kill(seat->pid, SIGKILL);
}

void
proxy_seats_look_round(struct proxy_master *master)
{
	struct proxy_generation *g;
	size_t i;

	TAILQ_FOREACH (g, &master->generations, link)
		for (i = 0; i < g->seat_count; i++) {
			kill_silent(&g->seats[i]);
			kill_keyless(&g->seats[i]);
		}
}

/* Answers in the words of the configuration that the worker was given. A
 * worker that sends what is no question has been taken over. */
static void
on_keys(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_seat *seat = ctx;
	struct proxy_generation *g = seat->generation;
	enum proxy_key_served result = PROXY_KEY_SERVED;
	int i;

	(void)what;
	for (i = 0; i < KEYS_A_TURN && result == PROXY_KEY_SERVED; i++)
		result = proxy_key_server_answer(fd, g->config, &g->readers);
	if (result == PROXY_KEY_SERVED || result == PROXY_KEY_SERVED_NONE)
		return;
	if (result == PROXY_KEY_SERVED_LIAR) {
		log_printf(g->master->log, LOGGING_ERROR,
		    "signer %ld asked for what is no key: killed",
		    (long)seat->pid);
		(void)kill(seat->pid, SIGKILL);
	}
	/* No more is answered on that socket, even before the process is
	 * dead. */
	drop_event(&seat->on_keys);
	fd_close(&seat->keys);
}

/* What one said that has ended since. The socket outlives the process, so what
 * a dying one wrote can still be read, and it is often the reason of its
 * end. */
static void
hear_last(struct proxy_seat *seat)
{
	char bytes[64];
	ssize_t n = read(seat->control, bytes, sizeof(bytes));

	if (n > 0)
		(void)proxy_life_hear(&seat->life, slice_from(bytes, (size_t)n),
		    on_refused, seat);
	if (seat->on_lines != NULL)
		on_lines(seat->lines, EV_READ, seat);
}

/* --- sitting down --- */

/* Counters in the slot stay: what is shown of a front may not go down because a
 * worker of it has died. */
static void
give_slot_back(const struct proxy_seat *seat)
{
	struct proxy_master *master = seat->generation->master;

	proxy_shared_leave(master->shared, &master->slots, (int)seat->slot);
}

static void
listen_to(struct proxy_seat *seat)
{
	struct event_base *base = seat->generation->master->base;

	seat->on_control = event_new(
	    base, seat->control, EV_READ | EV_PERSIST, on_control, seat);
	(void)event_add(seat->on_control, NULL);
	if (seat->lines >= 0) {
		seat->on_lines = event_new(
		    base, seat->lines, EV_READ | EV_PERSIST, on_lines, seat);
		(void)event_add(seat->on_lines, NULL);
	}
	if (seat->keys < 0)
		return;
	seat->on_keys =
	    event_new(base, seat->keys, EV_READ | EV_PERSIST, on_keys, seat);
	(void)event_add(seat->on_keys, NULL);
}

static const struct proxy_listeners *
listeners_of(const struct proxy_config *config, enum proxy_role role)
{
	static const struct proxy_listeners none;
	const struct proxy_front *front = proxy_role_front(role, config);

	if (front != NULL)
		return &front->listen;
	return role == PROXY_ROLE_RECORDER ? &config->metrics.listen : &none;
}

/* Pairs of its own: our ends first. */
struct pairs {
	int control[2], keys[2], lines[2], hello[2], records[2];
};

static int
fork_worker(
    struct proxy_seat *seat, const struct pairs *pairs, struct strbuf *reason)
{
	struct proxy_generation *g = seat->generation;
	int listeners[PROXY_LISTENERS_MAX];
	struct proxy_spawn spawn = {.role = seat->role,
	    .slot = seat->slot,
	    .settings = g->settings,
	    .control = pairs->control[1],
	    .shared = g->master->shared_fd,
	    .page = g->master->files.slots[seat->slot],
	    .history = seat->role == PROXY_ROLE_RECORDER
		? g->master->files.history
		: -1,
	    .keys = pairs->keys[1],
	    .record = pairs->records[1],
	    .hello = pairs->hello[1],
	    .conf = g->master->conf_fd,
	    .lines = pairs->lines[1],
	    .listeners = listeners,
	    .log = g->master->log,
	    .no_stderr =
		g->master->job->daemon && g->config->log == LOGGING_SYSLOG};

	/* Each worker has the listening sockets of its role alone: a recorder
	 * could not take mail if it were taken over. */
	spawn.listener_count = proxy_sockets_of(
	    g->master, listeners_of(g->config, seat->role), listeners);
	seat->pid = proxy_spawn(&spawn, reason);
	if (seat->pid < 0)
		return -1;
	/* Only after the fork: a reader who finds a pid there may look at
	 * it. */
	atomic_store(&g->master->shared->seats[seat->slot].pid, seat->pid);
	return 0;
}

/* SEQPACKET where messages must stay apart and may carry descriptors: in a
 * stream two of them could run together. Only a signer gets a socket for keys,
 * so no other process can even ask for one; and one for its log, since who may
 * open no socket could not find syslog again when that was restarted. */
static int
make_pairs(
    const struct proxy_seat *seat, struct pairs *pairs, struct strbuf *reason)
{
	bool signs = seat->role == PROXY_ROLE_SIGNER;

	if (proxy_master_pair(SOCK_STREAM, pairs->control, reason) != 0 ||
	    (signs &&
		proxy_master_pair(SOCK_SEQPACKET, pairs->keys, reason) != 0) ||
	    proxy_master_pair(SOCK_SEQPACKET, pairs->hello, reason) != 0 ||
	    (proxy_role_is_worker(seat->role) &&
		proxy_recorder_is_wanted(seat->generation->config) &&
		proxy_master_pair(SOCK_SEQPACKET, pairs->records, reason) !=
		    0) ||
	    (seat->role == PROXY_ROLE_SIGNER &&
		seat->generation->config->log == LOGGING_SYSLOG &&
		proxy_master_pair(SOCK_SEQPACKET, pairs->lines, reason) != 0))
		return -1;
	return 0;
}

/* End 0 is ours and 1 is the child's. The master must close the child's ends,
 * or it would never read the end of file that says that the child has gone. */
static void
drop_ends(struct pairs *pairs, size_t end)
{
	fd_close(&pairs->control[end]);
	fd_close(&pairs->keys[end]);
	fd_close(&pairs->lines[end]);
	fd_close(&pairs->hello[end]);
	fd_close(&pairs->records[end]);
}

static int
sit_down(struct proxy_seat *seat, struct strbuf *reason)
{
	struct pairs pairs = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	int result = -1;
	struct proxy_master *master = seat->generation->master;
	/* Whose process it is comes when it is forked. */
	int slot = proxy_shared_take(
	    master->shared, &master->files, &master->slots, seat->role);

	if (slot < 0)
		return strbuf_fail(reason,
		    "%d processes run already, or there is no memory",
		    PROXY_SHARED_SLOTS);
	seat->slot = (unsigned)slot;
	if (make_pairs(seat, &pairs, reason) == 0)
		result = fork_worker(seat, &pairs, reason);
	/* Whether it was forked or not: what the child needs it has
	 * inherited. */
	drop_ends(&pairs, 1);
	if (result != 0) {
		drop_ends(&pairs, 0);
		give_slot_back(seat);
		return -1;
	}
	seat->control = pairs.control[0];
	seat->keys = pairs.keys[0];
	seat->lines = pairs.lines[0];
	seat->hello = pairs.hello[0];
	seat->records = pairs.records[0];
	memset(&seat->life, 0, sizeof(seat->life));
	seat->keyless = 0;
	STAILQ_INIT(&seat->gifts); /* its place may have moved since */
	move_seat(seat, PROXY_SEAT_STARTING);
	seat->since = clock_s();
	/* After the state has changed: the first word may be there already. */
	listen_to(seat);
	proxy_seat_share(seat);
	return 0;
}

int
proxy_generation_start(struct proxy_generation *g, struct strbuf *reason)
{
	size_t i;

	for (i = 0; i < g->seat_count; i++)
		if (g->seats[i].state == PROXY_SEAT_EMPTY &&
		    sit_down(&g->seats[i], reason) != 0)
			return -1;
	return 0;
}

/* --- getting up --- */

static void on_pause(evutil_socket_t, short, void *);

/* Longer and longer while it keeps dying young: a fault that strikes at each
 * start would otherwise eat the machine with forks. */
static void
replace_later(struct proxy_seat *seat, int64_t lived_s)
{
	struct timeval pause = {0, 0};
	bool again = seat->replaced && lived_s < PROXY_MASTER_PAUSE_LAST;

	seat->replaced = true;
	/* Messages wait for a signer, so the first one that ends has another
	 * without a pause. */
	if (seat->role != PROXY_ROLE_SIGNER || again) {
		seat->paused = proxy_rule_pause(seat->paused, lived_s);
		pause.tv_sec = (time_t)seat->paused;
	}
	if (seat->on_pause == NULL)
		seat->on_pause = event_new(
		    seat->generation->master->base, -1, 0, on_pause, seat);
	(void)event_add(seat->on_pause, &pause);
}

static void
on_pause(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_seat *seat = ctx;
	struct proxy_master *master = seat->generation->master;
	struct strbuf reason;

	(void)fd;
	(void)what;
	/* Between the death and now the generation may have been told to leave,
	 * or somebody may have sat down. */
	if (!is_needed(seat) || seat->state != PROXY_SEAT_EMPTY)
		return;
	strbuf_init(&reason, 512);
	if (sit_down(seat, &reason) != 0) {
		log_printf(master->log, LOGGING_ERROR,
		    "cannot replace a worker: %s", strbuf_text(&reason));
		/* No fork now is no reason to give up: memory and process
		 * numbers come back. */
		replace_later(seat, 0);
	} else {
		atomic_fetch_add(&master->shared->restarts, 1);
	}
	strbuf_clear(&reason);
}

/* Everything of the dead worker is taken off the seat before anybody is told,
 * for whoever is told may fill it again at once. */
static void
get_up(struct proxy_seat *seat, const char *why)
{
	struct proxy_generation *g = seat->generation;
	struct proxy_master *master = g->master;
	bool early = seat->state == PROXY_SEAT_STARTING;

	hear_last(seat);
	drop_event(&seat->on_control);
	drop_event(&seat->on_keys);
	drop_event(&seat->on_lines);
	fd_close(&seat->control);
	fd_close(&seat->keys);
	fd_close(&seat->lines);
	proxy_seat_drop_gifts(seat);
	fd_close(&seat->hello);
	proxy_seat_leave_records(seat);
	give_slot_back(seat);
	move_seat(seat, PROXY_SEAT_EMPTY);
	switch (proxy_rule_seat(!is_needed(seat), g == master->starting)) {
	case PROXY_FATE_STAYS_EMPTY:
		release_signers(g);
		if (proxy_generation_is_empty(g))
			proxy_master_on_empty(master, g);
		return;
	case PROXY_FATE_IS_REPLACED:
		replace_later(seat, clock_s() - seat->since);
		break;
	case PROXY_FATE_GIVES_UP:
		break;
	}
	/* Last: it may free the generation that never served. */
	proxy_master_on_end(master, seat, why, early);
}

/* A pid of a seat that is empty is a dead one's, and may be another's by
 * now. */
static struct proxy_seat *
find_seat(struct proxy_master *master, pid_t pid)
{
	struct proxy_generation *g;
	size_t i;

	TAILQ_FOREACH (g, &master->generations, link)
		for (i = 0; i < g->seat_count; i++)
			if (g->seats[i].state != PROXY_SEAT_EMPTY &&
			    g->seats[i].pid == pid)
				return &g->seats[i];
	return NULL;
}

/* SIGCHLD says that some ended, not how many: signals of one number are merged
 * while one is pending, so all that can be reaped are. */
void
proxy_seats_reap(struct proxy_master *master)
{
	struct proxy_seat *seat;
	char why[64];
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		seat = find_seat(master, pid);
		if (seat == NULL)
			continue;
		if (WIFSIGNALED(status))
			(void)snprintf(why, sizeof(why), "killed by signal %d",
			    WTERMSIG(status));
		else
			(void)snprintf(why, sizeof(why), "ended with status %d",
			    WEXITSTATUS(status));
		get_up(seat, why);
	}
}
