/* The servers of the zones, each asked itself; see servers.h. */
#include <stdlib.h>
#include <string.h>

#include "auth/dmarc_record.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "cli/check/servers_private.h"
#include "cli/kit/authorities.h"
#include "proxy/settings/index.h"

/* One server that was not brought up to date gives some of the world an old
 * key, and mail fails there now and then: a look through a resolver, which asks
 * one of them, finds that by chance only. */
enum { TEXT_MAX = 1 << 16 };

/* --- names --- */

struct check_names *
check_names_new(void)
{
	struct check_names *names = xcalloc(1, sizeof(*names));

	names->targets = proxy_index_new();
	return names;
}

void
check_names_free(struct check_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		struct check_name *name = names->list[i];

		for (size_t k = 0; k < CLI_HOSTS_MAX; k++) {
			free(name->said[k].text);
			free(name->said[k].target);
		}
		free(name->text);
		free(name);
	}
	free(names->list);
	cli_authorities_free(names->authorities);
	proxy_index_free(names->targets);
	free(names);
}

/* TXT records of other services stand at the same name and change by
 * themselves: a difference in those is no finding. */
static bool
is_looked_at(enum check_name_kind kind, struct slice text)
{
	if (kind == CHECK_NAME_SPF)
		return slice_starts_nocase(text, SLICE("v=spf1")) ||
		    slice_starts_nocase(text, SLICE("spf2.0"));
	return kind == CHECK_NAME_KEY || auth_dmarc_record_is(text);
}

/* The records that are looked at, in an order of their own, a line each. An
 * order of their own, since a server gives a set in any order (RFC 2181 section
 * 5). */
static char *
print_answer(enum check_name_kind kind, const struct dns_answer *answer)
{
	struct slice *values;
	struct strbuf text;
	size_t count = 0;

	if (answer->status != DNS_OK)
		return xstrdup("");
	values = xcalloc(answer->count, sizeof(*values));
	for (size_t i = 0; i < answer->count; i++)
		if (is_looked_at(kind, answer->records[i].value))
			values[count++] = answer->records[i].value;
	qsort(values, count, sizeof(*values), cli_compare_values);
	strbuf_init(&text, TEXT_MAX);
	for (size_t i = 0; i < count; i++) {
		strbuf_add(&text, values[i]);
		strbuf_add_char(&text, '\n');
	}
	free(values);
	return text.n == 0 ? xstrdup("") : strbuf_detach(&text);
}

static struct check_name *
append_name(struct check_names *names, const struct check_name_about *about,
    struct slice at)
{
	struct check_name *name = xcalloc(1, sizeof(*name));

	if (names->count == names->room) {
		names->room = names->room == 0 ? 16 : 2 * names->room;
		names->list = xreallocarray(
		    names->list, names->room, sizeof(*names->list));
	}
	names->list[names->count++] = name;
	name->about = *about;
	(void)dns_question_set(&name->question, DNS_TXT, at);
	cli_placed_init(&name->placed, at);
	return name;
}

void
check_names_add(struct check_names *names, const struct check_name_about *about,
    const struct dns_question *question, const struct dns_answer *answer)
{
	struct check_name *name;

	/* What the resolver could not get is reported elsewhere. */
	if (answer->status == DNS_TEMPFAIL)
		return;
	name = append_name(names, about, slice_str(question->name));
	name->text = print_answer(about->kind, answer);
	name->alias = answer->alias;
}

/* The alias that the first server has leads to a name of another zone, which
 * must say the same. */
static void
follow_alias(struct check_names *names, const struct check_name *from)
{
	size_t before = proxy_index_count(names->targets);
	const char *to = NULL;
	struct check_name *name;

	/* Downwards, so that the first one wins. */
	for (size_t i = CLI_HOSTS_MAX; i-- > 0;)
		if (from->said[i].target != NULL)
			to = from->said[i].target;
	/* Aliases may lead in a circle: each target is followed once. */
	if (to == NULL || from->depth == ALIASES_MAX || !from->alias ||
	    proxy_index_add(names->targets, slice_str(to)) != before)
		return;
	name = append_name(names, &from->about, slice_str(to));
	name->text = xstrdup(from->text);
	name->alias = true; /* perhaps again */
	name->depth = from->depth + 1;
}

/* --- asking --- */

/* One host, asked for one name. */
struct errand {
	struct check_name *name;
	size_t host;
};

static void
take_said(void *ctx, const struct dns_direct_result *result)
{
	struct errand *e = ctx;
	struct check_said *said = &e->name->said[e->host];

	said->known = result->kind == DNS_DIRECT_ALIAS ||
	    result->kind == DNS_DIRECT_ANSWER;
	if (result->kind == DNS_DIRECT_ALIAS) {
		said->target = xstrdup(result->target);
		said->text = xstrdup(result->target);
	} else if (said->known) {
		said->text = print_answer(e->name->about.kind, result->answer);
	}
	free(e);
}

static void
ask_hosts(struct check_names *names, struct check_name *name)
{
	struct cli_authority_order order = {
	    .zone = name->placed.zone, .question = &name->question};

	if (order.zone == SIZE_MAX)
		return;
	for (; order.host < names->authorities->zones[order.zone]->host_count;
	     order.host++) {
		struct errand *e = xcalloc(1, sizeof(*e));

		*e = (struct errand){name, order.host};
		cli_authorities_ask(names->authorities, &order, take_said, e);
	}
}

/* What is said by TCP is what was said by UDP: whether it is said is noted of
 * the host. */
static void
take_tcp(void *ctx, const struct dns_direct_result *result)
{
	(void)ctx;
	(void)result;
}

/* By TCP each host is asked once for a zone, where it answers by UDP. */
static void
ask_by_tcp(struct check_names *names, struct check_name *name)
{
	struct cli_authority_order order = {.zone = name->placed.zone,
	    .question = &name->question,
	    .tcp = true};

	if (order.zone == SIZE_MAX)
		return;
	for (; order.host < names->authorities->zones[order.zone]->host_count;
	     order.host++) {
		struct cli_host *host =
		    &names->authorities->zones[order.zone]->hosts[order.host];

		if (!name->said[order.host].known || host->tcp_asked ||
		    host->tcp_good)
			continue;
		host->tcp_asked = true;
		cli_authorities_ask(names->authorities, &order, take_tcp, NULL);
	}
}

static void
ask_all(struct check_names *names, size_t from)
{
	size_t end = names->count;
	struct cli_placed **placed = xcalloc(end - from, sizeof(*placed));

	for (size_t i = from; i < end; i++)
		placed[i - from] = &names->list[i]->placed;
	cli_authorities_find(names->authorities, placed, end - from);
	free(placed);
	for (size_t i = from; i < end; i++)
		ask_hosts(names, names->list[i]);
	cli_authorities_wait(names->authorities);
	for (size_t i = from; i < end; i++)
		ask_by_tcp(names, names->list[i]);
	cli_authorities_wait(names->authorities);
	for (size_t i = from; i < end; i++)
		follow_alias(names, names->list[i]);
}

void
check_servers(struct check_names *names, struct cli_resolver *resolver,
    struct check_report *report)
{
	size_t name = 0;

	names->authorities = cli_authorities_new(resolver);
	while (name < names->count) {
		/* Names that aliases added in this round are looked at in the
		 * next one. */
		size_t next = names->count;

		ask_all(names, name);
		name = next;
	}
	check_servers_report(names, report);
}
