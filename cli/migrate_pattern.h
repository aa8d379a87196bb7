/*
 * Patterns of OpenDKIM's refile: tables. It makes POSIX extended expressions of
 * them, in which * stands for anything and + and . for themselves; what else
 * such an expression knows stays in force. Those of a finite number of words
 * with * in them are taken apart here: (a|b), [ab], x?.
 */
#ifndef CLI_MIGRATE_PATTERN_H
#define CLI_MIGRATE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Words of one pattern, and bytes of one word. */
enum { MIGRATE_WORDS_MAX = 256, MIGRATE_WORD_MAX = 1000 };

/* The words, each with a NUL behind it: how many; 0 where it cannot be taken
 * apart, or comes to too many. */
size_t migrate_pattern_words(struct slice pattern, struct strbuf *words);

/* Does the text match the word, in which * stands for anything? Case is
 * ignored. */
bool migrate_word_matches(struct slice word, struct slice text);

#endif
