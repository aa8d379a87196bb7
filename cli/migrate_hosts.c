/* Clients that OpenDKIM's lists name; see migrate_plan.h. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/migrate_plan.h"
#include "proxy/settings/address.h"

enum { REASON_MAX = 500 };

void
migrate_hosts_add(struct migrate_hosts *to, const struct migrate_host *host)
{
	if (to->count == to->room) {
		to->room = to->room == 0 ? 16 : 2 * to->room;
		to->list = xreallocarray(to->list, to->room, sizeof(*to->list));
	}
	to->list[to->count++] = *host;
}

static bool
is_name(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (ascii_is_alpha(text.p[i]) &&
		    slice_find(text, ':') == text.n)
			return true;
	return false;
}

/* Brackets, which OpenDKIM takes, are left out. */
static void
add_network(struct migrate_plan *plan, const struct migrate_setting *setting,
    struct slice text, struct migrate_host *host, struct migrate_hosts *to)
{
	struct proxy_network network;
	struct strbuf bare, reason;

	strbuf_init(&bare, text.n + 1);
	strbuf_init(&reason, REASON_MAX);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '[' && text.p[i] != ']')
			strbuf_add_char(&bare, text.p[i]);
	if (proxy_network_parse(strbuf_slice(&bare), &network, &reason) != 0) {
		migrate_plan_note(&plan->differs, setting,
		    "%.*s is no network that OpenDKIM ever found a client in "
		    "(%s); it is left out",
		    (int)text.n, text.p, strbuf_text(&reason));
	} else {
		host->text =
		    migrate_pool_keep(&plan->pool, strbuf_slice(&bare));
		host->bits = network.prefix;
		migrate_hosts_add(to, host);
	}
	strbuf_clear(&bare);
	strbuf_clear(&reason);
}

void
migrate_hosts_read(struct migrate_plan *plan,
    const struct migrate_setting *setting, const struct migrate_set *set,
    struct migrate_hosts *to)
{
	for (size_t i = 0; i < set->count; i++) {
		struct slice text = slice_str(set->list[i].key);
		struct migrate_host host = {
		    .not = text.n > 0 && text.p[0] == '!'};

		text = slice_after(text, host.not );
		if (text.n == 0)
			continue;
		if (slice_find(text, '*') < text.n) {
			migrate_plan_note(&plan->todo, setting,
			    "%s: there are no patterns of hosts here: write "
			    "networks, or names",
			    set->list[i].key);
		} else if (slice_equal_nocase(text, SLICE("localhost"))) {
			bool not = host.not ;

			migrate_hosts_add(to,
			    &(struct migrate_host){
				.text = "127.0.0.1", .not = not, .bits = 32});
			migrate_hosts_add(to,
			    &(struct migrate_host){
				.text = "::1", .not = not, .bits = 128});
		} else if (is_name(text)) {
			host.name = true;
			host.text = migrate_pool_keep(&plan->pool, text);
			migrate_hosts_add(to, &host);
		} else {
			add_network(plan, setting, text, &host, to);
		}
	}
}

bool
migrate_hosts_contain(const struct migrate_hosts *hosts, const char *address)
{
	const struct migrate_host *best = NULL;
	struct proxy_network network;
	struct strbuf reason;

	strbuf_init(&reason, REASON_MAX);
	for (size_t i = 0; i < hosts->count; i++) {
		const struct migrate_host *host = &hosts->list[i];
		struct proxy_networks one = {&network, 1};

		if (!host->name &&
		    proxy_network_parse(
			slice_str(host->text), &network, &reason) == 0 &&
		    proxy_networks_contain_text(&one, slice_str(address)) &&
		    (best == NULL || host->bits > best->bits))
			best = host;
	}
	strbuf_clear(&reason);
	return best != NULL && !best->not ;
}

/* --- what is left of networks --- */

/* Entries with exceptions among them are compared each with each. */
enum { EXCEPTIONS_MAX = 500 };

/* Of both lists, as values. */
struct cutting {
	const struct migrate_hosts *internal, *peers;
	struct proxy_network *list;
	bool *wanted; /* of the internal ones, and no exception */
	size_t count;
	struct strbuf *to;
};

static void
collect_networks(struct cutting *c, const struct migrate_hosts *hosts, bool own)
{
	struct strbuf reason;

	strbuf_init(&reason, REASON_MAX);
	for (size_t i = 0; i < hosts->count; i++) {
		if (hosts->list[i].name ||
		    proxy_network_parse(slice_str(hosts->list[i].text),
			&c->list[c->count], &reason) != 0)
			continue;
		c->wanted[c->count++] = own && !hosts->list[i].not ;
	}
	strbuf_clear(&reason);
}

/* The parts of it that are wanted, halved until each is all alike. Is it wanted
 * as a whole? Then it stands there as that. */
static bool
add_parts(struct cutting *c, const struct proxy_network *network)
{
	struct proxy_network half = *network, host = *network;
	size_t before = c->to->n;
	struct strbuf address;
	bool all, mixed = false;

	/* Is any entry a part of it, so that it is not all alike? */
	for (size_t i = 0; i < c->count && !mixed; i++)
		mixed = c->list[i].prefix > network->prefix &&
		    proxy_network_is_within(&c->list[i], network);
	if (mixed) {
		half.prefix++;
		all = add_parts(c, &half);
		half.address[network->prefix / 8] |=
		    (uint8_t)(0x80 >> network->prefix % 8);
		all = add_parts(c, &half) && all;
		if (all)
			strbuf_truncate(c->to, before);
	} else {
		strbuf_init(&address, INET6_ADDRSTRLEN);
		host.prefix = host.family == AF_INET ? 32 : 128;
		proxy_network_print(&host, &address);
		all =
		    migrate_hosts_contain(c->internal, strbuf_text(&address)) &&
		    !migrate_hosts_contain(c->peers, strbuf_text(&address));
		strbuf_clear(&address);
	}
	if (all) {
		strbuf_add_str(c->to, ", ");
		proxy_network_print(network, c->to);
	}
	return all;
}

bool
migrate_hosts_networks(const struct migrate_hosts *internal,
    const struct migrate_hosts *peers, struct strbuf *to)
{
	size_t most = internal->count + peers->count;
	bool exceptions = peers->count > 0;
	struct cutting c = {.internal = internal, .peers = peers, .to = to};

	for (size_t i = 0; i < internal->count; i++)
		exceptions = exceptions || internal->list[i].not ;
	for (size_t i = 0; !exceptions && i < internal->count; i++)
		if (!internal->list[i].name)
			strbuf_addf(to, ", %s", internal->list[i].text);
	if (!exceptions || most > EXCEPTIONS_MAX)
		return !exceptions;
	c.list = xcalloc(most, sizeof(*c.list));
	c.wanted = xcalloc(most, sizeof(*c.wanted));
	collect_networks(&c, internal, true);
	collect_networks(&c, peers, false);
	for (size_t i = 0; i < c.count; i++) {
		bool part = !c.wanted[i];

		/* What lies in another that is wanted comes with that. */
		for (size_t k = 0; k < c.count && !part; k++)
			part = k != i && c.wanted[k] &&
			    proxy_network_is_within(&c.list[i], &c.list[k]) &&
			    (c.list[k].prefix < c.list[i].prefix || k < i);
		if (!part)
			(void)add_parts(&c, &c.list[i]);
	}
	free(c.list);
	free(c.wanted);
	return true;
}
