/* A desk in a process of its own; see signer.h. */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/figures/process.h"
#include "proxy/keys/keys.h"
#include "proxy/keys/sign_desk.h"
#include "proxy/process/hello.h"
#include "proxy/process/signals.h"
#include "proxy/process/signer.h"
#include "proxy/process/worker.h"

enum { SIGNALS = 3 };

/* A process that holds private keys and speaks to nobody but workers and the
 * master: no network, no files, no syslog. Whoever takes over a worker can have
 * mail signed while he is there, but cannot carry a key away. */
struct signer {
	const struct proxy_signer_job *job;
	struct event_base *base;
	struct event *hello, *tick, *deadline, *signals[SIGNALS];
	bool leaving;
	struct proxy_keys *keys;
	struct proxy_sign_desk *desk;
	struct proxy_process_eyes eyes;
};

/* Counted here and not by who asked: a worker that was taken over should not be
 * able to hide how often it asked. */
static void
on_answered(void *ctx, const struct proxy_front *front,
    enum proxy_sign_word status, bool refused)
{
	const struct signer *s = ctx;

	proxy_count(s->job->counters,
	    proxy_count_of_answer(front->number,
		refused ? PROXY_SIGN_ANSWER_REFUSED
			: (enum proxy_sign_answer_kind)status));
}

static void
on_hello(evutil_socket_t fd, short what, void *ctx)
{
	const struct signer *s = ctx;
	struct proxy_hello hello;
	int asker;

	(void)fd;
	(void)what;
	if (!proxy_hello_take(s->hello, NULL, &hello, &asker))
		return;
	/* The front is what the master says it is, not what the asker says: the
	 * right to sign by a key hangs on it. */
	if (hello.kind == PROXY_HELLO_SIGNING)
		proxy_sign_desk_take(
		    s->desk, asker, &s->job->config->fronts[hello.number]);
	else
		(void)close(asker);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	const struct signer *s = ctx;
	struct proxy_counters *counters = s->job->counters;
	struct proxy_keys_figures keys = proxy_keys_figures(s->keys);

	(void)fd;
	(void)what;
	proxy_count_set(counters, PROXY_COUNT_KEYS, keys.keys);
	proxy_count_set(counters, PROXY_COUNT_KEY_AGE, keys.oldest);
	proxy_process_count(&s->eyes, counters);
	/* The sign of life that the master's watchdog waits for. It is sent
	 * from the loop, so a loop that hangs does not send it; a full socket
	 * is as good. */
	(void)send(s->job->control_fd, "t", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
on_deserted(void *ctx)
{
	const struct signer *s = ctx;

	if (s->leaving)
		(void)event_base_loopbreak(s->base);
}

/* The master says so when the last asker has gone. Where it was killed, or
 * somebody signals all processes, workers still finish their messages, in
 * stop_timeout at most. */
static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct signer *s = ctx;
	const struct timeval wait = {
	    (time_t)s->job->config->stop_timeout + 1, 0};

	(void)number;
	(void)what;
	if (proxy_sign_desk_is_deserted(s->desk))
		(void)event_base_loopbreak(s->base);
	else if (!s->leaving)
		(void)event_add(s->deadline, &wait);
	s->leaving = true;
}

static void
on_overdue(evutil_socket_t fd, short what, void *ctx)
{
	const struct signer *s = ctx;

	(void)fd;
	(void)what;
	(void)event_base_loopbreak(s->base);
}

static void
make_signer_events(struct signer *s)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGUSR2};
	const struct timeval tick = {PROXY_WORKER_TICK_S, 0};

	for (size_t i = 0; i < SIGNALS; i++) {
		s->signals[i] = evsignal_new(s->base, numbers[i], on_signal, s);
		(void)event_add(s->signals[i], NULL);
	}
	s->hello = event_new(
	    s->base, s->job->hello_fd, EV_READ | EV_PERSIST, on_hello, s);
	(void)event_add(s->hello, NULL);
	s->deadline = event_new(s->base, -1, 0, on_overdue, s);
	s->tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
	(void)event_add(s->tick, &tick);
}

int
proxy_signer_run(const struct proxy_signer_job *job)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct signer s = {.job = job};
	struct proxy_sign_desk_job desk = {
	    .config = job->config,
	    .log = job->log,
	    .answered = on_answered,
	    .deserted = on_deserted,
	    .ctx = &s,
	};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	/* A terminal's hangup reaches the whole group; only the master
	 * reloads. */
	(void)sigaction(SIGHUP, &ignore, NULL);
	s.base = event_base_new();
	if (s.base == NULL) {
		log_printf(job->log, LOGGING_ERROR, "cannot wait for events");
		return -1;
	}
	s.keys = proxy_keys_new(
	    s.base, job->key_fd, job->config->signing.keys_cached);
	desk.base = s.base;
	desk.keys = s.keys;
	s.desk = proxy_sign_desk_new(&desk);
	make_signer_events(&s);
	proxy_process_eyes_open(&s.eyes);
	proxy_process_count(&s.eyes, job->counters);
	/* Here the sandbox shuts: all that needs a call outside of its list is
	 * done. */
	if (job->ready != NULL)
		job->ready(job->ctx);
	(void)event_base_dispatch(s.base);
	proxy_signals_block();
	proxy_sign_desk_free(s.desk);
	/* After the desk, which asks for them. It wipes each key before the
	 * memory is given back. */
	proxy_keys_free(s.keys);
	for (size_t i = 0; i < SIGNALS; i++)
		event_free(s.signals[i]);
	event_free(s.hello);
	event_free(s.tick);
	event_free(s.deadline);
	proxy_process_eyes_close(&s.eyes);
	event_base_free(s.base);
	return 0;
}
