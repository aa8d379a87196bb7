/* A desk, its keys and their master; see signing_desk.h. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/keys/key_wire.h"
#include "t/lib/signing_desk.h"

static void
make_desk_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair) != 0)
		abort();
}

static void
on_question(evutil_socket_t fd, short what, void *ctx)
{
	struct signing_desk *d = ctx;

	(void)what;
	while (proxy_key_server_answer(fd, d->config, &d->readers) ==
	    PROXY_KEY_SERVED)
		d->opened++;
}

static void
on_answered(void *ctx, const struct proxy_front *front,
    enum proxy_sign_word status, bool refused)
{
	struct signing_desk *d = ctx;

	(void)front;
	d->status = status;
	d->refused = refused;
	d->answers++;
}

void
signing_desk_init(struct signing_desk *d, struct event_base *base,
    const struct proxy_config *config, struct log *log)
{
	struct proxy_sign_desk_job job = {.base = base,
	    .config = config,
	    .log = log,
	    .answered = on_answered,
	    .ctx = d};
	int pair[2];

	*d = (struct signing_desk){.config = config, .base = base};
	proxy_key_readers_init(&d->readers, config);
	make_desk_pair(pair);
	d->master_fd = pair[0];
	d->master =
	    event_new(base, pair[0], EV_READ | EV_PERSIST, on_question, d);
	(void)event_add(d->master, NULL);
	d->keys = job.keys = proxy_keys_new(base, pair[1], 100);
	d->desk = proxy_sign_desk_new(&job);
}

void
signing_desk_clear(struct signing_desk *d)
{
	proxy_sign_desk_free(d->desk);
	proxy_keys_free(d->keys);
	event_free(d->master);
	(void)close(d->master_fd);
}

int
signing_desk_ask(struct signing_desk *d, const struct proxy_front *front)
{
	int pair[2];

	make_desk_pair(pair);
	proxy_sign_desk_take(d->desk, pair[1], front);
	return pair[0];
}
