/* The servers of zones, each asked itself; see authorities.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "cli/kit/authorities.h"
#include "cli/kit/flow.h"
#include "proxy/settings/index.h"

enum {
	PORT = 53,
	QUESTIONS_PER_NAME = 200,
	/* A thousand questions at once look like an attack, and are dropped. */
	IN_FLIGHT_MAX = 100,
	/* When so many addresses in a row keep silent, port 53 of the world is
	 * out of reach. */
	SILENT_MAX = 24
};

struct cli_authorities *
cli_authorities_new(struct cli_resolver *resolver)
{
	struct cli_authorities *a = xcalloc(1, sizeof(*a));

	a->resolver = resolver;
	a->zone_names = proxy_index_new();
	a->address_texts = proxy_index_new();
	return a;
}

void
cli_authorities_free(struct cli_authorities *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->zone_count; i++) {
		struct cli_authority_zone *zone = a->zones[i];

		for (size_t k = 0; k < zone->host_count; k++)
			free(zone->hosts[k].name);
		free(zone->name);
		free(zone);
	}
	free(a->zones);
	free(a->addresses);
	proxy_index_free(a->zone_names);
	proxy_index_free(a->address_texts);
	free(a);
}

/* --- which they are --- */

void
cli_placed_init(struct cli_placed *placed, struct slice name)
{
	cli_zone_init(&placed->finding, name);
	/* Not known before it has been asked for. */
	placed->zone = SIZE_MAX;
}

static bool
ask_zone_of(void *subject, struct dns_question *question)
{
	return cli_zone_ask(&((struct cli_placed *)subject)->finding, question);
}

static void
answer_zone_of(void *subject, const struct dns_question *question,
    const struct dns_answer *answer)
{
	cli_zone_answer(
	    &((struct cli_placed *)subject)->finding, question, answer);
}

/* Many names lie in one zone, whose servers are asked for once. */
static void
finish_zone_of(void *ctx, void *subject)
{
	struct cli_authorities *a = ctx;
	struct cli_placed *placed = subject;
	const char *text = cli_zone_name(&placed->finding);
	struct cli_authority_zone *zone;

	if (text == NULL)
		return;
	placed->zone = proxy_index_add(a->zone_names, slice_str(text));
	if (placed->zone < a->zone_count)
		return;
	a->zones =
	    xreallocarray(a->zones, a->zone_count + 1, sizeof(*a->zones));
	zone = xcalloc(1, sizeof(*zone));
	zone->name = xstrdup(text);
	zone->questions[0] = placed->finding.question;
	zone->questions[0].type = DNS_NS;
	zone->question_count = 1;
	a->zones[a->zone_count++] = zone;
}

struct zone_asking {
	struct cli_authorities *authorities;
	struct cli_authority_zone *zone;
};

static bool
ask_servers(void *subject, struct dns_question *question)
{
	struct cli_authority_zone *zone = ((struct zone_asking *)subject)->zone;

	if (zone->asked == zone->question_count)
		return false;
	*question = zone->questions[zone->asked++];
	return true;
}

int
cli_compare_values(const void *a, const void *b)
{
	const struct slice *one = a, *other = b;
	size_t n = one->n < other->n ? one->n : other->n;
	int order = n == 0 ? 0 : memcmp(one->p, other->p, n);

	return order != 0 ? order : (one->n > other->n) - (one->n < other->n);
}

/* In an order of their own, for answers turn theirs about. */
static void
add_hosts(struct cli_authority_zone *zone, const struct dns_answer *answer)
{
	struct slice *values = xcalloc(answer->count, sizeof(*values));

	for (size_t i = 0; i < answer->count; i++)
		values[i] = answer->records[i].value;
	qsort(values, answer->count, sizeof(*values), cli_compare_values);
	for (size_t i = 0; i < answer->count; i++) {
		struct slice name = values[i];
		struct dns_question *questions =
		    &zone->questions[zone->question_count];

		/* A and AAAA of each host are asked next: two questions behind
		 * that for NS, in the order of the hosts, as answer_servers()
		 * counts on. */
		if (zone->host_count != CLI_HOSTS_MAX &&
		    dns_question_set(&questions[0], DNS_A, name) == 0 &&
		    dns_question_set(&questions[1], DNS_AAAA, name) == 0) {
			zone->question_count += 2;
			zone->hosts[zone->host_count++] =
			    (struct cli_host){.name = xslicedup(name)};
		}
	}
	free(values);
}

/* Its number; SIZE_MAX for none. Hosts of many zones share addresses; what is
 * silent once is not waited for again. */
static size_t
add_address(struct cli_authorities *a, struct slice octets)
{
	struct cli_address address = {0};
	size_t number;

	if (dns_server_set(&address.server, octets, PORT) != 0)
		return SIZE_MAX;
	(void)inet_ntop(address.server.address.any.sa_family, octets.p,
	    address.text, sizeof(address.text));
	number = proxy_index_add(a->address_texts, slice_str(address.text));
	if (number < a->address_count)
		return number;
	a->addresses = xreallocarray(
	    a->addresses, a->address_count + 1, sizeof(*a->addresses));
	a->addresses[a->address_count++] = address;
	return number;
}

static void
add_host_addresses(struct cli_authorities *a, struct cli_host *host,
    const struct dns_answer *answer)
{
	for (size_t i = 0; answer->status == DNS_OK && i < answer->count &&
	     host->address_count < CLI_HOST_ADDRESSES_MAX;
	     i++) {
		size_t number = add_address(a, answer->records[i].value);

		if (number != SIZE_MAX)
			host->addresses[host->address_count++] = number;
	}
}

static void
answer_servers(void *subject, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct zone_asking *asking = subject;
	struct cli_authority_zone *zone = asking->zone;

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
			    asking->authorities, &zone->hosts[i], answer);
}

static void
finish_servers(void *ctx, void *subject)
{
	(void)ctx;
	free(subject);
}

void
cli_authorities_find(
    struct cli_authorities *a, struct cli_placed *const *names, size_t count)
{
	static const struct cli_flow_ops of_names = {
	    {ask_zone_of, answer_zone_of}, finish_zone_of, QUESTIONS_PER_NAME};
	static const struct cli_flow_ops of_zones = {
	    {ask_servers, answer_servers}, finish_servers, QUESTIONS_PER_NAME};
	struct cli_flow *flow = cli_flow_new(a->resolver, &of_names, a);
	size_t zone = a->zone_count;

	for (size_t i = 0; i < count; i++)
		cli_flow_add(flow, names[i]);
	cli_flow_end(flow);
	flow = cli_flow_new(a->resolver, &of_zones, a);
	for (; zone < a->zone_count; zone++) {
		struct zone_asking *asking = xcalloc(1, sizeof(*asking));

		*asking = (struct zone_asking){a, a->zones[zone]};
		cli_flow_add(flow, asking);
	}
	cli_flow_end(flow);
}

/* --- asking them --- */

/* One host, asked one thing. */
struct errand {
	struct cli_authorities *authorities;
	struct cli_authority_order order;
	struct dns_question question;
	size_t address; /* its number among the host's */
	dns_direct_fn *fn;
	void *ctx;
};

static struct cli_host *
host_of(const struct errand *e)
{
	return &e->authorities->zones[e->order.zone]->hosts[e->order.host];
}

static struct cli_address *
address_of(const struct errand *e)
{
	return &e->authorities->addresses[host_of(e)->addresses[e->address]];
}

static void
finish_errand(struct errand *e, const struct dns_direct_result *result)
{
	e->authorities->open--;
	e->fn(e->ctx, result);
	free(e);
}

/* An address that has kept silent and never answered is passed over: each costs
 * seconds, and a site has hundreds of names. */
static bool
skip_silent(struct errand *e)
{
	const struct cli_authorities *a = e->authorities;

	while (e->address < host_of(e)->address_count &&
	    address_of(e)->error != 0 && !address_of(e)->heard)
		e->address++;
	return e->address < host_of(e)->address_count &&
	    /* Nothing at all has answered: port 53 is shut here, which is no
	     * fault of theirs. */
	    (a->heard || a->silent < SILENT_MAX);
}

static void take_result(void *ctx, const struct dns_direct_result *);

static void
send_errand(struct errand *e)
{
	const struct dns_direct_order order = {
	    .question = &e->question,
	    .server = &address_of(e)->server,
	    .tcp = e->order.tcp,
	    .link = e->order.link,
	};

	dns_direct_new(cli_resolver_base(e->authorities->resolver), &order,
	    take_result, e);
}

/* Why the last of its addresses was not heard. */
static int
why_silent(const struct errand *e)
{
	const struct cli_host *host = host_of(e);
	int error = ETIMEDOUT;

	for (size_t i = 0; i < host->address_count; i++) {
		const struct cli_address *address =
		    &e->authorities->addresses[host->addresses[i]];

		if (address->error != 0)
			error = address->error;
	}
	return error;
}

static void
take_silence(struct errand *e, const struct dns_direct_result *result)
{
	struct cli_address *address = address_of(e);
	struct cli_host *host = host_of(e);

	/* It answers by UDP, so silence by TCP is a finding of its own: long
	 * keys need it (RFC 7766 section 5). */
	if (e->order.tcp) {
		host->tcp_error = result->error;
		finish_errand(e, result);
		return;
	}
	if (address->error == 0 && !address->heard)
		e->authorities->silent++;
	address->error = result->error;
	e->address++;
	if (skip_silent(e))
		send_errand(e);
	else
		finish_errand(e, result);
}

static void
take_result(void *ctx, const struct dns_direct_result *result)
{
	struct errand *e = ctx;
	struct cli_address *address;
	struct cli_host *host = host_of(e);

	if (result->kind == DNS_DIRECT_UNREACHABLE) {
		take_silence(e, result);
		return;
	}
	address = address_of(e);
	address->heard = true;
	e->authorities->heard = true;
	host->tcp_good |= result->tcp;
	if (result->kind == DNS_DIRECT_NOT_ITS ||
	    result->kind == DNS_DIRECT_FAILED) {
		/* It is named as a server of the zone and does not serve it
		 * (lame). */
		e->address += e->order.any_address;
		if (e->order.any_address && skip_silent(e)) {
			send_errand(e);
			return;
		}
		host->refuses = true;
	}
	finish_errand(e, result);
}

void
cli_authorities_ask(struct cli_authorities *a,
    const struct cli_authority_order *order, dns_direct_fn *fn, void *ctx)
{
	struct errand *e = xcalloc(1, sizeof(*e));

	*e = (struct errand){a, *order, *order->question, 0, fn, ctx};
	a->open++;
	if (skip_silent(e))
		send_errand(e);
	else
		finish_errand(e,
		    &(struct dns_direct_result){.kind = DNS_DIRECT_UNREACHABLE,
			.error = why_silent(e)});
	while (a->open >= IN_FLIGHT_MAX &&
	    event_base_loop(cli_resolver_base(a->resolver), EVLOOP_ONCE) == 0)
		continue;
}

void
cli_authorities_wait(struct cli_authorities *a)
{
	while (a->open > 0 &&
	    event_base_loop(cli_resolver_base(a->resolver), EVLOOP_ONCE) == 0)
		continue;
}

void
cli_authorities_print_host(const struct cli_authorities *a,
    const struct cli_host *host, struct strbuf *to)
{
	const struct cli_address *shown = NULL;

	for (size_t i = 0; i < host->address_count; i++) {
		const struct cli_address *address =
		    &a->addresses[host->addresses[i]];

		if (shown == NULL || (address->heard && !shown->heard))
			shown = address;
	}
	escape_text(slice_str(host->name), to);
	if (shown != NULL)
		strbuf_addf(to, " (%s)", shown->text);
}
