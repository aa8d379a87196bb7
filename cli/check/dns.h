/*
 * `signpost check`: what the DNS says of the keys and of the domains. All
 * that can be asked is asked at once (proxy/message/asking.h); then each answer is
 * told of.
 */
#ifndef CLI_CHECK_DNS_H
#define CLI_CHECK_DNS_H

#include "cli/check/keys.h"
#include "cli/check/report.h"
#include "dns/question.h"

struct cli_resolver;

/* Asks for the records of the keys, and for SPF and DMARC of the domains;
 * 20 s at most. */
void check_dns(
    const struct check_keys *, struct cli_resolver *, struct check_report *);

/* An answer about a key's record, as far as it is looked at. */
struct check_record {
	bool answered;
	enum dns_status status;
	size_t count;	     /* records there */
	const char *doubled; /* none there, but with this zone said twice */
	struct slice first;  /* of several the first */
};

/* Does the record serve the key's signatures? */
void check_record_report(const struct check_key *, const struct check_record *,
    struct check_report *);

struct auth_orgdomain;
struct auth_spf;

/* The record as hosts find it that nobody has: two of either kind, for one may
 * be named by chance. The other is NULL where the first does not pass. */
struct check_spf {
	struct auth_spf *v4, *other_v4;
	struct auth_spf *v6, *other_v6;
};

/* What stands at _dmarc.DOMAIN itself. */
struct check_dmarc_own {
	size_t records;		/* that begin as DMARC's do */
	struct slice malformed; /* one that was meant to; empty: none */
};

void check_spf_report(
    const char *domain, const struct check_spf *, struct check_report *);
void check_dmarc_report(const char *domain, const struct auth_orgdomain *,
    const struct check_dmarc_own *, struct check_report *);

#endif
