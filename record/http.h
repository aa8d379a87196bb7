/*
 * The listener of `[metrics] listen`: a handful of pages by GET, on
 * loopback as a rule. One request a connection; bounded in header, page,
 * time and in how many there are at once. Who may not ask is sent away when
 * taken, before a byte of his is read. Who asks for a host that is not ours is
 * refused: a browser that a stranger's name led here (DNS rebinding).
 */
#ifndef RECORD_HTTP_H
#define RECORD_HTTP_H

#include <stdbool.h>

#include <event2/util.h>

#include "base/slice.h"
#include "base/strbuf.h"

struct event_base;
struct sockaddr;

enum {
	RECORD_HTTP_PAGE_MAX = 4 << 20,
	RECORD_HTTP_HEADER_MAX = 8 * 1024,
	/* Of one listener. One more takes the place of the one that has been
	 * slow for longest; only where all wait for us does it wait. */
	RECORD_HTTP_CONNECTIONS_MAX = 32,
	RECORD_HTTP_QUERY_MAX = 256,	 /* of which is looked at */
	RECORD_HTTP_ASK_MS = 10 * 1000,	 /* for the whole request */
	RECORD_HTTP_SEND_MS = 30 * 1000, /* for the whole answer */
	/* Until the client closes too, lest a reset overtakes our answer. */
	RECORD_HTTP_LINGER_MS = 1000,
	/* No connection is taken for so long after one could not be. */
	RECORD_HTTP_REST_MS = 500,
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
	/* May that client ask? NULL: all may. */
	bool (*allowed)(void *ctx, const struct sockaddr *);
	/* Is that a name of this host? Asked where it is neither an address
	 * nor localhost. NULL: any name is. */
	bool (*named)(void *ctx, struct slice name);
	/* No connection can be taken, and why; NULL: nobody is told. */
	void (*trouble)(void *ctx, const char *why);
	void *ctx;
};

/* Serves on a bound, listening socket, which stays the caller's. The site
 * must outlive it. NULL where libevent refuses. */
struct record_http *record_http_new(
    struct event_base *, evutil_socket_t, const struct record_site *);

/* Takes no more connections; those that are open go on. */
void record_http_stop(struct record_http *);

/* Is anybody's answer not on its way? With `askers`, who has not asked to the
 * end counts too. */
bool record_http_is_busy(const struct record_http *, bool askers);

/* Closes all connections; what was asked and not answered is gone then.
 * NULL is fine. */
void record_http_free(struct record_http *);

/* What stands behind the `?` of what was asked; for as long as the request. */
struct slice record_http_query(const struct record_request *);

/* Answers with 200, or 503; a page over its cap becomes a 500. What was
 * asked is gone after it; that its client is gone is no matter. */
void record_http_answer(
    struct record_request *, unsigned status, const struct strbuf *page);

#endif
