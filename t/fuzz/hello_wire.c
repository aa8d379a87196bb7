/*
 * What comes to a process as if from the master: with a socket of the right
 * kind, with one of another, with a file, and with nothing. What it takes is
 * open, and what it does not is closed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/keys/hello_wire.h"
#include "proxy/keys/key_wire.h"
#include "proxy/settings/fronts.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
try_with(int wire[2], struct slice datagram, int fd, bool is_socket)
{
	int before = next_descriptor(), got_fd;
	struct proxy_hello hello;
	enum proxy_hello_got got;

	must(proxy_key_send(wire[0], datagram, fd) == 0);
	got = proxy_hello_receive(wire[1], &hello, &got_fd);
	if (got == PROXY_HELLO_GOT) {
		must(fd >= 0 && got_fd >= 0 && hello.kind < PROXY_HELLO_KINDS);
		must(is_socket || hello.kind == PROXY_HELLO_PAGE);
		must(hello.kind == PROXY_HELLO_PAGE ||
		    hello.number < PROXY_FRONTS);
		(void)close(got_fd);
	} else {
		must(got_fd < 0);
		must(datagram.n > 0 || fd >= 0 || got == PROXY_HELLO_GONE);
	}
	must(next_descriptor() == before);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice datagram = slice_from((const char *)bytes, n);
	int wire[2], pair[2], stream[2], file;
	struct proxy_hello hello;
	int fd;

	if (n > 4096)
		return 0;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, wire) == 0);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0);
	file = memfd_create("page", MFD_CLOEXEC);
	must(file >= 0);
	try_with(wire, datagram, pair[0], true);
	try_with(wire, datagram, stream[0], false);
	try_with(wire, datagram, file, false);
	try_with(wire, datagram, PROXY_KEY_NO_FD, false);
	must(proxy_hello_receive(wire[1], &hello, &fd) == PROXY_HELLO_NONE);
	hello = (struct proxy_hello){PROXY_HELLO_RECORDS, 1};
	must(proxy_hello_send(wire[0], &hello, pair[0]) == 0);
	must(proxy_hello_receive(wire[1], &hello, &fd) == PROXY_HELLO_GOT);
	must(hello.kind == PROXY_HELLO_RECORDS && hello.number == 1);
	(void)close(fd);
	for (int i = 0; i < 2; i++) {
		(void)close(wire[i]);
		(void)close(pair[i]);
		(void)close(stream[i]);
	}
	(void)close(file);
	return 0;
}
