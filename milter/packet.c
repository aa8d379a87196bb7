/* Bytes to packets and back; see packet.h. */
#include "milter/packet.h"

enum { LENGTH = 4 /* octets of it */ };

/* --- the stream --- */

void
milter_reader_init(struct milter_reader *reader)
{
	strbuf_init(&reader->part, LENGTH + MILTER_PACKET_MAX);
	reader->given = false;
}

void
milter_reader_clear(struct milter_reader *reader)
{
	strbuf_clear(&reader->part);
	reader->given = false;
}

/* All octets of the packet that begins here; 0 where its length lies. Bounded
 * before a single octet is kept: four octets from the wire could ask for four
 * gigabytes. */
static size_t
whole_length(struct slice in)
{
	const unsigned char *octets = (const unsigned char *)in.p;
	size_t length = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
	    (uint32_t)octets[2] << 8 | octets[3];

	return length == 0 || length > MILTER_PACKET_MAX ? 0 : LENGTH + length;
}

/* The code counts in the length, so there is always one octet. */
static enum milter_parse
give_packet(struct slice whole, struct milter_packet *packet)
{
	packet->code = whole.p[LENGTH];
	packet->data = slice_after(whole, LENGTH + 1);
	return MILTER_DONE;
}

/* Adds to the part until it has `n` octets; true where it has. */
static bool
fill_part(struct milter_reader *reader, struct slice in, size_t *used, size_t n)
{
	struct slice more;

	if (reader->part.n >= n)
		return true;
	more = slice_first(slice_after(in, *used), n - reader->part.n);
	strbuf_add(&reader->part, more);
	*used += more.n;
	return reader->part.n == n;
}

/* A packet that came in pieces is put together; what lies in `in` as a whole
 * is not copied. */
enum milter_parse
milter_reader_next(struct milter_reader *reader, struct slice in, size_t *used,
    struct milter_packet *packet)
{
	size_t whole;

	*used = 0;
	/* The packet that was given lies in the part: only now is it done
	 * with. */
	if (reader->given)
		strbuf_reset(&reader->part);
	reader->given = false;
	if (reader->part.n == 0 && in.n > LENGTH) {
		whole = whole_length(in);
		if (whole > 0 && in.n >= whole) {
			*used = whole;
			return give_packet(slice_first(in, whole), packet);
		}
	}
	if (!fill_part(reader, in, used, LENGTH))
		return MILTER_MORE;
	whole = whole_length(strbuf_slice(&reader->part));
	if (whole == 0)
		return MILTER_BAD; /* its length stays, and stays bad */
	if (!fill_part(reader, in, used, whole))
		return MILTER_MORE;
	reader->given = true;
	return give_packet(strbuf_slice(&reader->part), packet);
}

bool
milter_reader_is_within(const struct milter_reader *reader)
{
	return !reader->given && reader->part.n > 0;
}

/* --- data --- */

/* Takes a text and its NUL off the front; -1 where there is no NUL. A text
 * without its NUL would have us read on into the next packet. */
static int
cut_text(struct slice *rest, struct slice *text)
{
	size_t end = slice_find(*rest, '\0');

	if (end == rest->n)
		return -1;
	*text = slice_first(*rest, end);
	*rest = slice_after(*rest, end + 1);
	return 0;
}

int
milter_connect_parse(struct slice data, struct milter_connect *to)
{
	static const struct slice six = SLICE_INIT("IPv6:");
	static const char families[] = {MILTER_FAMILY_UNKNOWN,
	    MILTER_FAMILY_UNIX, MILTER_FAMILY_INET, MILTER_FAMILY_INET6};

	*to = (struct milter_connect){.family = MILTER_FAMILY_UNKNOWN};
	if (cut_text(&data, &to->host) != 0 || data.n == 0 ||
	    memchr(families, data.p[0], sizeof(families)) == NULL)
		return -1;
	to->family = (enum milter_family)data.p[0];
	data = slice_after(data, 1);
	if (to->family == MILTER_FAMILY_UNKNOWN)
		return 0;
	if (data.n < 2)
		return -1;
	to->port = (uint16_t)((unsigned char)data.p[0] << 8 |
	    (unsigned char)data.p[1]);
	data = slice_after(data, 2);
	if (cut_text(&data, &to->address) != 0)
		return -1;
	/* sendmail writes an address as a literal of SMTP has it, Postfix does
	 * not. */
	if (to->family == MILTER_FAMILY_INET6 &&
	    slice_starts_nocase(to->address, six))
		to->address = slice_after(to->address, six.n);
	return 0;
}

int
milter_field_parse(struct slice data, struct slice *name, struct slice *value)
{
	if (cut_text(&data, name) != 0 || cut_text(&data, value) != 0)
		return -1;
	/* A value with a NUL in it would be cut there, and we should sign less
	 * than the mail server sends: such a field is refused. */
	return data.n == 0 ? 0 : -1;
}

int
milter_text_parse(struct slice data, struct slice *text)
{
	return cut_text(&data, text);
}

struct slice
milter_address(struct slice text)
{
	if (text.n < 2 || text.p[0] != '<' || text.p[text.n - 1] != '>')
		return text;
	return slice_from(text.p + 1, text.n - 2);
}

int
milter_macros_parse(struct slice data, char *code, struct slice *rest)
{
	if (data.n == 0)
		return -1;
	*code = data.p[0];
	*rest = slice_after(data, 1);
	return 0;
}

/* A name of one letter stands bare, a longer one in braces. */
bool
milter_macro_next(struct slice *rest, struct slice *name, struct slice *value)
{
	if (cut_text(rest, name) != 0 || cut_text(rest, value) != 0)
		return false;
	if (name->n >= 2 && name->p[0] == '{' && name->p[name->n - 1] == '}')
		*name = slice_from(name->p + 1, name->n - 2);
	return true;
}

/* --- answers --- */

void
milter_print_number(uint32_t number, struct strbuf *out)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		strbuf_add_char(out, (char)(number >> shift & 0xff));
}

/* The packet that began at `at` is complete: its length goes before it. */
static int
end_packet(struct strbuf *out, size_t at)
{
	size_t length = out->n - at - LENGTH;

	if (out->full)
		return -1;
	for (size_t i = 0; i < LENGTH; i++)
		out->p[at + i] = (char)(length >> 8 * (LENGTH - 1 - i) & 0xff);
	return 0;
}

static size_t
begin_packet(struct strbuf *out, char code)
{
	size_t at = out->n;

	milter_print_number(0, out);
	strbuf_add_char(out, code);
	return at;
}

int
milter_print_answer(enum milter_answer answer, struct strbuf *out)
{
	return end_packet(out, begin_packet(out, (char)answer));
}

/* A NUL would end the text, and of a line's end LF alone is said. */
static void
add_text(struct slice text, struct strbuf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		bool cr = text.p[i] == '\r' && i + 1 < text.n &&
		    text.p[i + 1] == '\n';

		if (!cr && text.p[i] != '\0')
			strbuf_add_char(out, text.p[i]);
	}
	strbuf_add_char(out, '\0');
}

int
milter_print_insert(
    uint32_t index, struct slice name, struct slice value, struct strbuf *out)
{
	size_t at = begin_packet(out, 'i');

	milter_print_number(index, out);
	add_text(name, out);
	add_text(value, out);
	return end_packet(out, at);
}

int
milter_print_delete(struct slice name, uint32_t number, struct strbuf *out)
{
	size_t at = begin_packet(out, 'm');

	milter_print_number(number, out);
	add_text(name, out);
	add_text(SLICE(""), out);
	return end_packet(out, at);
}

int
milter_print_reply(struct slice text, struct strbuf *out)
{
	size_t at = begin_packet(out, 'y');

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		strbuf_add_char(out, c >= ' ' && c <= '~' ? c : ' ');
		/* sendmail reads %% as a percent sign, for it prints this by a
		 * format, and Postfix does as sendmail. */
		if (c == '%')
			strbuf_add_char(out, c);
	}
	strbuf_add_char(out, '\0');
	return end_packet(out, at);
}
