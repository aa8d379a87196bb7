/* The servers of the zones, each asked itself; see servers.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "auth/dmarc_record.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "cli/check/servers_private.h"
#include "cli/kit/flow.h"
#include "proxy/settings/index.h"

/* One server that was not brought up to date gives some of the world an old
 * key, and mail fails there now and then: a look through a resolver, which asks
 * one of them, finds that by chance only. */
enum {
	PORT = 53,
	TEXT_MAX = 1 << 16,
	QUESTIONS_PER_NAME = 200,
	/* When so many addresses in a row keep silent, port 53 of the world is
	 * out of reach. */
	SILENT_MAX = 24
};

/* --- names --- */

struct check_names *
check_names_new(void)
{
	struct check_names *names = xcalloc(1, sizeof(*names));

	names->zone_names = proxy_index_new();
	names->address_texts = proxy_index_new();
	names->targets = proxy_index_new();
	return names;
}

static void
free_zone(struct check_zone *zone)
{
	for (size_t i = 0; i < zone->host_count; i++)
		free(zone->hosts[i].name);
	free(zone->name);
	free(zone);
}

static void
free_name(struct check_name *name)
{
	for (size_t i = 0; i < HOSTS_MAX; i++) {
		free(name->said[i].text);
		free(name->said[i].target);
	}
	free(name->text);
	free(name);
}

void
check_names_free(struct check_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free_name(names->list[i]);
	for (size_t i = 0; i < names->zone_count; i++)
		free_zone(names->zones[i]);
	free(names->list);
	free(names->zones);
	free(names->addresses);
	proxy_index_free(names->zone_names);
	proxy_index_free(names->address_texts);
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

static int
compare_values(const void *a, const void *b)
{
	const struct slice *one = a, *other = b;
	size_t n = one->n < other->n ? one->n : other->n;
	int order = n == 0 ? 0 : memcmp(one->p, other->p, n);

	return order != 0 ? order : (one->n > other->n) - (one->n < other->n);
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
	qsort(values, count, sizeof(*values), compare_values);
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
	/* Not known before its zone has been asked for. */
	name->zone = SIZE_MAX;
	(void)dns_question_set(&name->question, DNS_TXT, at);
	cli_zone_init(&name->finding, at);
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
	for (size_t i = HOSTS_MAX; i-- > 0;)
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

/* --- zones and their servers --- */

static bool
ask_zone_of(void *subject, struct dns_question *question)
{
	return cli_zone_ask(&((struct check_name *)subject)->finding, question);
}

static void
answer_zone_of(void *subject, const struct dns_question *question,
    const struct dns_answer *answer)
{
	cli_zone_answer(
	    &((struct check_name *)subject)->finding, question, answer);
}

/* Many names lie in one zone, whose servers are asked for once. */
static void
add_zone(struct check_names *names, struct check_name *name)
{
	const char *text = cli_zone_name(&name->finding);
	struct check_zone *zone;

	if (text == NULL)
		return;
	name->zone = proxy_index_add(names->zone_names, slice_str(text));
	if (name->zone < names->zone_count)
		return;
	names->zones = xreallocarray(
	    names->zones, names->zone_count + 1, sizeof(*names->zones));
	zone = xcalloc(1, sizeof(*zone));
	zone->name = xstrdup(text);
	zone->questions[0] = name->finding.question;
	zone->questions[0].type = DNS_NS;
	zone->question_count = 1;
	names->zones[names->zone_count++] = zone;
}

static void
finish_zone_of(void *ctx, void *subject)
{
	add_zone(ctx, subject);
}

struct zone_asking {
	struct check_names *names;
	struct check_zone *zone;
};

static bool
ask_servers(void *subject, struct dns_question *question)
{
	struct check_zone *zone = ((struct zone_asking *)subject)->zone;

	if (zone->asked == zone->question_count)
		return false;
	*question = zone->questions[zone->asked++];
	return true;
}

/* In an order of their own, for answers turn theirs about. */
static void
add_hosts(struct check_zone *zone, const struct dns_answer *answer)
{
	struct slice *values = xcalloc(answer->count, sizeof(*values));

	for (size_t i = 0; i < answer->count; i++)
		values[i] = answer->records[i].value;
	qsort(values, answer->count, sizeof(*values), compare_values);
	for (size_t i = 0; i < answer->count; i++) {
		struct slice name = values[i];
		struct dns_question *questions =
		    &zone->questions[zone->question_count];

		/* A and AAAA of each host are asked next: two questions behind
		 * that for NS, in the order of the hosts, as answer_servers()
		 * counts on. */
		if (zone->host_count != HOSTS_MAX &&
		    dns_question_set(&questions[0], DNS_A, name) == 0 &&
		    dns_question_set(&questions[1], DNS_AAAA, name) == 0) {
			zone->question_count += 2;
			zone->hosts[zone->host_count++] =
			    (struct check_host){.name = xslicedup(name)};
		}
	}
	free(values);
}

/* Its number; SIZE_MAX for none. Hosts of many zones share addresses; what is
 * silent once is not waited for again. */
static size_t
add_address(struct check_names *names, struct slice octets)
{
	struct check_address address = {0};
	size_t number;

	if (dns_server_set(&address.server, octets, PORT) != 0)
		return SIZE_MAX;
	(void)inet_ntop(address.server.address.any.sa_family, octets.p,
	    address.text, sizeof(address.text));
	number = proxy_index_add(names->address_texts, slice_str(address.text));
	if (number < names->address_count)
		return number;
	names->addresses = xreallocarray(names->addresses,
	    names->address_count + 1, sizeof(*names->addresses));
	names->addresses[names->address_count++] = address;
	return number;
}

static void
add_host_addresses(struct check_names *names, struct check_host *host,
    const struct dns_answer *answer)
{
	for (size_t i = 0; answer->status == DNS_OK && i < answer->count &&
	     host->address_count < ADDRESSES_MAX;
	     i++) {
		size_t number = add_address(names, answer->records[i].value);

		if (number != SIZE_MAX)
			host->addresses[host->address_count++] = number;
	}
}

static void
answer_servers(void *subject, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct zone_asking *asking = subject;
	struct check_zone *zone = asking->zone;

	if (question->type == DNS_NS) {
		zone->silent = answer->status != DNS_OK;
		if (answer->status == DNS_OK)
			add_hosts(zone, answer);
		return;
	}
	for (size_t i = 0; i < zone->host_count; i++)
		if (dns_question_equal(
			&zone->questions[1 + 2 * i + (question->type != DNS_A)],
			question))
			add_host_addresses(
			    asking->names, &zone->hosts[i], answer);
}

static void
finish_servers(void *ctx, void *subject)
{
	(void)ctx;
	free(subject);
}

/* From those numbers on. */
static void
find_servers(struct check_names *names, struct cli_resolver *resolver,
    size_t name, size_t zone)
{
	static const struct cli_flow_ops of_names = {
	    {ask_zone_of, answer_zone_of}, finish_zone_of, QUESTIONS_PER_NAME};
	static const struct cli_flow_ops of_zones = {
	    {ask_servers, answer_servers}, finish_servers, QUESTIONS_PER_NAME};
	struct cli_flow *flow = cli_flow_new(resolver, &of_names, names);

	for (; name < names->count; name++)
		cli_flow_add(flow, names->list[name]);
	cli_flow_end(flow);
	flow = cli_flow_new(resolver, &of_zones, names);
	for (; zone < names->zone_count; zone++) {
		struct zone_asking *asking = xcalloc(1, sizeof(*asking));

		*asking = (struct zone_asking){names, names->zones[zone]};
		cli_flow_add(flow, asking);
	}
	cli_flow_end(flow);
}

/* --- asking them --- */

/* One host, asked for one name. */
struct errand {
	struct asking_servers *asking;
	struct check_name *name;
	size_t host, address; /* its number among the host's */
	bool tcp;
};

struct asking_servers {
	struct check_names *names;
	struct event_base *base;
	size_t open;
};

static struct check_host *
host_of(const struct errand *e)
{
	return &e->asking->names->zones[e->name->zone]->hosts[e->host];
}

static struct check_address *
address_of(const struct errand *e)
{
	return &e->asking->names->addresses[host_of(e)->addresses[e->address]];
}

static void take_result(void *ctx, const struct dns_direct_result *);

static void
finish_errand(struct errand *e)
{
	e->asking->open--;
	free(e);
}

/* At the next of its addresses that may answer; the errand is gone where there
 * is none. */
static void
send_errand(struct errand *e)
{
	const struct check_names *names = e->asking->names;
	const struct check_host *host = host_of(e);
	struct dns_direct_order order = {
	    .question = &e->name->question, .tcp = e->tcp};

	/* An address that has kept silent and never answered is passed over:
	 * each costs seconds, and a site has hundreds of names. */
	while (e->address < host->address_count && address_of(e)->error != 0 &&
	    !address_of(e)->heard)
		e->address++;
	if (e->address == host->address_count ||
	    /* Nothing at all has answered: port 53 is shut here, which is no
	     * fault of theirs. */
	    (!names->heard && names->silent >= SILENT_MAX)) {
		finish_errand(e);
		return;
	}
	order.server = &address_of(e)->server;
	dns_direct_new(e->asking->base, &order, take_result, e);
}

static void
take_silence(struct errand *e, int error)
{
	struct check_address *address = address_of(e);
	struct check_host *host = host_of(e);

	/* It answers by UDP, so silence by TCP is a finding of its own: long
	 * keys need it (RFC 7766 section 5). */
	if (e->tcp) {
		host->tcp_error = error;
		finish_errand(e);
		return;
	}
	if (address->error == 0 && !address->heard)
		e->asking->names->silent++;
	address->error = error;
	e->address++;
	send_errand(e);
}

static void
take_result(void *ctx, const struct dns_direct_result *result)
{
	struct errand *e = ctx;
	struct check_address *address = address_of(e);
	struct check_host *host = host_of(e);

	if (result->kind == DNS_DIRECT_UNREACHABLE) {
		take_silence(e, result->error);
		return;
	}
	address->heard = true;
	e->asking->names->heard = true;
	host->tcp_good |= result->tcp;
	if (result->kind == DNS_DIRECT_NOT_ITS ||
	    result->kind == DNS_DIRECT_FAILED)
		/* It is named as a server of the zone and does not serve it
		 * (lame). */
		host->refuses = true;
	else {
		struct check_said *said = &e->name->said[e->host];

		if (!e->tcp && !said->known) {
			said->known = true;
			if (result->kind == DNS_DIRECT_ALIAS) {
				said->target = xstrdup(result->target);
				said->text = xstrdup(result->target);
			} else {
				said->text = print_answer(
				    e->name->about.kind, result->answer);
			}
		}
	}
	finish_errand(e);
}

static void
begin_errand(struct asking_servers *asking, struct check_name *name,
    size_t host, bool tcp)
{
	struct errand *e = xcalloc(1, sizeof(*e));

	*e = (struct errand){asking, name, host, 0, tcp};
	asking->open++;
	send_errand(e);
	/* Bounded: a thousand questions at once look like an attack, and are
	 * dropped. */
	while (asking->open >= IN_FLIGHT_MAX &&
	    event_base_loop(asking->base, EVLOOP_ONCE) == 0)
		continue;
}

/* By TCP each host is asked once for a zone, where it answers by UDP. */
static void
ask_by_tcp(struct asking_servers *asking, struct check_name *name)
{
	struct check_zone *zone = asking->names->zones[name->zone];

	for (size_t i = 0; i < zone->host_count; i++) {
		struct check_host *host = &zone->hosts[i];

		if (!name->said[i].known || host->tcp_asked || host->tcp_good)
			continue;
		host->tcp_asked = true;
		begin_errand(asking, name, i, true);
	}
}

static void
wait_for_all(struct asking_servers *asking)
{
	while (
	    asking->open > 0 && event_base_loop(asking->base, EVLOOP_ONCE) == 0)
		continue;
}

static void
ask_all(struct check_names *names, struct cli_resolver *resolver, size_t from)
{
	struct asking_servers asking = {names, cli_resolver_base(resolver), 0};
	size_t end = names->count;

	for (size_t i = from; i < end; i++)
		if (names->list[i]->zone != SIZE_MAX)
			for (size_t k = 0;
			     k < names->zones[names->list[i]->zone]->host_count;
			     k++)
				begin_errand(&asking, names->list[i], k, false);
	wait_for_all(&asking);
	for (size_t i = from; i < end; i++)
		if (names->list[i]->zone != SIZE_MAX)
			ask_by_tcp(&asking, names->list[i]);
	wait_for_all(&asking);
	for (size_t i = from; i < end; i++)
		follow_alias(names, names->list[i]);
}

void
check_servers(struct check_names *names, struct cli_resolver *resolver,
    struct check_report *report)
{
	size_t name = 0, zone = 0;

	while (name < names->count) {
		/* Names that aliases added in this round are looked at in the
		 * next one. */
		size_t next = names->count;

		find_servers(names, resolver, name, zone);
		zone = names->zone_count;
		ask_all(names, resolver, name);
		name = next;
	}
	check_servers_report(names, report);
}
