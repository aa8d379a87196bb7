/*
 * Macros of SPF (RFC 7208 section 7): their syntax, and their expansion in
 * a domain-spec or an explanation.
 */
#ifndef AUTH_SPF_MACRO_H
#define AUTH_SPF_MACRO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Octets of what one string may expand to, before a name is cut to its
 * last 253. */
#define AUTH_SPF_EXPANSION_MAX 65536

/* Section 7.2. All are needed; %{p} only where _uses() says so. */
struct auth_spf_macro {
	struct slice sender;	    /* s: local-part@domain */
	struct slice local;	    /* l */
	struct slice sender_domain; /* o */
	struct slice domain;	    /* d: of the record at hand */
	struct slice validated;	    /* p */
	struct slice helo;	    /* h */
	struct slice receiver;	    /* r */
	const unsigned char *address;
	size_t address_length; /* 4 or 16 */
	int64_t now;	       /* t */
};

/* Is it a macro-string (a domain-spec; explain-strings also have c, r, t
 * and spaces)? A domain-spec must end in a top label or a macro. */
bool auth_spf_macro_is_string(struct slice);
bool auth_spf_macro_is_domain(struct slice);

/* Is that macro, a lower case letter, anywhere in the string? */
bool auth_spf_macro_uses(struct slice, char letter);

/*
 * Adds the name that a domain-spec stands for: lower-cased by nobody, the
 * final dot dropped, labels taken off the left until 253 octets are left.
 * 0; or -1 where it is longer than AUTH_SPF_EXPANSION_MAX before that.
 */
int auth_spf_macro_domain(
    struct slice, const struct auth_spf_macro *, struct strbuf *name);

/* Adds an explanation (section 6.2). 0; or -1 where it is none (a syntax
 * error, octets beyond ASCII) or too long. */
int auth_spf_macro_explain(
    struct slice, const struct auth_spf_macro *, struct strbuf *text);

#endif
