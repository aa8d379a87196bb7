/* A service for one session; see stub_service.h. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/message/session.h"
#include "t/lib/stub_service.h"

/* --- the filter --- */

static void *
filter_begin(void *env, const struct proxy_filter_job *job)
{
	struct stub_filter *f = env;

	f->tell_passing = job->passing;
	f->passing_ctx = job->ctx;
	f->begun++;
	return f;
}

static void
filter_header(void *filter, const struct mail_header *header)
{
	(void)filter;
	(void)header;
}

static void
filter_no_header(void *filter, const char *why, const struct mail_header *part)
{
	(void)part;
	(void)filter;
	(void)why;
}

static void
filter_body(void *filter, struct slice chunk)
{
	(void)filter;
	(void)chunk;
}

static void
filter_end(void *filter, proxy_outcome_fn *fn, void *ctx)
{
	struct stub_filter *f = filter;

	f->fn = fn;
	f->ctx = ctx;
	if (f->passing)
		f->tell_passing(f->passing_ctx);
	if (!f->waits)
		stub_filter_go_on(f);
}

static void
filter_free(void *filter)
{
	struct stub_filter *f = filter;

	f->freed++;
	f->fn = NULL;
}

static bool
filter_judges_sender(void *env, const struct proxy_envelope *envelope)
{
	const struct stub_filter *f = env;

	(void)envelope;
	return f->judges;
}

static size_t
filter_most_added(void *env)
{
	(void)env;
	return 1000;
}

void
stub_filter_go_on(struct stub_filter *f)
{
	f->fn(f->ctx, &f->outcome);
}

/* --- the service --- */

static bool
listen_as_relay(struct stub_service *s)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t n = sizeof(sa_family_t); /* the kernel picks a name */
	struct smtp_target *relay = &s->service.relay;

	s->listener =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listener < 0 ||
	    bind(s->listener, (struct sockaddr *)&at, n) != 0 ||
	    listen(s->listener, 10) != 0)
		return false;
	n = sizeof(relay->address);
	if (getsockname(s->listener, (struct sockaddr *)&relay->address, &n) !=
	    0)
		return false;
	relay->address_length = n;
	return true;
}

bool
stub_service_begin(struct stub_service *s, struct event_base *base)
{
	static const struct proxy_filter_ops ops = {
	    .begin = filter_begin,
	    .header = filter_header,
	    .no_header = filter_no_header,
	    .body = filter_body,
	    .end = filter_end,
	    .free = filter_free,
	    .most_added = filter_most_added,
	    .judges_sender = filter_judges_sender,
	};
	struct proxy_service *v = &s->service;

	proxy_quota_init(&s->quota, &s->slot, 0);
	s->spool_dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	v->base = base;
	v->relay_name = SLICE("relay");
	v->header_max = 65536;
	v->keepalive_ms = PROXY_KEEPALIVE_MS;
	v->newline = MAIL_NEWLINE_NORMALIZE;
	v->filter = &ops;
	v->filter_env = &s->filter;
	v->spool_mark = 65536;
	v->spool_files = proxy_spool_files_new(s->spool_dir);
	v->quota = &s->quota;
	v->counters = &s->counters;
	LIST_INIT(&v->sessions);
	return listen_as_relay(s) && s->spool_dir >= 0;
}

int
stub_service_accept(const struct stub_service *s)
{
	return accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

const char *
stub_service_cut(struct stub_service *s)
{
	proxy_sessions_cut(&s->service);
	if (s->service.session_count > 0)
		return "a session";
	if (proxy_quota_used(&s->quota) > 0)
		return "bytes of the quota";
	if (s->filter.begun != s->filter.freed)
		return "a filter";
	if (proxy_counter_get(&s->counters, PROXY_COUNT_SESSIONS_OPEN) > 0)
		return "a session that is counted as open";
	return "";
}

void
stub_service_end(struct stub_service *s)
{
	(void)close(s->listener);
	proxy_spool_files_free(s->service.spool_files);
	(void)close(s->spool_dir);
}
