/* Introductions; see hello_wire.h. */
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
proxy_hello_send(int wire, const struct proxy_hello *hello, int socket)
{
	return proxy_key_send(
	    wire, slice_from((const char *)hello, sizeof(*hello)), socket);
}

/* Nothing else is read and written as one of these. */
static bool
is_our_kind(int fd)
{
	int domain = 0, type = 0;
	socklen_t n = sizeof(domain), m = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &m) == 0 &&
	    domain == AF_UNIX && type == SOCK_SEQPACKET &&
	    fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

enum proxy_hello_got
proxy_hello_receive(int wire, struct proxy_hello *hello, int *socket)
{
	char datagram[sizeof(*hello) + 1];
	long n = proxy_key_receive(wire, datagram, sizeof(datagram), socket);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return PROXY_HELLO_NONE;
	if (n <= 0 && *socket == PROXY_KEY_NO_FD)
		return PROXY_HELLO_GONE;
	if (*socket < 0)
		return PROXY_HELLO_NONE;
	if (n == (long)sizeof(*hello) && is_our_kind(*socket)) {
		memcpy(hello, datagram, sizeof(*hello));
		if (hello->front < PROXY_FRONTS)
			return PROXY_HELLO_GOT;
	}
	(void)close(*socket);
	*socket = PROXY_KEY_NO_FD;
	return PROXY_HELLO_NONE;
}
