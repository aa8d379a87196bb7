/* The addresses by which mail leaves; see leaving.h. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/address.h"
#include "base/xalloc.h"
#include "cli/kit/leaving.h"

/* Where the kernel is asked for the way to: root servers a and b, which every
 * default route leads to. Nothing is sent to them. */
static const char far_v4[] = "198.41.0.4";
static const char far_v6[] = "2001:503:ba3e::2:30";

enum { FAR_PORT = 53, MX_MAX = 10 };

/* --- addresses --- */

struct network {
	int family; /* 0: behind the last */
	unsigned char octets[16];
	unsigned bits;
};

/* Which the world never sees. */
static const struct network hidden_networks[] = {{AF_INET, {10}, 8},
    {AF_INET, {172, 16}, 12}, {AF_INET, {192, 168}, 16},
    {AF_INET, {100, 64}, 10}, {AF_INET, {169, 254}, 16}, {AF_INET, {127}, 8},
    {AF_INET, {0}, 8}, {AF_INET6, {0xfc}, 7}, {AF_INET6, {0xfe, 0x80}, 10},
    {AF_INET6, {0}, 127}, {0}};

/* For this host, or this link, alone. */
static const struct network link_networks[] = {{AF_INET, {127}, 8},
    {AF_INET, {169, 254}, 16}, {AF_INET6, {0xfe, 0x80}, 10},
    {AF_INET6, {0}, 127}, {0}};

/* As many octets as an address of the family has. */
static bool
is_in_one(const struct network *list, int family, const unsigned char *octets)
{
	for (; list->family != 0; list++)
		if (list->family == family &&
		    auth_address_matches(octets, list->octets, list->bits))
			return true;
	return false;
}

/* AF_INET, AF_INET6 or 0, and the octets. */
static int
read_octets(struct slice text, unsigned char octets[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof(copy))
		return 0;
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)text.n, text.p);
	if (inet_pton(AF_INET, copy, octets) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, copy, octets) == 1 ? AF_INET6 : 0;
}

static void
add_octets(struct cli_leaving *leaving, int family,
    const unsigned char octets[16], int relay, const char *from)
{
	struct cli_leaving_address *to = &leaving->list[leaving->count];

	if (leaving->count == CLI_LEAVING_MAX)
		return;
	*to = (struct cli_leaving_address){.from = from,
	    .relay = relay,
	    .hidden = is_in_one(hidden_networks, family, octets)};
	(void)inet_ntop(family, octets, to->text, sizeof(to->text));
	for (size_t i = 0; i < leaving->count; i++)
		if (strcmp(leaving->list[i].text, to->text) == 0)
			return;
	leaving->count++;
}

/* --- the machine --- */

/* Where there is no way to the world: the first address that is not for this
 * host, or this link, alone. */
static void
look_at_interfaces(int family, char to[INET6_ADDRSTRLEN])
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) != 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL && to[0] == '\0';
	     i = i->ifa_next) {
		const void *its = i->ifa_addr, *octets;

		if (its == NULL || i->ifa_addr->sa_family != family ||
		    (i->ifa_flags & IFF_UP) == 0)
			continue;
		octets = family == AF_INET
		    ? (const void *)&((const struct sockaddr_in *)its)->sin_addr
		    : (const void *)&((const struct sockaddr_in6 *)its)
			  ->sin6_addr;
		if (!is_in_one(link_networks, family, octets))
			(void)inet_ntop(family, octets, to, INET6_ADDRSTRLEN);
	}
	freeifaddrs(all);
}

static void
look_at_way(
    const struct sockaddr *far, socklen_t length, char to[INET6_ADDRSTRLEN])
{
	struct sockaddr_storage own;
	socklen_t own_length = sizeof(own);
	int fd = socket(far->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const void *octets = far->sa_family == AF_INET
	    ? (const void *)&((struct sockaddr_in *)&own)->sin_addr
	    : (const void *)&((struct sockaddr_in6 *)&own)->sin6_addr;

	to[0] = '\0';
	if (fd < 0)
		return;
	if (connect(fd, far, length) == 0 &&
	    getsockname(fd, (struct sockaddr *)&own, &own_length) == 0)
		(void)inet_ntop(far->sa_family, octets, to, INET6_ADDRSTRLEN);
	else
		look_at_interfaces(far->sa_family, to);
	(void)close(fd);
}

void
cli_leaving_look(struct cli_leaving_machine *machine)
{
	struct sockaddr_in v4 = {
	    .sin_family = AF_INET, .sin_port = htons(FAR_PORT)};
	struct sockaddr_in6 v6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(FAR_PORT)};

	(void)inet_pton(AF_INET, far_v4, &v4.sin_addr);
	(void)inet_pton(AF_INET6, far_v6, &v6.sin6_addr);
	look_at_way((struct sockaddr *)&v4, sizeof(v4), machine->v4);
	look_at_way((struct sockaddr *)&v6, sizeof(v6), machine->v6);
}

/* --- what Postfix says --- */

struct leaving_search {
	struct cli_leaving *to;
	const struct cli_master *master;
	const struct cli_service *service; /* that sends; NULL: none is found */
};

static struct slice
leaving_value(const struct leaving_search *s, const char *name)
{
	if (s->master == NULL)
		return SLICE("");
	return cli_master_value(s->master, s->service, name);
}

/* The one address of that family in a list, "[...]" around it or not; where
 * there are several, or names, it is none. */
static bool
find_only_address(struct slice list, int family, unsigned char octets[16])
{
	unsigned char other[16];
	struct slice item;
	size_t count = 0;
	int its;

	while (cli_master_item(&list, &item)) {
		if (item.n > 2 && item.p[0] == '[')
			item = slice_from(item.p + 1, item.n - 2);
		its = read_octets(item, other);
		if (its == 0)
			return false;
		if (its == family && ++count == 1)
			memcpy(octets, other, sizeof(other));
	}
	return count == 1;
}

static bool
is_any(const unsigned char octets[16], int family)
{
	static const unsigned char zeros[16];

	return memcmp(octets, zeros, family == AF_INET ? 4 : 16) == 0;
}

/* The address that the world sees of a hidden one: that of the proxy or NAT
 * before it, where main.cf has it. */
static bool
add_proxies(struct leaving_search *s, int family)
{
	struct slice list = leaving_value(s, "proxy_interfaces"), item;
	unsigned char octets[16];
	bool added = false;

	while (cli_master_item(&list, &item)) {
		if (item.n > 2 && item.p[0] == '[')
			item = slice_from(item.p + 1, item.n - 2);
		if (read_octets(item, octets) != family)
			continue;
		add_octets(s->to, family, octets, -1, "proxy_interfaces");
		added = true;
	}
	return added;
}

static void
add_own(struct leaving_search *s, int family, const unsigned char octets[16],
    const char *from)
{
	bool hidden = is_in_one(hidden_networks, family, octets);

	if (!hidden || !add_proxies(s, family))
		add_octets(s->to, family, octets, -1, from);
}

/* As Postfix chooses it (smtp(8), smtp_bind_address): what it is told; the only
 * address that it listens at; else it leaves it to the kernel. */
static void
find_own(struct leaving_search *s, int family, const char *of_kernel)
{
	const char *bind =
	    family == AF_INET ? "smtp_bind_address" : "smtp_bind_address6";
	struct slice protocols = leaving_value(s, "inet_protocols");
	struct slice told = leaving_value(s, bind);
	unsigned char octets[16];

	if (protocols.n > 0 && !cli_master_lists(protocols, SLICE("all")) &&
	    !cli_master_lists(
		protocols, family == AF_INET ? SLICE("ipv4") : SLICE("ipv6")))
		return;
	if (told.n > 2 && told.p[0] == '[')
		told = slice_from(told.p + 1, told.n - 2);
	if (read_octets(told, octets) == family && !is_any(octets, family))
		add_own(s, family, octets, bind);
	else if (find_only_address(
		     leaving_value(s, "inet_interfaces"), family, octets) &&
	    !is_any(octets, family) && !(family == AF_INET && octets[0] == 127))
		add_own(s, family, octets, "inet_interfaces");
	else if (read_octets(slice_str(of_kernel), octets) == family)
		add_own(s, family, octets, "the interface");
}

static void
push_question(struct cli_leaving *leaving, enum dns_type type,
    struct slice name, int relay)
{
	struct cli_leaving_question *q =
	    &leaving->questions[leaving->question_count];

	if (leaving->question_count == CLI_LEAVING_QUESTIONS_MAX)
		return;
	*q = (struct cli_leaving_question){.relay = relay};
	if (dns_question_set(&q->question, type, name) == 0)
		leaving->question_count++;
	else
		leaving->relays[relay].unknown = true;
}

static void
push_addresses(struct cli_leaving *leaving, struct slice name, int relay)
{
	push_question(leaving, DNS_A, name, relay);
	push_question(leaving, DNS_AAAA, name, relay);
}

/* "[host]:587", "host", "[192.0.2.1]", "[ipv6:2001:db8::1]:25". */
static void
add_relay(struct cli_leaving *leaving, struct slice text, const char *from)
{
	struct cli_leaving_relay *relay =
	    &leaving->relays[leaving->relay_count];
	int number = (int)leaving->relay_count, family;
	unsigned char octets[16];
	bool bracketed = text.n > 0 && text.p[0] == '[';
	struct slice host;

	if (leaving->relay_count == CLI_LEAVING_RELAYS_MAX || text.n == 0)
		return;
	host = bracketed ? slice_first(slice_after(text, 1),
			       slice_find(slice_after(text, 1), ']'))
			 : slice_first(text, slice_find(text, ':'));
	if (slice_starts_nocase(host, SLICE("ipv6:")))
		host = slice_after(host, 5);
	*relay = (struct cli_leaving_relay){0};
	leaving->relay_count++;
	family = read_octets(host, octets);
	if (family != 0) {
		add_octets(leaving, family, octets, number, from);
		return;
	}
	relay->host = xslicedup(host);
	relay->mx = !bracketed;
	if (relay->mx)
		push_question(leaving, DNS_MX, host, number);
	else
		push_addresses(leaving, host, number);
}

void
cli_leaving_find(struct cli_leaving *leaving, const struct cli_master *master,
    const struct cli_leaving_machine *machine)
{
	struct leaving_search s = {leaving, master, NULL};
	const char *from = "default_transport";
	struct slice transport, list, item;
	static const char *const names[] = {"sender_dependent_relayhost_maps",
	    "sender_dependent_default_transport_maps"};

	*leaving = (struct cli_leaving){0};
	transport = leaving_value(&s, from);
	transport = slice_first(transport, slice_find(transport, ':'));
	if (master != NULL)
		s.service = cli_master_find(
		    master, transport.n > 0 ? transport : SLICE("smtp"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (s.to->tables == NULL && leaving_value(&s, names[i]).n > 0)
			s.to->tables = names[i];
	/* It may name the next hop itself; then it counts. */
	transport = leaving_value(&s, from);
	list = slice_after(transport, slice_find(transport, ':') + 1);
	if (list.n == 0) {
		from = "relayhost";
		list = leaving_value(&s, from);
	}
	while (cli_master_item(&list, &item))
		add_relay(leaving, item, from);
	if (leaving->relay_count > 0)
		return;
	find_own(&s, AF_INET, machine->v4);
	find_own(&s, AF_INET6, machine->v6);
}

/* --- asking --- */

bool
cli_leaving_ask(void *subject, struct dns_question *question)
{
	struct cli_leaving *leaving = subject;

	if (leaving->asked == leaving->question_count)
		return false;
	*question = leaving->questions[leaving->asked++].question;
	return true;
}

static void
take_leaving(struct cli_leaving *leaving, const struct cli_leaving_question *q,
    const struct dns_answer *answer)
{
	int family = q->question.type == DNS_A ? AF_INET : AF_INET6;

	if (answer->status == DNS_TEMPFAIL)
		leaving->silent = true;
	else if (q->question.type == DNS_MX) {
		/* Without an MX the host itself takes mail (RFC 5321 section
		 * 5.1). */
		int relay = q->relay;

		if (answer->status != DNS_OK) {
			push_addresses(leaving,
			    slice_str(leaving->relays[relay].host), relay);
		} else {
			for (size_t i = 0; i < answer->count && i < MX_MAX; i++)
				push_addresses(
				    leaving, answer->records[i].value, relay);
		}
	} else if (answer->status == DNS_OK)
		for (size_t i = 0; i < answer->count; i++) {
			unsigned char octets[16] = {0};
			struct slice value = answer->records[i].value;

			if (value.n != (family == AF_INET ? 4 : 16))
				continue;
			memcpy(octets, value.p, value.n);
			add_octets(
			    leaving, family, octets, q->relay, "relayhost");
		}
}

void
cli_leaving_answer(void *subject, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct cli_leaving *leaving = subject;

	for (size_t i = 0; i < leaving->asked; i++) {
		struct cli_leaving_question *q = &leaving->questions[i];

		if (q->answered || !dns_question_equal(&q->question, question))
			continue;
		q->answered = true;
		take_leaving(leaving, q, answer);
	}
}

void
cli_leaving_clear(struct cli_leaving *leaving)
{
	for (size_t i = 0; i < leaving->relay_count; i++)
		free(leaving->relays[i].host);
	leaving->relay_count = 0;
}
