/*
 * The listener of `[metrics] listen`: a handful of pages by GET, on
 * loopback as a rule. libevent's HTTP server, bounded in header, body and
 * time; the recorder's limit of descriptors bounds the connections.
 */
#ifndef RECORD_HTTP_H
#define RECORD_HTTP_H

#include <event2/util.h>

#include "base/slice.h"
#include "base/strbuf.h"

struct event_base;

enum {
	RECORD_HTTP_PAGE_MAX = 4 << 20,
	RECORD_HTTP_HEADER_MAX = 8 * 1024,
	RECORD_HTTP_SECONDS = 10, /* a connection may stay silent */
};

/* Makes one page: its body into `out`; the status (200, 503). `out` over
 * its cap makes it a 500. */
typedef unsigned record_page_fn(void *ctx, struct strbuf *out);

struct record_route {
	const char *path; /* "/metrics" */
	const char *type; /* Content-Type */
	record_page_fn *page;
};

struct record_http;

/* Serves on a bound, listening socket, which stays the caller's. The routes
 * end with a NULL path and must outlive it. NULL where libevent refuses. */
struct record_http *record_http_new(struct event_base *, evutil_socket_t,
    const struct record_route *, void *ctx);
void record_http_free(struct record_http *); /* NULL is fine */

#endif
