/* A set, its digests signed elsewhere; see sealing.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "dkim/signer.h"
#include "proxy/keys/key_wire.h"
#include "proxy/message/seal_wire.h"
#include "proxy/message/sealing.h"

enum { FIELDS_MAX = 3 * DKIM_SIGNER_FIELD_MAX, REASON_MAX = 512 };

/* One message's. */
struct proxy_seal {
	LIST_ENTRY(proxy_seal) entry;
	struct proxy_sealing *sealing;
	struct proxy_seal **to;
	struct dkim_arc_sealer *set;
	bool message_sealed; /* the message's digest came back signed */
	uint64_t id;	     /* of the request under way */
	struct event *timer;
	proxy_seal_fn *fn;
	void *ctx;
};

struct proxy_sealing {
	struct event_base *base;
	const struct proxy_config *config;
	int hello_fd, fd; /* fd -1: not connected */
	struct event *event;
	uint64_t ids;
	LIST_HEAD(, proxy_seal) seals;
};

/* --- one seal --- */

void
proxy_seal_cancel(struct proxy_seal *seal)
{
	if (seal == NULL)
		return;
	LIST_REMOVE(seal, entry);
	*seal->to = NULL;
	dkim_arc_sealer_free(seal->set);
	event_free(seal->timer);
	free(seal);
}

/* The last word; the seal is gone before it is said. */
static void
tell_seal(struct proxy_seal *seal, enum proxy_seal_status status,
    struct slice fields, const char *reason)
{
	proxy_seal_fn *fn = seal->fn;
	void *ctx = seal->ctx;

	proxy_seal_cancel(seal);
	fn(ctx, status, fields, reason);
}

static void
fail_seal(struct proxy_seal *seal, const char *reason)
{
	tell_seal(seal, PROXY_SEAL_TROUBLE, slice_from(NULL, 0), reason);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	fail_seal(ctx, "the sealer did not answer in time");
}

static void
print_fields(struct proxy_seal *seal, struct slice signature)
{
	struct strbuf fields;

	strbuf_init(&fields, FIELDS_MAX);
	if (dkim_arc_sealer_seal(seal->set, signature, &fields) == 0)
		tell_seal(seal, PROXY_SEAL_MADE, strbuf_slice(&fields), "");
	else
		tell_seal(seal, PROXY_SEAL_NONE, slice_from(NULL, 0),
		    "the set is too long");
	strbuf_clear(&fields);
}

/* --- the sealer's end --- */

static void
hang_up(struct proxy_sealing *s)
{
	struct proxy_seal *seal;

	if (s->event != NULL)
		event_free(s->event);
	s->event = NULL;
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	while ((seal = LIST_FIRST(&s->seals)) != NULL)
		fail_seal(seal, "the sealer is gone");
}

static int ask_sealer(struct proxy_seal *, struct slice digest);

/* The first signature is the message's, the second the seal's. */
static void
take_signature(struct proxy_seal *seal, struct slice signature)
{
	if (seal->message_sealed) {
		print_fields(seal, signature);
		return;
	}
	seal->message_sealed = true;
	dkim_arc_sealer_message_seal(seal->set, signature);
	if (ask_sealer(seal, dkim_arc_sealer_digest(seal->set)) != 0)
		fail_seal(seal, "the sealer is gone");
}

static void
take_seal_reply(struct proxy_sealing *s, const struct proxy_seal_reply *reply)
{
	struct proxy_seal *seal;

	LIST_FOREACH (seal, &s->seals, entry)
		if (seal->id == reply->id)
			break;
	if (seal == NULL) /* cancelled meanwhile */
		return;
	if (reply->n == 0 || reply->n > sizeof(reply->signature) ||
	    reply->algorithm != DKIM_RSA_SHA256)
		fail_seal(seal, "the sealer has no rsa key to seal with");
	else
		take_signature(seal, slice_from(reply->signature, reply->n));
}

static void
on_reply(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_sealing *s = ctx;
	struct proxy_seal_reply reply;
	ssize_t n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(reply))
		hang_up(s);
	else
		take_seal_reply(s, &reply);
}

/* A pair, of which the sealer gets one end over the socket that is always
 * there; it waits in it until there is a sealer. */
static int
greet(struct proxy_sealing *s)
{
	int pair[2], result;

	if (s->fd >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair) != 0)
		return -1;
	result = proxy_key_send(s->hello_fd, SLICE("s"), pair[1]);
	(void)close(pair[1]);
	if (result != 0) {
		(void)close(pair[0]);
		return -1;
	}
	s->fd = pair[0];
	s->event = event_new(s->base, s->fd, EV_READ | EV_PERSIST, on_reply, s);
	(void)event_add(s->event, NULL);
	return 0;
}

static int
ask_sealer(struct proxy_seal *seal, struct slice digest)
{
	struct proxy_sealing *s = seal->sealing;
	struct proxy_seal_request request;

	if (digest.n != PROXY_SEAL_DIGEST || greet(s) != 0)
		return -1;
	memset(&request, 0, sizeof(request));
	request.id = seal->id = ++s->ids;
	memcpy(request.digest, digest.p, digest.n);
	return send(s->fd, &request, sizeof(request),
		   MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(request)
	    ? 0
	    : -1;
}

/* --- beginning --- */

void
proxy_sealing_want(struct dkim_body_hashes *body)
{
	(void)dkim_body_hashes_want(
	    body, DKIM_CANON_RELAXED, DKIM_SHA256, DKIM_BODY_WHOLE);
}

static struct dkim_arc_sealer *
make_set(const struct proxy_sealing *s, const struct proxy_seal_job *job,
    struct strbuf *reason)
{
	const struct proxy_seal_settings *seal = &s->config->checking.seal;
	const struct dkim_arc_sealing what = {
	    .domain = slice_str(seal->domain),
	    .selector = slice_str(seal->selector),
	    .algorithm = DKIM_RSA_SHA256,
	    .results = job->results,
	    .chain = job->chain,
	    .time = clock_wall_s(),
	};

	return dkim_arc_sealer_new(&what, job->header, job->body, reason);
}

void
proxy_seal_begin(struct proxy_sealing *s, const struct proxy_seal_job *job,
    struct proxy_seal **to, proxy_seal_fn *fn, void *ctx)
{
	const struct timeval bound = {
	    PROXY_SEALING_MS / 1000, PROXY_SEALING_MS % 1000 * 1000};
	struct proxy_seal *seal;
	struct dkim_arc_sealer *set;
	struct strbuf reason;

	strbuf_init(&reason, REASON_MAX);
	set = make_set(s, job, &reason);
	if (set == NULL) {
		fn(ctx, PROXY_SEAL_NONE, slice_from(NULL, 0),
		    strbuf_text(&reason));
		strbuf_clear(&reason);
		return;
	}
	strbuf_clear(&reason);
	seal = xcalloc(1, sizeof(*seal));
	seal->sealing = s;
	seal->to = to;
	seal->set = set;
	seal->fn = fn;
	seal->ctx = ctx;
	seal->timer = evtimer_new(s->base, on_timer, seal);
	(void)evtimer_add(seal->timer, &bound);
	LIST_INSERT_HEAD(&s->seals, seal, entry);
	*to = seal;
	if (ask_sealer(seal, dkim_arc_sealer_message_digest(set)) != 0)
		fail_seal(seal, "the sealer cannot be asked");
}

struct proxy_sealing *
proxy_sealing_new(
    struct event_base *base, const struct proxy_config *config, int hello_fd)
{
	struct proxy_sealing *s = xcalloc(1, sizeof(*s));

	s->base = base;
	s->config = config;
	s->hello_fd = hello_fd;
	s->fd = -1;
	LIST_INIT(&s->seals);
	return s;
}

void
proxy_sealing_free(struct proxy_sealing *s)
{
	if (s == NULL)
		return;
	hang_up(s);
	free(s);
}
