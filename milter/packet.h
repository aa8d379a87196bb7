/*
 * The milter protocol's packets: bytes to packets and back. A packet is four
 * octets of length, the highest first, that count the code and what follows;
 * the code; and its data, of which texts end with a NUL. There is no RFC: the
 * protocol is what sendmail and Postfix speak, versions 2 to 6.
 *
 * Texts of a packet are views into it, for as long as it lives.
 */
#ifndef MILTER_PACKET_H
#define MILTER_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Octets of a packet, with its code: a body chunk has 65535 at most, a field
 * what the mail server lets a field have (Postfix's header_size_limit). */
#define MILTER_PACKET_MAX ((size_t)1024 * 1024)

/* What a mail server says. */
enum milter_code {
	MILTER_ABORT = 'A',
	MILTER_BODY = 'B',
	MILTER_CONNECT = 'C',
	MILTER_MACROS = 'D',
	MILTER_END = 'E', /* of the message */
	MILTER_HELO = 'H',
	MILTER_QUIT_NEW = 'K', /* another client's connection follows */
	MILTER_HEADER = 'L',   /* one field */
	MILTER_MAIL = 'M',
	MILTER_END_OF_HEADER = 'N',
	MILTER_NEGOTIATE = 'O',
	MILTER_QUIT = 'Q',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T',
	MILTER_UNKNOWN = 'U' /* a command that the mail server does not know */
};

/* Answers without data. */
enum milter_answer {
	MILTER_ACCEPT = 'a',
	MILTER_CONTINUE = 'c',
	MILTER_PROGRESS = 'p', /* it goes on; wait */
	MILTER_SKIP = 's'      /* the rest of the body is not wanted */
};

struct milter_packet {
	char code; /* enum milter_code, or another */
	struct slice data;
};

enum milter_parse { MILTER_MORE, MILTER_DONE, MILTER_BAD };

/* Packets out of a stream, in any cuts. */
struct milter_reader {
	struct strbuf part; /* of one that is not whole yet */
	bool given;	    /* the last one lay in `part` */
};

void milter_reader_init(struct milter_reader *);
void milter_reader_clear(struct milter_reader *);

/*
 * Takes bytes from `in`: how many, in *used. DONE: a packet, which lives until
 * the next call and as long as `in`; there may be more in the rest. MORE: all
 * is used. BAD, now and ever after: a length of 0 or over the bound.
 */
enum milter_parse milter_reader_next(struct milter_reader *, struct slice in,
    size_t *used, struct milter_packet *);

/* Is part of a packet held? */
bool milter_reader_is_within(const struct milter_reader *);

/* --- what stands in them: each is 0, or -1 where it is not that --- */

enum milter_family {
	MILTER_FAMILY_UNKNOWN = 'U',
	MILTER_FAMILY_UNIX = 'L',
	MILTER_FAMILY_INET = '4',
	MILTER_FAMILY_INET6 = '6'
};

struct milter_connect {
	struct slice host; /* a name, or an address in brackets */
	enum milter_family family;
	uint16_t port;	      /* 0: none */
	struct slice address; /* as text, without "IPv6:"; a path; or empty */
};

int milter_connect_parse(struct slice data, struct milter_connect *);

/* A field: its name, and its value as the mail server has it, whose lines end
 * with LF alone. */
int milter_field_parse(
    struct slice data, struct slice *name, struct slice *value);

/* The first text: a HELO name; the address of MAIL or RCPT, in its <>. */
int milter_text_parse(struct slice data, struct slice *text);

/* An address without the <> around it; as it is where it has none. */
struct slice milter_address(struct slice);

/* The macros of a packet, `code` being what they are for; then one after
 * another from *rest, false after the last. Of a packet that ends within one
 * that one is not given. A name is without the braces that may be around it. */
int milter_macros_parse(struct slice data, char *code, struct slice *rest);
bool milter_macro_next(
    struct slice *rest, struct slice *name, struct slice *value);

/* --- to the mail server: each 0, or -1 where `out` has no room --- */

/* Four octets, the highest first. */
void milter_print_number(uint32_t, struct strbuf *out);

int milter_print_answer(enum milter_answer, struct strbuf *out);

/* A field above all others (`index` 0) or before the how-manieth of all. The
 * value has its leading space and LF, or CRLF, for line ends. */
int milter_print_insert(
    uint32_t index, struct slice name, struct slice value, struct strbuf *out);

/* Deletes the field of that name, `number` being 1 for the topmost. */
int milter_print_delete(struct slice name, uint32_t number, struct strbuf *out);

/* A reply to the client: "550 5.7.1 text". Each % is doubled, and what is no
 * printable octet of ASCII becomes a space. */
int milter_print_reply(struct slice text, struct strbuf *out);

#endif
