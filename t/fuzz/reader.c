/*
 * mail/newline into mail/reader on anything, twice with different cuts: the
 * header and body must come out the same, and together be the input, and
 * every field found must be one that mail_header_find_up() finds.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "mail/newline.h"
#include "mail/reader.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

#define HEADER_CAP 20000
#define OUT_CAP	   ((size_t)64 << 20)

struct run {
	struct sink sink; /* of the newline stage */
	struct mail_newline newline;
	struct mail_reader *reader;
	struct strbuf in, out;
	bool bad;
};

static void
check_field(const struct mail_header *header, size_t i)
{
	const struct mail_field *field = mail_header_at(header, i);
	size_t below = i + 1;

	must(field->name.n > 0 && field->raw.n >= field->name.n + 3);
	must(
	    field->value.p + field->value.n + 2 == field->raw.p + field->raw.n);
	must(mail_header_find_up(header, field->name, &below) == field);
}

static void
on_header(void *ctx, const struct mail_header *header)
{
	struct run *run = ctx;
	size_t size = 0;

	must(run->out.n == 0);
	for (size_t i = 0; i < mail_header_count(header); i++) {
		check_field(header, i);
		must(mail_header_at(header, i)->offset == size);
		size += mail_header_at(header, i)->raw.n;
		must(
		    strbuf_add(&run->out, mail_header_at(header, i)->raw) == 0);
	}
	must(size == mail_header_size(header));
	if (mail_header_ending(header) == MAIL_HEADER_END_BLANK)
		must(strbuf_add_str(&run->out, "\r\n") == 0);
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct run *run = ctx;

	must(chunk.n > 0 && strbuf_add(&run->out, chunk) == 0);
}

static const struct mail_reader_ops ops = {on_header, on_body};

static void
on_line_ends(struct sink *sink, struct slice bytes)
{
	struct run *run = (struct run *)sink;

	must(strbuf_add(&run->in, bytes) == 0);
	run->bad = mail_reader_write(run->reader, bytes) != 0;
}

static void
run_begin(struct run *run, enum mail_newline_mode mode)
{
	*run = (struct run){.sink = {on_line_ends}};
	strbuf_init(&run->in, OUT_CAP);
	strbuf_init(&run->out, OUT_CAP);
	mail_newline_init(&run->newline, mode, &run->sink);
	run->reader = mail_reader_new(HEADER_CAP, &ops, run);
}

static void
run_end(struct run *run)
{
	mail_newline_end(&run->newline);
	run->bad = mail_reader_end(run->reader) != 0;
	must(run->bad == (mail_reader_reason(run->reader) != NULL));
	if (run->bad)
		must(run->out.n == 0);
	else /* a cut last field gets its line end */
		must(
		    slice_equal(slice_first(strbuf_slice(&run->out), run->in.n),
			strbuf_slice(&run->in)) &&
		    run->out.n - run->in.n <= 2);
}

static void
run_clear(struct run *run)
{
	mail_reader_free(run->reader);
	strbuf_clear(&run->in);
	strbuf_clear(&run->out);
}

/* Cuts that depend on the input. */
static void
feed_cut(struct run *run, struct slice in)
{
	for (size_t i = 0, n; i < in.n; i += n) {
		n = 1 + (unsigned char)in.p[i] % 7;
		mail_newline_write(
		    &run->newline, slice_first(slice_after(in, i), n));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice in = slice_from((const char *)bytes, n);
	enum mail_newline_mode mode =
	    (enum mail_newline_mode)(n > 0 ? bytes[0] % 4 : 0);
	struct run whole, cut;

	run_begin(&whole, mode);
	mail_newline_write(&whole.newline, in);
	run_end(&whole);
	run_begin(&cut, mode);
	feed_cut(&cut, in);
	run_end(&cut);
	must(whole.bad == cut.bad);
	must(slice_equal(strbuf_slice(&whole.out), strbuf_slice(&cut.out)));
	must(whole.newline.bare_cr == cut.newline.bare_cr &&
	    whole.newline.bare_lf == cut.newline.bare_lf);
	run_clear(&whole);
	run_clear(&cut);
	return 0;
}
