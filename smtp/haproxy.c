/*
 * The PROXY protocol; see haproxy.h. The header is believed, so it must come
 * first and be whole, and no octet behind it is read as part of it; where it
 * is wrong in anything the connection ends, since a client's address that was
 * guessed would open `allow`.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/number.h"
#include "smtp/haproxy.h"

static const struct slice v1_begin = SLICE_INIT("PROXY ");
static const struct slice v2_begin = SLICE_INIT("\r\n\r\n\0\r\nQUIT\n");

enum {
	V2_HEADER = 16,
	V2_LOCAL = 0x20, /* version and command */
	V2_PROXY = 0x21,
	V2_TCP4 = 0x11, /* family and protocol */
	V2_TCP6 = 0x21,
	V2_INET_SIZE = 12,
	V2_INET6_SIZE = 36,
};

static unsigned
big_endian_16(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* Text to the address of the family, in its canonical form. */
static int
take_address(int family, struct slice text, char to[INET6_ADDRSTRLEN])
{
	unsigned char raw[sizeof(struct in6_addr)];
	char copy[INET6_ADDRSTRLEN];

	if (text.n >= sizeof(copy) || slice_find(text, '\0') < text.n)
		return -1;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (inet_pton(family, copy, raw) != 1)
		return -1;
	return inet_ntop(family, raw, to, INET6_ADDRSTRLEN) == NULL ? -1 : 0;
}

/* "in the range [0..65535]", no leading zero. */
static int
take_port(struct slice text, uint16_t *port)
{
	uint64_t value;

	if (number_parse(text, 65535, &value) != 0 ||
	    (text.n > 1 && text.p[0] == '0'))
		return -1;
	*port = (uint16_t)value;
	return 0;
}

/* SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT, one space between. */
static int
read_v1_addresses(int family, struct slice rest, struct smtp_haproxy *header)
{
	struct slice word[4] = {{NULL, 0}};
	char destination[INET6_ADDRSTRLEN];
	uint16_t destination_port;

	for (int i = 0; i < 4; i++)
		if (!slice_cut(&rest, ' ', &word[i]))
			return -1;
	if (rest.p != NULL ||
	    take_address(family, word[0], header->address) != 0 ||
	    take_address(family, word[1], destination) != 0 ||
	    take_port(word[2], &header->port) != 0 ||
	    take_port(word[3], &destination_port) != 0)
		return -1;
	header->known = true;
	return 0;
}

/* `line` is without its CRLF. */
static int
read_v1(struct slice line, struct smtp_haproxy *header)
{
	struct slice rest = slice_after(line, v1_begin.n), family;

	if (!slice_cut(&rest, ' ', &family))
		return -1;
	if (slice_equal(family, SLICE("UNKNOWN")))
		return 0;
	if (slice_equal(family, SLICE("TCP4")))
		return read_v1_addresses(AF_INET, rest, header);
	if (slice_equal(family, SLICE("TCP6")))
		return read_v1_addresses(AF_INET6, rest, header);
	return -1;
}

static enum smtp_parse
bad_header(struct strbuf *reason, const char *what)
{
	(void)strbuf_fail(reason, "%s", what);
	return SMTP_BAD;
}

static enum smtp_parse
parse_v1(struct slice in, size_t *used, struct smtp_haproxy *header,
    struct strbuf *reason)
{
	struct slice window = slice_first(in, SMTP_HAPROXY_V1_MAX);
	size_t end = slice_search(window, SLICE("\r\n"));

	if (end == window.n)
		return in.n < SMTP_HAPROXY_V1_MAX
		    ? SMTP_MORE
		    : bad_header(reason, "PROXY header without an end");
	if (read_v1(slice_first(in, end), header) != 0)
		return bad_header(reason, "bad PROXY header");
	*used = end + 2;
	return SMTP_DONE;
}

static int
read_v2(int command, int family, struct slice body, struct smtp_haproxy *header)
{
	if (command == V2_LOCAL) {
		header->local = true;
		return 0;
	}
	if (command != V2_PROXY)
		return -1;
	if (family == V2_TCP4 || family == V2_TCP6) {
		/* Source address, destination address, source port,
		 * destination port. */
		bool six = family == V2_TCP6;
		size_t port_at = six ? 32 : 8;

		if (body.n <
		    (six ? (size_t)V2_INET6_SIZE : (size_t)V2_INET_SIZE))
			return -1;
		if (inet_ntop(six ? AF_INET6 : AF_INET, body.p, header->address,
			sizeof(header->address)) == NULL)
			return -1;
		header->port = (uint16_t)big_endian_16(body.p + port_at);
		header->known = true;
		return 0;
	}
	return 0;
}

static enum smtp_parse
parse_v2(struct slice in, size_t *used, struct smtp_haproxy *header,
    struct strbuf *reason)
{
	size_t whole;

	if (in.n < V2_HEADER)
		return SMTP_MORE;
	whole = V2_HEADER + big_endian_16(in.p + 14);
	if (whole > SMTP_HAPROXY_V2_MAX)
		return bad_header(reason, "PROXY header too long");
	if (in.n < whole)
		return SMTP_MORE;
	if (read_v2((unsigned char)in.p[12], (unsigned char)in.p[13],
		slice_after(slice_first(in, whole), V2_HEADER), header) != 0)
		return bad_header(reason, "bad PROXY header");
	*used = whole;
	return SMTP_DONE;
}

/* True while `in` could be or is what begins with `begin`. */
static bool
may_begin(struct slice in, struct slice begin)
{
	return slice_equal(slice_first(in, begin.n), slice_first(begin, in.n));
}

enum smtp_parse
smtp_haproxy_parse(struct slice in, size_t *used, struct smtp_haproxy *header,
    struct strbuf *reason)
{
	*used = 0;
	*header = (struct smtp_haproxy){.known = false};
	if (may_begin(in, v1_begin))
		return parse_v1(in, used, header, reason);
	if (may_begin(in, v2_begin))
		return parse_v2(in, used, header, reason);
	return bad_header(reason, "no PROXY header");
}
