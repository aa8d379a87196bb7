/*
 * What a server can; see ehlo.h. An extension that we offered and could not
 * carry would break messages in silence, so what is not known here does not
 * exist for the client, whatever the next hop says of itself.
 */
#include <inttypes.h>

#include "base/number.h"
#include "smtp/ehlo.h"
#include "smtp/xforward.h"

static void
read_size(struct slice argument, struct smtp_capabilities *caps)
{
	if (number_parse(argument, UINT64_MAX, &caps->size) != 0)
		caps->size = 0;
}

static void
read_xforward(struct slice names, struct smtp_capabilities *caps)
{
	struct slice name;

	while (slice_cut(&names, ' ', &name))
		caps->xforward |= smtp_xforward_bit(name);
}

/* One row an extension; in the order in which we print them. */
static const struct extension {
	enum smtp_extension bit;
	struct slice keyword;
	void (*read)(struct slice argument, struct smtp_capabilities *);
} extensions[] = {
    {SMTP_EXT_PIPELINING, SLICE_INIT("PIPELINING"), NULL},
    {SMTP_EXT_SIZE, SLICE_INIT("SIZE"), read_size},
    {SMTP_EXT_ENHANCEDSTATUSCODES, SLICE_INIT("ENHANCEDSTATUSCODES"), NULL},
    {SMTP_EXT_8BITMIME, SLICE_INIT("8BITMIME"), NULL},
    {SMTP_EXT_DSN, SLICE_INIT("DSN"), NULL},
    {SMTP_EXT_SMTPUTF8, SLICE_INIT("SMTPUTF8"), NULL},
    {SMTP_EXT_XFORWARD, SLICE_INIT("XFORWARD"), read_xforward},
};

enum { EXTENSIONS = sizeof(extensions) / sizeof(extensions[0]) };

void
smtp_ehlo_parse(const struct smtp_reply *reply, struct smtp_capabilities *caps)
{
	struct slice line, rest = reply->wire;

	*caps = (struct smtp_capabilities){.extensions = 0};
	if (reply->code != 250 || !smtp_reply_next(&rest, &line))
		return;
	while (smtp_reply_next(&rest, &line)) {
		size_t n = slice_find(line, ' ');
		struct slice argument = slice_trim(slice_after(line, n));

		for (size_t i = 0; i < EXTENSIONS; i++) {
			const struct extension *e = &extensions[i];

			if (!slice_equal_nocase(
				slice_first(line, n), e->keyword))
				continue;
			caps->extensions |= e->bit;
			if (e->read != NULL)
				e->read(argument, caps);
		}
	}
}

struct slice
smtp_ehlo_host(const struct smtp_reply *reply)
{
	struct slice line = {NULL, 0}, rest = reply->wire;

	(void)smtp_reply_next(&rest, &line);
	return slice_first(line, slice_find(line, ' '));
}

struct smtp_capabilities
smtp_ehlo_offer(
    const struct smtp_capabilities *relay, bool eight_bit, uint64_t size_max)
{
	unsigned carried = SMTP_EXT_DSN;
	struct smtp_capabilities ours = {
	    .xforward = SMTP_XFORWARD_ALL, .size = relay->size};

	if (eight_bit)
		carried |= SMTP_EXT_8BITMIME | SMTP_EXT_SMTPUTF8;
	ours.extensions = SMTP_EXT_PIPELINING | SMTP_EXT_ENHANCEDSTATUSCODES |
	    SMTP_EXT_SIZE | SMTP_EXT_XFORWARD | (relay->extensions & carried);
	if (ours.size == 0 || (size_max > 0 && size_max < ours.size))
		ours.size = size_max;
	return ours;
}

int
smtp_ehlo_print(
    struct slice host, const struct smtp_capabilities *caps, struct strbuf *out)
{
	unsigned left = caps->extensions;

	strbuf_addf(out, "250%c", left == 0 ? ' ' : '-');
	strbuf_add(out, host);
	strbuf_add_str(out, "\r\n");
	for (size_t i = 0; i < EXTENSIONS; i++) {
		const struct extension *e = &extensions[i];

		if ((left & (unsigned)e->bit) == 0)
			continue;
		left &= ~(unsigned)e->bit;
		strbuf_addf(
		    out, "250%c%s", left == 0 ? ' ' : '-', e->keyword.p);
		if (e->bit == SMTP_EXT_SIZE && caps->size > 0)
			strbuf_addf(out, " %" PRIu64, caps->size);
		for (int k = 0; k < SMTP_XFORWARD_NAMES; k++)
			if (e->bit == SMTP_EXT_XFORWARD &&
			    (caps->xforward >> k & 1))
				strbuf_addf(out, " %s",
				    smtp_xforward_word(
					(enum smtp_xforward_name)k));
		strbuf_add_str(out, "\r\n");
	}
	return out->full ? -1 : 0;
}
