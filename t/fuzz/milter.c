/* A mail server that says anything: packets in any cuts are the same, texts lie
 * in their packet, and states are those of the table. The first octet says how
 * the rest is cut. */
#include <stdint.h>

#include "milter/negotiate.h"
#include "milter/packet.h"
#include "milter/session.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
must_lie_in(struct slice part, struct slice whole)
{
	must(part.n == 0 ||
	    (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void
look_at_data(struct slice data)
{
	static const struct milter_wishes wishes = {true, true, true};
	struct milter_connect connect;
	struct milter_terms terms;
	struct slice a, b, rest;
	struct strbuf out;
	char code;

	if (milter_connect_parse(data, &connect) == 0) {
		must_lie_in(connect.host, data);
		must_lie_in(connect.address, data);
	}
	if (milter_field_parse(data, &a, &b) == 0)
		must(a.n + b.n + 2 == data.n);
	if (milter_text_parse(data, &a) == 0)
		must_lie_in(milter_address(a), data);
	if (milter_macros_parse(data, &code, &rest) == 0) {
		while (milter_macro_next(&rest, &a, &b)) {
			must_lie_in(a, data);
			must_lie_in(b, data);
		}
	}
	strbuf_init(&out, 8 * data.n + 64);
	if (milter_negotiate(data, &wishes, &terms, &out) == 0)
		must(terms.version >= MILTER_VERSION_LEAST &&
		    terms.version <= MILTER_VERSION_MOST &&
		    (terms.actions & ~(uint32_t)MILTER_NAMES_MACROS) == 0x11);
	strbuf_reset(&out);
	must(milter_print_reply(data, &out) == 0);
	must(milter_print_insert(0, data, data, &out) == 0);
	strbuf_clear(&out);
}

/* How many packets, and a number made of all their octets. */
static uint64_t
read_all(struct slice in, size_t piece, enum milter_parse *parse)
{
	enum milter_state state = MILTER_BEGINNING, next;
	struct milter_reader reader;
	struct milter_packet packet;
	uint64_t sum = 0;
	size_t used;

	milter_reader_init(&reader);
	*parse = MILTER_MORE;
	while (in.n > 0 && *parse != MILTER_BAD) {
		struct slice some = slice_first(in, piece);

		*parse = milter_reader_next(&reader, some, &used, &packet);
		must(used <= some.n);
		must(*parse != MILTER_MORE || used == some.n);
		in = slice_after(in, used);
		if (*parse != MILTER_DONE)
			continue;
		sum = sum * 31 + (unsigned char)packet.code;
		for (size_t i = 0; i < packet.data.n; i++)
			sum = sum * 31 + (unsigned char)packet.data.p[i];
		look_at_data(packet.data);
		if (milter_session_look(state, packet.code, &next) >=
			MILTER_GOES_ON &&
		    next != state)
			state = (enum milter_state)machine_check(
			    &milter_session_machine, state, next);
	}
	milter_reader_clear(&reader);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	enum milter_parse whole, cut;
	struct slice in;
	uint64_t sum;

	if (n == 0)
		return 0;
	in = slice_from((const char *)bytes + 1, n - 1);
	sum = read_all(in, n, &whole);
	must(sum == read_all(in, (size_t)bytes[0] + 1, &cut));
	must((whole == MILTER_BAD) == (cut == MILTER_BAD));
	return 0;
}
