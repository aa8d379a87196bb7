/*
 * What processes have with each other: the master makes it, and hands each his
 * end (proxy/keys/hello_wire.h).
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/xalloc.h"
#include "proxy/keys/hello_wire.h"
#include "proxy/process/master_private.h"
#include "proxy/settings/roles.h"

int
proxy_master_pair(int type, int pair[2], struct strbuf *reason)
{
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ==
	    0)
		return 0;
	return strbuf_fail(reason, "socketpair: %s", strerror(errno));
}

bool
proxy_seat_asks(const struct proxy_seat *seat)
{
	const struct proxy_config *config = seat->generation->config;
	const struct proxy_front *front = proxy_role_front(seat->role, config);

	return front != NULL && proxy_front_asks_signers(config, front);
}

/* --- handing over --- */

static void
drop_gift(struct proxy_seat *to, struct proxy_gift *gift)
{
	STAILQ_REMOVE_HEAD(&to->gifts, entry);
	to->gift_count--;
	(void)close(gift->fd);
	free(gift);
}

void
proxy_seat_drop_gifts(struct proxy_seat *seat)
{
	while (seat->gift_count > 0)
		drop_gift(seat, STAILQ_FIRST(&seat->gifts));
	if (seat->on_room != NULL)
		event_free(seat->on_room);
	seat->on_room = NULL;
}

static void
fail_gift(const struct proxy_seat *to)
{
	if (errno == EPIPE || errno == ECONNRESET)
		return; /* its end is known in a moment */
	log_printf(to->generation->master->log, LOGGING_ERROR,
	    "process %ld of [%s] was not handed what it needs: %s",
	    (long)to->pid, proxy_role_name(to->role), strerror(errno));
}

static void
on_room(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_seat *to = ctx;
	struct proxy_gift *gift;

	(void)what;
	while ((gift = STAILQ_FIRST(&to->gifts)) != NULL) {
		if (proxy_hello_send(fd, &gift->hello, gift->fd) != 0) {
			if (errno == EAGAIN)
				return;
			fail_gift(to);
		}
		drop_gift(to, gift);
	}
	proxy_seat_drop_gifts(to);
}

/* A recorder is handed two for each worker before it has begun to read, and a
 * socket has room for some hundreds. */
static int
keep_gift(struct proxy_seat *to, const struct proxy_hello *hello, int fd)
{
	struct proxy_gift *gift;
	int own;

	if (to->gift_count == PROXY_SEAT_GIFTS_MAX ||
	    (own = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return -1;
	gift = xcalloc(1, sizeof(*gift));
	gift->hello = *hello;
	gift->fd = own;
	STAILQ_INSERT_TAIL(&to->gifts, gift, entry);
	if (to->gift_count++ > 0)
		return 0;
	to->on_room = event_new(to->generation->master->base, to->hello,
	    EV_WRITE | EV_PERSIST, on_room, to);
	(void)event_add(to->on_room, NULL);
	return 0;
}

static void
hand_to(
    struct proxy_seat *to, enum proxy_hello_kind kind, unsigned number, int fd)
{
	const struct proxy_hello hello = {kind, number};

	if (fd >= 0 && to->gift_count == 0 &&
	    proxy_hello_send(to->hello, &hello, fd) == 0)
		return;
	if (fd >= 0 && (to->gift_count > 0 || errno == EAGAIN) &&
	    keep_gift(to, &hello, fd) == 0)
		return;
	fail_gift(to);
}

/* Of a worker. */
static unsigned
front_number(const struct proxy_seat *worker)
{
	const struct proxy_config *config = worker->generation->config;

	return (unsigned)proxy_role_front(worker->role, config)->number;
}

static void
introduce(struct proxy_seat *asker, struct proxy_seat *signer)
{
	const struct proxy_generation *g = asker->generation;
	unsigned front = front_number(asker);
	struct strbuf reason;
	int pair[2];

	strbuf_init(&reason, 512);
	if (proxy_master_pair(SOCK_SEQPACKET, pair, &reason) != 0) {
		log_printf(g->master->log, LOGGING_ERROR,
		    "a worker cannot ask a signer: %s", strbuf_text(&reason));
	} else {
		hand_to(asker, PROXY_HELLO_SIGNING, front, pair[0]);
		hand_to(signer, PROXY_HELLO_SIGNING, front, pair[1]);
		fd_close(&pair[0]);
		fd_close(&pair[1]);
	}
	strbuf_clear(&reason);
}

/* To all that it has to do with. */
static void
introduce_all(struct proxy_seat *seat)
{
	const struct proxy_generation *g = seat->generation;
	size_t i;

	for (i = 0; i < g->seat_count; i++) {
		struct proxy_seat *other = &g->seats[i];

		if (other->state == PROXY_SEAT_EMPTY)
			continue;
		if (proxy_seat_asks(seat) && other->role == PROXY_ROLE_SIGNER)
			introduce(seat, other);
		else if (seat->role == PROXY_ROLE_SIGNER &&
		    proxy_seat_asks(other))
			introduce(other, seat);
	}
}

size_t
proxy_generation_meet(
    const struct proxy_generation *g, int to[PROXY_SIGNERS_MAX])
{
	const struct proxy_hello hello = {PROXY_HELLO_SIGNING,
	    (uint32_t)proxy_front_with(g->config, PROXY_FILTER_SIGN)->number};
	struct strbuf reason;
	size_t n = 0;
	int pair[2];

	strbuf_init(&reason, 512);
	for (size_t i = 0; i < g->seat_count && n < PROXY_SIGNERS_MAX; i++) {
		const struct proxy_seat *seat = &g->seats[i];

		if (seat->role != PROXY_ROLE_SIGNER ||
		    seat->state != PROXY_SEAT_SERVING ||
		    proxy_master_pair(SOCK_SEQPACKET, pair, &reason) != 0)
			continue;
		if (proxy_hello_send(seat->hello, &hello, pair[1]) == 0)
			to[n++] = pair[0];
		else
			fd_close(&pair[0]);
		fd_close(&pair[1]);
	}
	strbuf_clear(&reason);
	return n;
}

/* --- figures and records: to all generations --- */

/* Who looks at whose page: the recorder at all, workers at those whose spools
 * count with theirs. */
static bool
sees_page(const struct proxy_seat *who, const struct proxy_seat *whose)
{
	return who != whose && who->state != PROXY_SEAT_EMPTY &&
	    (who->role == PROXY_ROLE_RECORDER ||
		(proxy_role_is_worker(who->role) && who->role == whose->role));
}

static void
show_page(struct proxy_seat *to, unsigned slot)
{
	int reader =
	    proxy_shared_reader(to->generation->master->files.slots[slot]);

	hand_to(to, PROXY_HELLO_PAGE, slot, reader);
	fd_close(&reader);
}

void
proxy_seat_share(struct proxy_seat *seat)
{
	struct proxy_master *master = seat->generation->master;
	const struct proxy_generation *g;

	introduce_all(seat);
	TAILQ_FOREACH (g, &master->generations, link)
		for (size_t i = 0; i < g->seat_count; i++) {
			struct proxy_seat *other = &g->seats[i];

			if (other->state == PROXY_SEAT_EMPTY)
				continue;
			if (sees_page(seat, other))
				show_page(seat, other->slot);
			if (sees_page(other, seat))
				show_page(other, seat->slot);
			if (seat->role == PROXY_ROLE_RECORDER &&
			    other->records >= 0)
				hand_to(seat, PROXY_HELLO_RECORDS,
				    front_number(other), other->records);
			if (other->role == PROXY_ROLE_RECORDER &&
			    seat->records >= 0)
				hand_to(other, PROXY_HELLO_RECORDS,
				    front_number(seat), seat->records);
		}
	if (seat->role == PROXY_ROLE_RECORDER) {
		/* What those left who ended while there was none; and figures
		 * of before. */
		while (master->orphan_count > 0) {
			struct proxy_orphan *last =
			    &master->orphans[--master->orphan_count];

			hand_to(seat, PROXY_HELLO_RECORDS, last->front,
			    last->records);
			fd_close(&last->records);
		}
		for (unsigned k = 0; k < PROXY_SHARED_SLOTS; k++)
			if (master->files.slots[k] >= 0 &&
			    !master->slots.taken[k])
				show_page(seat, k);
	}
}

void
proxy_seat_leave_records(struct proxy_seat *seat)
{
	struct proxy_master *master = seat->generation->master;
	size_t kept = 0;
	char byte;

	/* Those that the recorder has read to their end. */
	for (size_t i = 0; i < master->orphan_count; i++) {
		struct proxy_orphan *one = &master->orphans[i];

		if (recv(one->records, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
			master->orphans[kept++] = *one;
		else
			fd_close(&one->records);
	}
	master->orphan_count = kept;
	if (seat->records >= 0 &&
	    master->orphan_count < PROXY_MASTER_ORPHANS_MAX) {
		master->orphans[master->orphan_count++] =
		    (struct proxy_orphan){seat->records, front_number(seat)};
		seat->records = -1;
	}
	fd_close(&seat->records);
}
