/*
 * auth_results_is_forged() on any field. What it lets through must not read
 * as ours to a simple reader: one that drops white space and quotation
 * marks, and looks whether the value begins with the id.
 */
#include <stdint.h>
#include <stdlib.h>

#include "auth/results.h"
#include "base/strbuf.h"
#include "mail/header.h"
#include "t/fuzz/replay.h"

static const struct slice ours = SLICE_INIT("mx.example");

static bool
looks_like_ours(struct slice value)
{
	struct strbuf plain;
	bool same;

	strbuf_init(&plain, 1 << 20);
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] != '\0' &&
		    strchr(" \t\r\n\"", value.p[i]) == NULL)
			(void)strbuf_add_char(&plain, value.p[i]);
	same = slice_starts_nocase(strbuf_slice(&plain), ours) &&
	    (plain.n == ours.n || plain.p[ours.n] == ';');
	strbuf_clear(&plain);
	return same;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct mail_field field = {
	    .name = SLICE("Authentication-Results"),
	    .value = slice_from((const char *)bytes, n),
	};
	bool forged = auth_results_is_forged(&field, &ours, 1);

	if (!forged && looks_like_ours(field.value))
		abort();
	return 0;
}
