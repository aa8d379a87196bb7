/*
 * Forms of private keys besides those that libcrypto reads out of PEM: of
 * Ed25519 those that others write, read here; and what else a file may hold
 * in a key's place, called by its name for whoever has to mend it. Private
 * to the room.
 */
#ifndef DKIM_KEY_FORM_H
#define DKIM_KEY_FORM_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Octets of an Ed25519 seed, and of its public key. */
#define DKIM_KEY_SEED 32

/* Views into the octets that they were read into. */
struct dkim_key_seed {
	struct slice seed;
	struct slice public; /* empty: it was not said */
};

/*
 * The seed of an Ed25519 key: in base64 alone, as dkimpy's tools write it, or
 * with the public key behind it; or in a PEM block of PKCS#8's version 2 (RFC
 * 5958). False where the text is none of that. `octets` is the caller's to
 * wipe, with a cap over the text's length.
 */
bool dkim_key_form_seed(
    struct slice text, struct strbuf *octets, struct dkim_key_seed *);

/* Why the text is no private key that can be used: what it is instead, static
 * text, whole in "the file holds ...". */
const char *dkim_key_form_name(struct slice text);

#endif
