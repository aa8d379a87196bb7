/*
 * DNS for a tool: the questions of one subject, asked and answered before
 * the call returns.
 */
#ifndef CLI_RESOLVE_H
#define CLI_RESOLVE_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/asking.h"

struct cli_resolver;
struct proxy_dns_settings;

/* `nameserver` is ADDR[:PORT], or NULL for /etc/resolv.conf; `timeout_ms` a
 * question's, 0 the default. NULL and the reason where it is none. */
struct cli_resolver *cli_resolver_new(
    const char *nameserver, unsigned timeout_ms, struct strbuf *reason);

/* By the settings: a configuration's, or made of options. NULL and the
 * reason where a name server's address is none. */
struct cli_resolver *cli_resolver_by(
    const struct proxy_dns_settings *, struct strbuf *reason);

/* Runs until the subject has no open question; by its bounds (20 s and 60
 * questions) at the latest. */
void cli_resolve(
    struct cli_resolver *, const struct proxy_asking_ops *, void *subject);

void cli_resolver_free(struct cli_resolver *); /* NULL is fine */

#endif
