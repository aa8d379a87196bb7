/* Listening sockets: opened once, kept over reloads. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "proxy/process/listener.h"
#include "proxy/process/master_private.h"

static bool
is_same(const struct proxy_endpoint *a, const struct proxy_endpoint *b)
{
	return a->length == b->length &&
	    memcmp(&a->address, &b->address, a->length) == 0;
}

static struct proxy_socket *
find_socket(const struct proxy_master *master, const struct proxy_endpoint *at)
{
	size_t i;

	for (i = 0; i < master->socket_count; i++)
		if (is_same(&master->sockets[i].at, at))
			return &master->sockets[i];
	return NULL;
}

static int
open_all(struct proxy_master *master, const struct proxy_listeners *listen,
    struct strbuf *reason)
{
	for (size_t i = 0; i < listen->count; i++) {
		const struct proxy_listen *wanted = &listen->list[i];
		int fd;

		if (find_socket(master, &wanted->at) != NULL)
			continue;
		fd = proxy_listener_open(&wanted->at, &wanted->rights, reason);
		if (fd < 0)
			return -1;
		master->sockets = xreallocarray(master->sockets,
		    master->socket_count + 1, sizeof(*master->sockets));
		master->sockets[master->socket_count++] = (struct proxy_socket){
		    .at = wanted->at, .rights = wanted->rights, .fd = fd};
	}
	return 0;
}

static void
close_one(struct proxy_socket *socket)
{
	const char *path = proxy_endpoint_path(&socket->at);

	(void)close(socket->fd);
	if (path != NULL)
		(void)unlink(path);
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
	int result = 0;

	for (size_t i = 0; i < PROXY_FRONTS && result == 0; i++)
		result = open_all(master, &config->fronts[i].listen, reason);
	if (result == 0)
		result = open_all(master, &config->metrics.listen, reason);
	if (result != 0)
		close_after(master, before);
	return result;
}

static const struct proxy_listen *
find_listen(
    const struct proxy_listeners *listen, const struct proxy_endpoint *at)
{
	size_t i;

	for (i = 0; i < listen->count; i++)
		if (is_same(&listen->list[i].at, at))
			return &listen->list[i];
	return NULL;
}

/* What the settings say of it; NULL: nothing. */
static const struct proxy_listen *
wanted(const struct proxy_config *config, const struct proxy_socket *socket)
{
	const struct proxy_listen *listen =
	    find_listen(&config->metrics.listen, &socket->at);

	for (size_t i = 0; i < PROXY_FRONTS && listen == NULL; i++)
		listen = find_listen(&config->fronts[i].listen, &socket->at);
	return listen;
}

void
proxy_sockets_trim(
    struct proxy_master *master, const struct proxy_config *config)
{
	const struct proxy_listen *listen;
	struct proxy_socket *socket;
	size_t i, kept = 0;

	for (i = 0; i < master->socket_count; i++) {
		struct strbuf reason;

		socket = &master->sockets[i];
		listen = wanted(config, socket);
		if (listen == NULL) {
			close_one(socket);
			continue;
		}
		/* Where the settings did not change nothing is: an
		 * administrator may have seen to the socket himself. */
		if (socket->rights.mode != listen->rights.mode ||
		    strcmp(socket->rights.group, listen->rights.group) != 0) {
			strbuf_init(&reason, 512);
			if (proxy_listener_admit(
				&socket->at, &listen->rights, &reason) != 0)
				log_printf(master->log, LOGGING_ERROR, "%s",
				    strbuf_text(&reason));
			else
				socket->rights = listen->rights;
			strbuf_clear(&reason);
		}
		master->sockets[kept++] = *socket;
	}
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
		to[i] = find_socket(master, &listen->list[i].at)->fd;
	return i;
}
