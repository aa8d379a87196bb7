/* All domains of a configuration; see wizard.h. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/kit/cli.h"
#include "cli/kit/flow.h"
#include "cli/kit/key_places.h"
#include "cli/kit/postfix.h"
#include "cli/publish/wizard.h"
#include "dkim/key.h"
#include "dkim/signing_set.h"
#include "mail/idn.h"
#include "proxy/keys/key_files.h"
#include "proxy/settings/index.h"

enum { SERVERS_MAX = 2048 };

struct wizard {
	struct cli_wizard *order;
	struct cli_flow *flow; /* NULL: nothing is asked */
	struct cli_leaving leaving;
	struct cli_publish *open;    /* the domain whose keys are coming */
	char *open_domain;	     /* as the places have it */
	struct proxy_index *domains; /* those whose policies were looked at */
	struct proxy_index *names;   /* and names of keys */
	struct proxy_key_readers readers;
	size_t places;
	unsigned faults;
};

static const struct cli_publish_wishes *
wishes_of(const struct wizard *w)
{
	return &w->order->wishes;
}

/* --- a domain --- */

static void
finish_domain(void *ctx, void *subject)
{
	struct wizard *w = ctx;
	struct cli_publish *publish = subject;
	struct cli_records records = {0};

	w->faults |= cli_publish_finish(publish, &records);
	if (records.count > 0)
		w->order->take(w->order->ctx, &records);
	cli_records_clear(&records);
	cli_publish_free(publish);
}

static void
close_domain(struct wizard *w)
{
	if (w->open != NULL && w->flow != NULL)
		cli_flow_add(w->flow, w->open);
	else if (w->open != NULL)
		finish_domain(w, w->open);
	w->open = NULL;
	free(w->open_domain);
	w->open_domain = NULL;
}

static bool
is_new(struct proxy_index *index, struct slice name)
{
	size_t before = proxy_index_count(index);

	return proxy_index_add(index, name) == before;
}

/* A seal's domain, and one that was looked at before, publishes keys alone. */
static void
open_domain(struct wizard *w, struct slice domain, bool keys_alone)
{
	struct strbuf ascii;

	close_domain(w);
	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(domain, &ascii) == 0) {
		w->open = cli_publish_new(
		    wishes_of(w), &w->leaving, strbuf_slice(&ascii));
		w->open_domain = xslicedup(domain);
		if (keys_alone || !is_new(w->domains, strbuf_slice(&ascii)))
			cli_publish_limit(w->open, CLI_PUBLISH_DKIM);
	}
	strbuf_clear(&ascii);
}

/* --- its keys --- */

/* A place that another rule named already costs no second look. */
static bool
is_new_key(struct wizard *w, const struct cli_key_place *place)
{
	struct strbuf name, ignored;
	bool new = true;

	strbuf_init(&name, (size_t)3 * MAIL_IDN_NAME_MAX);
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	if (cli_records_key_name(
		place->domain, place->selector, &name, &ignored) == 0)
		new = is_new(w->names, strbuf_slice(&name));
	strbuf_clear(&name);
	strbuf_clear(&ignored);
	return new;
}

/* d= may be a macro: then there is no key before there is a message, but the
 * domain has its policies all the same. */
static void
take_place(void *ctx, const struct cli_key_place *place)
{
	struct wizard *w = ctx;
	struct slice domain = w->order->domain;
	struct proxy_key_found found = {0};
	/* Mail that was signed with it has arrived, or never will. */
	bool over = place->listed && place->state == PROXY_SELECTOR_RETIRED &&
	    place->since + (int64_t)w->order->config->rotate.retire_after <
		clock_wall_s();
	struct strbuf reason;
	struct dkim_key *key;

	if (domain.n == 0)
		domain = place->author.n > 0 ? place->author : place->domain;
	if (domain.n == 0)
		return;
	w->places++;
	if (w->open_domain == NULL ||
	    !slice_equal_nocase(slice_str(w->open_domain), domain))
		open_domain(w, domain, place->signature == NULL);
	if (w->open == NULL || (wishes_of(w)->what & CLI_PUBLISH_DKIM) == 0)
		return;
	if (place->domain.n != 0 && !over && is_new_key(w, place)) {
		if (place->behind != NULL)
			cli_warn("the daemon signs for %.*s with %.*s, and %s "
				 "does not say so",
			    (int)place->domain.n, place->domain.p,
			    (int)place->selector.n, place->selector.p,
			    place->behind);
		strbuf_init(&reason, PROXY_KEY_REASON_MAX);
		key = cli_key_place_load(
		    w->order->config, &w->readers, place, &found, &reason);
		if (key == NULL ||
		    cli_publish_add_key(w->open,
			slice_after(place->domain, found.domain_from),
			place->selector, key,
			w->order->config->signing.keys[place->rule].domainkeys
			    ? CLI_KEY_FOR_DOMAINKEYS
			    : CLI_KEY_FOR_DKIM,
			&reason) != 0) {
			cli_error("no record for %.*s: %s",
			    (int)place->domain.n, place->domain.p,
			    strbuf_text(&reason));
			w->faults |= CLI_PUBLISH_KEY;
		}
		dkim_key_free(key);
		strbuf_clear(&reason);
	}
	if (place->signature != NULL &&
	    place->signature->kind == &dkim_kind_domainkeys)
		cli_publish_add_domainkeys(w->open);
}

/* --- by which addresses mail leaves --- */

static void
find_leaving(struct wizard *w, struct cli_resolver *resolver)
{
	static const struct proxy_asking_ops ops = {
	    cli_leaving_ask, cli_leaving_answer};
	struct cli_leaving_machine machine;
	struct cli_postfix *postfix = cli_postfix_new();

	cli_leaving_look(&machine);
	cli_leaving_find(&w->leaving,
	    postfix->status == CLI_POSTFIX_READ ? &postfix->master : NULL,
	    &machine);
	cli_postfix_free(postfix);
	cli_resolve(resolver, &ops, &w->leaving);
}

/* --- the run --- */

static int
complain_none(const struct wizard *w)
{
	struct slice domain = w->order->domain;

	if (domain.n > 0)
		cli_error("dns: the configuration does not sign for %.*s",
		    (int)domain.n, domain.p);
	else
		cli_error("dns: the configuration signs for no domain%s",
		    w->order->config->signing.any_domain
			? ", for there is no key"
			: "");
	return CLI_NO_MESSAGE;
}

static int
run_wizard(struct wizard *w)
{
	struct cli_wizard *order = w->order;

	w->domains = proxy_index_new();
	w->names = proxy_index_new();
	cli_key_places_live(order->config, order->domain, take_place, w);
	/* Policies may be asked for of a domain that is not signed for. */
	if (w->places == 0 && order->domain.n > 0 &&
	    (order->wishes.what & CLI_PUBLISH_DKIM) == 0) {
		open_domain(w, order->domain, false);
		w->places++;
	}
	close_domain(w);
	if (w->flow != NULL)
		cli_flow_end(w->flow);
	proxy_index_free(w->domains);
	proxy_index_free(w->names);
	if (w->places == 0)
		return complain_none(w);
	if (w->faults & CLI_PUBLISH_KEY)
		return CLI_CONFIG;
	if (w->faults & CLI_PUBLISH_PERSON)
		return CLI_FAILED;
	return w->faults & CLI_PUBLISH_SILENT ? CLI_TEMPORARY : CLI_OK;
}

static int
run_asking(struct wizard *w)
{
	static const struct cli_flow_ops ops = {
	    {cli_publish_ask, cli_publish_answer}, finish_domain,
	    CLI_PUBLISH_QUESTIONS};
	struct cli_wizard *order = w->order;
	const struct cli_dns dns = {.nameserver = order->nameserver};
	struct cli_resolver *resolver =
	    cli_resolver_new(&dns, &order->config->dns, "dns: --nameserver");
	struct strbuf servers;
	int status;

	if (resolver == NULL)
		return CLI_USAGE;
	strbuf_init(&servers, SERVERS_MAX);
	cli_resolver_print(resolver, &servers);
	order->wishes.servers = strbuf_text(&servers);
	if (order->wishes.terms == NULL &&
	    (order->wishes.what & (CLI_PUBLISH_SPF | CLI_PUBLISH_SENDERID)))
		find_leaving(w, resolver);
	w->flow = cli_flow_new(resolver, &ops, w);
	status = run_wizard(w);
	cli_leaving_clear(&w->leaving);
	cli_resolver_free(resolver);
	strbuf_clear(&servers);
	return status;
}

int
cli_wizard_run(struct cli_wizard *order)
{
	struct wizard *w = xcalloc(1, sizeof(*w));
	int status;

	w->order = order;
	proxy_key_readers_init(&w->readers, order->config);
	status = order->wishes.ask ? run_asking(w) : run_wizard(w);
	free(w);
	return status;
}
