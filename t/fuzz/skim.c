/*
 * mail/opening and mail/skim on anything: however the bytes are cut, the same
 * comes out; no field that is to be dropped is in the header that a reader
 * sees in it; and what stands behind the header is what came. The first byte
 * says where to cut.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "mail/header.h"
#include "mail/opening.h"
#include "mail/skim.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static bool
drops(void *ctx, const struct mail_field *field, bool whole)
{
	(void)ctx;
	(void)whole;
	return field->name.n > 0 && ascii_lower(field->name.p[0]) == 'd';
}

static void
keep(void *ctx, struct slice bytes)
{
	(void)strbuf_add(ctx, bytes);
}

static void
open_and_skim(struct slice in, size_t at, struct strbuf *out)
{
	static const struct mail_skim_ops ops = {drops, keep};
	struct mail_skim *skim;
	struct mail_opening opening;
	struct strbuf_sink sink;
	struct strbuf opened;

	at = at < in.n ? at : in.n;
	strbuf_init(&opened, in.n + MAIL_OPENING_ADDED_MAX);
	strbuf_sink_init(&sink, &opened);
	mail_opening_init(&opening, &sink.sink);
	mail_opening_write(&opening, slice_first(in, at));
	mail_opening_write(&opening, slice_after(in, at));
	mail_opening_end(&opening);
	must(!opened.full);
	strbuf_init(out, opened.n + 2);
	skim = mail_skim_new(&ops, out);
	mail_skim_write(skim, slice_first(strbuf_slice(&opened), at));
	mail_skim_write(skim, slice_after(strbuf_slice(&opened), at));
	mail_skim_end(skim);
	mail_skim_free(skim);
	must(!out->full);
	strbuf_clear(&opened);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	struct strbuf whole, cut;
	struct mail_header *header;

	if (n == 0)
		return 0;
	in = slice_after(in, 1);
	open_and_skim(in, in.n, &whole);
	open_and_skim(in, bytes[0], &cut);
	must(slice_equal(strbuf_slice(&whole), strbuf_slice(&cut)));
	header = mail_header_parse(strbuf_slice(&whole), n + 4096);
	must(header != NULL ||
	    n > MAIL_HEADER_FIELDS_MAX); /* a field has two octets at least */
	for (size_t i = 0; header != NULL && i < mail_header_count(header); i++)
		must(!drops(NULL, mail_header_at(header, i), true));
	must(header == NULL ||
	    mail_header_ending(header) != MAIL_HEADER_END_LINE);
	mail_header_free(header);
	strbuf_clear(&whole);
	strbuf_clear(&cut);
	return 0;
}
