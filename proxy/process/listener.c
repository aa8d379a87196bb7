/* Listening sockets; see listener.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/process/listener.h"

static int
fail_listener(int fd, const struct proxy_endpoint *at, const char *what,
    struct strbuf *reason)
{
	int error = errno;

	strbuf_add_str(reason, "listen = ");
	proxy_endpoint_print(at, reason);
	strbuf_addf(reason, ": %s: %s", what, strerror(error));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static int
bind_it(int fd, const struct proxy_endpoint *at)
{
	const struct sockaddr *address = (const struct sockaddr *)&at->address;
	int one = 1, result;
	mode_t before;
	const char *path;
	struct stat st;
	int file;

	if (address->sa_family != AF_UNIX) {
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (address->sa_family == AF_INET6)
			(void)setsockopt(
			    fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		return bind(fd, address, at->length);
	}
	/* A socket file that a process left behind: whoever is there but
	 * busy or stopped refuses nothing, and is not waited for. */
	path = proxy_endpoint_path(at);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		file = socket(
		    AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (file >= 0) {
			if (connect(file, (const struct sockaddr *)&at->address,
				at->length) != 0 &&
			    errno == ECONNREFUSED)
				(void)unlink(path);
			(void)close(file);
		}
	}
	before = umask(0177); /* until the rights are given */
	result = bind(fd, address, at->length);
	(void)umask(before);
	return result;
}

/* As its owner may without CAP_CHOWN, while he is in the group. */
static int
change_group(int fd, gid_t group)
{
	gid_t before = getegid();
	/* Refused, he may have it as a supplementary one. */
	bool entered = setegid(group) == 0;
	int result = fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH);

	return entered && setegid(before) != 0 ? -1 : result;
}

/* By a handle of what stands there, if that is a socket: where others may
 * write to the directory, the name could mean something else by now. */
static int
set_rights(const char *path, gid_t group, mode_t mode)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), result = -1;
	char handle[32];
	struct stat st;

	if (fd < 0)
		return -1;
	(void)snprintf(handle, sizeof(handle), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    (group == (gid_t)-1 || st.st_gid == group ||
		change_group(fd, group) == 0) &&
	    chmod(handle, mode) == 0)
		result = 0;
	(void)close(fd);
	return result;
}

/* `otherwise`: the group where none is said; -1: the one that it has. */
static int
give_rights(const struct proxy_endpoint *at, const struct proxy_rights *rights,
    gid_t otherwise, struct strbuf *reason)
{
	const char *path = proxy_endpoint_path(at);
	const struct group *group = NULL;

	if (path == NULL)
		return 0;
	if (rights->group[0] != '\0') {
		errno = ENOENT;
		group = getgrnam(rights->group);
		if (group == NULL)
			return fail_listener(-1, at, "group=", reason);
	}
	if (set_rights(path, group == NULL ? otherwise : group->gr_gid,
		rights->mode == 0 ? PROXY_LISTENER_MODE : rights->mode) != 0)
		return fail_listener(-1, at, "its mode and group", reason);
	return 0;
}

int
proxy_listener_admit(const struct proxy_endpoint *at,
    const struct proxy_rights *rights, struct strbuf *reason)
{
	return give_rights(at, rights, getegid(), reason);
}

int
proxy_listener_open(const struct proxy_endpoint *at,
    const struct proxy_rights *rights, struct strbuf *reason)
{
	int fd = socket(at->address.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail_listener(fd, at, "socket", reason);
	if (bind_it(fd, at) != 0)
		return fail_listener(fd, at, "bind", reason);
	if (give_rights(at, rights, (gid_t)-1, reason) != 0) {
		(void)unlink(proxy_endpoint_path(at));
		(void)close(fd);
		return -1;
	}
	if (listen(fd, PROXY_LISTENER_BACKLOG) != 0)
		return fail_listener(fd, at, "listen", reason);
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
	strbuf_add_str(out, text);
}
