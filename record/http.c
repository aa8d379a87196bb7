/* The pages' HTTP server; see http.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "record/http.h"
#include "record/http_request.h"

enum { HEAD_MAX = 1024 };

enum request_state {
	REQUEST_READING, /* the request, timed */
	REQUEST_WAITING, /* for the page; its maker bounds the time */
	REQUEST_SENDING, /* the answer, timed */
	REQUEST_LINGERING
};

/* One connection. */
struct record_request {
	TAILQ_ENTRY(record_request) entry;
	struct record_http *http;
	struct bufferevent *wire;
	struct event *timer;
	enum request_state state;
	const struct record_route *route;
	bool head;
	char query[RECORD_HTTP_QUERY_MAX];
	size_t query_n;
};

TAILQ_HEAD(requests, record_request);

struct record_http {
	struct event_base *base;
	const struct record_site *site;
	struct event *accept, *rest;
	struct requests connections; /* the oldest first */
	size_t count;
	bool resting, stopped;
};

static void
after(struct event *timer, unsigned ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	(void)event_add(timer, &tv);
}

/* --- connections come and go --- */

/* The oldest of those in that state; NULL for none. New ones are put in at the
 * end. */
static struct record_request *
find_oldest(const struct record_http *http, enum request_state state)
{
	struct record_request *r;

	TAILQ_FOREACH (r, &http->connections, entry)
		if (r->state == state)
			return r;
	return NULL;
}

/* Whose place another one may take: the answer of who lingers is on its way,
 * who is slow to ask or to take the answer has himself to thank. NULL where all
 * wait for us. */
static struct record_request *
find_slow(const struct record_http *http)
{
	static const enum request_state states[] = {
	    REQUEST_LINGERING, REQUEST_READING, REQUEST_SENDING};
	struct record_request *r = NULL;

	for (size_t i = 0; i < 3 && r == NULL; i++)
		r = find_oldest(http, states[i]);
	return r;
}

/* Takes connections, or lets them wait. */
static void
mind_gate(struct record_http *http)
{
	if (http->stopped || http->resting ||
	    (http->count >= RECORD_HTTP_CONNECTIONS_MAX &&
		find_slow(http) == NULL))
		(void)event_del(http->accept);
	else
		(void)event_add(http->accept, NULL);
}

static void
end_request(struct record_request *r)
{
	struct record_http *http = r->http;

	TAILQ_REMOVE(&http->connections, r, entry);
	http->count--;
	bufferevent_free(r->wire);
	event_free(r->timer);
	free(r);
	mind_gate(http);
}

/* Nobody is told: who is this slow does not wait for words. */
static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	end_request(ctx);
}

/* --- answering --- */

static const char *
reason_of(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 403:
		return "Forbidden";
	case 421:
		return "Misdirected Request";
	case 404:
		return "Not Found";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	default:
		return "Bad Request";
	}
}

/* Pages load nothing, run nothing and are shown in no frame. */
static void
print_answer_head(
    unsigned status, const char *type, size_t n, struct strbuf *out)
{
	time_t now = (time_t)clock_wall_s();
	char date[64] = "";
	struct tm utc;

	if (gmtime_r(&now, &utc) != NULL)
		(void)strftime(
		    date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	/* A page of somebody else's that shows ours in a frame could have its
	 * reader click here, and text of a stranger that slips through an
	 * escape could run: both are forbidden here once more. */
	strbuf_addf(out,
	    "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n"
	    "Content-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
	    "Content-Security-Policy: default-src 'none'; "
	    "style-src 'unsafe-inline'; frame-ancestors 'none'; "
	    "base-uri 'none'; form-action 'none'\r\n\r\n",
	    status, reason_of(status), date, type, n);
}

static void
send_answer(struct record_request *r, unsigned status, const char *type,
    struct slice body)
{
	struct strbuf head;

	strbuf_init(&head, HEAD_MAX);
	print_answer_head(status, type, body.n, &head);
	r->state = REQUEST_SENDING;
	mind_gate(r->http);
	after(r->timer, RECORD_HTTP_SEND_MS);
	(void)bufferevent_write(r->wire, head.p, head.n);
	/* HEAD has the length of what it does not send (RFC 9110 section
	 * 9.3.2). */
	if (!r->head)
		(void)bufferevent_write(r->wire, body.p, body.n);
	strbuf_clear(&head);
}

static const char misdirected[] =
    "Ask for this host by its address, as localhost, or by its hostname; "
    "other names that lead here stand in [metrics] hosts.\n";

static void
refuse_request(struct record_request *r, unsigned status)
{
	struct strbuf text;

	strbuf_init(&text, HEAD_MAX);
	strbuf_addf(&text, "%u %s\n", status, reason_of(status));
	if (status == 421)
		strbuf_add_str(&text, misdirected);
	send_answer(r, status, "text/plain", strbuf_slice(&text));
	strbuf_clear(&text);
}

void
record_http_answer(
    struct record_request *r, unsigned status, const struct strbuf *page)
{
	if (page->full)
		refuse_request(r, 500);
	else
		send_answer(r, status, r->route->type, strbuf_slice(page));
}

struct slice
record_http_query(const struct record_request *r)
{
	return slice_from(r->query, r->query_n);
}

/* --- asking --- */

static const struct record_route *
find_route(const struct record_http *http, struct slice path)
{
	const struct record_route *r;

	for (r = http->site->routes; r->path != NULL; r++)
		if (slice_equal(path, slice_str(r->path)))
			return r;
	return NULL;
}

/* A browser sends the name by which it came. One that an attacker had point to
 * this address is his, and his page could read the answer; so only names that
 * are known to be ours are answered (421, RFC 9110 section 15.5.20). */
static bool
is_our_host(const struct record_http *http, struct slice host)
{
	struct slice name = record_http_host_name(host);

	return host.n == 0 || http->site->named == NULL ||
	    record_http_host_is_local(name) ||
	    http->site->named(http->site->ctx, name);
}

static void
on_input(struct bufferevent *wire, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(wire);
	struct record_request *r = ctx;
	size_t n = evbuffer_get_length(in);
	struct record_http_wanted wanted;
	unsigned status;

	if (r->state == REQUEST_LINGERING)
		(void)evbuffer_drain(in, n);
	if (r->state != REQUEST_READING || n == 0)
		return;
	status = record_http_request_parse(
	    slice_from((const char *)evbuffer_pullup(in, -1), n), &wanted);
	/* Not whole, and there is room for more of it. */
	if (status == 0 && n < RECORD_HTTP_HEADER_MAX)
		return;
	/* A client that shuts its side now still wants its answer. */
	(void)bufferevent_disable(wire, EV_READ);
	if (status == 200) {
		r->head = wanted.head;
		if (!is_our_host(r->http, wanted.host)) {
			refuse_request(r, 421);
		} else {
			r->query_n =
			    slice_first(wanted.query, RECORD_HTTP_QUERY_MAX).n;
			if (r->query_n > 0)
				memcpy(r->query, wanted.query.p, r->query_n);
			r->route = find_route(r->http, wanted.path);
			if (r->route == NULL) {
				refuse_request(r, 404);
			} else {
				r->state = REQUEST_WAITING;
				mind_gate(r->http);
				(void)event_del(r->timer);
				r->route->page(r->http->site->ctx, r);
			}
		}
	} else
		refuse_request(r, status == 0 ? 431 : status);
}

/* All is written. */
static void
on_drained(struct bufferevent *wire, void *ctx)
{
	struct record_request *r = ctx;

	if (r->state != REQUEST_SENDING)
		return;
	r->state = REQUEST_LINGERING;
	/* Our half first: to close with its input unread would reset the
	 * connection and might take the answer back. */
	(void)shutdown(bufferevent_getfd(wire), SHUT_WR);
	after(r->timer, RECORD_HTTP_LINGER_MS);
	(void)bufferevent_enable(wire, EV_READ);
	on_input(wire, r);
}

static void
on_gone(struct bufferevent *wire, short what, void *ctx)
{
	struct record_request *r = ctx;

	(void)wire;
	(void)what;
	/* Who makes the page holds it still: then writing shows it again. */
	if (r->state != REQUEST_WAITING)
		end_request(r);
}

/* --- taking connections --- */

/* No descriptors or memory: what waits would only wake us again. */
static void
rest(struct record_http *http)
{
	if (http->site->trouble != NULL)
		http->site->trouble(http->site->ctx, strerror(errno));
	http->resting = true;
	after(http->rest, RECORD_HTTP_REST_MS);
}

static void
on_rested(evutil_socket_t fd, short what, void *ctx)
{
	struct record_http *http = ctx;

	(void)fd;
	(void)what;
	http->resting = false;
	mind_gate(http);
}

static void
on_connection(evutil_socket_t listener, short what, void *ctx)
{
	struct record_http *http = ctx;
	const struct record_site *site = http->site;
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t length = sizeof(peer);
	int fd = accept4(listener, (struct sockaddr *)&peer, &length,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd >= 0 && site->allowed != NULL &&
	    !site->allowed(site->ctx, (const struct sockaddr *)&peer)) {
		struct strbuf head;
		ssize_t ignored;

		strbuf_init(&head, HEAD_MAX);
		print_answer_head(403, "text/plain", 0, &head);
		ignored = write(fd, head.p, head.n);
		(void)ignored;
		(void)close(fd);
		strbuf_clear(&head);
	} else if (fd >= 0) {
		/* The gate is open: where the house is full, someone is
		 * slow. */
		struct record_request *slow = find_slow(http);
		struct record_request *r;

		if (http->count >= RECORD_HTTP_CONNECTIONS_MAX && slow != NULL)
			end_request(slow);
		r = xcalloc(1, sizeof(*r));
		r->http = http;
		r->wire = bufferevent_socket_new(
		    http->base, fd, BEV_OPT_CLOSE_ON_FREE);
		r->timer = event_new(http->base, -1, 0, on_timer, r);
		if (r->wire == NULL || r->timer == NULL)
			abort(); /* no memory */
		TAILQ_INSERT_TAIL(&http->connections, r, entry);
		http->count++;
		bufferevent_setcb(r->wire, on_input, on_drained, on_gone, r);
		/* What is not asked for is not read, so a client cannot fill
		 * our memory. */
		bufferevent_setwatermark(
		    r->wire, EV_READ, 0, RECORD_HTTP_HEADER_MAX);
		after(r->timer, RECORD_HTTP_ASK_MS);
		(void)bufferevent_enable(r->wire, EV_READ);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM)
		rest(http);
	mind_gate(http);
}

struct record_http *
record_http_new(
    struct event_base *base, evutil_socket_t fd, const struct record_site *site)
{
	struct record_http *http = xcalloc(1, sizeof(*http));

	TAILQ_INIT(&http->connections);
	http->base = base;
	http->site = site;
	http->accept =
	    event_new(base, fd, EV_READ | EV_PERSIST, on_connection, http);
	http->rest = event_new(base, -1, 0, on_rested, http);
	if (http->accept == NULL || http->rest == NULL ||
	    evutil_make_socket_nonblocking(fd) != 0 ||
	    event_add(http->accept, NULL) != 0) {
		record_http_free(http);
		return NULL;
	}
	return http;
}

void
record_http_stop(struct record_http *http)
{
	http->stopped = true;
	(void)event_del(http->rest);
	mind_gate(http);
}

bool
record_http_is_busy(const struct record_http *http, bool askers)
{
	return find_oldest(http, REQUEST_WAITING) != NULL ||
	    find_oldest(http, REQUEST_SENDING) != NULL ||
	    (askers && find_oldest(http, REQUEST_READING) != NULL);
}

void
record_http_free(struct record_http *http)
{
	struct record_request *r;

	if (http == NULL)
		return;
	http->resting = true; /* none comes for those that go */
	while (http->accept != NULL &&
	    (r = TAILQ_FIRST(&http->connections)) != NULL)
		end_request(r);
	if (http->accept != NULL)
		event_free(http->accept);
	if (http->rest != NULL)
		event_free(http->rest);
	free(http);
}
