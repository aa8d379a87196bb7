/*
 * A milter that does nothing, for bench/system.py: it asks a mail server for the
 * same as signpost's [out], takes all of each message, and says "continue" at its
 * end. With -i it inserts a field as long as a signature before that, on top and
 * the same in each message: what the mail server does for any milter that signs.
 *
 *	bench_noop [-i] PATH
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "milter/negotiate.h"
#include "milter/packet.h"

enum { EVENTS = 64, READ_MAX = 64 * 1024, OUT_MAX = 4096, BACKLOG = 128 };

struct peer {
	int fd;
	struct milter_reader reader;
	struct milter_terms terms;
};

static int
listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(at.sun_path))
		errx(1, "%s: too long", path);
	memcpy(at.sun_path, path, strlen(path));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(fd, BACKLOG) != 0 || chmod(path, 0666) != 0)
		err(1, "%s", path);
	return fd;
}

static void
watch(int epoll, int fd, void *peer)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		err(1, "epoll_ctl");
}

static void
accept_peer(int epoll, int listener)
{
	struct peer *peer = xcalloc(1, sizeof(*peer));

	peer->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (peer->fd < 0)
		err(1, "accept");
	milter_reader_init(&peer->reader);
	watch(epoll, peer->fd, peer);
}

static void
end_peer(struct peer *peer)
{
	milter_reader_clear(&peer->reader);
	(void)close(peer->fd);
	free(peer);
}

/* Folded as ours is: 7 lines, 520 octets. */
static void
insert_field(struct strbuf *out)
{
	struct strbuf value;

	strbuf_init(&value, OUT_MAX);
	strbuf_add_str(&value, " v=1; a=rsa-sha256; c=relaxed/relaxed");
	for (int line = 0; line < 6; line++)
		strbuf_addf(&value, "\n\t%.*s", 78,
		    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
	(void)milter_print_insert(
	    0, SLICE("DKIM-Signature"), strbuf_slice(&value), out);
	strbuf_clear(&value);
}

static void
answer(struct peer *peer, const struct milter_packet *packet, bool inserts,
    struct strbuf *out, struct strbuf *reason)
{
	static const struct milter_wishes wishes = {.changes = false};

	if (packet->code == MILTER_NEGOTIATE) {
		if (milter_negotiate(
			packet->data, &wishes, &peer->terms, reason) != 0)
			errx(1, "%s", strbuf_text(reason));
		(void)milter_print_terms(&peer->terms, out);
	} else if (inserts && packet->code == MILTER_END) {
		insert_field(out);
		(void)milter_print_answer(MILTER_CONTINUE, out);
	} else if (milter_terms_want_answer(&peer->terms, packet->code)) {
		(void)milter_print_answer(MILTER_CONTINUE, out);
	}
}

/* False where it is over. */
static bool
serve(struct peer *peer, bool inserts)
{
	char bytes[READ_MAX];
	ssize_t n = read(peer->fd, bytes, sizeof(bytes));
	struct slice in = slice_from(bytes, n > 0 ? (size_t)n : 0);
	struct milter_packet packet = {.code = 0};
	struct strbuf out, reason;
	size_t used;

	strbuf_init(&out, OUT_MAX);
	strbuf_init(&reason, OUT_MAX);
	while (in.n > 0 && packet.code != MILTER_QUIT) {
		if (milter_reader_next(&peer->reader, in, &used, &packet) ==
		    MILTER_DONE)
			answer(peer, &packet, inserts, &out, &reason);
		in = slice_after(in, used);
	}
	if (out.n > 0 && write(peer->fd, out.p, out.n) != (ssize_t)out.n)
		n = 0;
	strbuf_clear(&out);
	strbuf_clear(&reason);
	return n > 0 && packet.code != MILTER_QUIT;
}

int
main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC), listener;
	bool inserts = argc == 3 && strcmp(argv[1], "-i") == 0;
	struct epoll_event events[EVENTS];

	if (argc != 2 + inserts || epoll < 0)
		errx(64, "usage: bench_noop [-i] PATH");
	listener = listen_at(argv[argc - 1]);
	watch(epoll, listener, NULL);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			struct peer *peer = events[i].data.ptr;

			if (peer == NULL)
				accept_peer(epoll, listener);
			else if (!serve(peer, inserts))
				end_peer(peer);
		}
	}
}
