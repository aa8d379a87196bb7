/*
 * What a signer may be asked for. Each signature that the settings name has a
 * number, and so has the seal of those who check; master, workers and signers
 * read the same texts, so a number means the same to all of them. Whoever asks
 * for a signature says its number, and this says which key that is, and for
 * which d= it may be used.
 */
#ifndef PROXY_SETTINGS_SIGN_RIGHTS_H
#define PROXY_SETTINGS_SIGN_RIGHTS_H

#include <stdbool.h>

#include "base/slice.h"
#include "dkim/algorithm.h"
#include "proxy/settings/config.h"

/* The seal's; signatures have numbers from 1 on. */
#define PROXY_SIGN_RIGHT_SEAL 0

enum proxy_sign_use {
	PROXY_SIGN_USE_DKIM,
	PROXY_SIGN_USE_DOMAINKEYS,
	PROXY_SIGN_USE_ARC
};

struct proxy_sign_right {
	enum proxy_sign_use use;
	unsigned key_rule;
	enum dkim_algorithm algorithm; /* UNKNOWN: the key's own */
	/* Whose domains; private to sign_rights.c. */
	const struct proxy_signature *signature;
	struct slice matched;
	enum proxy_sign_place { /* where it is written */
		PROXY_SIGN_PLACE_SETTINGS,
		PROXY_SIGN_PLACE_SENDER_MAP,
		PROXY_SIGN_PLACE_LISTID_MAP
	} place;
};

/* Numbers the signatures of a configuration that was just read. */
void proxy_sign_rights_number(struct proxy_config *);

struct proxy_sign_rights;

/* The configuration is borrowed. */
struct proxy_sign_rights *proxy_sign_rights_new(const struct proxy_config *);
void proxy_sign_rights_free(struct proxy_sign_rights *); /* NULL is fine */

/* NULL where there is no such number. */
const struct proxy_sign_right *proxy_sign_rights_find(
    const struct proxy_sign_rights *, unsigned number);

/*
 * May it be used for that domain (A-labels, small letters)? It is the rule's
 * own d=; where that is a macro, the domain that the rule is for, or one below
 * it; and any, where the rule is for any sender.
 */
bool proxy_sign_right_covers(const struct proxy_sign_rights *,
    const struct proxy_sign_right *, struct slice domain);

#endif
