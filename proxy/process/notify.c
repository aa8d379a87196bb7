/* sd_notify(3) by hand: it is one datagram. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "proxy/process/notify.h"

static int
connect_to(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	socklen_t length;
	int fd;

	if (n < 2 || n >= sizeof(un.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(un.sun_path, path, n);
	if (path[0] == '@')
		un.sun_path[0] = '\0'; /* an abstract one */
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&un, length) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* WATCHDOG_PID says whom it is meant for. */
static uint64_t
watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0, who = 0;

	if (usec == NULL ||
	    number_parse(slice_str(usec), UINT64_MAX / 2, &us) != 0)
		return 0;
	if (pid != NULL &&
	    (number_parse(slice_str(pid), INT32_MAX, &who) != 0 ||
		who != (uint64_t)getpid()))
		return 0;
	return us;
}

void
proxy_notify_init(struct proxy_notify *notify)
{
	const char *path = getenv("NOTIFY_SOCKET");

	notify->fd = path == NULL ? -1 : connect_to(path);
	notify->watchdog_us = notify->fd < 0 ? 0 : watchdog();
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void
proxy_notify_clear(struct proxy_notify *notify)
{
	if (notify->fd >= 0)
		(void)close(notify->fd);
	notify->fd = -1;
}

void
proxy_notify_send(const struct proxy_notify *notify, const char *lines)
{
	if (notify->fd >= 0)
		(void)send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL);
}

void
proxy_notify_reloading(const struct proxy_notify *notify)
{
	char lines[96];

	(void)snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)clock_us());
	proxy_notify_send(notify, lines);
}
