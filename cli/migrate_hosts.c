/* Clients that OpenDKIM's lists name; see migrate_plan.h. */
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
