/*
 * What postconf(1) prints, searched for the ways to a proxy of ours and back.
 * Text in, findings out; nothing is run here, and nothing in the text is
 * trusted to be well formed.
 */
#ifndef CLI_CHECK_POSTCONF_H
#define CLI_CHECK_POSTCONF_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "cli/kit/master.h"
#include "proxy/settings/config.h"

struct check_postconf {
	bool found;		/* mail is handed to one of its listeners */
	struct strbuf who;	/* "submission: content_filter=...", escaped */
	struct slice transport; /* that this names; empty: none. A view */
	bool has_transport;	/* and master.cf has it */
	bool way_back;		/* an smtpd listens where its relay is */
	struct slice loop; /* its parameter that hands to us again; or empty */
	struct strbuf loop_text; /* then: "content_filter = ...", escaped */
};

/* For a front with a listener and a relay; the hostname is the
 * configuration's. The texts of the master must outlive the finding. */
void check_postconf_search(struct check_postconf *, const struct proxy_front *,
    const char *hostname, const struct cli_master *);
void check_postconf_clear(struct check_postconf *);

/* A value that says where mail goes ("signpost:[127.0.0.1]:10027",
 * "inet:127.0.0.1:10027", "lmtp:unix:/path"; several between commas or
 * blanks): is it to that listener? Of names only `localhost` and the hostname
 * are this machine's. */
bool check_postconf_names(
    struct slice value, const struct proxy_endpoint *, const char *hostname);

/* Is the inet service of that name ("127.0.0.1:10028", "smtp") where the
 * relay is? Without a host it is at all of this machine's. */
bool check_postconf_is_at(
    struct slice service, const struct proxy_endpoint *relay);

/* Is it to a listener of that front? */
bool check_postconf_leads(
    const struct proxy_front *, const char *hostname, struct slice value);

/* And to one of any front? */
bool check_postconf_leads_to_any(
    const struct proxy_config *, struct slice value);

/* Is it the smtpd that takes mail back from that front? */
bool check_postconf_is_back(
    const struct cli_service *, const struct proxy_front *);

#endif
