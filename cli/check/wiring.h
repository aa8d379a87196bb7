/*
 * `signpost check`: does mail find its way through us. The listeners and next
 * hops that the configuration names are greeted (EHLO, QUIT; never mail), and
 * Postfix is asked what it hands to us and where it takes it back.
 */
#ifndef CLI_CHECK_WIRING_H
#define CLI_CHECK_WIRING_H

#include "cli/check/report.h"
#include "proxy/settings/config.h"

struct cli_postfix;

/* Each peer, from connecting to its answer to EHLO. */
enum { CHECK_PEER_MS = 5000 };

/* All peers at once. */
void check_peers(const struct proxy_config *, struct check_report *);

/* Does who answers there offer less than that (SMTP_EXT_...)? False where
 * nobody answers. */
bool check_peer_lacks(const struct proxy_config *,
    const struct proxy_endpoint *, unsigned extension);

/* The first listener of a front where SMTP is spoken; it has one. */
const struct proxy_listen *check_smtp_listener(const struct proxy_front *);

/* The same of those where milter is spoken: what is offered to us is what a mail
 * server offers, and then it is ended. */
void check_milter_peers(const struct proxy_config *, struct check_report *);

/* What to do where we do not answer at a listener, in the words of this
 * machine's ways to start a service. */
const char *check_how_to_listen(const struct check_report *);

/* To a wildcard address one connects by loopback. */
void check_make_reachable(struct proxy_endpoint *);

/* By what postconf says, where there is one. */
void check_postfix(const struct proxy_config *, const struct cli_postfix *,
    struct check_report *);

#endif
