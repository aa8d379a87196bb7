/*
 * smtp/reply and smtp/ehlo on a hostile relay's bytes: any cut gives the
 * same replies, kept as they came and within their bounds. The first byte
 * says where to cut.
 */
#include <stdint.h>

#include "base/strbuf.h"
#include "smtp/ehlo.h"
#include "smtp/reply.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
use(const struct smtp_reply *reply, struct strbuf *out)
{
	struct slice rest = reply->wire, text;
	struct smtp_capabilities relay, ours;
	struct strbuf ehlo;
	size_t lines = 0;

	must(reply->code >= 200 && reply->code < 600);
	must(reply->wire.n <= SMTP_REPLY_MAX);
	while (smtp_reply_next(&rest, &text))
		lines++;
	must(lines > 0 && lines <= SMTP_REPLY_LINES_MAX);
	smtp_ehlo_parse(reply, &relay);
	ours = smtp_ehlo_offer(&relay, true, 1000);
	strbuf_init(&ehlo, SMTP_REPLY_MAX);
	must(smtp_ehlo_print(smtp_ehlo_host(reply), &ours, &ehlo) == 0);
	must(smtp_reply_slice(strbuf_slice(&ehlo)).code == 250);
	strbuf_clear(&ehlo);
	(void)strbuf_add(out, reply->wire);
	(void)strbuf_add_char(out, '|');
}

static void
feed(struct smtp_reply_parser *parser, struct slice in, struct strbuf *out)
{
	enum smtp_parse parse = SMTP_DONE;
	struct smtp_reply reply;
	size_t used;

	for (; in.n > 0 && parse == SMTP_DONE; in = slice_after(in, used)) {
		parse = smtp_reply_parser_write(parser, in, &used, &reply);
		must(used <= in.n);
		must(parser->wire.n <= SMTP_REPLY_MAX);
		if (parse == SMTP_DONE)
			use(&reply, out);
	}
	must(parse != SMTP_BAD || parser->reason != NULL);
}

static void
read_cut(struct slice in, size_t at, struct strbuf *out)
{
	struct smtp_reply_parser parser;

	smtp_reply_parser_init(&parser);
	feed(&parser, slice_first(in, at), out);
	feed(&parser, slice_after(in, at), out);
	(void)strbuf_add_str(out, parser.reason != NULL ? "bad" : "");
	smtp_reply_parser_clear(&parser);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	size_t at = n > 0 ? bytes[0] : 0;
	struct strbuf whole, cut;

	in = slice_after(in, 1);
	strbuf_init(&whole, 2 * n + 16);
	strbuf_init(&cut, 2 * n + 16);
	read_cut(in, 0, &whole);
	read_cut(in, at < in.n ? at : in.n, &cut);
	must(slice_equal(strbuf_slice(&whole), strbuf_slice(&cut)));
	strbuf_clear(&whole);
	strbuf_clear(&cut);
	return 0;
}
