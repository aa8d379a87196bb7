/*
 * Where keys come from, a row each: a place as the settings write it, to a file
 * that the master opens and hands over as a descriptor. Signers see nothing
 * but that descriptor, so a row for a store elsewhere changes none of them.
 */
#ifndef PROXY_KEYS_KEY_SOURCE_H
#define PROXY_KEYS_KEY_SOURCE_H

#include "base/slice.h"
#include "base/strbuf.h"

/*
 * Adds the path of "/PATH", or of "credential:NAME", which systemd hands to the
 * service as a file (LoadCredential=). 0, or -1 and the reason.
 */
int proxy_key_source_path(
    struct slice place, struct strbuf *path, struct strbuf *reason);

#endif
