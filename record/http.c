/* The pages' HTTP server; see http.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "base/xalloc.h"
#include "record/http.h"

struct record_http {
	struct evhttp *server;
	const struct record_route *routes;
	void *ctx;
};

static const struct record_route *
find_route(const struct record_http *http, const char *path)
{
	for (const struct record_route *r = http->routes; r->path != NULL; r++)
		if (path != NULL && strcmp(r->path, path) == 0)
			return r;
	return NULL;
}

/* Pages load nothing, run nothing and are shown in no frame. */
static void
add_headers(struct evhttp_request *request, const char *type)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

	(void)evhttp_add_header(headers, "Content-Type", type);
	(void)evhttp_add_header(headers, "Cache-Control", "no-store");
	(void)evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	(void)evhttp_add_header(headers, "Content-Security-Policy",
	    "default-src 'none'; style-src 'unsafe-inline'; "
	    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
}

static void
send_page(struct record_http *http, struct evhttp_request *request,
    const struct record_route *route)
{
	struct strbuf page;
	unsigned status;

	strbuf_init(&page, RECORD_HTTP_PAGE_MAX);
	status = route->page(http->ctx, &page);
	if (page.full) {
		evhttp_send_error(request, HTTP_INTERNAL, "page too long");
	} else {
		add_headers(request, route->type);
		(void)evbuffer_add(
		    evhttp_request_get_output_buffer(request), page.p, page.n);
		evhttp_send_reply(request, (int)status,
		    status == HTTP_OK ? "OK" : "Service Unavailable", NULL);
	}
	strbuf_clear(&page);
}

static void
on_request(struct evhttp_request *request, void *ctx)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	struct record_http *http = ctx;
	const struct record_route *route =
	    find_route(http, uri == NULL ? NULL : evhttp_uri_get_path(uri));

	if (route == NULL)
		evhttp_send_error(request, HTTP_NOTFOUND, NULL);
	else
		send_page(http, request, route);
}

struct record_http *
record_http_new(struct event_base *base, evutil_socket_t fd,
    const struct record_route *routes, void *ctx)
{
	struct record_http *http = xcalloc(1, sizeof(*http));
	evutil_socket_t own = dup(fd);

	http->routes = routes;
	http->ctx = ctx;
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
	if (http == NULL)
		return;
	if (http->server != NULL)
		evhttp_free(http->server);
	free(http);
}
