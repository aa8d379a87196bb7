/*
 * Questions of tools to the master; see control.h. The master must answer
 * nobody at the cost of its work: one request a connection, an answer that
 * fits the socket's buffer, and who is slow or asks twice is let go.
 */
#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/slice.h"
#include "base/xalloc.h"
#include "proxy/process/control.h"

/* Who may be there at a time; seconds for one of them to ask. */
enum { ASKERS_MAX = 16, ASK_S = 10 };

enum asker_state {
	ASKER_NONE,
	ASKER_SILENT,  /* has not asked yet */
	ASKER_NEXT,    /* waits for the reload that is yet to begin */
	ASKER_WAITING, /* for the one that is under way */
	ASKER_TICKET   /* for an answer of his own */
};

struct asker {
	struct proxy_control *control;
	enum asker_state state;
	int fd;
	struct event *readable;
	uint64_t number; /* no two have the same one */
};

struct proxy_control {
	struct event_base *base;
	const struct proxy_control_ops *ops;
	void *ctx;
	char *path; /* NULL: it does not listen */
	int fd;
	dev_t device; /* of the socket's name, to know it again */
	ino_t inode;
	struct event *acceptable;
	struct asker askers[ASKERS_MAX];
	uint64_t asked; /* so many so far */
};

/* --- who asks --- */

bool
proxy_control_peer_is_trusted(int fd, pid_t *pid)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return false;
	*pid = peer.pid;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void
dismiss(struct asker *asker)
{
	event_free(asker->readable);
	(void)close(asker->fd);
	asker->state = ASKER_NONE;
}

static void
answer_asker(struct asker *asker, struct slice text)
{
	(void)send(asker->fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	dismiss(asker);
}

static void
take_request(struct asker *asker, struct slice text)
{
	struct proxy_control *control = asker->control;
	struct proxy_control_request request;
	struct strbuf to, why;

	strbuf_init(&to, PROXY_CONTROL_ANSWER_MAX);
	strbuf_init(&why, PROXY_CONTROL_ANSWER_MAX / 2);
	if (proxy_control_request_parse(text, &request, &why) != 0) {
		strbuf_addf(&to, "{\"error\":\"%s\"}\n", strbuf_text(&why));
		answer_asker(asker, strbuf_slice(&to));
	} else if (request.verb == PROXY_CONTROL_RELOAD) {
		asker->state = ASKER_NEXT;
		control->ops->reload(control->ctx);
	} else {
		const struct proxy_control_ticket ticket = {
		    (size_t)(asker - control->askers), asker->number};

		asker->state = ASKER_TICKET;
		if (control->ops->answer(control->ctx, &request, ticket, &to))
			answer_asker(asker, strbuf_slice(&to));
	}
	strbuf_clear(&why);
	strbuf_clear(&to);
}

/* It asks once; who asks again, asks nothing or goes away is let go. */
static void
on_request(evutil_socket_t fd, short what, void *ctx)
{
	struct asker *asker = ctx;
	char text[PROXY_CONTROL_REQUEST_MAX + 1];
	ssize_t n;

	if ((what & EV_READ) == 0) {
		if (asker->state == ASKER_SILENT)
			dismiss(asker);
		return;
	}
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || asker->state != ASKER_SILENT)
		dismiss(asker);
	else
		take_request(asker, slice_from(text, (size_t)n));
}

static void
on_asker(evutil_socket_t socket, short what, void *ctx)
{
	static const struct timeval wait = {ASK_S, 0};
	struct proxy_control *control = ctx;
	struct asker *asker = NULL;
	pid_t ignored;
	int fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (fd < 0)
		return;
	for (size_t i = 0; i < ASKERS_MAX && asker == NULL; i++)
		if (control->askers[i].state == ASKER_NONE)
			asker = &control->askers[i];
	if (asker == NULL || !proxy_control_peer_is_trusted(fd, &ignored)) {
		(void)close(fd);
		return;
	}
	*asker =
	    (struct asker){control, ASKER_SILENT, fd, NULL, ++control->asked};
	asker->readable = event_new(
	    control->base, fd, EV_READ | EV_PERSIST, on_request, asker);
	(void)event_add(asker->readable, &wait);
}

/* --- the socket --- */

static int
control_fail(int fd, const char *path, const char *what, struct strbuf *reason)
{
	strbuf_addf(
	    reason, "control = %s: %s: %s", path, what, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* What a process left behind that died: nobody listens there. -1 where
 * somebody does, or where it is no socket. */
static int
remove_stale(const char *path, const struct sockaddr_un *un)
{
	struct stat st;
	int fd, why;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	why = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0
	    ? EADDRINUSE
	    : errno;
	(void)close(fd);
	if (why == ECONNREFUSED)
		return unlink(path);
	errno = why == EAGAIN ? EADDRINUSE : why;
	return -1;
}

/* A listening socket and what its name stands for; -1 and the reason. */
static int
open_socket(const char *path, struct stat *st, struct strbuf *reason)
{
	struct sockaddr_un un;
	int fd;
	struct slice whole;
	char *directory;
	int result;
	mode_t before;
	int outcome;

	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return control_fail(-1, path, "name", reason);
	}
	memcpy(un.sun_path, path, strlen(path));
	whole = slice_str(path);
	directory = xslicedup(slice_first(whole, slice_find_last(whole, '/')));
	result = directory[0] == '\0' || mkdir(directory, 0755) == 0 ||
		errno == EEXIST
	    ? 0
	    : -1;
	free(directory);
	if (result != 0)
		return control_fail(-1, path, "its directory", reason);
	if (remove_stale(path, &un) != 0)
		return control_fail(-1, path, "what is there", reason);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return control_fail(fd, path, "socket", reason);
	before = umask(0177);
	outcome = bind(fd, (const struct sockaddr *)&un, sizeof(un));
	(void)umask(before);
	if (outcome != 0)
		return control_fail(fd, path, "bind", reason);
	if (listen(fd, ASKERS_MAX) != 0 || lstat(path, st) != 0)
		return control_fail(fd, path, "listen", reason);
	return fd;
}

/* Another daemon may have its own there by now. */
static void
stop_listening(struct proxy_control *control)
{
	struct stat st;

	if (control->path == NULL)
		return;
	event_free(control->acceptable);
	(void)close(control->fd);
	if (lstat(control->path, &st) == 0 && st.st_dev == control->device &&
	    st.st_ino == control->inode)
		(void)unlink(control->path);
	free(control->path);
	control->path = NULL;
}

int
proxy_control_listen(
    struct proxy_control *control, const char *path, struct strbuf *reason)
{
	struct stat st;
	int fd;

	if (path == NULL || path[0] == '\0') {
		stop_listening(control);
		return 0;
	}
	if (control->path != NULL && strcmp(control->path, path) == 0 &&
	    lstat(path, &st) == 0 && st.st_dev == control->device &&
	    st.st_ino == control->inode)
		return 0;
	fd = open_socket(path, &st, reason);
	if (fd < 0)
		return -1;
	stop_listening(control);
	control->path = xstrdup(path);
	control->fd = fd;
	control->device = st.st_dev;
	control->inode = st.st_ino;
	control->acceptable = event_new(
	    control->base, fd, EV_READ | EV_PERSIST, on_asker, control);
	(void)event_add(control->acceptable, NULL);
	return 0;
}

/* --- life --- */

struct proxy_control *
proxy_control_new(
    struct event_base *base, const struct proxy_control_ops *ops, void *ctx)
{
	struct proxy_control *control = xcalloc(1, sizeof(*control));

	control->base = base;
	control->ops = ops;
	control->ctx = ctx;
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
	stop_listening(control);
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
proxy_control_answer(struct proxy_control *control, struct slice text)
{
	for (size_t i = 0; control != NULL && i < ASKERS_MAX; i++)
		if (control->askers[i].state == ASKER_WAITING)
			answer_asker(&control->askers[i], text);
}

void
proxy_control_answer_one(struct proxy_control *control,
    struct proxy_control_ticket ticket, struct slice text)
{
	struct asker *asker = &control->askers[ticket.place];

	if (asker->state == ASKER_TICKET && asker->number == ticket.number)
		answer_asker(asker, text);
}
