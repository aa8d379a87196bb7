/*
 * One socket, one question; see attempt.h. Each UDP question has a socket,
 * hence a port, of its own: whoever forges an answer must guess port and id. A
 * datagram that is not the answer is passed over rather than taken for a
 * failure, or anyone could end a question by a packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "dns/attempt.h"
#include "dns/exchange.h"
#include "dns/resolver.h"

enum {
	/* More than we ask for: a larger packet is a strange one. */
	UDP_ROOM = 4096,
	/* Packets read at one wake-up; others wait for the next. */
	READS_MAX = 16,
	LENGTH_SIZE = 2
};

struct dns_attempt {
	int fd;
	bool tcp;
	struct event *event;
	struct dns_packet_query query;
	struct dns_counts *counts;
	unsigned wrong;
	int error;
	struct strbuf out, in; /* TCP, each with its length in front */
	dns_attempt_fn *fn;
	void *ctx;
};

/* The last thing done in a callback: the attempt may be gone after it. */
static void
tell_attempt(struct dns_attempt *attempt, enum dns_packet_kind kind,
    struct dns_packet_answer *answer)
{
	attempt->fn(attempt->ctx, attempt, kind, answer);
}

static void
give_up_attempt(struct dns_attempt *attempt)
{
	struct dns_packet_answer none;

	memset(&none, 0, sizeof(none));
	tell_attempt(attempt, DNS_PACKET_WRONG, &none);
}

/* True where the packet was the end of it. */
static bool
take_datagram(struct dns_attempt *attempt, struct slice datagram)
{
	struct dns_packet_answer answer;
	enum dns_packet_kind kind = DNS_PACKET_WRONG;

	if (datagram.n <= UDP_ROOM)
		kind = dns_packet_read(datagram, &attempt->query, &answer);
	if (kind != DNS_PACKET_WRONG) {
		tell_attempt(attempt, kind, &answer);
		return true;
	}
	attempt->counts->wrong++;
	/* So many wrong ones are no accident: somebody guesses, and each guess
	 * less is one more that he needs (RFC 5452 section 4). */
	if (++attempt->wrong < DNS_WRONG_MAX)
		return false;
	give_up_attempt(attempt);
	return true;
}

/* Of a call that failed just now. */
static bool
is_passing(struct dns_attempt *attempt)
{
	if (errno == EAGAIN || errno == EINTR)
		return true;
	attempt->error = errno;
	return false;
}

static void
on_datagrams(evutil_socket_t fd, short what, void *arg)
{
	struct dns_attempt *attempt = arg;
	char room[UDP_ROOM];

	(void)what;
	for (int i = 0; i < READS_MAX; i++) {
		/* MSG_TRUNC has it say how long the packet was, so that one
		 * that did not fit is not taken for a shorter one. */
		ssize_t n = recv(fd, room, sizeof(room), MSG_TRUNC);

		if (n < 0) {
			if (!is_passing(attempt))
				give_up_attempt(attempt);
			return;
		}
		if (take_datagram(attempt, slice_from(room, (size_t)n)))
			return;
	}
}

/* Octets that the answer still lacks, its length among them. RFC 1035 section
 * 4.2.2: two octets of length before each message. */
static size_t
missing(const struct strbuf *in)
{
	const unsigned char *p = (const unsigned char *)in->p;

	if (in->n < LENGTH_SIZE)
		return LENGTH_SIZE - in->n;
	return (((size_t)p[0] << 8) | p[1]) + LENGTH_SIZE - in->n;
}

/* True where the attempt goes on. */
static bool
read_some_answer(struct dns_attempt *attempt)
{
	size_t wanted = missing(&attempt->in);
	char *room = strbuf_reserve(&attempt->in, wanted);
	ssize_t n;

	if (room == NULL)
		return false;
	n = recv(attempt->fd, room, wanted, 0);
	if (n < 0)
		return is_passing(attempt);
	attempt->in.n += (size_t)n;
	return n > 0;
}

static void
on_stream(evutil_socket_t fd, short what, void *arg)
{
	struct dns_attempt *attempt = arg;

	(void)fd;
	if ((what & EV_WRITE) && attempt->out.n > 0) {
		ssize_t n = send(
		    attempt->fd, attempt->out.p, attempt->out.n, MSG_NOSIGNAL);

		if (n < 0 && !is_passing(attempt)) {
			give_up_attempt(attempt);
			return;
		}
		if (n > 0)
			strbuf_consume(&attempt->out, (size_t)n);
		if (attempt->out.n == 0) {
			/* A socket that may be written to is ready all the
			 * time: from here on only reading wakes us. */
			(void)event_del(attempt->event);
			(void)event_assign(attempt->event,
			    event_get_base(attempt->event), attempt->fd,
			    EV_READ | EV_PERSIST, on_stream, attempt);
			(void)event_add(attempt->event, NULL);
		}
		return;
	}
	if (!read_some_answer(attempt)) {
		give_up_attempt(attempt);
		return;
	}
	if (attempt->in.n > LENGTH_SIZE && missing(&attempt->in) == 0) {
		struct slice packet =
		    slice_after(strbuf_slice(&attempt->in), LENGTH_SIZE);
		struct dns_packet_answer answer;
		enum dns_packet_kind kind =
		    dns_packet_read(packet, &attempt->query, &answer);

		if (kind == DNS_PACKET_WRONG)
			attempt->counts->wrong++;
		/* Cut short even here: nothing more can be asked of it. */
		if (kind == DNS_PACKET_TRUNCATED)
			kind = DNS_PACKET_FAILED;
		tell_attempt(attempt, kind, &answer);
	}
}

static int
put_query(struct dns_attempt *attempt)
{
	struct strbuf *out = &attempt->out;

	strbuf_init(out, DNS_TCP_SIZE);
	if (attempt->tcp && strbuf_add(out, SLICE("\0\0")) != 0)
		return -1;
	if (dns_packet_write(&attempt->query, out) != 0)
		return -1;
	if (attempt->tcp) {
		out->p[0] = (char)((out->n - LENGTH_SIZE) >> 8);
		out->p[1] = (char)(out->n - LENGTH_SIZE);
	}
	return 0;
}

/* 0, or -1 and errno. */
static int
begin_attempt(struct dns_attempt *attempt, struct event_base *base,
    const struct dns_server *server)
{
	int kind = attempt->tcp ? SOCK_STREAM : SOCK_DGRAM;
	short what = attempt->tcp ? EV_READ | EV_WRITE : EV_READ;

	attempt->fd = socket(server->address.any.sa_family,
	    kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (attempt->fd < 0)
		return -1;
	/* Connected, a UDP socket gets packets of that address and port alone,
	 * and hears of ICMP errors. */
	if (connect(attempt->fd, &server->address.any, server->length) != 0 &&
	    errno != EINPROGRESS)
		return -1;
	if (put_query(attempt) != 0)
		return -1;
	/* The datagram goes at once, a stream when it is connected. */
	if (!attempt->tcp) {
		if (send(attempt->fd, attempt->out.p, attempt->out.n,
			MSG_NOSIGNAL) < 0)
			return -1;
		strbuf_clear(&attempt->out);
	}
	attempt->event =
	    event_new(base, attempt->fd, (short)(what | EV_PERSIST),
		attempt->tcp ? on_stream : on_datagrams, attempt);
	return attempt->event == NULL ? -1 : event_add(attempt->event, NULL);
}

struct dns_attempt *
dns_attempt_new(struct event_base *base, const struct dns_attempt_order *order,
    dns_attempt_fn *fn, void *ctx)
{
	struct dns_attempt *attempt = xcalloc(1, sizeof(*attempt));

	attempt->fd = -1;
	attempt->tcp = order->tcp;
	attempt->query = *order->query;
	attempt->counts = order->counts;
	attempt->fn = fn;
	attempt->ctx = ctx;
	strbuf_init(&attempt->in, LENGTH_SIZE + DNS_TCP_SIZE);
	/* A new id for each attempt, that nobody can foresee (RFC 5452 section
	 * 9.2); without it there is no use in asking. */
	if (getrandom(&attempt->query.id, sizeof(attempt->query.id), 0) !=
	    (ssize_t)sizeof(attempt->query.id))
		abort();
	attempt->error = ETIMEDOUT;
	if (begin_attempt(attempt, base, order->server) != 0) {
		int error = errno;

		dns_attempt_free(attempt);
		errno = error;
		return NULL;
	}
	attempt->counts->sent++;
	return attempt;
}

int
dns_attempt_error(const struct dns_attempt *attempt)
{
	return attempt->error;
}

void
dns_attempt_free(struct dns_attempt *attempt)
{
	if (attempt == NULL)
		return;
	if (attempt->event != NULL)
		event_free(attempt->event);
	if (attempt->fd >= 0)
		(void)close(attempt->fd);
	strbuf_clear(&attempt->out);
	strbuf_clear(&attempt->in);
	free(attempt);
}
