/* The master's life: start, reload, stop. */
#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dns/servers.h"
#include "proxy/figures/process.h"
#include "proxy/keys/key_check.h"
#include "proxy/keys/selectors_known.h"
#include "proxy/process/control.h"
#include "proxy/process/master.h"
#include "proxy/process/master_private.h"
#include "proxy/process/master_state.h"
#include "proxy/process/privilege.h"
#include "proxy/process/sandbox.h"
#include "proxy/process/signals.h"
#include "proxy/process/worker.h"
#include "proxy/settings/roles.h"

#define REASON_MAX 1024
/* What is kept of a reload for who asked for it. */
#define TOLD_MAX 32768
/* Between looks at resolv.conf. */
enum { CONF_EVERY_S = 1 };
/* Of its own: sockets and a page of each process that there can be, and more
 * than enough besides. A shell lets it have 1024. */
enum { DESCRIPTORS = 8 * PROXY_SHARED_SLOTS };
/* Of a look at the keys before others have their turn. */
#define CHECK_STEP_MS 20

/* --- saying things --- */

/* Where nobody reads the log yet, to stderr too. */
static void
say_why_not(struct proxy_master *master, const char *what, const char *why)
{
	log_printf(master->log, LOGGING_ERROR, "%s: %s", what, why);
	if (master->serving == NULL &&
	    log_target(master->log) == LOGGING_SYSLOG)
		fprintf(stderr, "signpost: %s: %s\n", what, why);
}

/* A line each: syslog would show a text of several lines as one, or cut it. */
static void
log_lines(struct proxy_master *master, enum log_level level,
    const struct strbuf *text)
{
	struct slice line, rest = strbuf_slice(text);

	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		if (line.n > 0)
			log_printf(
			    master->log, level, "%.*s", (int)line.n, line.p);
}

/* For who asked for the reload, as far as there is room. */
static void
tell_lines(
    struct proxy_master *master, const char *kind, const struct strbuf *text)
{
	struct slice line, rest = strbuf_slice(text);

	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		if (line.n > 0)
			strbuf_addf(&master->told, "%s: %.*s\n", kind,
			    (int)line.n, line.p);
}

static void
log_report(struct proxy_master *master, const struct proxy_report *report)
{
	log_lines(master, LOGGING_ERROR, &report->errors);
	log_lines(master, LOGGING_WARNING, &report->warnings);
	tell_lines(master, "error", &report->errors);
	tell_lines(master, "warning", &report->warnings);
}

/* The outcome of a reload, to who asked for it. */
static void
tell_outcome(struct proxy_master *master, const char *outcome)
{
	struct strbuf answer;

	strbuf_init(&answer, PROXY_CONTROL_ANSWER_MAX);
	proxy_master_print_outcome(
	    outcome, strbuf_slice(&master->told), &answer);
	proxy_control_answer(master->control, strbuf_slice(&answer));
	strbuf_clear(&answer);
	strbuf_reset(&master->told);
}

static void
arm(struct event *timer, unsigned s)
{
	struct timeval tv = {(time_t)s, 0};

	(void)event_add(timer, &tv);
}

/* The only place that changes the state. A step that the table does not have
 * ends the master (base/machine): better no daemon, with a core, than one that
 * does not know what it is doing. */
static void
move_master(struct proxy_master *master, enum proxy_master_state state)
{
	master->state = (enum proxy_master_state)machine_step_logged(
	    &proxy_master_machine, master->log, "", master->state, state);
}

/* --- generations change --- */

static void
free_if_empty(struct proxy_generation *g)
{
	if (proxy_generation_is_empty(g))
		proxy_generation_free(g);
}

/* The log as the new settings want it. */
static void
renew_log(struct proxy_master *master, const struct proxy_config *config)
{
	log_free(master->log);
	master->log =
	    log_new("signpost/master", config->log, config->log_level);
}

/* The first workers serve: whoever waits may know. Only now is the starter let
 * go and the pid written: "started" has to mean that mail is taken, for init
 * scripts and for whoever starts Postfix next. */
static int
announce(struct proxy_master *master)
{
	struct strbuf reason;
	bool keep = master->serving->config->log != LOGGING_SYSLOG;

	strbuf_init(&reason, REASON_MAX);
	if (master->pidfile != NULL &&
	    proxy_pidfile_write(master->pidfile, &reason) != 0) {
		log_printf(
		    master->log, LOGGING_ERROR, "%s", strbuf_text(&reason));
		fprintf(stderr, "signpost: %s\n", strbuf_text(&reason));
		strbuf_clear(&reason);
		return -1;
	}
	strbuf_clear(&reason);
	proxy_daemon_done(&master->tell, keep);
	return 0;
}

/* What the master remembers, and what whoever looks at the page sees. */
static void
note_change(
    struct proxy_master *master, struct proxy_generation *new, bool reload)
{
	struct proxy_master_history *history = &master->history;

	history->read_at = clock_wall_s();
	history->generation++;
	new->number = history->generation;
	proxy_shared_reloaded(master->shared, history->read_at);
	if (!reload)
		return;
	history->reload = PROXY_RELOAD_DONE;
	history->reload_at = history->read_at;
}

/* That a reload failed has to be seen long after its line has scrolled out of
 * the log: the daemon serves on with settings that its file no longer has. */
static void
note_refusal(struct proxy_master *master, struct slice why)
{
	struct proxy_master_history *history = &master->history;

	history->reload = PROXY_RELOAD_REFUSED;
	history->reload_at = clock_wall_s();
	(void)snprintf(
	    history->why, sizeof(history->why), "%.*s", (int)why.n, why.p);
	proxy_shared_refused(master->shared, history->reload_at, why);
}

/* Where tools ask. Where that was not asked for, it is no reason not to serve
 * that nobody can: another daemon has it, or we may not make its directory. */
static int
open_control(struct proxy_master *master, const struct proxy_config *config,
    struct strbuf *reason)
{
	if (proxy_control_listen(master->control, config->control, reason) == 0)
		return 0;
	if (config->control_line > 0)
		return -1;
	log_printf(master->log, LOGGING_WARNING,
	    "%s: tools cannot ask this daemon ([signpost] control)",
	    strbuf_text(reason));
	strbuf_reset(reason);
	return 0;
}

static void begin_stop(struct proxy_master *);
static void begin_reload(struct proxy_master *);

/* All of the new generation can serve, and do from now on: the old one may
 * go. */
static void
change_over(struct proxy_master *master)
{
	struct proxy_generation *old = master->serving;
	struct proxy_generation *new = master->starting;

	move_master(master, PROXY_MASTER_SERVING);
	proxy_master_end_inquiries(
	    master, "the daemon was reloaded meanwhile: ask again");
	master->serving = new;
	master->starting = NULL;
	(void)event_del(master->start_timer);
	/* Before the first line of the new generation, and after the last word
	 * about the old. */
	renew_log(master, new->config);
	atomic_fetch_add(&master->shared->generation, 1);
	note_change(master, new, old != NULL);
	atomic_store(&master->shared->workers, proxy_worker_count(new->config));
	atomic_store(&master->shared->signers, proxy_signer_count(new->config));
	/* Before the new ones begin, so that nobody who looks at the page
	 * meanwhile counts both. */
	for (size_t i = 0; old != NULL && i < old->seat_count; i++)
		if (old->seats[i].state != PROXY_SEAT_EMPTY)
			atomic_store(
			    &master->shared->seats[old->seats[i].slot].drains,
			    1);
	proxy_generation_go(new);
	log_printf(master->log, LOGGING_INFO,
	    "%s, %zu workers and %zu signers (signpost %s)",
	    old == NULL ? "serving" : "reloaded",
	    new->seat_count - proxy_signer_count(new->config),
	    proxy_signer_count(new->config), PROXY_VERSION);
	if (old == NULL && announce(master) != 0) {
		master->failed = true;
		begin_stop(master);
		return;
	}
	/* Sockets that the new settings do not name close now, not sooner: a
	 * refused reload must find its listeners open, with whoever waits in
	 * their backlog. */
	proxy_sockets_trim(master, new->config);
	if (old != NULL) {
		struct strbuf reason;

		strbuf_init(&reason, REASON_MAX);
		/* Who gave -p looks for the pid there, whatever the file
		 * says. */
		if (master->job->pidfile == NULL &&
		    proxy_pidfile_move(&master->pidfile,
			master->serving->config->pidfile, &reason) != 0)
			log_printf(master->log, LOGGING_ERROR, "%s",
			    strbuf_text(&reason));
		strbuf_clear(&reason);
		proxy_generation_leave(old, SIGUSR2);
		free_if_empty(old);
	}
	/* systemd waits for this word after each RELOADING=1, or takes the
	 * reload for one that hangs. */
	proxy_notify_send(&master->notify, "READY=1\nSTATUS=serving");
	tell_outcome(master, "done");
	if (master->reload_again)
		begin_reload(master);
}

/* The new generation will not do: the old one goes on. */
static void
give_up_generation(struct proxy_master *master, const char *why)
{
	struct proxy_generation *new = master->starting;
	struct slice told;
	struct strbuf reason;

	master->starting = NULL;
	(void)event_del(master->start_timer);
	say_why_not(master,
	    master->state == PROXY_MASTER_BEGINNING ? "cannot start"
						    : "reload refused",
	    why);
	if (new != NULL) {
		/* SIGTERM and SIGKILL at once: none of them was told to begin,
		 * so there is no session that could be lost. */
		proxy_generation_leave(new, SIGTERM);
		proxy_generation_kill(new);
		free_if_empty(new);
	}
	if (master->state == PROXY_MASTER_BEGINNING) {
		master->failed = true;
		begin_stop(master);
		return;
	}
	move_master(master, PROXY_MASTER_SERVING);
	note_refusal(master, slice_str(why));
	/* What was opened for the refused settings only is closed again. */
	proxy_sockets_trim(master, master->serving->config);
	/* After a reload that was refused: where it was. */
	strbuf_init(&reason, REASON_MAX);
	if (proxy_control_listen(master->control,
		master->serving->config->control, &reason) != 0)
		log_printf(
		    master->log, LOGGING_WARNING, "%s", strbuf_text(&reason));
	strbuf_clear(&reason);
	proxy_notify_send(&master->notify,
	    "READY=1\nSTATUS=the last reload was refused: see the log");
	/* Was he who asked for the reload told what is wrong? */
	told = strbuf_slice(&master->told);
	if (new != NULL || slice_search(told, SLICE("error: ")) == told.n)
		strbuf_addf(&master->told, "error: %s\n", why);
	tell_outcome(master, "refused");
	if (master->reload_again)
		begin_reload(master);
}

/* Takes the configuration. */
static void
start_generation(struct proxy_master *master, struct proxy_config *config)
{
	struct strbuf reason;

	strbuf_init(&reason, REASON_MAX);
	/* Sockets before processes: that a port is taken is the likeliest
	 * fault, and the cheapest to find. */
	if (proxy_sockets_open(master, config, &reason) != 0 ||
	    open_control(master, config, &reason) != 0) {
		proxy_config_free(config);
		give_up_generation(master, strbuf_text(&reason));
	} else if ((master->starting = proxy_generation_new(
			master, config, &reason)) == NULL ||
	    proxy_generation_start(master->starting, &reason) != 0) {
		give_up_generation(master, strbuf_text(&reason));
	} else {
		arm(master->start_timer, PROXY_MASTER_START_S);
	}
	strbuf_clear(&reason);
}

void
proxy_master_on_serving(struct proxy_master *master, struct proxy_seat *seat)
{
	if (seat->generation == master->serving)
		proxy_seat_go(seat); /* in the place of one that died */
	else if (seat->generation == master->starting &&
	    proxy_generation_is_serving(master->starting))
		change_over(master);
}

/* A death while starting refuses the whole reload: the same fault would kill
 * the next one too, and the old generation still serves. */
void
proxy_master_on_end(struct proxy_master *master, struct proxy_seat *seat,
    const char *why, bool before_serving)
{
	struct strbuf text;

	strbuf_init(&text, REASON_MAX);
	strbuf_addf(&text, "%s %ld of [%s] %s", proxy_role_kind(seat->role),
	    (long)seat->pid, proxy_role_name(seat->role), why);
	if (seat->generation == master->starting) {
		strbuf_add_str(
		    &text, before_serving ? " before it served" : "");
		give_up_generation(master, strbuf_text(&text));
	} else {
		log_printf(master->log, LOGGING_ERROR,
		    "%s; another one in %u s", strbuf_text(&text),
		    seat->paused);
	}
	strbuf_clear(&text);
}

/* The last worker of a generation has gone, and with it the last that needed
 * those settings. */
void
proxy_master_on_empty(struct proxy_master *master, struct proxy_generation *g)
{
	if (g == master->serving)
		master->serving = NULL;
	proxy_generation_free(g);
	if (master->state == PROXY_MASTER_STOPPING &&
	    TAILQ_EMPTY(&master->generations))
		(void)event_base_loopbreak(master->base);
}

/* --- reload --- */

/* The new settings will not do; the page says the first reason. */
static void
refuse_reload(struct proxy_master *master, const struct strbuf *errors)
{
	struct slice line = SLICE(""), rest = strbuf_slice(errors);

	(void)slice_cut(&rest, '\n', &line);
	give_up_generation(master, "the old settings stay");
	note_refusal(master, slice_first(line, PROXY_RELOAD_TEXT_MAX - 1));
}

/* Takes the keys' check and its configuration off the master. */
static struct proxy_config *
detach_checking(struct proxy_master *master)
{
	struct proxy_config *config = master->checking;

	proxy_key_check_free(master->key_check);
	master->key_check = NULL;
	master->checking = NULL;
	return config;
}

/* A hundred thousand keys take more than a minute; meanwhile the workers ask
 * for theirs. */
static void
on_check_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_master *master = ctx;
	static const struct timeval at_once = {0, 0};

	(void)fd;
	(void)what;
	if (proxy_key_check_step(master->key_check, CHECK_STEP_MS)) {
		struct proxy_report report;
		struct proxy_config *config;
		int result;

		/* All keys were looked at. Keys last, since they take longest
		 * and a mistake elsewhere should not wait for them. */
		proxy_report_init(&report);
		result = proxy_key_check_end(master->key_check, &report);
		log_report(master, &report);
		config = detach_checking(master);
		if (result == 0) {
			move_master(master, PROXY_MASTER_CHANGING);
			start_generation(master, config);
		} else {
			proxy_config_free(config);
			refuse_reload(master, &report.errors);
		}
		proxy_report_clear(&report);
	} else
		(void)event_add(master->check_timer, &at_once);
}

static void
begin_reload(struct proxy_master *master)
{
	enum proxy_turn turn = proxy_rule_reload(master->state);
	struct proxy_report report;
	struct proxy_config *config;

	/* A second SIGHUP while one is under way is not lost: the file may have
	 * changed after it was read, so one more follows. Any number of them
	 * make one. */
	master->reload_again = turn == PROXY_TURN_LATER;
	if (turn != PROXY_TURN_NOW)
		return;
	move_master(master, PROXY_MASTER_CHECKING);
	strbuf_reset(&master->told);
	proxy_control_began(master->control);
	master->history.reload = PROXY_RELOAD_RUNNING;
	master->history.reload_at = clock_wall_s();
	/* Before the file is read: systemd wants the time of the beginning. */
	proxy_notify_reloading(&master->notify);
	/* The file is judged before anything is touched: a reload with a
	 * mistake in it leaves the daemon as it is. */
	proxy_report_init(&report);
	config = proxy_config_load(master->path, &report);
	if (config != NULL &&
	    proxy_config_check_machine(config, &report) != 0) {
		proxy_config_free(config);
		config = NULL;
	}
	log_report(master, &report);
	if (config == NULL)
		refuse_reload(master, &report.errors);
	proxy_report_clear(&report);
	master->checking = config;
	if (config == NULL)
		return;
	master->key_check = proxy_key_check_new(config, PROXY_KEY_CHECK_ALL);
	arm(master->check_timer, 0);
}

static void
on_control_reload(void *ctx)
{
	begin_reload(ctx);
}

/* Questions only: a reload comes by on_control_reload(), since its answer waits
 * for the outcome. */
static bool
on_control_request(void *ctx, const struct proxy_control_request *request,
    struct proxy_control_ticket ticket, struct strbuf *answer)
{
	switch (request->verb) {
	case PROXY_CONTROL_KEY:
	case PROXY_CONTROL_TRIAL:
		return proxy_master_inquire(ctx, request, ticket, answer);
	case PROXY_CONTROL_VERSION:
		proxy_master_print_version(answer);
		return true;
	default:
		proxy_master_print_state(ctx, answer);
		return true;
	}
}

/* --- stop --- */

static void
begin_stop(struct proxy_master *master)
{
	struct proxy_generation *g, *next;
	unsigned wait = PROXY_MASTER_KILL_S;

	/* A second SIGTERM changes nothing: whoever is impatient has
	 * SIGKILL. */
	if (master->state == PROXY_MASTER_STOPPING)
		return;
	move_master(master, PROXY_MASTER_STOPPING);
	/* What was still starting is one more generation that leaves. */
	master->starting = NULL;
	(void)event_del(master->start_timer);
	(void)event_del(master->check_timer);
	proxy_config_free(detach_checking(master));
	proxy_master_end_inquiries(master, "the daemon stops");
	proxy_notify_send(&master->notify, "STOPPING=1");
	log_printf(master->log, LOGGING_INFO, "stopping");
	/* At once: a client that connects now must be refused, not left to wait
	 * in the backlog of a daemon that will never accept. */
	proxy_sockets_close(master);
	for (g = TAILQ_FIRST(&master->generations); g != NULL; g = next) {
		/* An empty generation is freed below. */
		next = TAILQ_NEXT(g, link);
		if (wait < g->config->stop_timeout + PROXY_MASTER_KILL_S)
			wait = g->config->stop_timeout + PROXY_MASTER_KILL_S;
		proxy_generation_leave(g, SIGTERM);
		if (!proxy_generation_is_empty(g))
			continue;
		if (g == master->serving)
			master->serving = NULL;
		proxy_generation_free(g);
	}
	if (TAILQ_EMPTY(&master->generations))
		(void)event_base_loopbreak(master->base);
	arm(master->kill_timer, wait);
}

/* --- events --- */

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct proxy_master *master = ctx;

	(void)what;
	switch (number) {
	case SIGCHLD:
		proxy_seats_reap(master);
		break;
	case SIGHUP:
		begin_reload(master);
		break;
	default:
		begin_stop(master);
	}
}

static void
on_start_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	give_up_generation(ctx, "the workers did not report in");
}

/* The workers have a deadline of their own, a little earlier than this: it is
 * for those that hang so badly that theirs did not go off. */
static void
on_kill_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_master *master = ctx;
	struct proxy_generation *g;

	(void)fd;
	(void)what;
	log_printf(master->log, LOGGING_WARNING,
	    "killing workers that did not end in time");
	TAILQ_FOREACH (g, &master->generations, link)
		proxy_generation_kill(g);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_master *master = ctx;

	(void)fd;
	(void)what;
	proxy_notify_send(&master->notify, "WATCHDOG=1");
}

static void
on_round(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_master *master = ctx;
	struct proxy_selectors_counts counts;

	(void)fd;
	(void)what;
	proxy_seats_look_round(master);
	counts = proxy_selectors_known_counts(master->selectors);
	atomic_store(&master->shared->keys_published, counts.published);
	atomic_store(&master->shared->keys_lost, counts.lost);
	atomic_store(&master->shared->keys_staged, counts.staged);
	proxy_process_count(&master->eyes, &master->shared->master);
}

/* For those that may not open it themselves. */
static void
on_conf_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_master *master = ctx;

	(void)fd;
	(void)what;
	dns_conf_page_follow(master->conf_page, DNS_RESOLV_CONF);
}

static void
make_events(struct proxy_master *master)
{
	static const int numbers[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};
	static const struct timeval conf = {CONF_EVERY_S, 0};
	static const struct timeval round = {PROXY_WORKER_TICK_S, 0};
	struct timeval half;
	size_t i;

	for (i = 0; i < 4; i++) {
		master->signals[i] =
		    evsignal_new(master->base, numbers[i], on_signal, master);
		(void)event_add(master->signals[i], NULL);
	}
	master->start_timer =
	    event_new(master->base, -1, 0, on_start_timer, master);
	master->check_timer =
	    event_new(master->base, -1, 0, on_check_timer, master);
	master->kill_timer =
	    event_new(master->base, -1, 0, on_kill_timer, master);
	master->conf_timer =
	    event_new(master->base, -1, EV_PERSIST, on_conf_timer, master);
	(void)event_add(master->conf_timer, &conf);
	master->round =
	    event_new(master->base, -1, EV_PERSIST, on_round, master);
	(void)event_add(master->round, &round);
	if (master->notify.watchdog_us == 0)
		return;
	/* Half of what systemd allows, as sd_watchdog_enabled(3) advises: one
	 * turn of the loop may be late. */
	half.tv_sec = (time_t)(master->notify.watchdog_us / 2 / 1000000);
	half.tv_usec = (suseconds_t)(master->notify.watchdog_us / 2 % 1000000);
	master->watchdog =
	    event_new(master->base, -1, EV_PERSIST, on_watchdog, master);
	(void)event_add(master->watchdog, &half);
}

/* --- beginning and end --- */

static void
run_loop(struct proxy_master *master)
{
	static const struct proxy_control_ops control_ops = {
	    on_control_request, on_control_reload};

	make_events(master);
	master->control = proxy_control_new(master->base, &control_ops, master);
	/* Before the first worker is forked, so that none starts without
	 * servers. */
	dns_conf_page_follow(master->conf_page, DNS_RESOLV_CONF);
	proxy_sandbox_begin(master->job->config, master->log);
	start_generation(master, master->job->config);
	if (geteuid() != 0)
		log_printf(master->log, LOGGING_WARNING,
		    "not started by root: everything runs as user %u, and "
		    "`user` is not applied",
		    (unsigned)geteuid());
	if (!TAILQ_EMPTY(&master->generations))
		(void)event_base_dispatch(master->base);
	proxy_signals_block();
	if (master->pidfile != NULL)
		proxy_pidfile_remove(master->pidfile);
	for (size_t i = 0; i < 4; i++)
		event_free(master->signals[i]);
	event_free(master->start_timer);
	event_free(master->check_timer);
	event_free(master->kill_timer);
	event_free(master->round);
	event_free(master->conf_timer);
	if (master->watchdog != NULL)
		event_free(master->watchdog);
	proxy_control_free(master->control);
}

/* As seen from `/`; NULL of NULL. The daemon changes to the root directory, and
 * reads its file again at each reload: a relative path would then name another
 * file. */
static char *
absolute(const char *path)
{
	struct strbuf full;
	char *here;

	if (path == NULL || path[0] == '/')
		return path == NULL ? NULL : xstrdup(path);
	here = get_current_dir_name();
	strbuf_init(&full, 2 * PATH_MAX);
	strbuf_addf(&full, "%s/%s", here == NULL ? "" : here, path);
	free(here);
	return strbuf_detach(&full);
}

/* Where one reads files that say which key signs. */
static void
complain_of_selectors(void *ctx, const char *text)
{
	const struct proxy_master *master = ctx;

	log_printf(master->log, LOGGING_ERROR, "%s", text);
}

static int
set_up_master(struct proxy_master *master, struct strbuf *reason)
{
	const struct proxy_master_job *job = master->job;

	master->path = absolute(job->path);
	master->pidfile = absolute(
	    job->pidfile != NULL ? job->pidfile : job->config->pidfile);
	/* Before anything that a fork would double or lose: timers, locks, the
	 * process's own pid. */
	if (job->daemon) {
		master->tell = proxy_daemon_begin(reason);
		if (master->tell < 0)
			return -1;
		(void)!chdir("/");
	}
	/* First: for want of them all else would fail. */
	proxy_privilege_allow_descriptors(DESCRIPTORS);
	if (proxy_privilege_check_descriptors(reason) != 0 ||
	    proxy_privilege_keep_few(reason) != 0)
		return -1;
	master->shared = proxy_shared_new(&master->files);
	if (master->shared == NULL ||
	    (master->shared_fd = proxy_shared_reader(master->files.master)) < 0)
		return strbuf_fail(reason, "shared pages: %s", strerror(errno));
	master->history.started = clock_wall_s();
	atomic_store(&master->shared->started, master->history.started);
	master->conf_page = dns_conf_page_new(&master->conf_fd);
	if (master->conf_page == NULL)
		return strbuf_fail(
		    reason, "page of name servers: %s", strerror(errno));
	master->selectors = proxy_selectors_known_new(
	    PROXY_SELECTORS_KNOWN_MAX, complain_of_selectors, master);
	proxy_process_eyes_open(&master->eyes);
	proxy_process_count(&master->eyes, &master->shared->master);
	master->base = event_base_new();
	if (master->base == NULL)
		return strbuf_fail(reason, "no event loop");
	return 0;
}

/* At the end: what waited for a recorder that was not there. */
static void
count_records(struct proxy_master *master)
{
	unsigned long lost = 0;
	char byte;

	while (master->orphan_count > 0) {
		int fd = master->orphans[--master->orphan_count].records;

		/* The sockets are the only place where those records still are;
		 * each datagram there is one record. */
		while (recv(fd, &byte, 1, MSG_DONTWAIT) > 0)
			lost++;
		(void)close(fd);
	}
	if (lost > 0)
		log_printf(master->log, LOGGING_ERROR,
		    "%lu records are lost: no recorder took them", lost);
}

int
proxy_master_run(const struct proxy_master_job *job)
{
	struct proxy_master master = {
	    .job = job, .tell = -1, .shared_fd = -1, .conf_fd = -1};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct strbuf reason;

	TAILQ_INIT(&master.generations);
	strbuf_init(&master.told, TOLD_MAX);
	strbuf_init(&reason, REASON_MAX);
	renew_log(&master, job->config);
	proxy_notify_init(&master.notify);
	/* Of the user signals only workers know what they mean. Their default
	 * would end the master, and a script that sends one to the wrong
	 * process must not stop the mail. */
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGUSR1, &ignore, NULL);
	(void)sigaction(SIGUSR2, &ignore, NULL);
	/* Before any key is read: from here on no other process of the same
	 * user can look into this one, and no core of it is written. */
	proxy_privilege_hide();
	if (!proxy_privilege_allow_lock())
		log_printf(master.log, LOGGING_WARNING,
		    "the memory of private keys may be swapped out: it cannot "
		    "be locked without a bound (LimitMEMLOCK=infinity, or "
		    "`ulimit -l unlimited')");
	if (set_up_master(&master, &reason) != 0) {
		say_why_not(&master, "cannot start", strbuf_text(&reason));
		proxy_config_free(job->config);
		master.failed = true;
	} else {
		run_loop(&master);
	}
	proxy_sockets_close(&master);
	count_records(&master);
	if (master.shared != NULL)
		proxy_shared_close(&master.files);
	proxy_shared_unmap(master.shared);
	proxy_selectors_known_free(master.selectors);
	dns_conf_page_free(master.conf_page);
	if (master.conf_fd >= 0)
		(void)close(master.conf_fd);
	proxy_process_eyes_close(&master.eyes);
	if (master.shared_fd >= 0)
		(void)close(master.shared_fd);
	if (master.base != NULL)
		event_base_free(master.base);
	proxy_notify_clear(&master.notify);
	log_printf(master.log, LOGGING_INFO, "stopped");
	log_free(master.log);
	strbuf_clear(&master.told);
	free(master.path);
	free(master.pidfile);
	strbuf_clear(&reason);
	return master.failed ? -1 : 0;
}
