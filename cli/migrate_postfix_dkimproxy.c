/*
 * DKIMproxy's lines in Postfix: known by where they lead, which stays.
 */
#include <string.h>

#include "cli/check/postconf.h"
#include "cli/master_entry.h"
#include "cli/migrate_postfix_private.h"
#include "cli/samples.h"
#include "proxy/settings/address.h"

/* One of its two proxies. */
struct side {
	bool inbound;
	struct proxy_endpoint listen, relay;
	const char *transport; /* of ours */
	bool after, before;    /* how mail came to it */
};

static void
keep_transport(struct migrate_wiring *w, struct slice value)
{
	const char *name = migrate_pool_keep(
	    &w->plan->pool, slice_first(value, slice_find(value, ':')));

	for (size_t i = 0; i < w->to->transport_count; i++)
		if (strcmp(w->to->transports[i], name) == 0)
			return;
	if (strcmp(name, "signpost") != 0 && strcmp(name, "signpost-in") != 0 &&
	    w->to->transport_count < MIGRATE_TRANSPORTS_MAX)
		w->to->transports[w->to->transport_count++] = name;
}

/* "dksign:[127.0.0.1]:10027" by our transport, or NULL. */
static const char *
by_ours(struct migrate_wiring *w, struct side *side, struct slice value)
{
	size_t colon = slice_find(value, ':');

	if (value.n == 0 ||
	    !check_postconf_names(value, &side->listen, "localhost"))
		return NULL;
	side->after = true;
	keep_transport(w, value);
	return migrate_pool_printf(&w->plan->pool, "%s%.*s", side->transport,
	    (int)(value.n - colon), value.p + colon);
}

static void
swap_service(struct migrate_wiring *w, struct side *side,
    const struct cli_service *service)
{
	struct migrate_change change = {.changed = false};
	struct slice value;
	const char *ours;

	strbuf_init(&change.entry, CLI_MASTER_ENTRY_MAX);
	if (!cli_master_entry_find(w->from->services, service->name,
		service->type, &change.entry)) {
		strbuf_clear(&change.entry);
		return;
	}
	if (cli_service_sets(service, "content_filter", &value) &&
	    (ours = by_ours(w, side, value)) != NULL) {
		migrate_postfix_found(
		    w, service->name, "content_filter", value);
		migrate_change_set(&change, "content_filter", slice_str(ours));
	}
	if (cli_service_sets(service, "smtpd_proxy_filter", &value) &&
	    value.n > 0 &&
	    check_postconf_names(value, &side->listen, "localhost")) {
		side->before = true;
		migrate_postfix_found(
		    w, service->name, "smtpd_proxy_filter", value);
		migrate_change_companions(&change, service,
		    side->inbound ? cli_sample_in_before_queue
				  : cli_sample_out_before_queue,
		    side->inbound ? "smtp" : "submission");
	}
	if (change.changed)
		migrate_change_add(&w->to->hands, service->name, service->type,
		    strbuf_slice(&change.entry));
	strbuf_clear(&change.entry);
}

/* The smtpd that takes mail back; else one of our own. */
static struct slice
way_back(const struct migrate_wiring *w, const struct side *side)
{
	struct strbuf text;
	struct slice name;

	for (size_t i = 0; i < w->master.count; i++)
		if (slice_equal(w->master.list[i].type, SLICE("inet")) &&
		    check_postconf_is_at(w->master.list[i].name, &side->relay))
			return w->master.list[i].name;
	strbuf_init(&text, 300);
	proxy_endpoint_print(&side->relay, &text);
	name =
	    slice_str(migrate_pool_keep(&w->plan->pool, strbuf_slice(&text)));
	strbuf_clear(&text);
	return name;
}

void
migrate_postfix_side(struct migrate_wiring *w, bool inbound, const char *listen,
    const char *relay)
{
	struct side side = {.inbound = inbound,
	    .transport = inbound ? "signpost-in" : "signpost"};
	struct strbuf ignored;
	struct slice value;
	const char *ours;

	strbuf_init(&ignored, 1000);
	(void)proxy_endpoint_parse(slice_str(listen), &side.listen, &ignored);
	(void)proxy_endpoint_parse(slice_str(relay), &side.relay, &ignored);
	strbuf_clear(&ignored);
	if (migrate_postfix_find(w, "content_filter", &value) &&
	    (ours = by_ours(w, &side,
		 cli_master_value(&w->master, NULL, "content_filter"))) !=
		NULL) {
		migrate_postfix_found(
		    w, SLICE("main.cf"), "content_filter", value);
		migrate_postfix_set(w, "content_filter", slice_str(ours));
	}
	if (migrate_postfix_find(w, "smtpd_proxy_filter", &value) &&
	    check_postconf_names(
		cli_master_value(&w->master, NULL, "smtpd_proxy_filter"),
		&side.listen, "localhost")) {
		side.before = true;
		migrate_postfix_found(
		    w, SLICE("main.cf"), "smtpd_proxy_filter", value);
	}
	for (size_t i = 0; i < w->master.count; i++)
		swap_service(w, &side, &w->master.list[i]);
	if (!side.after && !side.before)
		strbuf_addf(&w->plan->todo,
		    "postfix: nothing in main.cf or master.cf hands mail to "
		    "%s, where dkimproxy.%s listened: signpost(8), WIRING "
		    "POSTFIX, "
		    "has the lines\n",
		    listen, inbound ? "in" : "out");
	migrate_postfix_ways(
	    w, inbound, side.before && !side.after, way_back(w, &side));
}
