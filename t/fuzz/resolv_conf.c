/* dns/servers: any resolv.conf names one server at least, and so many at most;
 * each prints as what can be set as a server again. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dns/servers.h"
#include "t/fuzz/replay.h"

static void
add_again(const struct dns_server *server)
{
	struct dns_servers *again = dns_servers_new(false);
	char text[DNS_SERVER_TEXT_MAX];
	struct strbuf reason;

	strbuf_init(&reason, 200);
	dns_server_print(server, text);
	if (dns_servers_add(again, slice_str(text), &reason) != 0)
		abort();
	strbuf_clear(&reason);
	dns_servers_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct dns_server order[DNS_SERVERS_MAX];
	struct dns_servers *servers;
	char path[40];
	size_t count;
	int fd = memfd_create("resolv.conf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	servers = dns_servers_from_file(path, false);
	count = dns_servers_order(servers, 1000, order);
	if (count < 1 || count > DNS_SERVERS_MAX)
		abort();
	while (count-- > 0)
		add_again(&order[count]);
	dns_servers_free(servers);
	close(fd);
	return 0;
}
