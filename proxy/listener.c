/* Listening sockets; see listener.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/listener.h"

static int
fail(int fd, const struct proxy_endpoint *at, const char *what,
    struct strbuf *reason)
{
	int error = errno;

	(void)strbuf_add_str(reason, "listen = ");
	proxy_endpoint_print(at, reason);
	(void)strbuf_addf(reason, ": %s: %s", what, strerror(error));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* A socket file that a process left behind: whoever is there but busy or
 * stopped refuses nothing, and is not waited for. */
static void
remove_stale(const struct proxy_endpoint *at)
{
	const char *path = proxy_endpoint_path(at);
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&at->address, at->length) !=
		0 &&
	    errno == ECONNREFUSED)
		(void)unlink(path);
	(void)close(fd);
}

static int
bind_it(int fd, const struct proxy_endpoint *at)
{
	const struct sockaddr *address = (const struct sockaddr *)&at->address;
	int one = 1, result;
	mode_t before;

	if (address->sa_family != AF_UNIX) {
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (address->sa_family == AF_INET6)
			(void)setsockopt(
			    fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		return bind(fd, address, at->length);
	}
	remove_stale(at);
	before = umask(0117);
	result = bind(fd, address, at->length);
	(void)umask(before);
	return result;
}

int
proxy_listener_open(const struct proxy_endpoint *at, struct strbuf *reason)
{
	int fd = socket(at->address.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(fd, at, "socket", reason);
	if (bind_it(fd, at) != 0)
		return fail(fd, at, "bind", reason);
	if (listen(fd, PROXY_LISTENER_BACKLOG) != 0)
		return fail(fd, at, "listen", reason);
	return fd;
}

enum proxy_accept
proxy_listener_accept(int listener, int *fd, struct sockaddr_storage *peer)
{
	socklen_t length = sizeof(*peer);
	int one = 1;

	memset(peer, 0, sizeof(*peer));
	*fd = accept4(listener, (struct sockaddr *)peer, &length,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (*fd >= 0) {
		if (peer->ss_family != AF_UNIX)
			(void)setsockopt(
			    *fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		return PROXY_ACCEPT_TAKEN;
	}
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return PROXY_ACCEPT_EXHAUSTED;
	default: /* others took it, or it is gone again */
		return PROXY_ACCEPT_NONE;
	}
}

void
proxy_peer_print(const struct sockaddr_storage *peer, struct strbuf *out)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
	const struct sockaddr_in *four = (const struct sockaddr_in *)peer;
	char text[INET6_ADDRSTRLEN] = "";

	if (peer->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text));
	else if (peer->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		(void)inet_ntop(
		    AF_INET, &six->sin6_addr.s6_addr[12], text, sizeof(text));
	else if (peer->ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text));
	(void)strbuf_add_str(out, text);
}
