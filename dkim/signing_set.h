/*
 * The signatures of one message, of whatever kinds, over one pass of its
 * body.
 *
 *	set = dkim_signing_set_new();
 *	n = dkim_signing_set_add(set, kind, &signing, header, &reason); ...
 *	dkim_signing_set_key(set, n, &signing, key, &reason); ...
 *	dkim_signing_set_body(set, chunk); ...
 *	dkim_signing_set_end(set);
 *	dkim_signing_set_seal(set, n, &field, &reason); ...
 *	dkim_signing_set_free(set);
 *
 * A key may come at once, while the body comes or after its end: all that is
 * to be hashed of the body is asked for when a signature is added.
 *
 * Who has no keys says the names instead, after the end, and has somebody else
 * sign; with other names as often as it must be:
 *	dkim_signing_set_name(set, n, &signing, &reason);
 *	dkim_signing_set_text(set, n); ...
 *	dkim_signing_set_put(set, n, signature, &field, &reason);
 */
#ifndef DKIM_SIGNING_SET_H
#define DKIM_SIGNING_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/canon.h"
#include "dkim/signer.h"

#define DKIM_SIGNING_SET_MAX 8

struct dkim_body_hashes;
struct dkim_key;
struct mail_header;

/*
 * A kind of signature, by its verbs. Each kind has a row beside its signer,
 * and signing_set.c lists the rows that have a name for users.
 */
struct dkim_kind {
	const char *name;	       /* as users write it */
	const char *usual_canon;       /* where they write no c= */
	enum dkim_algorithm algorithm; /* its only one; UNKNOWN: it has many */

	/* c= as users write it; 0, or -1 where the kind has no such. A kind
	 * with one for both sets both. */
	int (*canon)(
	    struct slice, enum dkim_canon *header, enum dkim_canon *body);

	/* A signer that knows all but its key; asks for the body's hashes.
	 * NULL and a reason where it can tell that there is no such
	 * signature. Of the signing, domain and algorithm are not final. */
	void *(*new)(const struct dkim_signing *, const struct mail_header *,
	    struct dkim_body_hashes *, struct strbuf *reason);
	/* Now they are; said again, they are others. Before the digest. 0, or
	 * -1 and a reason. */
	int (*key)(
	    void *signer, const struct dkim_signing *, struct strbuf *reason);
	/* After the body's end: what the key must sign; and the text of which
	 * that is the digest, NULL for kinds whose digest covers the body. */
	struct slice (*digest)(void *signer);
	struct slice (*text)(void *signer);
	/* Adds the field. 0, or -1 where it is too long. */
	int (*seal)(void *signer, struct slice signature, struct strbuf *field);
	void (*free)(void *signer);
};

extern const struct dkim_kind dkim_kind_dkim;	    /* signer.c */
extern const struct dkim_kind dkim_kind_domainkeys; /* domainkeys_signer.c */

/* By its name, without case; NULL: there is none. */
const struct dkim_kind *dkim_kind_find(struct slice name);

/* What a key signs with: the kind's only algorithm, else the one wished for,
 * else the key's own; UNKNOWN where that is left and the key is NULL. */
enum dkim_algorithm dkim_kind_algorithm(const struct dkim_kind *,
    enum dkim_algorithm wished, const struct dkim_key *);

struct dkim_signing_set;

struct dkim_signing_set *dkim_signing_set_new(void);

/*
 * One more, before the body: its number, or -1 and a reason. The signing is
 * borrowed for the length of the call; the header until the key is there, or
 * the last name said.
 */
int dkim_signing_set_add(struct dkim_signing_set *, const struct dkim_kind *,
    const struct dkim_signing *, const struct mail_header *,
    struct strbuf *reason);

/*
 * The key of that signature, once, and borrowed until the seal. The signing
 * is the one that was added, but for what the key told: its domain may be a
 * parent, the algorithm the key's, the time now. 0; or -1 and a reason where
 * the key does not fit or there is no such signature, and then none is made.
 */
int dkim_signing_set_key(struct dkim_signing_set *, int number,
    const struct dkim_signing *, const struct dkim_key *,
    struct strbuf *reason);

/*
 * The same where the key is with somebody else: domain, selector and algorithm
 * are those of the key. May be said again, with others. 0, or -1 and a reason
 * where there is no such signature, and then none is made.
 */
int dkim_signing_set_name(struct dkim_signing_set *, int number,
    const struct dkim_signing *, struct strbuf *reason);

/* After the end, of one that was named: the text that is to be signed; or, of
 * a kind without, the digest. Until the next name, or the field. */
struct slice dkim_signing_set_text(struct dkim_signing_set *, int number);
bool dkim_signing_set_has_text(const struct dkim_signing_set *, int number);

/* Adds the field of one that was signed elsewhere. 0, or -1 and a reason. */
int dkim_signing_set_put(struct dkim_signing_set *, int number,
    struct slice signature, struct strbuf *field, struct strbuf *reason);

void dkim_signing_set_body(struct dkim_signing_set *, struct slice chunk);
void dkim_signing_set_end(struct dkim_signing_set *);

/* Makes that one and adds its field. 0, or -1 and a reason: it got no key,
 * the key does not sign, or the field does not fit. */
int dkim_signing_set_seal(struct dkim_signing_set *, int number,
    struct strbuf *field, struct strbuf *reason);
/* All that got their key, in the order in which they were added; ends at the
 * first that cannot be made. */
int dkim_signing_set_seal_all(
    struct dkim_signing_set *, struct strbuf *fields, struct strbuf *reason);

void dkim_signing_set_free(struct dkim_signing_set *); /* NULL is fine */

#endif
