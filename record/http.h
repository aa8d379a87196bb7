/*
 * The listener of `[metrics] listen`: a handful of pages by GET, on
 * loopback as a rule. libevent's HTTP server, bounded in header, body and
 * time; the recorder's limit of descriptors bounds the connections.
 */
#ifndef RECORD_HTTP_H
#define RECORD_HTTP_H

#include <stdbool.h>

#include <event2/util.h>

#include "base/slice.h"
#include "base/strbuf.h"

struct event_base;

enum {
	RECORD_HTTP_PAGE_MAX = 4 << 20,
	RECORD_HTTP_HEADER_MAX = 8 * 1024,
	RECORD_HTTP_SECONDS = 10, /* a connection may stay silent */
};

struct record_http;
struct record_request;

/* Asked for a page: answers it by record_http_answer(), at once or later. */
typedef void record_page_fn(void *ctx, struct record_request *);

struct record_route {
	const char *path; /* "/metrics" */
	const char *type; /* Content-Type */
	record_page_fn *page;
};

struct record_site {
	const struct record_route *routes; /* the last has a NULL path */
	/* May that address ("127.0.0.1") ask? NULL: all may. */
	bool (*allowed)(void *ctx, const char *address);
	void *ctx;
};

/* Serves on a bound, listening socket, which stays the caller's. The site
 * must outlive it. NULL where libevent refuses. */
struct record_http *record_http_new(
    struct event_base *, evutil_socket_t, const struct record_site *);
void record_http_free(struct record_http *); /* NULL is fine */

/* Answers with 200, or 503; a page over its cap becomes a 500. The request
 * is gone after it; that its client is gone is no matter. */
void record_http_answer(
    struct record_request *, unsigned status, const struct strbuf *page);

#endif
