/* Tags of signature fields, folded at 78 columns. */
#include <stdio.h>

#include "base/base64.h"
#include "base/strbuf.h"
#include "dkim/print_private.h"
#include "dkim/signer.h"

static void
print_tag(struct mail_fold *fold, const char *tag, struct slice value,
    const char *end)
{
	struct slice name = slice_str(tag), behind = slice_str(end);

	mail_fold_space(fold, name.n + 1 + value.n + behind.n);
	mail_fold_add(fold, name);
	mail_fold_add(fold, SLICE("="));
	mail_fold_add(fold, value);
	mail_fold_add(fold, behind);
}

void
dkim_print_fresh_line(struct mail_fold *fold)
{
	fold->column = MAIL_FOLD_COLUMNS;
}

void
dkim_print_tag(struct mail_fold *fold, const char *tag, struct slice value)
{
	print_tag(fold, tag, value, ";");
}

void
dkim_print_time(struct mail_fold *fold, const char *tag, int64_t seconds)
{
	char number[32];

	if (seconds < 0)
		return;
	(void)snprintf(number, sizeof(number), "%lld", (long long)seconds);
	print_tag(fold, tag, slice_str(number), ";");
}

void
dkim_print_names(struct mail_fold *fold, struct slice names)
{
	struct slice name;
	bool first = true;

	dkim_print_fresh_line(fold);
	/* A name keeps the separator behind it, be it the last. */
	while (slice_cut(&names, ':', &name)) {
		bool last = names.p == NULL;

		if (first)
			print_tag(fold, "h", name, last ? ";" : ":");
		else
			mail_fold_glue(
			    fold, slice_from(name.p, name.n + !last));
		if (last && !first)
			mail_fold_glue(fold, SLICE(";"));
		first = false;
	}
}

void
dkim_print_hash(struct mail_fold *fold, const char *tag, struct slice octets)
{
	struct strbuf text;

	strbuf_init(&text, DKIM_SIGNER_FIELD_MAX);
	(void)base64_encode(octets, &text);
	print_tag(fold, tag, strbuf_slice(&text), ";");
	strbuf_clear(&text);
}

void
dkim_print_signature(struct mail_fold *fold, struct slice signature)
{
	struct strbuf text;

	/* Whole, so that one too long is seen to be by the field. */
	strbuf_init(&text, signature.n / 3 * 4 + 4);
	(void)base64_encode(signature, &text);
	mail_fold_anywhere(fold, strbuf_slice(&text));
	strbuf_clear(&text);
	mail_fold_end(fold);
}
