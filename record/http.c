/* The pages' HTTP server; see http.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/xalloc.h"
#include "record/http.h"

struct record_request {
	LIST_ENTRY(record_request) entry;
	struct evhttp_request *wire; /* NULL: its client is gone */
	const struct record_route *route;
};

struct record_http {
	struct evhttp *server;
	const struct record_site *site;
	LIST_HEAD(, record_request) requests; /* not yet answered */
};

static const struct record_route *
find_route(const struct record_http *http, const char *path)
{
	const struct record_route *r;

	for (r = http->site->routes; r->path != NULL; r++)
		if (path != NULL && strcmp(r->path, path) == 0)
			return r;
	return NULL;
}

/* Pages load nothing, run nothing and are shown in no frame. */
static void
add_headers(struct evhttp_request *wire, const char *type)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(wire);

	(void)evhttp_add_header(headers, "Content-Type", type);
	(void)evhttp_add_header(headers, "Cache-Control", "no-store");
	(void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	(void)evhttp_add_header(headers, "Content-Security-Policy",
	    "default-src 'none'; style-src 'unsafe-inline'; "
	    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
}

static void
send_page(struct record_request *r, unsigned status, const struct strbuf *page)
{
	if (page->full) {
		evhttp_send_error(r->wire, HTTP_INTERNAL, "page too long");
		return;
	}
	add_headers(r->wire, r->route->type);
	(void)evbuffer_add(
	    evhttp_request_get_output_buffer(r->wire), page->p, page->n);
	evhttp_send_reply(r->wire, (int)status,
	    status == HTTP_OK ? "OK" : "Service Unavailable", NULL);
}

void
record_http_answer(
    struct record_request *r, unsigned status, const struct strbuf *page)
{
	if (r->wire != NULL) {
		evhttp_connection_set_closecb(
		    evhttp_request_get_connection(r->wire), NULL, NULL);
		send_page(r, status, page);
	}
	LIST_REMOVE(r, entry);
	free(r);
}

/* libevent frees the request with its connection. */
static void
on_gone(struct evhttp_connection *connection, void *ctx)
{
	struct record_request *r = ctx;

	(void)connection;
	r->wire = NULL;
}

static bool
is_allowed(const struct record_http *http, struct evhttp_request *wire)
{
	const struct record_site *site = http->site;
	char *address = NULL;
	ev_uint16_t port;

	evhttp_connection_get_peer(
	    evhttp_request_get_connection(wire), &address, &port);
	return site->allowed == NULL ||
	    (address != NULL && site->allowed(site->ctx, address));
}

static void
begin(struct record_http *http, struct evhttp_request *wire,
    const struct record_route *route)
{
	struct record_request *r = xcalloc(1, sizeof(*r));

	r->wire = wire;
	r->route = route;
	LIST_INSERT_HEAD(&http->requests, r, entry);
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(wire), on_gone, r);
	route->page(http->site->ctx, r);
}

static void
on_request(struct evhttp_request *wire, void *ctx)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(wire);
	struct record_http *http = ctx;
	const struct record_route *route =
	    find_route(http, uri == NULL ? NULL : evhttp_uri_get_path(uri));

	if (!is_allowed(http, wire))
		evhttp_send_error(wire, 403, "Forbidden");
	else if (route == NULL)
		evhttp_send_error(wire, HTTP_NOTFOUND, NULL);
	else
		begin(http, wire, route);
}

struct record_http *
record_http_new(
    struct event_base *base, evutil_socket_t fd, const struct record_site *site)
{
	struct record_http *http = xcalloc(1, sizeof(*http));
	evutil_socket_t own = dup(fd);

	LIST_INIT(&http->requests);
	http->site = site;
	http->server = evhttp_new(base);
	if (http->server == NULL || own < 0 ||
	    evutil_make_socket_nonblocking(own) != 0 ||
	    evhttp_accept_socket(http->server, own) != 0) {
		record_http_free(http);
		return NULL;
	}
	evhttp_set_allowed_methods(
	    http->server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(http->server, RECORD_HTTP_HEADER_MAX);
	evhttp_set_max_body_size(http->server, 0);
	evhttp_set_timeout(http->server, RECORD_HTTP_SECONDS);
	evhttp_set_gencb(http->server, on_request, http);
	return http;
}

void
record_http_free(struct record_http *http)
{
	struct record_request *r;

	if (http == NULL)
		return;
	while ((r = LIST_FIRST(&http->requests)) != NULL) {
		if (r->wire != NULL)
			evhttp_connection_set_closecb(
			    evhttp_request_get_connection(r->wire), NULL, NULL);
		LIST_REMOVE(r, entry);
		free(r);
	}
	if (http->server != NULL)
		evhttp_free(http->server);
	free(http);
}
