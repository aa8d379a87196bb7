/* Listening sockets: opened once, kept over reloads. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/listener.h"
#include "proxy/master_private.h"

static bool
is_same(const struct proxy_endpoint *a, const struct proxy_endpoint *b)
{
	return a->length == b->length &&
	    memcmp(&a->address, &b->address, a->length) == 0;
}

static int
find(const struct proxy_master *master, const struct proxy_endpoint *at)
{
	size_t i;

	for (i = 0; i < master->socket_count; i++)
		if (is_same(&master->sockets[i].at, at))
			return master->sockets[i].fd;
	return -1;
}

static int
open_one(struct proxy_master *master, const struct proxy_endpoint *at,
    struct strbuf *reason)
{
	struct proxy_socket *socket;
	int fd = find(master, at);

	if (fd >= 0)
		return 0;
	fd = proxy_listener_open(at, reason);
	if (fd < 0)
		return -1;
	master->sockets = xreallocarray(master->sockets,
	    master->socket_count + 1, sizeof(*master->sockets));
	socket = &master->sockets[master->socket_count++];
	socket->at = *at;
	socket->fd = fd;
	return 0;
}

static int
open_all(struct proxy_master *master, const struct proxy_listeners *listen,
    struct strbuf *reason)
{
	size_t i;

	for (i = 0; i < listen->count; i++)
		if (open_one(master, &listen->list[i].at, reason) != 0)
			return -1;
	return 0;
}

static void
close_one(struct proxy_socket *socket)
{
	const char *path = proxy_endpoint_path(&socket->at);

	close(socket->fd);
	if (path != NULL)
		unlink(path);
}

static void
close_after(struct proxy_master *master, size_t count)
{
	while (master->socket_count > count)
		close_one(&master->sockets[--master->socket_count]);
}

int
proxy_sockets_open(struct proxy_master *master,
    const struct proxy_config *config, struct strbuf *reason)
{
	size_t before = master->socket_count;

	if (open_all(master, &config->out.listen, reason) == 0 &&
	    open_all(master, &config->in.listen, reason) == 0 &&
	    open_all(master, &config->metrics.listen, reason) == 0)
		return 0;
	close_after(master, before);
	return -1;
}

static bool
listens_on(
    const struct proxy_listeners *listen, const struct proxy_endpoint *at)
{
	size_t i;

	for (i = 0; i < listen->count; i++)
		if (is_same(&listen->list[i].at, at))
			return true;
	return false;
}

void
proxy_sockets_trim(
    struct proxy_master *master, const struct proxy_config *config)
{
	size_t i, kept = 0;

	for (i = 0; i < master->socket_count; i++)
		if (listens_on(&config->out.listen, &master->sockets[i].at) ||
		    listens_on(&config->in.listen, &master->sockets[i].at) ||
		    listens_on(&config->metrics.listen, &master->sockets[i].at))
			master->sockets[kept++] = master->sockets[i];
		else
			close_one(&master->sockets[i]);
	master->socket_count = kept;
}

void
proxy_sockets_close(struct proxy_master *master)
{
	close_after(master, 0);
	free(master->sockets);
	master->sockets = NULL;
	master->socket_count = 0;
}

size_t
proxy_sockets_of(const struct proxy_master *master,
    const struct proxy_listeners *listen, int to[PROXY_LISTENERS_MAX])
{
	size_t i;

	for (i = 0; i < listen->count; i++)
		to[i] = find(master, &listen->list[i].at);
	return i;
}
