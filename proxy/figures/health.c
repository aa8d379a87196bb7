/*
 * Is the next hop there; see health.h. Only its greeting tells: a port that
 * takes connections may have nobody behind it. It is said QUIT, not left, for
 * a next hop logs who goes away without a word.
 */
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "proxy/figures/health.h"
#include "smtp/relay.h"

enum { PROBES = PROXY_HEALTH_HOPS, SHOWN_MAX = 200 };

struct probe {
	struct proxy_health *health;
	const struct proxy_front *front;
	struct smtp_relay *relay; /* NULL: it is over */
	bool greeted, up;
	struct strbuf text;
};

struct proxy_health {
	struct probe probes[PROBES];
	size_t count, open;
	struct event *tell; /* where nothing had to be asked */
	proxy_health_fn *fn;
	void *ctx;
};

void
proxy_health_cancel(struct proxy_health *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->count; i++) {
		smtp_relay_free(h->probes[i].relay);
		strbuf_clear(&h->probes[i].text);
	}
	event_free(h->tell);
	free(h);
}

static void
on_all(evutil_socket_t fd, short what, void *ctx)
{
	struct proxy_health *h = ctx;
	struct proxy_health_hop hops[PROBES];

	(void)fd;
	(void)what;
	for (size_t i = 0; i < h->count; i++) {
		hops[i].front = h->probes[i].front->name;
		hops[i].up = h->probes[i].up;
		(void)snprintf(hops[i].text, sizeof(hops[i].text), "%s",
		    strbuf_text(&h->probes[i].text));
	}
	h->fn(h->ctx, hops, h->count);
	proxy_health_cancel(h);
}

static void
end_probe(struct probe *p)
{
	smtp_relay_free(p->relay);
	p->relay = NULL;
	if (--p->health->open == 0)
		event_active(p->health->tell, 0, 0);
}

static void
complain_of_hop(struct probe *p, struct slice why)
{
	struct strbuf *to = &p->text;

	strbuf_add_str(to, ": ");
	escape_log(slice_first(why, SHOWN_MAX), to);
}

static void
on_reply(void *ctx, const struct smtp_reply *reply)
{
	struct probe *p = ctx;

	if (p->greeted) { /* QUIT's */
		end_probe(p);
		return;
	}
	p->greeted = true;
	p->up = reply->code == 220;
	if (!p->up)
		complain_of_hop(p, smtp_reply_line(reply));
	smtp_relay_command(p->relay, SLICE("QUIT"));
}

static void
on_closed(void *ctx, enum smtp_close how, const char *why)
{
	struct probe *p = ctx;

	(void)how;
	if (!p->greeted)
		complain_of_hop(p, slice_str(why));
	end_probe(p);
}

struct proxy_health *
proxy_health_ask(struct event_base *base, const struct proxy_config *config,
    proxy_health_fn *fn, void *ctx)
{
	static const struct smtp_relay_ops ops = {
	    .reply = on_reply, .closed = on_closed};
	struct proxy_health *h = xcalloc(1, sizeof(*h));

	h->fn = fn;
	h->ctx = ctx;
	h->tell = evtimer_new(base, on_all, h);
	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *front = &config->fronts[i];
		const struct smtp_target target = {
		    .address = front->relay.address,
		    .address_length = front->relay.length,
		    .connect_ms = PROXY_HEALTH_MS,
		    .command_ms = PROXY_HEALTH_MS,
		};
		struct probe *p = &h->probes[h->count];

		if (!front->enabled ||
		    !proxy_front_speaks(front, PROXY_LISTEN_SMTP))
			continue;
		h->count++;
		h->open++;
		p->health = h;
		p->front = front;
		strbuf_init(
		    &p->text, sizeof(((struct proxy_health_hop *)0)->text));
		proxy_endpoint_print(&front->relay, &p->text);
		p->relay = smtp_relay_new(base, &target, &ops, p);
	}
	if (h->open == 0)
		event_active(h->tell, 0, 0);
	return h;
}
