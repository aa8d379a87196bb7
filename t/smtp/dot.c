/* smtp/dot: dots doubled, the end put; and undot takes back exactly that. */
#include <stdlib.h>

#include "smtp/dot.h"
#include "smtp/undot.h"
#include "t/lib/trickle.h"
#include "t/lib/unit.h"

struct writing {
	struct smtp_dot dot;
	struct strbuf wire;
	struct strbuf_sink out;
};

static void *
writing_begin(void *arg)
{
	struct writing *w = test_calloc(1, sizeof(*w));

	(void)arg;
	strbuf_init(&w->wire, 1 << 20);
	strbuf_sink_init(&w->out, &w->wire);
	smtp_dot_init(&w->dot, &w->out.sink);
	return w;
}

static void
writing_write(void *state, struct slice chunk)
{
	struct writing *w = state;

	smtp_dot_write(&w->dot, chunk);
}

static void
writing_end(void *state, struct strbuf *result)
{
	struct writing *w = state;

	smtp_dot_end(&w->dot);
	(void)strbuf_add(result, strbuf_slice(&w->wire));
	strbuf_clear(&w->wire);
	test_free(w);
}

static const struct trickle writing = {
    writing_begin, writing_write, writing_end};

static void
test_dots(void **state)
{
	static const struct {
		const char *body, *wire;
	} cases[] = {
	    {"", ".\r\n"},
	    {"a\r\n", "a\r\n.\r\n"},
	    {"a", "a\r\n.\r\n"},
	    {".", "..\r\n.\r\n"},
	    {".\r\n", "..\r\n.\r\n"},
	    {"..\r\n.a\r\n", "...\r\n..a\r\n.\r\n"},
	    {"a.b\r\n.\r\n\r\n.", "a.b\r\n..\r\n\r\n..\r\n.\r\n"},
	    {"a\n.b\r.c\r\n", "a\n.b\r.c\r\n.\r\n"},
	    {"a\r", "a\r\r\n.\r\n"},
	    {"\r\n\r\n", "\r\n\r\n.\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		trickle_check(&writing, NULL, slice_str(cases[i].body),
		    slice_str(cases[i].wire));
}

/* dot, then undot, gives what there was; the end is found at the end and
 * nowhere before. `body` is empty or ends in CRLF. */
static void
check_identity(struct slice body)
{
	struct writing *w = writing_begin(NULL);
	struct strbuf wire, back;
	struct strbuf_sink out;
	struct smtp_undot undot;
	size_t used;

	strbuf_init(&wire, 1 << 20);
	strbuf_init(&back, 1 << 20);
	writing_write(w, body);
	writing_end(w, &wire);
	strbuf_sink_init(&out, &back);
	smtp_undot_init(&undot, &out.sink);
	assert_int_equal(
	    smtp_undot_write(&undot, strbuf_slice(&wire), &used), SMTP_DONE);
	assert_int_equal(used, wire.n);
	assert_slice_equal(strbuf_slice(&back), body);
	strbuf_clear(&wire);
	strbuf_clear(&back);
}

static void
test_undot_takes_back_every_word(void **state)
{
	static const char letters[] = "\r\n.x";
	char word[10];

	(void)state;
	check_identity(slice_from(NULL, 0));
	for (unsigned w = 0; w < 1U << 16; w++) {
		for (unsigned i = 0; i < 8; i++)
			word[i] = letters[w >> 2 * i & 3];
		word[8] = '\r';
		word[9] = '\n';
		check_identity(slice_from(word, sizeof(word)));
	}
}

static void
test_undot_takes_back_long_ones(void **state)
{
	static const char letters[] = "\r\n..abcdefgh ";
	char body[5000];

	(void)state;
	srandom(20261122);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i + 2 < sizeof(body); i++)
			body[i] =
			    letters[(size_t)random() % (sizeof(letters) - 1)];
		body[sizeof(body) - 2] = '\r';
		body[sizeof(body) - 1] = '\n';
		check_identity(slice_from(body, sizeof(body)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dots),
	    cmocka_unit_test(test_undot_takes_back_every_word),
	    cmocka_unit_test(test_undot_takes_back_long_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
