/*
 * Patterns into words; see migrate_pattern.h. Our maps know words and no
 * expressions, since a word is found at once and an expression has to be
 * tried; what cannot be said in words is named, not guessed.
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "cli/migrate_pattern.h"

enum { DEPTH_MAX = 8 };

/* Words in the making. */
struct words {
	struct strbuf *list; /* each of its own */
	size_t count;
};

static void
words_clear(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		strbuf_clear(&words->list[i]);
	free(words->list);
	*words = (struct words){NULL, 0};
}

static void
words_push(struct words *words, struct slice a, struct slice b)
{
	struct strbuf *to;

	words->list =
	    xreallocarray(words->list, words->count + 1, sizeof(*words->list));
	to = &words->list[words->count++];
	strbuf_init(to, MIGRATE_WORD_MAX);
	strbuf_add(to, a);
	strbuf_add(to, b);
}

/* Each of the words with each of the others behind it, in place. 0, or -1
 * where there are too many. */
static int
words_multiply(struct words *words, const struct words *by)
{
	struct words product = {NULL, 0};

	if (words->count * by->count > MIGRATE_WORDS_MAX)
		return -1;
	for (size_t i = 0; i < words->count; i++)
		for (size_t k = 0; k < by->count; k++)
			words_push(&product, strbuf_slice(&words->list[i]),
			    strbuf_slice(&by->list[k]));
	words_clear(words);
	*words = product;
	return 0;
}

/* [abc]: no ranges, classes or negation. */
static int
read_class(struct slice *rest, struct words *to)
{
	size_t n = slice_find(*rest, ']');

	if (rest->n == 0 || n == 0 || n == rest->n || rest->p[0] == '^')
		return -1;
	for (size_t i = 0; i < n; i++) {
		char c = rest->p[i];

		/* It puts a . behind each * and a \ before . and + here,
		 * too. */
		if (c == '-' || c == '[' || c == '*' || c == '.' || c == '+' ||
		    c == '\\')
			return -1;
		words_push(to, slice_from(rest->p + i, 1), SLICE(""));
	}
	*rest = slice_after(*rest, n + 1);
	return 0;
}

static int read_alternatives(
    struct slice *rest, struct words *to, unsigned depth);

/* One piece, with its ? behind it. */
static int
read_piece(struct slice *rest, struct words *to, unsigned depth)
{
	struct slice all = *rest;
	char c = all.p[0];

	if (slice_find(SLICE("|)]{}?^$\\"), c) < 9)
		return -1;
	*rest = slice_after(all, 1);
	if (c == '(') {
		if (depth == DEPTH_MAX ||
		    read_alternatives(rest, to, depth + 1) != 0 ||
		    rest->n == 0 || rest->p[0] != ')')
			return -1;
		*rest = slice_after(*rest, 1);
	} else if (c == '[') {
		if (read_class(rest, to) != 0)
			return -1;
	} else {
		words_push(to, slice_first(all, 1), SLICE(""));
	}
	if (rest->n > 0 && rest->p[0] == '?') {
		/* Behind * it would ask for as little as may be. */
		if (c == '*')
			return -1;
		words_push(to, SLICE(""), SLICE(""));
		*rest = slice_after(*rest, 1);
	}
	return 0;
}

/* Up to | or ), or the end. */
static int
read_sequence(struct slice *rest, struct words *to, unsigned depth)
{
	int outcome = 0;

	words_push(to, SLICE(""), SLICE(""));
	while (outcome == 0 && rest->n > 0 && rest->p[0] != '|' &&
	    rest->p[0] != ')') {
		struct words piece = {NULL, 0};

		outcome = read_piece(rest, &piece, depth);
		if (outcome == 0)
			outcome = words_multiply(to, &piece);
		words_clear(&piece);
	}
	return outcome;
}

static int
read_alternatives(struct slice *rest, struct words *to, unsigned depth)
{
	for (;;) {
		struct words sequence = {NULL, 0};
		int outcome = read_sequence(rest, &sequence, depth);

		if (to->count + sequence.count > MIGRATE_WORDS_MAX)
			outcome = -1;
		for (size_t i = 0; i < sequence.count && outcome == 0; i++)
			words_push(
			    to, strbuf_slice(&sequence.list[i]), SLICE(""));
		words_clear(&sequence);
		if (outcome != 0)
			return -1;
		if (rest->n == 0 || rest->p[0] != '|')
			return 0;
		*rest = slice_after(*rest, 1);
	}
}

size_t
migrate_pattern_words(struct slice pattern, struct strbuf *words)
{
	struct words found = {NULL, 0};
	size_t count = 0;

	/* | outside of parentheses would be beside the ^ and $ that OpenDKIM
	 * puts around the pattern. */
	if (pattern.n <= MIGRATE_WORD_MAX &&
	    read_sequence(&pattern, &found, 0) == 0 && pattern.n == 0) {
		count = found.count;
		for (size_t i = 0; i < count; i++) {
			strbuf_add(words, strbuf_slice(&found.list[i]));
			strbuf_add_char(words, '\0');
		}
	}
	words_clear(&found);
	return words->full ? 0 : count;
}

bool
migrate_word_matches(struct slice word, struct slice text)
{
	size_t w = 0, t = 0, star = word.n, again = 0;
	struct slice end = slice_after(word, slice_find_last(word, '*') + 1);

	/* Of ten thousand patterns most end otherwise. */
	if (end.n > 0 && !slice_ends_nocase(text, end))
		return false;
	while (t < text.n) {
		if (w < word.n && word.p[w] == '*') {
			star = w++;
			again = t;
		} else if (w < word.n &&
		    ascii_lower(word.p[w]) == ascii_lower(text.p[t])) {
			w++;
			t++;
		} else if (star < word.n) {
			w = star + 1;
			t = ++again;
		} else {
			return false;
		}
	}
	while (w < word.n && word.p[w] == '*')
		w++;
	return w == word.n;
}
