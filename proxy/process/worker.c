/* One event loop; see worker.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/compat.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "dns/exchange.h"
#include "dns/resolver.h"
#include "proxy/figures/process.h"
#include "proxy/figures/shared.h"
#include "proxy/message/filter_sign.h"
#include "proxy/message/filter_verify.h"
#include "proxy/message/milter.h"
#include "proxy/message/recording.h"
#include "proxy/message/resolving.h"
#include "proxy/message/service.h"
#include "proxy/message/session.h"
#include "proxy/process/hello.h"
#include "proxy/process/listener.h"
#include "proxy/process/signals.h"
#include "proxy/process/worker.h"
#include "proxy/settings/roles.h"

enum {
	REST_MS = 500, /* after running out of descriptors */
	SHED_AT_ONCE = 16,
	FULL_LOOK_MS = 1000,
	REFUSE_AT_LOOK = 4, /* a new client hears it within 5 s */
	REFUSED_AT_ONCE = PROXY_LISTENER_BACKLOG,
	OVERDUE_S = 60,	     /* at least, for a mail server's client */
	FDS_PER_SESSION = 3, /* client, relay, spool */
	FDS_BESIDES = 64,
	HEAP_KEPT = 1 << 20,
	SIGNALS = 3
};

struct worker;

struct gate { /* one listening socket */
	struct worker *worker;
	struct event *event;
	int fd;
	const struct proxy_listen *listen;
};

struct worker {
	const struct proxy_worker_job *job;
	struct event_base *base;
	struct gate *gates;
	size_t gate_count, session_max;
	bool accepting, leaving, stopping;
	struct event *go, *hello, *tick, *rest, *full, *deadline,
	    *signals[SIGNALS];
	unsigned looks; /* at a full house, and someone waited at each */
	struct proxy_signers *signers; /* NULL: asks none */
	struct proxy_sign_env sign_env;
	struct proxy_recording recording;
	struct proxy_sealing sealing;
	struct proxy_verify_env verify_env;
	struct dns_counts dns_counted;
	struct proxy_service service;
	struct proxy_seldom seldom;
	struct proxy_grouping grouping;
	struct strbuf relay_name;
	struct proxy_process_eyes eyes;
};

static void
after(struct event *event, unsigned ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	(void)event_add(event, &tv);
}

/* --- taking connections --- */

static void
stop_accepting(struct worker *w)
{
	if (w->accepting)
		for (size_t i = 0; i < w->gate_count; i++)
			(void)event_del(w->gates[i].event);
	w->accepting = false;
}

static void
start_accepting(struct worker *w)
{
	/* Who leaves has closed its gates: a session that ends must not open
	 * them. */
	if (w->accepting || w->leaving)
		return;
	for (size_t i = 0; i < w->gate_count; i++)
		(void)event_add(w->gates[i].event, NULL);
	w->accepting = true;
}

/* Behind a PROXY header it is the client that `allow` is for. */
static bool
is_peer_allowed(const struct gate *gate, const struct sockaddr_storage *peer)
{
	const struct proxy_front *front = gate->worker->job->front;

	return peer->ss_family == AF_UNIX ||
	    proxy_networks_contain(
		gate->listen->proxy_protocol ? &front->proxies : &front->allow,
		(const struct sockaddr *)peer);
}

/* What came already is read first: to close with that unread, a PROXY header
 * say, is a reset, which destroys our words at many clients. A mail server that
 * asks by milter is told nothing: it takes the end of the connection for what
 * its own settings say. */
static void
send_off(const struct gate *gate, int fd, const char *text)
{
	char waste[1024];

	if (gate->listen->kind == PROXY_LISTEN_SMTP)
		(void)!write(fd, text, strlen(text));
	(void)!recv(fd, waste, sizeof(waste), MSG_DONTWAIT);
	(void)close(fd);
}

/* An open signing relay would be a security hole (DESIGN, promise 6). */
static void
turn_away_peer(const struct gate *gate, int fd, const char *peer)
{
	struct worker *w = gate->worker;
	const char *setting =
	    gate->listen->proxy_protocol ? "proxies" : "allow";
	char text[80];

	(void)snprintf(text, sizeof(text),
	    "554 5.7.1 access denied: not in [%s] %s\r\n", w->job->front->name,
	    setting);
	send_off(gate, fd, text);
	proxy_count(w->job->counters, PROXY_COUNT_SESSIONS_REFUSED);
	if (proxy_seldom_may(&w->seldom, "allow", slice_str(peer), clock_ms()))
		log_printf(w->job->log, LOGGING_WARNING,
		    "connection from %s refused: not in [%s] %s =", peer,
		    w->job->front->name, setting);
}

static bool
is_full(const struct worker *w)
{
	return w->service.session_count >= w->session_max;
}

/* Does a client wait that nobody takes? */
static bool
someone_waits(const struct gate *gate)
{
	struct pollfd at = {.fd = gate->fd, .events = POLLIN};

	return gate->fd >= 0 && poll(&at, 1, 0) == 1;
}

/* Whether anybody waits is asked of the socket, for nothing counts the
 * backlog. */
static bool
anyone_waits(const struct worker *w)
{
	for (size_t i = 0; i < w->gate_count; i++)
		if (someone_waits(&w->gates[i]))
			return true;
	return false;
}

/* Full: idle sessions make room, and slow ones where a client waits for it, or
 * accepting stops until some do, and meanwhile others of our workers can take
 * who comes. True where one makes room; it ends a little later. */
static bool
make_session_room(struct worker *w)
{
	bool wanted = anyone_waits(w);
	int shed = 0;

	stop_accepting(w);
	while (shed < SHED_AT_ONCE && proxy_sessions_shed(&w->service, wanted))
		shed++;
	after(w->full, FULL_LOOK_MS);
	return shed > 0;
}

static void
refuse_waiting(const struct gate *gate)
{
	struct sockaddr_storage peer;
	int fd;

	/* Bounded: whoever connects as fast as this refuses must not keep the
	 * loop from the sessions that there are. */
	for (int i = 0; i < REFUSED_AT_ONCE; i++) {
		if (proxy_listener_accept(gate->fd, &fd, &peer) !=
		    PROXY_ACCEPT_TAKEN)
			return;
		send_off(
		    gate, fd, "421 4.3.2 too many connections, try again\r\n");
	}
}

/* Once a second while full. Who has waited for several looks has been taken
 * by no other worker, and will hear that there is no room. */
static void
on_full(evutil_socket_t fd, short events, void *ctx)
{
	struct worker *w = ctx;
	bool room;

	(void)fd;
	(void)events;
	if (!is_full(w) || w->leaving) {
		w->looks = 0;
		return;
	}
	room = make_session_room(w);
	w->looks = anyone_waits(w) ? w->looks + 1 : 0;
	if (room || w->looks < REFUSE_AT_LOOK)
		return;
	if (proxy_seldom_may(&w->seldom, "full", SLICE(""), clock_ms()))
		log_printf(w->job->log, LOGGING_WARNING,
		    "all %zu sessions are taken and none can be ended: new "
		    "clients get 421 ([%s] max_sessions =)",
		    w->service.session_count, w->job->front->name);
	for (size_t i = 0; i < w->gate_count; i++)
		if (someone_waits(&w->gates[i]))
			refuse_waiting(&w->gates[i]);
}

/* By what is spoken there. */
static void
begin_session(const struct gate *gate, int fd, struct slice peer)
{
	switch (gate->listen->kind) {
	case PROXY_LISTEN_SMTP:
		proxy_session_begin(&gate->worker->service, fd, peer,
		    gate->listen->proxy_protocol);
		break;
	case PROXY_LISTEN_MILTER:
		proxy_milter_begin(&gate->worker->service, fd, peer);
		break;
	case PROXY_LISTEN_KINDS:
		break;
	}
}

static void
on_connection(evutil_socket_t listener, short events, void *ctx)
{
	struct gate *gate = ctx;
	struct worker *w = gate->worker;
	struct sockaddr_storage peer;
	struct strbuf name;
	int fd;

	(void)events;
	switch (proxy_listener_accept(listener, &fd, &peer)) {
	case PROXY_ACCEPT_NONE:
		return;
	/* Out of descriptors, the listening socket stays readable: without a
	 * rest the loop would do nothing but fail here. */
	case PROXY_ACCEPT_EXHAUSTED:
		log_printf(w->job->log, LOGGING_WARNING, "cannot accept: %s",
		    strerror(errno));
		stop_accepting(w);
		after(w->rest, REST_MS);
		return;
	case PROXY_ACCEPT_TAKEN:
		break;
	}
	strbuf_init(&name, 128);
	proxy_peer_print(&peer, &name);
	/* Before one octet of it is read: what may not come has no parser to
	 * attack. */
	if (!is_peer_allowed(gate, &peer))
		turn_away_peer(gate, fd, strbuf_text(&name));
	else
		begin_session(gate, fd, strbuf_slice(&name));
	strbuf_clear(&name);
	/* At once, and not when the next one comes: it might be refused by us
	 * though another worker has room. */
	if (is_full(w))
		(void)make_session_room(w);
}

static void
on_rested(evutil_socket_t fd, short events, void *ctx)
{
	struct worker *w = ctx;

	(void)fd;
	(void)events;
	if (!is_full(w))
		start_accepting(w);
}

/* Only now: the other workers might not have come up, and the old generation
 * would go on instead. The end of the socket is no word; the signal that comes
 * with it ends us. */
static void
on_go(evutil_socket_t fd, short events, void *ctx)
{
	struct worker *w = ctx;
	char byte;
	ssize_t n = read(fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	(void)event_del(w->go);
	if (n == 1)
		start_accepting(w);
}

static void
on_session_ended(void *ctx)
{
	struct worker *w = ctx;

	if (w->leaving && w->service.session_count == 0)
		(void)event_base_loopbreak(w->base);
	else if (!is_full(w))
		start_accepting(w);
}

static void
on_tick(evutil_socket_t fd, short events, void *ctx)
{
	struct worker *w = ctx;

	(void)fd;
	(void)events;
	/* Full, it would hold them already. */
	(void)send(w->job->go_fd, ".", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	proxy_sessions_tick(&w->service);
	proxy_milters_tick(&w->service);
	proxy_spool_files_tick(w->service.spool_files);
	if (w->verify_env.resolver != NULL)
		proxy_count_dns(w->job->counters,
		    dns_resolver_counts(w->verify_env.resolver),
		    &w->dns_counted);
	proxy_process_count(&w->eyes, w->job->counters);
}

/* --- leaving --- */

static void
leave(struct worker *w, unsigned seconds)
{
	w->leaving = true;
	/* For good: when the last process has closed one, who connects is
	 * refused and need not wait. */
	stop_accepting(w);
	for (size_t i = 0; i < w->gate_count; i++) {
		if (w->gates[i].fd >= 0)
			(void)close(w->gates[i].fd);
		w->gates[i].fd = -1;
	}
	if (w->service.session_count == 0)
		(void)event_base_loopbreak(w->base);
	else
		after(w->deadline, seconds * 1000);
}

static void
on_stop(evutil_socket_t number, short events, void *ctx)
{
	struct worker *w = ctx;

	(void)number;
	(void)events;
	if (w->stopping)
		return;
	w->stopping = true;
	log_printf(w->job->log, LOGGING_INFO, "stopping: %zu sessions",
	    w->service.session_count);
	leave(w, w->job->config->stop_timeout);
	/* From now on sessions that hang between commands are ended by the
	 * tick. */
	w->service.hurried = true;
	proxy_sessions_finish(&w->service);
	proxy_milters_finish(&w->service);
}

/* A session that goes on is served to its end by the settings it began with. */
static void
on_drain(evutil_socket_t number, short events, void *ctx)
{
	struct worker *w = ctx;

	(void)number;
	(void)events;
	if (w->leaving)
		return;
	log_printf(w->job->log, LOGGING_INFO, "draining: %zu sessions",
	    w->service.session_count);
	leave(w, w->job->config->drain_timeout);
}

/* The time is over: of a drain, for sessions between messages only, since
 * a reload cuts no message; of a stop, for all. */
static void
on_deadline(evutil_socket_t fd, short events, void *ctx)
{
	struct worker *w = ctx;

	(void)fd;
	(void)events;
	if (!w->stopping) {
		unsigned more = w->job->config->drain_timeout;

		/* The second time is for milter alone: the first spares those
		 * whose mail server has its client still. */
		w->service.overdue = w->service.finishing;
		proxy_sessions_finish(&w->service);
		proxy_milters_finish(&w->service);
		if (!w->service.overdue)
			after(w->deadline,
			    (more > OVERDUE_S ? more : OVERDUE_S) * 1000);
		return;
	}
	log_printf(w->job->log, LOGGING_WARNING,
	    "cutting %zu sessions that did not end", w->service.session_count);
	proxy_sessions_cut(&w->service);
	proxy_milters_cut(&w->service);
	(void)event_base_loopbreak(w->base);
}

/* --- making one --- */

static struct smtp_target
target_of(const struct proxy_front *front)
{
	return (struct smtp_target){
	    .address = front->relay.address,
	    .address_length = front->relay.length,
	    .connect_ms = front->connect_timeout * 1000,
	    .command_ms = front->command_timeout * 1000,
	    /* Much longer than for a command (RFC 5321 section 4.5.3.2.6): a
	     * next hop that filters decides only then, and to give up too soon
	     * makes duplicates. */
	    .dot_ms = front->dot_timeout * 1000,
	    .write_ms = front->write_timeout * 1000,
	};
}

static void
fill_service(struct worker *w, int spool_dir)
{
	const struct proxy_worker_job *job = w->job;
	const struct proxy_front *front = job->front;

	strbuf_init(&w->relay_name, 256);
	proxy_endpoint_print(&front->relay, &w->relay_name);
	w->recording = (struct proxy_recording){
	    .fd = job->record_fd > 0 ? job->record_fd : -1,
	    .config = job->config,
	    .counters = job->counters,
	    .log = job->log,
	};
	w->service = (struct proxy_service){
	    .base = w->base,
	    .pid = (unsigned long)getpid(),
	    .relay = target_of(front),
	    .relay_name = strbuf_slice(&w->relay_name),
	    .limits =
		(struct smtp_limits){
		    .idle_ms = front->idle_timeout * 1000,
		    .proxy_header_ms = front->proxy_header_timeout * 1000,
		    .recipients_max = front->max_recipients,
		    .errors_max = front->max_errors,
		},
	    .allow = &front->allow,
	    .section = front->name,
	    .message_max = front->max_message_size,
	    .header_max = front->max_header_size,
	    .keepalive_ms = PROXY_KEEPALIVE_MS,
	    .eight_bit = front->announce_8bitmime,
	    .line_max = front->line_length,
	    .newline = front->bare_newline == PROXY_BARE_NEWLINE_REJECT
		? MAIL_NEWLINE_REJECT
		: MAIL_NEWLINE_NORMALIZE,
	    .spool_mark = front->spool_memory,
	    .spool_files = proxy_spool_files_new(spool_dir),
	    .quota = job->quota,
	    .counters = job->counters,
	    .recording = &w->recording,
	    .log = job->log,
	    .seldom = &w->seldom,
	    .grouping = &w->grouping,
	    .session_ended = on_session_ended,
	    .ctx = w,
	};
	LIST_INIT(&w->service.sessions);
	LIST_INIT(&w->service.milters);
}

/* Signers, and pages of those whose spools count with ours. */
static void
on_hello(evutil_socket_t fd, short what, void *ctx)
{
	struct worker *w = ctx;
	struct proxy_hello hello;
	int given;

	(void)fd;
	(void)what;
	if (!proxy_hello_take(w->hello, w->job->shared, &hello, &given))
		return;
	if (hello.kind == PROXY_HELLO_SIGNING && w->signers != NULL)
		proxy_signers_add(w->signers, given);
	else
		(void)close(given);
}

/* A header, and fields of ours. */
static size_t
text_max(const struct worker *w)
{
	return w->job->front->max_header_size + PROXY_SIGN_TEXT_OVER;
}

static void
make_signing(struct worker *w)
{
	const struct proxy_worker_job *job = w->job;

	w->sign_env = (struct proxy_sign_env){
	    .config = job->config,
	    .signers = w->signers,
	    .text_max = text_max(w),
	    .built_in = dkim_field_list_new(),
	    .counters = job->counters,
	    .recording = &w->recording,
	    .log = job->log,
	};
	w->service.filter = &proxy_filter_sign;
	w->service.filter_env = &w->sign_env;
}

static void
on_checked(void *ctx, const struct proxy_filter_job *job,
    const struct auth_results *results, enum proxy_verdict verdict)
{
	struct worker *w = ctx;

	proxy_count_results(w->job->counters, results);
	proxy_recording_checked(&w->recording, job, results, verdict);
}

/* A resolver of its own for each worker: no process answers for another, so
 * none can lie to another about a key. */
static void
make_verifying(struct worker *w)
{
	w->sealing = (struct proxy_sealing){
	    .config = w->job->config,
	    .signers = w->signers,
	    .text_max = text_max(w),
	};
	w->verify_env = (struct proxy_verify_env){
	    .config = w->job->config,
	    .base = w->base,
	    .resolver = proxy_resolver_new(
		w->base, &w->job->config->dns, w->job->conf_page, w->job->log),
	    .sealing = w->signers == NULL ? NULL : &w->sealing,
	    .log = w->job->log,
	    .counters = w->job->counters,
	    .checked = on_checked,
	    .ctx = w,
	};
	proxy_verify_env_init(&w->verify_env);
	w->service.filter = &proxy_filter_verify;
	w->service.filter_env = &w->verify_env;
}

/* What a worker has for its front's filter. */
static const struct {
	void (*make)(struct worker *);
	size_t descriptors; /* of its own: a resolver's sockets */
} filters[PROXY_FILTER_KINDS] = {
    [PROXY_FILTER_SIGN] = {make_signing, 0},
    [PROXY_FILTER_VERIFY] = {make_verifying,
	(size_t)DNS_IN_FLIGHT_MAX *DNS_TRIES_OPEN_MAX},
};

static void
make_events(struct worker *w)
{
	const struct timeval tick = {PROXY_WORKER_TICK_S, 0};

	w->go =
	    event_new(w->base, w->job->go_fd, EV_READ | EV_PERSIST, on_go, w);
	w->hello = event_new(
	    w->base, w->job->hello_fd, EV_READ | EV_PERSIST, on_hello, w);
	w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
	w->rest = evtimer_new(w->base, on_rested, w);
	w->full = evtimer_new(w->base, on_full, w);
	w->deadline = evtimer_new(w->base, on_deadline, w);
	w->signals[0] = evsignal_new(w->base, SIGTERM, on_stop, w);
	w->signals[1] = evsignal_new(w->base, SIGINT, on_stop, w);
	w->signals[2] = evsignal_new(w->base, SIGUSR2, on_drain, w);
	(void)event_add(w->go, NULL);
	(void)event_add(w->hello, NULL);
	(void)event_add(w->tick, &tick);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)event_add(w->signals[i], NULL);
}

/* Besides those of the sessions. */
static size_t
descriptors_besides(const struct proxy_front *front)
{
	return FDS_BESIDES + filters[front->filter].descriptors;
}

size_t
proxy_worker_descriptors(const struct proxy_front *front)
{
	return (size_t)front->max_sessions * FDS_PER_SESSION +
	    descriptors_besides(front);
}

/* Fewer sessions where the system did not grant them their descriptors. */
static size_t
session_max(const struct proxy_worker_job *job)
{
	size_t wanted = job->front->max_sessions, possible;
	size_t need = proxy_worker_descriptors(job->front);
	size_t besides = descriptors_besides(job->front);
	struct rlimit limit;

	/* A worker that ran out of descriptors would fail in the middle of
	 * messages; here it takes fewer clients instead. */
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return wanted;
	/* The sessions get half at least: DNS can do with less. */
	if (limit.rlim_cur < 2 * besides)
		besides = (limit.rlim_cur + 1) / 2;
	possible = (limit.rlim_cur - besides) / FDS_PER_SESSION;
	log_printf(job->log, LOGGING_WARNING,
	    "[%s] max_sessions: %zu instead of %zu: %llu files may be open, "
	    "and %zu are wanted (LimitNOFILE=)",
	    job->front->name, possible, wanted,
	    (unsigned long long)limit.rlim_cur, need);
	return possible;
}

static void
worker_clear(struct worker *w)
{
	/* First, while all that they use is still there. */
	proxy_sessions_cut(&w->service);
	proxy_milters_cut(&w->service);
	for (size_t i = 0; i < w->gate_count; i++)
		event_free(w->gates[i].event);
	free(w->gates);
	for (size_t i = 0; i < SIGNALS; i++)
		event_free(w->signals[i]);
	event_free(w->go);
	event_free(w->hello);
	event_free(w->tick);
	event_free(w->rest);
	event_free(w->full);
	event_free(w->deadline);
	proxy_signers_free(w->signers);
	dkim_field_list_free(w->sign_env.built_in);
	proxy_verify_env_clear(&w->verify_env);
	dns_resolver_free(w->verify_env.resolver);
	proxy_spool_files_free(w->service.spool_files);
	strbuf_clear(&w->relay_name);
	event_base_free(w->base);
	proxy_process_eyes_close(&w->eyes);
}

int
proxy_worker_run(const struct proxy_worker_job *job)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct worker w = {.job = job};
	const struct proxy_front *front;
	/* The directory is held open: files are made relative to it, with no
	 * path that could change under us. */
	int spool_dir =
	    open(job->front->spool_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (spool_dir < 0) {
		log_printf(job->log, LOGGING_ERROR, "spool_dir = %s: %s",
		    job->front->spool_dir, strerror(errno));
		return -1;
	}
	/* What a message took and gave back stays with us for the next one: the
	 * default of 128 KiB has the heap's end go up and down with each. */
	compat_keep_heap(HEAP_KEPT);
	/* A write to a closed connection, or one past a limit of file size, is
	 * an error to be told of, not an end. */
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGXFSZ, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	w.base = event_base_new();
	if (w.base == NULL) {
		log_printf(job->log, LOGGING_ERROR, "cannot wait for events");
		(void)close(spool_dir);
		return -1;
	}
	w.session_max = session_max(job);
	fill_service(&w, spool_dir);
	/* Before the filter, which is given them. */
	/* A worker holds no key, whatever it is for. */
	if (proxy_front_asks_signers(w.job->config, w.job->front))
		w.signers =
		    proxy_signers_new(w.base, w.job->config->sign_timeout);
	filters[job->front->filter].make(&w);
	make_events(&w);
	front = w.job->front;
	w.gate_count = front->listen.count;
	w.gates = xcalloc(w.gate_count, sizeof(*w.gates));
	for (size_t i = 0; i < w.gate_count; i++) {
		struct gate *gate = &w.gates[i];

		gate->worker = &w;
		gate->fd = w.job->listeners[i];
		gate->listen = &front->listen.list[i];
		gate->event = event_new(w.base, gate->fd, EV_READ | EV_PERSIST,
		    on_connection, gate);
	}
	proxy_process_eyes_open(&w.eyes);
	proxy_process_count(&w.eyes, job->counters);
	/* A worker that is woken by each answer interrupts the signer on its
	 * core at each; let alone, it finds several at once. That is a fifth of
	 * a message's time on one core. Where it may not, it goes without. */
	(void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
	if (job->ready != NULL)
		job->ready(job->ctx);
	(void)event_base_dispatch(w.base);
	proxy_signals_block();
	worker_clear(&w);
	(void)close(spool_dir);
	return 0;
}
