/*
 * Canonical form of a body that comes in any cuts: RFC 6376 sections 3.4.3
 * (simple) and 3.4.4 (relaxed), RFC 4870 section 3.4.2.2 (nofws). Knows no
 * hash. Lines end with CRLF; a lone CR or LF is a byte like another, save
 * in nofws, which drops both. What a cut leaves open is a count and a few
 * flags; a gigabyte of blank lines costs eight bytes.
 */
#ifndef DKIM_CANON_BODY_H
#define DKIM_CANON_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sink.h"
#include "dkim/canon.h"

/* Small pieces are put together before they go to the sink. */
#define DKIM_CANON_BODY_GATHER 1024

struct dkim_canon_body {
	enum dkim_canon canon;
	struct sink *out;
	uint64_t line_ends; /* CRLFs held back: blank lines may be the last */
	bool space;	    /* relaxed: white space is held back */
	bool cr;	    /* the last chunk ended with CR */
	bool any;	    /* something was passed on */
	bool ended;
	size_t gathered;
	char gather[DKIM_CANON_BODY_GATHER];
};

/* The sink must outlive the stage; nothing is allocated. */
void dkim_canon_body_init(
    struct dkim_canon_body *, enum dkim_canon, struct sink *out);
void dkim_canon_body_write(struct dkim_canon_body *, struct slice chunk);

/*
 * Ends the body: a last line without CRLF gets one; blank lines at the end
 * are dropped. Where nothing else was left, simple writes one CRLF, with
 * `ended` set and `any` still false; DomainKeys, which leaves out even the
 * line between header and body then, tells by these.
 */
void dkim_canon_body_end(struct dkim_canon_body *);

#endif
