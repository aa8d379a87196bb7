/* A file of selectors: what is read is printed as it was, and what was changed
 * in it is read again as it was meant. */
#include <stdlib.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/selectors.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
expect_equal(const struct proxy_selector *a, const struct proxy_selector *b)
{
	must(a != NULL && b != NULL && a->type == b->type &&
	    a->state == b->state);
	must(slice_equal(slice_str(a->name), slice_str(b->name)));
	for (size_t i = 0; i < PROXY_SELECTOR_MOMENTS; i++)
		must(a->moments[i] == b->moments[i]);
}

/* What is printed is read as the same keys. */
static void
read_again(const struct proxy_selectors *s)
{
	const struct proxy_selector *key = NULL, *again_key = NULL;
	struct proxy_selectors *again;
	struct strbuf text, reason;

	strbuf_init(&text, PROXY_SELECTORS_BYTES_MAX);
	strbuf_init(&reason, 4096);
	proxy_selectors_print(s, &text);
	again = text.full
	    ? NULL
	    : proxy_selectors_parse("s", strbuf_slice(&text), &reason);
	must((again == NULL) ==
	    (text.full || proxy_selectors_next(s, NULL) == NULL));
	while (again != NULL && (key = proxy_selectors_next(s, key)) != NULL) {
		again_key = proxy_selectors_next(again, again_key);
		expect_equal(key, again_key);
	}
	proxy_selectors_free(again);
	strbuf_clear(&reason);
	strbuf_clear(&text);
}

static void
change(struct proxy_selectors *s, size_t n)
{
	/* A key is valid up to the next change only. */
	char *first = xstrdup(proxy_selectors_next(s, NULL)->name);
	struct slice name = slice_str(first);
	struct strbuf reason;

	strbuf_init(&reason, 4096);
	(void)proxy_selectors_set_moment(s, name,
	    (enum proxy_selector_moment)(n % PROXY_SELECTOR_MOMENTS),
	    (int64_t)n);
	(void)proxy_selectors_set_state(s, name,
	    (enum proxy_selector_state)(n % PROXY_SELECTOR_STATES), &reason);
	(void)proxy_selectors_add(s, DKIM_KEY_RSA, SLICE("new"), &reason);
	read_again(s);
	must(proxy_selectors_remove(s, name) == 0);
	read_again(s);
	strbuf_clear(&reason);
	free(first);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n);
	struct proxy_selectors *s;
	struct strbuf out, reason;

	strbuf_init(&out, PROXY_SELECTORS_BYTES_MAX);
	strbuf_init(&reason, 4096);
	s = proxy_selectors_parse("s", text, &reason);
	must((s == NULL) == (reason.n > 0));
	if (s != NULL) {
		const struct proxy_selector *key = NULL;

		while ((key = proxy_selectors_next(s, key)) != NULL)
			must(proxy_key_domain_is_safe(slice_str(key->name)));
		proxy_selectors_print(s, &out);
		if (slice_find(text, '\r') == n)
			must(slice_equal(strbuf_slice(&out), text));
		read_again(s);
		change(s, n);
	}
	proxy_selectors_free(s);
	strbuf_clear(&reason);
	strbuf_clear(&out);
	return 0;
}
