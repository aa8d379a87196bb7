/* A key's line in the file `selectors' of its folder
 * (proxy/keys/selectors_folder.h). */
#ifndef CLI_KIT_SELECTORS_H
#define CLI_KIT_SELECTORS_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/keys/selectors.h"

/*
 * Puts a key that was made just now into the file of its folder, which is begun
 * where there is none; a key that is there already stays what it is. Waits a
 * little for who is at it. 0, or -1 and the reason, and the file is what it
 * was.
 */
int cli_selectors_put(const char *folder, enum dkim_key_type,
    struct slice selector, enum proxy_selector_state, struct strbuf *reason);

#endif
