/*
 * One spelling for what is kept: names and addresses that mean the same are
 * the same text, so that they become one row.
 */
#ifndef RECORD_SPELLING_H
#define RECORD_SPELLING_H

#include "base/slice.h"
#include "base/strbuf.h"

/* Adds a domain in lower-case A-labels; nothing where it is none, as an
 * address literal is none. */
void record_spell_domain(struct slice, struct strbuf *out);

/* Adds a selector likewise; in lower case where it is no name. */
void record_spell_selector(struct slice, struct strbuf *out);

/* Adds an address as RFC 5952 has it, an IPv4-mapped one as IPv4; nothing
 * where it is none. */
void record_spell_address(struct slice, struct strbuf *out);

#endif
