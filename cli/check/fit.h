/*
 * Do Postfix's settings fit signpost: does what the front door took come back,
 * and is what was signed left alone behind us (signpost(8), WIRING POSTFIX).
 * For one front; each finding has the postconf command that mends it.
 */
#ifndef CLI_CHECK_FIT_H
#define CLI_CHECK_FIT_H

#include "cli/check/askers.h"
#include "cli/check/report.h"
#include "cli/kit/master.h"
#include "proxy/settings/config.h"

/* Services that hand mail to us; more are not looked at. */
enum { CHECK_WAYS_MAX = 64 };

struct check_way {
	const struct cli_service *from;
	/* By content_filter: the transport it names, which may be NULL where
	 * there is none of that name. */
	const struct cli_service *transport;
	bool before; /* by smtpd_proxy_filter, before the queue */
};

struct check_fit {
	const struct proxy_config *config;
	const struct proxy_front *front;
	const struct cli_master *master;
	struct check_report *report;
	struct check_about about;
	bool out;	    /* it signs */
	bool ask;	    /* the relayhost may be greeted */
	bool after, before; /* there are such ways */
	struct check_way ways[CHECK_WAYS_MAX];
	size_t count;
	struct check_asker askers[CHECK_ASKERS_MAX]; /* who asks by milter */
	size_t asker_count;
	const struct cli_service *back;	   /* NULL: not Postfix's */
	const struct cli_service *cleanup; /* back's; NULL: there is none */
};

/* All that is below. `ask`: a relayhost may be looked up and greeted. */
void check_fit(const struct proxy_config *, const struct proxy_front *,
    const struct cli_master *, struct check_report *, bool ask);

/* Says of the finding added last which command sets the parameter in the
 * service; in the cleanup of all mail: which gives the way back its own. */
void check_fit_todo(struct check_fit *, const struct cli_service *,
    const char *name, const char *wanted);

/* Adds a warning about "NAME = VALUE" in the service, why it does not fit,
 * and the command that sets it to `wanted`. */
void check_fit_warn(struct check_fit *, const struct cli_service *,
    const char *name, const char *wanted, const char *why);
/* The same for what lets no mail through. */
void check_fit_fail(struct check_fit *, const struct cli_service *,
    const char *name, const char *wanted, const char *why);

/* Adds " 'SERVICE/TYPE/NAME=WANTED'", as postconf -P takes it. */
void check_fit_add_setting(struct strbuf *, const struct cli_service *,
    const char *name, const char *wanted);

/* by_milter: where Postfix asks by milter. */
void check_fit_milters(struct check_fit *);
/* check_options: parameters that have to have one value. */
void check_fit_options(struct check_fit *);
/* check_trust: [in] and its `trusted`. */
void check_fit_trust(struct check_fit *);

/* Is it an smtpd of loopback's for filters, not for this host's programs? */
bool check_is_for_reinjection(const struct cli_service *);

#endif
