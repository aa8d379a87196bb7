/* Questions of tools to the master; see control.h. */
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "proxy/process/control.h"

/* Who may wait for an answer at a time. */
enum { ASKERS_MAX = 8, QUESTION_MAX = 64 };

enum asker_state {
	ASKER_NONE,
	ASKER_SILENT, /* has not asked yet */
	ASKER_NEXT,   /* waits for the reload that is yet to begin */
	ASKER_WAITING /* for the one that is under way */
};

struct asker {
	struct proxy_control *control;
	enum asker_state state;
	int fd;
	struct event *readable;
};

struct proxy_control {
	struct event_base *base;
	proxy_control_fn *reload;
	void *ctx;
	int fd;
	struct event *acceptable;
	struct asker askers[ASKERS_MAX];
};

/* The name of a master's socket; its length. */
static socklen_t
make_address(pid_t pid, struct sockaddr_un *un)
{
	int n;

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	n = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1,
	    "signpost-control-%ld", (long)pid);
	return (
	    socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* Root, or who runs this process. */
static bool
is_caller_trusted(int fd, struct ucred *peer)
{
	socklen_t n = sizeof(*peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &n) == 0 &&
	    (peer->uid == 0 || peer->uid == geteuid());
}

/* --- the master's side --- */

static void
dismiss(struct asker *asker)
{
	event_free(asker->readable);
	(void)close(asker->fd);
	asker->state = ASKER_NONE;
}

static void
on_question(evutil_socket_t fd, short what, void *ctx)
{
	struct asker *asker = ctx;
	struct proxy_control *control = asker->control;
	char question[QUESTION_MAX];
	ssize_t n = recv(fd, question, sizeof(question), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* It asks once; who goes away, or asks for something else, is let go. */
	if (asker->state != ASKER_SILENT || n <= 0 ||
	    !slice_equal(
		slice_from(question, (size_t)n), SLICE(PROXY_CONTROL_RELOAD))) {
		dismiss(asker);
		return;
	}
	asker->state = ASKER_NEXT;
	control->reload(control->ctx);
}

static void
on_asker(evutil_socket_t socket, short what, void *ctx)
{
	struct proxy_control *control = ctx;
	struct asker *asker = NULL;
	struct ucred peer;
	int fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (fd < 0)
		return;
	for (size_t i = 0; i < ASKERS_MAX && asker == NULL; i++)
		if (control->askers[i].state == ASKER_NONE)
			asker = &control->askers[i];
	if (asker == NULL || !is_caller_trusted(fd, &peer)) {
		(void)close(fd);
		return;
	}
	*asker = (struct asker){control, ASKER_SILENT, fd, NULL};
	asker->readable = event_new(
	    control->base, fd, EV_READ | EV_PERSIST, on_question, asker);
	(void)event_add(asker->readable, NULL);
}

struct proxy_control *
proxy_control_new(struct event_base *base, proxy_control_fn *reload, void *ctx,
    struct strbuf *reason)
{
	struct proxy_control *control;
	struct sockaddr_un un;
	socklen_t n = make_address(getpid(), &un);
	int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&un, n) != 0 ||
	    listen(fd, ASKERS_MAX) != 0) {
		strbuf_addf(reason, "control socket: %s", strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	control = xcalloc(1, sizeof(*control));
	control->base = base;
	control->reload = reload;
	control->ctx = ctx;
	control->fd = fd;
	control->acceptable =
	    event_new(base, fd, EV_READ | EV_PERSIST, on_asker, control);
	(void)event_add(control->acceptable, NULL);
	return control;
}

void
proxy_control_free(struct proxy_control *control)
{
	if (control == NULL)
		return;
	for (size_t i = 0; i < ASKERS_MAX; i++)
		if (control->askers[i].state != ASKER_NONE)
			dismiss(&control->askers[i]);
	event_free(control->acceptable);
	(void)close(control->fd);
	free(control);
}

void
proxy_control_began(struct proxy_control *control)
{
	for (size_t i = 0; control != NULL && i < ASKERS_MAX; i++)
		if (control->askers[i].state == ASKER_NEXT)
			control->askers[i].state = ASKER_WAITING;
}

void
proxy_control_answer(struct proxy_control *control, struct slice answer)
{
	answer = slice_first(answer, PROXY_CONTROL_ANSWER_MAX);
	for (size_t i = 0; control != NULL && i < ASKERS_MAX; i++) {
		struct asker *asker = &control->askers[i];

		if (asker->state != ASKER_WAITING)
			continue;
		(void)send(
		    asker->fd, answer.p, answer.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		dismiss(asker);
	}
}

/* --- the tool's side --- */

static int
fail_control(struct strbuf *reason, const char *what, int why)
{
	strbuf_addf(reason, "%s%s%s", what, why == 0 ? "" : ": ",
	    why == 0 ? "" : strerror(why));
	return -1;
}

static int
connect_to(pid_t master, struct strbuf *reason)
{
	struct sockaddr_un un;
	socklen_t n = make_address(master, &un);
	struct ucred peer;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail_control(reason, "socket", errno);
	if (connect(fd, (const struct sockaddr *)&un, n) != 0) {
		(void)fail_control(reason, "it does not listen", errno);
	} else if (!is_caller_trusted(fd, &peer) || peer.pid != master) {
		(void)fail_control(
		    reason, "another process answers in its place", 0);
	} else {
		return fd;
	}
	(void)close(fd);
	return -1;
}

/* One datagram: 0, or -1 and the reason. */
static int
receive_answer(
    int fd, unsigned wait_s, struct strbuf *answer, struct strbuf *reason)
{
	int64_t end = clock_ms() + (int64_t)wait_s * 1000, left;
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	ssize_t n = -1;
	char *to = strbuf_reserve(answer, PROXY_CONTROL_ANSWER_MAX);

	while ((left = end - clock_ms()) > 0) {
		int ready = poll(&readable, 1, (int)left);

		if (ready < 0 && errno != EINTR)
			return fail_control(reason, "poll", errno);
		if (ready <= 0)
			continue;
		n = recv(fd, to, PROXY_CONTROL_ANSWER_MAX, 0);
		if (n <= 0)
			return fail_control(
			    reason, "it ended, or does not take it", 0);
		answer->n += (size_t)n;
		return 0;
	}
	strbuf_addf(reason, "no outcome within %u s", wait_s);
	return -1;
}

int
proxy_control_ask(pid_t master, const char *question, unsigned wait_s,
    struct strbuf *answer, struct strbuf *reason)
{
	int fd = connect_to(master, reason), result = -1;

	if (fd < 0)
		return -1;
	if (send(fd, question, strlen(question), MSG_NOSIGNAL) < 0)
		(void)fail_control(reason, "send", errno);
	else
		result = receive_answer(fd, wait_s, answer, reason);
	(void)close(fd);
	return result;
}
