/* Socket addresses and networks as text and as values. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "auth/address.h"
#include "base/number.h"
#include "proxy/settings/address.h"

#define ADDRESS_TEXT_MAX 64

/* "127.0.0.1", "::1" into `to`; the family, or 0. */
static sa_family_t
parse_host(struct slice host, uint8_t to[16])
{
	char text[ADDRESS_TEXT_MAX];

	if (host.n == 0 || host.n >= sizeof(text) ||
	    slice_find(host, '\0') != host.n)
		return 0;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	if (inet_pton(AF_INET, text, to) == 1)
		return AF_INET;
	if (inet_pton(AF_INET6, text, to) == 1)
		return AF_INET6;
	return 0;
}

/* Cuts "HOST:PORT" or "[HOST]:PORT" in two; false where it is neither. */
static bool
cut_port(struct slice text, struct slice *host, struct slice *port)
{
	size_t colon = slice_find_last(text, ':');

	if (colon == text.n)
		return false;
	*host = slice_first(text, colon);
	*port = slice_after(text, colon + 1);
	if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') {
		*host = slice_from(host->p + 1, host->n - 2);
		return slice_find(*host, ':') != host->n;
	}
	return slice_find(*host, ':') == host->n;
}

static void
set_inet(struct proxy_endpoint *to, sa_family_t family,
    const uint8_t address[16], uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	memset(to, 0, sizeof(*to));
	if (family == AF_INET) {
		in.sin_port = htons(port);
		memcpy(&in.sin_addr, address, sizeof(in.sin_addr));
		memcpy(&to->address, &in, sizeof(in));
		to->length = sizeof(in);
	} else {
		in6.sin6_port = htons(port);
		memcpy(&in6.sin6_addr, address, sizeof(in6.sin6_addr));
		memcpy(&to->address, &in6, sizeof(in6));
		to->length = sizeof(in6);
	}
}

int
proxy_endpoint_parse(
    struct slice text, struct proxy_endpoint *to, struct strbuf *reason)
{
	struct slice host, port;
	uint8_t address[16];
	sa_family_t family;
	uint64_t number;

	if (slice_starts_nocase(text, SLICE("unix:"))) {
		struct slice path = slice_after(text, 5);
		struct sockaddr_un un = {.sun_family = AF_UNIX};

		if (path.n == 0 || path.p[0] != '/' ||
		    slice_find(path, '\0') != path.n)
			return strbuf_fail(
			    reason, "unix: needs an absolute path");
		if (path.n >= sizeof(un.sun_path))
			return strbuf_fail(reason,
			    "path of a socket over %zu bytes",
			    sizeof(un.sun_path) - 1);
		memcpy(un.sun_path, path.p, path.n);
		memset(to, 0, sizeof(*to));
		memcpy(&to->address, &un, sizeof(un));
		to->length =
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			path.n + 1);
		return 0;
	}
	if (!cut_port(text, &host, &port))
		return strbuf_fail(
		    reason, "not ADDRESS:PORT, [ADDRESS6]:PORT or unix:/PATH");
	if (slice_equal_nocase(host, SLICE("localhost")))
		host = SLICE("127.0.0.1");
	family = parse_host(host, address);
	if (family == 0)
		return strbuf_fail(reason, "the host is no numeric address");
	if (number_parse(port, UINT16_MAX, &number) != 0 || number == 0)
		return strbuf_fail(reason, "the port is not 1 to 65535");
	set_inet(to, family, address, (uint16_t)number);
	return 0;
}

const char *
proxy_endpoint_path(const struct proxy_endpoint *at)
{
	if (at->length == 0 || at->address.ss_family != AF_UNIX)
		return NULL;
	return ((const struct sockaddr_un *)&at->address)->sun_path;
}

void
proxy_endpoint_print(const struct proxy_endpoint *at, struct strbuf *out)
{
	const struct sockaddr_in *in = (const void *)&at->address;
	const struct sockaddr_in6 *in6 = (const void *)&at->address;
	char text[INET6_ADDRSTRLEN] = "";

	switch (at->length == 0 ? AF_UNSPEC : at->address.ss_family) {
	case AF_UNIX:
		strbuf_addf(out, "unix:%s", proxy_endpoint_path(at));
		break;
	case AF_INET:
		(void)inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		strbuf_addf(out, "%s:%u", text, ntohs(in->sin_port));
		break;
	case AF_INET6:
		(void)inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		strbuf_addf(out, "[%s]:%u", text, ntohs(in6->sin6_port));
		break;
	default:
		strbuf_add_str(out, "nowhere");
	}
}

void
proxy_network_print(const struct proxy_network *network, struct strbuf *out)
{
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(network->family, network->address, text, sizeof(text));
	strbuf_add_str(out, text);
	if (network->prefix < (network->family == AF_INET ? 32 : 128))
		strbuf_addf(out, "/%u", network->prefix);
}

/* Mode 0 would lock everybody out, and bits beyond 0777 mean nothing on a
 * socket. */
static int
parse_mode(struct slice digits, unsigned *mode)
{
	unsigned value = 0;
	size_t i;

	if (digits.n != 3 && digits.n != 4)
		return -1;
	for (i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '7')
			return -1;
		value = value * 8 + (unsigned)(digits.p[i] - '0');
	}
	*mode = value;
	return value == 0 || value > 0777 ? -1 : 0;
}

int
proxy_rights_parse(
    struct slice word, struct proxy_rights *to, struct strbuf *reason)
{
	struct slice name;

	if (slice_starts_nocase(word, SLICE("mode="))) {
		if (parse_mode(slice_after(word, 5), &to->mode) == 0)
			return 0;
		return strbuf_fail(reason, "mode= is not 0001 to 0777");
	}
	name = slice_after(word, 6);
	if (!slice_starts_nocase(word, SLICE("group=")) || name.n == 0 ||
	    name.n >= sizeof(to->group) || slice_find(name, '\0') < name.n)
		return strbuf_fail(reason,
		    "only `proxy`, `mode=` and `group=` may follow the "
		    "address");
	memset(to->group, 0, sizeof(to->group));
	memcpy(to->group, name.p, name.n);
	return 0;
}

/* The address's bytes, how many, and the port. */
static const void *
inet_parts(const struct proxy_endpoint *at, size_t *n, unsigned *port)
{
	const struct sockaddr_in *in = (const void *)&at->address;
	const struct sockaddr_in6 *in6 = (const void *)&at->address;

	if (at->address.ss_family == AF_INET) {
		*n = sizeof(in->sin_addr);
		*port = ntohs(in->sin_port);
		return &in->sin_addr;
	}
	*n = sizeof(in6->sin6_addr);
	*port = ntohs(in6->sin6_port);
	return &in6->sin6_addr;
}

bool
proxy_endpoint_covers(
    const struct proxy_endpoint *a, const struct proxy_endpoint *b)
{
	static const uint8_t any[16];
	const void *at, *to;
	size_t at_n, to_n;
	unsigned at_port, to_port;

	if (a->length == 0 || b->length == 0)
		return false;
	if (a->address.ss_family == AF_UNIX || b->address.ss_family == AF_UNIX)
		return a->address.ss_family == b->address.ss_family &&
		    strcmp(proxy_endpoint_path(a), proxy_endpoint_path(b)) == 0;
	at = inet_parts(a, &at_n, &at_port);
	to = inet_parts(b, &to_n, &to_port);
	if (at_port != to_port)
		return false;
	if (at_n == to_n && memcmp(at, to, at_n) == 0)
		return true;
	/* :: takes IPv4 as well where the system lets it, so the second to bind
	 * fails. */
	return memcmp(at, any, at_n) == 0 && (at_n == to_n || at_n == 16);
}

/* Are all bits of the address behind the prefix zero? 192.0.2.1/24 is a mistake
 * of somebody: did he mean the host or the network? */
static bool
host_bits_clear(const struct proxy_network *network, unsigned bits)
{
	unsigned i;

	for (i = network->prefix; i < bits; i++)
		if ((network->address[i / 8] >> (7 - i % 8)) & 1)
			return false;
	return true;
}

int
proxy_network_parse(
    struct slice text, struct proxy_network *to, struct strbuf *reason)
{
	size_t slash = slice_find(text, '/');
	uint64_t prefix;
	unsigned bits;

	memset(to, 0, sizeof(*to));
	to->family = parse_host(slice_first(text, slash), to->address);
	if (to->family == 0)
		return strbuf_fail(reason, "not ADDRESS or ADDRESS/BITS");
	bits = to->family == AF_INET ? 32 : 128;
	prefix = bits;
	if (slash < text.n &&
	    number_parse(slice_after(text, slash + 1), bits, &prefix) != 0)
		return strbuf_fail(reason, "the prefix is not 0 to %u", bits);
	to->prefix = (uint8_t)prefix;
	if (!host_bits_clear(to, bits))
		return strbuf_fail(
		    reason, "bits are set behind the prefix of the network");
	return 0;
}

/* An IPv4-mapped address counts as IPv4. */
static bool
contain(const struct proxy_networks *networks, sa_family_t family,
    uint8_t address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const struct proxy_network *network;
	size_t i;

	if (family == AF_INET6 &&
	    memcmp(address, mapped, sizeof(mapped)) == 0) {
		family = AF_INET;
		memmove(address, address + 12, 4);
	}
	for (i = 0; i < networks->count; i++) {
		network = &networks->list[i];
		if (network->family == family &&
		    auth_address_matches(
			network->address, address, network->prefix))
			return true;
	}
	return false;
}

bool
proxy_network_is_within(
    const struct proxy_network *inner, const struct proxy_network *outer)
{
	return inner->family == outer->family &&
	    inner->prefix >= outer->prefix &&
	    auth_address_matches(outer->address, inner->address, outer->prefix);
}

bool
proxy_networks_cover(
    const struct proxy_networks *networks, const struct proxy_network *network)
{
	for (size_t i = 0; i < networks->count; i++)
		if (proxy_network_is_within(network, &networks->list[i]))
			return true;
	return false;
}

bool
proxy_networks_contain_text(
    const struct proxy_networks *networks, struct slice text)
{
	uint8_t address[16];
	sa_family_t family = parse_host(text, address);

	return family != 0 && contain(networks, family, address);
}

bool
proxy_networks_contain(
    const struct proxy_networks *networks, const struct sockaddr *peer)
{
	uint8_t address[16];
	sa_family_t family = peer->sa_family;

	if (family == AF_INET) {
		memcpy(address,
		    &((const struct sockaddr_in *)(const void *)peer)->sin_addr,
		    4);
	} else if (family == AF_INET6) {
		memcpy(address,
		    &((const struct sockaddr_in6 *)(const void *)peer)
			 ->sin6_addr,
		    16);
	} else {
		return false;
	}
	return contain(networks, family, address);
}
