/*
 * `signpost check`: what the DNS says of the keys and of the domains, as the
 * resolver has it: a few of them at a time (cli/kit/flow.h), and each is told
 * of.
 */
#ifndef CLI_CHECK_DNS_H
#define CLI_CHECK_DNS_H

#include "cli/check/keys.h"
#include "cli/check/report.h"
#include "dns/question.h"

struct check_names;
struct cli_leaving;
struct cli_resolver;
struct record_rua;

/* What is asked about. Names and what stood there are added to `names'. */
struct check_dns {
	const struct check_keys *keys;
	const struct cli_leaving *leaving; /* by which addresses mail leaves */
	struct check_names *names;
};

void check_dns(
    const struct check_dns *, struct cli_resolver *, struct check_report *);

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

/* Does the record name the addresses by which mail leaves? `nobody' is the
 * check of an address that no host has; `covers' those of the leaving's, NULL
 * for those that the world does not see. */
void check_covers_report(const char *domain, const struct auth_spf *nobody,
    const struct cli_leaving *, struct auth_spf *const covers[],
    struct check_report *);

/* Do those want reports to whom they are to go? NULL: nobody is named. */
void check_rua_report(
    const char *domain, const struct record_rua *, struct check_report *);

#endif
