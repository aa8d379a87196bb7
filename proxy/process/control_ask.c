/* The tools' side of the control socket; see control.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/process/control.h"

static int
ask_fail(struct strbuf *reason, const char *what, int why)
{
	return strbuf_fail(reason, "%s%s%s", what, why == 0 ? "" : ": ",
	    why == 0 ? "" : strerror(why));
}

static int
connect_to(struct proxy_control_asking *asking, struct strbuf *reason)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const struct timeval wait = {(time_t)asking->wait_s, 0};
	size_t n = strlen(asking->path);
	pid_t listens;
	int fd, why;

	if (n >= sizeof(un.sun_path))
		return ask_fail(reason, asking->path, ENAMETOOLONG);
	memcpy(un.sun_path, asking->path, n);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ask_fail(reason, "socket", errno);
	/* Of a connect, too: where all places are taken, it waits. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) != 0) {
		why = errno;
		asking->absent = why == ENOENT || why == ECONNREFUSED;
		asking->forbidden = why == EACCES || why == EPERM;
		(void)ask_fail(reason, asking->path, why);
	} else if (!proxy_control_peer_is_trusted(fd, &listens) ||
	    (asking->master != 0 && listens != asking->master)) {
		/* Who listens is told by the kernel: where others may write to
		 * the directory, they may have put their own socket there. */
		strbuf_addf(reason, "%s: another process answers in its place",
		    asking->path);
	} else {
		return fd;
	}
	(void)close(fd);
	return -1;
}

/* One datagram: 0, or -1 and the reason. */
static int
receive(int fd, unsigned wait_s, struct strbuf *answer, struct strbuf *reason)
{
	int64_t end = clock_ms() + (int64_t)wait_s * 1000, left;
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	ssize_t n = -1;
	char *to = strbuf_reserve(answer, PROXY_CONTROL_ANSWER_MAX);

	while ((left = end - clock_ms()) > 0) {
		int ready = poll(&readable, 1, (int)left);

		if (ready < 0 && errno != EINTR)
			return ask_fail(reason, "poll", errno);
		if (ready <= 0)
			continue;
		n = recv(fd, to, PROXY_CONTROL_ANSWER_MAX, 0);
		if (n <= 0)
			return ask_fail(
			    reason, "it ended, or does not take it", 0);
		answer->n += (size_t)n;
		return 0;
	}
	return strbuf_fail(reason, "no answer within %u s", wait_s);
}

int
proxy_control_ask(struct proxy_control_asking *asking, struct strbuf *answer,
    struct strbuf *reason)
{
	int fd = connect_to(asking, reason), result = -1;

	if (fd < 0)
		return -1;
	if (send(fd, asking->request, strlen(asking->request), MSG_NOSIGNAL) <
	    0)
		(void)ask_fail(reason, "send", errno);
	else
		result = receive(fd, asking->wait_s, answer, reason);
	(void)close(fd);
	return result;
}
