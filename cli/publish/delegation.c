/* Selectors that customers delegate; see delegation.h. */
#include "cli/publish/delegation.h"
#include "cli/kit/cli.h"
#include "cli/kit/key_places.h"
#include "dns/question.h"
#include "mail/idn.h"
#include "proxy/settings/index.h"

enum { REASON_MAX = 1024 };

struct delegating {
	const struct cli_delegation *order;
	struct proxy_index *domains; /* those that were printed */
	bool rsa, ed25519;	     /* are there such keys? */
	bool failed;
};

static int
add_alias(struct cli_records *records, const struct cli_delegation *order,
    struct slice domain, const char *selector, struct strbuf *reason)
{
	struct strbuf name, target;
	int outcome;

	strbuf_init(&name, (size_t)3 * MAIL_IDN_NAME_MAX);
	strbuf_init(&target, DNS_NAME_MAX);
	outcome =
	    cli_records_key_name(domain, slice_str(selector), &name, reason);
	if (outcome == 0 &&
	    strbuf_addf(&target, "%s.%.*s", strbuf_text(&name),
		(int)order->provider.n, order->provider.p) != 0)
		outcome = strbuf_fail(reason,
		    "%s.%.*s is longer than a name can be", strbuf_text(&name),
		    (int)order->provider.n, order->provider.p);
	if (outcome == 0) {
		struct cli_record *record = cli_records_append(
		    records, strbuf_slice(&name), strbuf_slice(&target));

		record->type = CLI_RECORD_CNAME;
		record->what = "dkim";
	}
	strbuf_clear(&name);
	strbuf_clear(&target);
	return outcome;
}

/* Of each name, and of each kind of keys that some signature asks for. */
static int
add_aliases(struct cli_records *records, const struct delegating *d,
    struct slice domain, struct strbuf *reason)
{
	const struct proxy_strings *names = &d->order->config->rotate.names;
	struct strbuf selector;
	int outcome = 0;

	strbuf_init(&selector, DNS_NAME_MAX);
	for (size_t i = 0; i < 2 * names->count && outcome == 0; i++) {
		bool second = i >= names->count;

		if (second ? !d->ed25519 : !d->rsa)
			continue;
		/* As `signpost rotate' has it. */
		strbuf_reset(&selector);
		strbuf_addf(&selector, "%s%s", names->list[i % names->count],
		    second ? "e" : "");
		outcome = add_alias(
		    records, d->order, domain, strbuf_text(&selector), reason);
	}
	strbuf_clear(&selector);
	return outcome;
}

static void
delegate(struct delegating *d, struct slice domain)
{
	size_t before = proxy_index_count(d->domains);
	struct cli_records records = {0};
	struct strbuf reason;

	if (proxy_index_add(d->domains, domain) != before)
		return;
	strbuf_init(&reason, REASON_MAX);
	if (add_aliases(&records, d, domain, &reason) != 0) {
		cli_error("dns: --cname: %s", strbuf_text(&reason));
		d->failed = true;
	} else {
		d->order->take(d->order->ctx, &records);
	}
	cli_records_clear(&records);
	strbuf_clear(&reason);
}

/* d= without macros, of signatures: a seal's domain is the provider's own. */
static void
take_place(void *ctx, const struct cli_key_place *place)
{
	struct delegating *d = ctx;
	struct strbuf ascii;

	if (place->domain.n == 0 || place->signature == NULL)
		return;
	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	if (mail_idn_to_ascii(place->domain, &ascii) == 0)
		delegate(d, strbuf_slice(&ascii));
	strbuf_clear(&ascii);
}

int
cli_delegation_run(const struct cli_delegation *order)
{
	const struct proxy_signing_rules *rules = &order->config->signing;
	struct delegating d = {.order = order};
	size_t count;

	if (order->config->rotate.names.count < 2) {
		cli_error("dns: --cname: customers delegate names that never "
			  "change: [rotate] name = a, b");
		return CLI_CONFIG;
	}
	for (size_t i = 0; i < rules->key_count; i++)
		if (rules->keys[i].automatic)
			*(rules->keys[i].algorithm == DKIM_ED25519_SHA256
				? &d.ed25519
				: &d.rsa) = true;
	d.rsa |= !d.ed25519;
	d.domains = proxy_index_new();
	if (order->domain.n > 0)
		delegate(&d, order->domain);
	else
		cli_key_places(order->config, order->domain, take_place, &d);
	count = proxy_index_count(d.domains);
	proxy_index_free(d.domains);
	if (count == 0) {
		cli_error("dns: the configuration signs for no domain");
		return CLI_NO_MESSAGE;
	}
	return d.failed ? CLI_FAILED : CLI_OK;
}
