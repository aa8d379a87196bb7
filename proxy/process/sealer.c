/* Digest in, signature out; see sealer.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "dkim/key.h"
#include "proxy/figures/process.h"
#include "proxy/keys/key_wire.h"
#include "proxy/keys/keys.h"
#include "proxy/message/seal_wire.h"
#include "proxy/process/sealer.h"
#include "proxy/process/worker.h"

enum { SIGNALS = 3 };

/* One worker. Its requests wait in its socket while one is answered. */
struct peer {
	LIST_ENTRY(peer) entry;
	struct sealer *sealer;
	int fd;
	struct event *event;
	struct proxy_key_use *use; /* the request under way */
	struct proxy_seal_request request;
};

struct sealer {
	const struct proxy_sealer_job *job;
	struct event_base *base;
	struct event *hello, *tick, *signals[SIGNALS];
	struct proxy_process_eyes eyes;
	struct proxy_keys *keys;
	LIST_HEAD(, peer) peers;
	size_t peer_count;
};

static void
peer_free(struct peer *p)
{
	LIST_REMOVE(p, entry);
	p->sealer->peer_count--;
	proxy_key_use_end(p->use);
	event_free(p->event);
	(void)close(p->fd);
	free(p);
}

/* --- answering --- */

static void
sign(const struct peer *p, const struct dkim_key *key,
    struct proxy_seal_reply *reply)
{
	enum dkim_algorithm algorithm = dkim_key_algorithm(key);
	struct strbuf signature;

	strbuf_init(&signature, sizeof(reply->signature));
	if (dkim_key_sign(key, algorithm,
		slice_from(p->request.digest, PROXY_SEAL_DIGEST),
		&signature) == 0) {
		reply->algorithm = (uint32_t)algorithm;
		reply->n = (uint32_t)signature.n;
		memcpy(reply->signature, signature.p, signature.n);
	}
	strbuf_clear(&signature);
}

static void
on_key(void *ctx, const struct proxy_key_answer *answer)
{
	struct peer *p = ctx;
	struct proxy_seal_reply reply;

	memset(&reply, 0, sizeof(reply));
	reply.id = p->request.id;
	if (answer->status == PROXY_KEY_FOUND)
		sign(p, answer->key, &reply);
	else
		log_printf(p->sealer->job->log, LOGGING_ERROR,
		    "no key to seal with: %s",
		    answer->reason == NULL ? "no such file" : answer->reason);
	proxy_key_use_end(p->use);
	p->use = NULL;
	if (send(p->fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(reply))
		peer_free(p);
	else
		(void)event_add(p->event, NULL);
}

/* What is no request, or has descriptors with it, ends the worker's
 * connection. */
static void
on_request(evutil_socket_t fd, short what, void *ctx)
{
	struct peer *p = ctx;
	const struct proxy_seal_settings *seal =
	    &p->sealer->job->config->checking.seal;
	char datagram[sizeof(p->request) + 1];
	int passed;
	long n = proxy_key_receive(fd, datagram, sizeof(datagram), &passed);

	(void)what;
	if (passed >= 0)
		(void)close(passed);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (passed != PROXY_KEY_NO_FD || n != (long)sizeof(p->request)) {
		peer_free(p);
		return;
	}
	memcpy(&p->request, datagram, sizeof(p->request));
	(void)event_del(p->event);
	p->use = proxy_keys_get(p->sealer->keys, seal->key_rule,
	    slice_str(seal->domain), on_key, p);
}

/* --- workers come --- */

static bool
is_our_kind(int fd)
{
	int domain = 0, type = 0;
	socklen_t n = sizeof(domain), m = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &m) == 0 &&
	    domain == AF_UNIX && type == SOCK_SEQPACKET &&
	    evutil_make_socket_nonblocking(fd) == 0;
}

static void
on_hello(evutil_socket_t fd, short what, void *ctx)
{
	struct sealer *s = ctx;
	struct peer *p;
	char byte;
	int end;

	(void)what;
	(void)proxy_key_receive(fd, &byte, 1, &end);
	if (end < 0)
		return;
	if (s->peer_count == PROXY_SEALER_PEERS_MAX || !is_our_kind(end)) {
		(void)close(end);
		return;
	}
	p = xcalloc(1, sizeof(*p));
	p->sealer = s;
	p->fd = end;
	p->event = event_new(s->base, end, EV_READ | EV_PERSIST, on_request, p);
	(void)event_add(p->event, NULL);
	LIST_INSERT_HEAD(&s->peers, p, entry);
	s->peer_count++;
}

/* --- life --- */

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct sealer *s = ctx;

	(void)number;
	(void)what;
	(void)event_base_loopbreak(s->base);
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
	const struct sealer *s = ctx;

	(void)fd;
	(void)what;
	proxy_process_count(&s->eyes, s->job->counters);
}

static void
make_events(struct sealer *s)
{
	static const struct timeval tick = {PROXY_WORKER_TICK_S, 0};
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGUSR2};

	for (size_t i = 0; i < SIGNALS; i++) {
		s->signals[i] = evsignal_new(s->base, numbers[i], on_signal, s);
		(void)event_add(s->signals[i], NULL);
	}
	s->hello = event_new(
	    s->base, s->job->hello_fd, EV_READ | EV_PERSIST, on_hello, s);
	(void)event_add(s->hello, NULL);
	s->tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
	(void)event_add(s->tick, &tick);
}

static void
sealer_clear(struct sealer *s)
{
	struct peer *p;

	while ((p = LIST_FIRST(&s->peers)) != NULL)
		peer_free(p);
	for (size_t i = 0; i < SIGNALS; i++)
		event_free(s->signals[i]);
	event_free(s->hello);
	event_free(s->tick);
	proxy_keys_free(s->keys);
	event_base_free(s->base);
	proxy_process_eyes_close(&s->eyes);
}

int
proxy_sealer_run(const struct proxy_sealer_job *job)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sealer s = {.job = job};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	LIST_INIT(&s.peers);
	s.base = event_base_new();
	if (s.base == NULL) {
		log_printf(job->log, LOGGING_ERROR, "cannot wait for events");
		return -1;
	}
	s.keys = proxy_keys_new(s.base, job->key_fd, 1);
	make_events(&s);
	proxy_process_eyes_open(&s.eyes);
	proxy_process_count(&s.eyes, job->counters);
	if (job->ready != NULL)
		job->ready(job->ctx);
	(void)event_base_dispatch(s.base);
	sealer_clear(&s);
	return 0;
}
