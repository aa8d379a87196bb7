/*
 * A key that is not found because the directory, or the file, that has its
 * domain's name is spelt otherwise: in upper case, or in U-labels. Said by the
 * tools; the master reads no directory.
 */
#ifndef PROXY_KEYS_KEY_SPELLING_H
#define PROXY_KEYS_KEY_SPELLING_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/settings/config.h"

/* Adds "; /keys/Example.ORG is there, ..." to the reason, where there is such
 * a name. */
void proxy_key_spelling_note(
    const struct proxy_key_rule *, struct slice domain, struct strbuf *reason);

#endif
