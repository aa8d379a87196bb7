/*
 * Where an aggregate report may be sent (RFC 9990 sections 3.5 and 4): the
 * mailto: addresses of rua=; those of another organization only where its
 * DNS says that it wants reports about this domain. Asks and is answered.
 */
#ifndef RECORD_RUA_H
#define RECORD_RUA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "dns/question.h"

/* Addresses of one rua= that are looked at; RFC 9990 section 3.5 lets a
 * receiver bound them. */
#define RECORD_RUA_MAX	       5
#define RECORD_RUA_ADDRESS_MAX 320

enum record_rua_status {
	RECORD_RUA_ASKING,
	RECORD_RUA_APPROVED,
	RECORD_RUA_NO_ADDRESS, /* what rua= says is none that takes mail */
	RECORD_RUA_UNWANTED,   /* its host does not ask for them */
	RECORD_RUA_AGAIN,      /* another one before it has that address */
	RECORD_RUA_TOO_MANY,   /* there were RECORD_RUA_MAX before it */
	RECORD_RUA_LATER       /* the DNS did not say: try again */
};

/* Why nothing is sent there, for people. */
const char *record_rua_reason(enum record_rua_status);

struct record_rua;

/* `domain`: where the DMARC record stands; `rua`: that tag's value, both
 * copied. */
struct record_rua *record_rua_new(struct slice domain, struct slice rua);

bool record_rua_ask(struct record_rua *, struct dns_question *);
void record_rua_answer(struct record_rua *, const struct dns_question *,
    const struct dns_answer *);
/* The destinations in their order; the address is the one to send to, its
 * host in A-labels (and the host may have named another one of its own), or
 * where it is none, what rua= says, as it came. */
size_t record_rua_count(const struct record_rua *);
enum record_rua_status record_rua_at(
    const struct record_rua *, size_t index, struct slice *address);

void record_rua_free(struct record_rua *); /* NULL is fine */

#endif
