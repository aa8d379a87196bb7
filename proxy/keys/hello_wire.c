/* What the master hands over; see hello_wire.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/keys/hello_wire.h"
#include "proxy/keys/key_wire.h"
#include "proxy/settings/fronts.h"

int
proxy_hello_send(int wire, const struct proxy_hello *hello, int fd)
{
	return proxy_key_send(
	    wire, slice_from((const char *)hello, sizeof(*hello)), fd);
}

/* Nothing else is read and written as one of these. */
static bool
is_socket_of_ours(int fd)
{
	int domain = 0, type = 0;
	socklen_t n = sizeof(domain), m = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &m) == 0 &&
	    domain == AF_UNIX && type == SOCK_SEQPACKET &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static bool
is_sane(const struct proxy_hello *hello, int fd)
{
	switch (hello->kind) {
	case PROXY_HELLO_SIGNING:
	case PROXY_HELLO_RECORDS:
		return hello->number < PROXY_FRONTS && is_socket_of_ours(fd);
	default: /* a page is looked at by who maps it */
		return hello->kind < PROXY_HELLO_KINDS;
	}
}

enum proxy_hello_got
proxy_hello_receive(int wire, struct proxy_hello *hello, int *fd)
{
	char datagram[sizeof(*hello) + 1];
	long n = proxy_key_receive(wire, datagram, sizeof(datagram), fd);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PROXY_HELLO_NONE;
	if (n <= 0 && *fd == PROXY_KEY_NO_FD)
		return PROXY_HELLO_GONE;
	if (*fd < 0)
		return PROXY_HELLO_NONE;
	if (n == (long)sizeof(*hello)) {
		memcpy(hello, datagram, sizeof(*hello));
		if (is_sane(hello, *fd))
			return PROXY_HELLO_GOT;
	}
	(void)close(*fd);
	*fd = PROXY_KEY_NO_FD;
	return PROXY_HELLO_NONE;
}
