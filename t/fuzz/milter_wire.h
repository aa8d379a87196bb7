/*
 * What a mail server of a fuzzer's knows of the wire by itself: where packets end,
 * and which of what it says we cannot take.
 */
#ifndef T_FUZZ_MILTER_WIRE_H
#define T_FUZZ_MILTER_WIRE_H

#include "milter/negotiate.h"
#include "milter/packet.h"
#include "t/fuzz/must.h"

enum { MILTER_WIRE_LENGTH = 4 /* octets of it */ };

/* The next packet of `in` from *at on, if all of it is there. `bad`: its length
 * cannot be. */
static inline bool
milter_wire_cut(
    struct slice in, size_t *at, struct milter_packet *packet, bool *bad)
{
	struct slice rest = slice_after(in, *at);
	size_t n = 0;

	*bad = false;
	if (rest.n < MILTER_WIRE_LENGTH)
		return false;
	for (size_t i = 0; i < MILTER_WIRE_LENGTH; i++)
		n = n << 8 | (unsigned char)rest.p[i];
	*bad = n == 0 || n > MILTER_PACKET_MAX;
	if (*bad || rest.n < MILTER_WIRE_LENGTH + n)
		return false;
	packet->code = rest.p[MILTER_WIRE_LENGTH];
	packet->data =
	    slice_first(slice_after(rest, MILTER_WIRE_LENGTH + 1), n - 1);
	*at += MILTER_WIRE_LENGTH + n;
	return true;
}

/* A text of one line, its NUL behind it. */
static inline void
milter_wire_check_refusal(struct slice data)
{
	must(data.n > 10 && data.p[data.n - 1] == '\0');
	must(data.p[0] == '4' || data.p[0] == '5');
	must(ascii_is_digit(data.p[1]) && ascii_is_digit(data.p[2]));
	must(data.p[3] == ' ' && data.p[4] == data.p[0] && data.p[5] == '.');
	for (size_t i = 0; i + 1 < data.n; i++)
		must(data.p[i] >= ' ' && data.p[i] <= '~');
}

/* Does an offer have what a front cannot do without, that changes fields or not? */
static inline bool
milter_wire_is_fit(struct slice data, bool changes)
{
	uint32_t needs = changes ? MILTER_ADDS_FIELDS | MILTER_CHANGES_FIELDS
				 : MILTER_ADDS_FIELDS;

	return data.n >= 12 &&
	    (data.p[0] != '\0' || data.p[1] != '\0' || data.p[2] != '\0' ||
		(unsigned char)data.p[3] >= MILTER_VERSION_LEAST) &&
	    ((unsigned char)data.p[7] & needs) == needs;
}

/* Is it what a packet of that code has to be? */
static inline bool
milter_wire_is_readable(char code, struct slice data, bool changes)
{
	struct milter_connect connect;
	struct slice a, b;

	switch (code) {
	case MILTER_NEGOTIATE:
		return milter_wire_is_fit(data, changes);
	case MILTER_CONNECT:
		return milter_connect_parse(data, &connect) == 0;
	case MILTER_HELO:
	case MILTER_MAIL:
	case MILTER_RCPT:
		return milter_text_parse(data, &a) == 0;
	case MILTER_HEADER:
		return milter_field_parse(data, &a, &b) == 0;
	default:
		return true;
	}
}

#endif
