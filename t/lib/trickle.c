/* Any cut of the input gives the same result; see trickle.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

enum { TRICKLE_RESULT_MAX = 64 << 20, TRICKLE_EDGE = 300 };

void
unit_assert_slice(
    struct slice got, struct slice want, const char *file, int line)
{
	struct strbuf text;

	if (slice_equal(got, want))
		return;
	strbuf_init(&text, 1 << 20);
	(void)strbuf_add_str(&text, "got  \"");
	(void)escape_log(slice_first(got, 100000), &text);
	(void)strbuf_add_str(&text, "\"\nwant \"");
	(void)escape_log(slice_first(want, 100000), &text);
	(void)strbuf_add_str(&text, "\"\n");
	print_error("%s", strbuf_text(&text));
	strbuf_clear(&text);
	_fail(file, line);
}

/* Each chunk is a copy of its own size, so that a sanitizer sees any read
 * past its end. */
static void
write_copy(const struct trickle *t, void *state, struct slice chunk)
{
	char *copy = malloc(chunk.n == 0 ? 1 : chunk.n);

	assert_non_null(copy);
	if (chunk.n > 0)
		memcpy(copy, chunk.p, chunk.n);
	t->write(state, slice_from(copy, chunk.n));
	free(copy);
}

static void
finish(const struct trickle *t, void *state, struct slice want,
    const char *manner, size_t at)
{
	struct strbuf got;

	strbuf_init(&got, TRICKLE_RESULT_MAX);
	t->end(state, &got);
	if (!slice_equal(strbuf_slice(&got), want))
		print_error("%s, at %zu:\n", manner, at);
	assert_slice_equal(strbuf_slice(&got), want);
	strbuf_clear(&got);
}

static void
check_cut(const struct trickle *t, void *arg, struct slice input, size_t at,
    struct slice want)
{
	void *state = t->begin(arg);

	write_copy(t, state, slice_first(input, at));
	write_copy(t, state, slice_after(input, at));
	finish(t, state, want, "cut in two", at);
}

void
trickle_check(
    const struct trickle *t, void *arg, struct slice input, struct slice want)
{
	size_t stride = input.n / TRICKLE_EDGE + 1;
	void *state = t->begin(arg);

	write_copy(t, state, input);
	finish(t, state, want, "whole", 0);

	state = t->begin(arg);
	for (size_t i = 0; i < input.n; i++)
		write_copy(t, state, slice_from(input.p + i, 1));
	finish(t, state, want, "byte by byte", 0);

	for (size_t at = 0; at <= input.n; at++)
		if (at < TRICKLE_EDGE || input.n - at < TRICKLE_EDGE ||
		    at % stride == 0)
			check_cut(t, arg, input, at, want);
}
