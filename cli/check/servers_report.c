/* What the servers of the zones do not agree in; see servers.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/xalloc.h"
#include "cli/check/servers_private.h"
#include "proxy/message/resolving.h"

enum { SERVERS_SHOWN_MAX = 2048 };

static const char *
show_host(const struct check_names *names, const struct cli_host *host,
    struct strbuf *to)
{
	strbuf_reset(to);
	cli_authorities_print_host(names->authorities, host, to);
	return strbuf_text(to);
}

static bool
is_heard(const struct check_names *names, const struct cli_host *host)
{
	for (size_t i = 0; i < host->address_count; i++)
		if (names->authorities->addresses[host->addresses[i]].heard)
			return true;
	return false;
}

static const char *
why_silent(const struct check_names *names, const struct cli_host *host)
{
	int error = ETIMEDOUT;

	if (host->address_count == 0)
		return "it has no address";
	for (size_t i = 0; i < host->address_count; i++)
		if (names->authorities->addresses[host->addresses[i]].error !=
		    0)
			error =
			    names->authorities->addresses[host->addresses[i]]
				.error;
	return proxy_resolving_reason(error);
}

static const char *
zone_name(const struct cli_authority_zone *zone)
{
	return zone->name[0] == '\0' ? "." : zone->name;
}

/* --- a zone --- */

static void
report_unasked(const struct check_names *names,
    const struct cli_authority_zone *zone, struct check_report *report)
{
	const struct check_about about = {"servers", zone_name(zone)};
	struct strbuf list, shown;

	strbuf_init(&list, SERVERS_SHOWN_MAX);
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	for (size_t i = 0; i < zone->host_count; i++)
		strbuf_addf(&list, "%s%s: %s", i == 0 ? "" : "; ",
		    show_host(names, &zone->hosts[i], &shown),
		    why_silent(names, &zone->hosts[i]));
	check_report_add(report, &about, CHECK_NOTE,
	    "could not ask its name servers, so whether all of them have the "
	    "records is not known (%s)",
	    zone->host_count > 0 ? strbuf_text(&list)
		: zone->silent	 ? "their names had no answer"
				 : "it names none");
	check_report_todo(report,
	    "look from a host that reaches port 53 of the world: dig +nssearch "
	    "%s",
	    zone_name(zone));
	strbuf_clear(&list);
	strbuf_clear(&shown);
}

/* True where there is nothing to say of it. */
static bool
report_host(const struct check_names *names,
    const struct cli_authority_zone *zone, const struct cli_host *host,
    struct check_report *report)
{
	const struct check_about about = {"servers", zone_name(zone)};
	struct strbuf shown;
	bool good = false;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	(void)show_host(names, host, &shown);
	if (!is_heard(names, host)) {
		check_report_add(report, &about, CHECK_WARNING,
		    "%s gives no answer, and others do: %s",
		    strbuf_text(&shown), why_silent(names, host));
		check_report_todo(report,
		    "have it answer, or take it out of the zone's NS records");
	} else if (host->refuses) {
		check_report_add(report, &about, CHECK_WARNING,
		    "%s does not have the zone, though its NS records name it",
		    strbuf_text(&shown));
		check_report_todo(report,
		    "have it serve the zone, or take it out of the zone's NS "
		    "records, and of those at the registrar");
	} else if (host->tcp_asked && !host->tcp_good) {
		check_report_add(report, &about, CHECK_WARNING,
		    "%s answers by UDP, but not by TCP (%s): what is too long "
		    "for UDP is lost",
		    strbuf_text(&shown),
		    proxy_resolving_reason(host->tcp_error));
		check_report_todo(report, "let TCP to port 53 in there");
	} else {
		good = true;
	}
	strbuf_clear(&shown);
	return good;
}

/* --- a name --- */

static bool
says_so(const struct check_said *said, const char *text)
{
	return strcmp(said->text, text) == 0;
}

/* Do all that answer say the same? The first of them; NULL for no. */
static const struct check_said *
find_common(
    const struct cli_authority_zone *zone, const struct check_name *name)
{
	const struct check_said *first = NULL;

	for (size_t i = 0; i < zone->host_count; i++) {
		if (!name->said[i].known)
			continue;
		if (first == NULL)
			first = &name->said[i];
		else if (!says_so(&name->said[i], first->text))
			return NULL;
	}
	return first;
}

/* All servers agree, and the resolver does not: it has what was there
 * before. */
static void
report_old(const struct cli_authority_zone *zone, const struct check_name *name,
    const struct check_said *common, struct check_report *report)
{
	const struct check_about about = {
	    name->about.what, name->about.subject};
	struct strbuf shown;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	if (common->text[0] == '\0') {
		check_report_add(report, &about, CHECK_FAIL,
		    "no name server of %s has the record any more, and only "
		    "the cache of %s still gives it",
		    zone_name(zone), report->servers);
		check_report_todo(report, "publish it again");
	} else {
		check_report_add(report, &about, CHECK_NOTE,
		    "the name servers of %s have another record than the cache "
		    "of %s: %s",
		    zone_name(zone), report->servers,
		    check_shown(&shown, slice_trim(slice_str(common->text))));
		check_report_todo(report,
		    "wait till the old answer ends, or have that cache "
		    "flushed, "
		    "and look again");
	}
	strbuf_clear(&shown);
}

static void
report_other(const struct check_names *names, const struct cli_host *host,
    const struct check_name *name, const struct check_said *said,
    struct check_report *report)
{
	const struct check_about about = {
	    name->about.what, name->about.subject};
	struct strbuf shown, text;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	strbuf_init(&text, CHECK_SHOWN_MAX);
	(void)show_host(names, host, &shown);
	if (said->target != NULL)
		check_report_add(report, &about, CHECK_FAIL,
		    "%s has an alias there, which others have not: to %s",
		    strbuf_text(&shown),
		    check_shown(&text, slice_str(said->target)));
	else if (said->text[0] == '\0')
		check_report_add(report, &about, CHECK_FAIL,
		    "%s does not have the record, and others do",
		    strbuf_text(&shown));
	else
		check_report_add(report, &about, CHECK_FAIL,
		    "%s has another record: %s", strbuf_text(&shown),
		    check_shown(&text, slice_trim(slice_str(said->text))));
	check_report_todo(report,
	    "have that server load the zone again: the serial of its SOA may "
	    "be behind");
	strbuf_clear(&shown);
	strbuf_clear(&text);
}

/* True where the servers agree with the resolver, as far as they answer. */
static bool
report_name(const struct check_names *names, const struct check_name *name,
    struct check_report *report)
{
	const struct cli_authority_zone *zone =
	    names->authorities->zones[name->placed.zone];
	const struct check_said *common = find_common(zone, name);
	const char *wanted = name->text;
	bool same = true;

	if (common != NULL) {
		/* Where an alias leads is looked at there. */
		if (says_so(common, name->text) ||
		    (name->alias && common->target != NULL))
			return true;
		report_old(zone, name, common, report);
		return false;
	}
	for (size_t i = zone->host_count; name->alias && i-- > 0;)
		if (name->said[i].target != NULL)
			wanted = name->said[i].text;
	for (size_t i = 0; i < zone->host_count; i++) {
		if (!name->said[i].known || says_so(&name->said[i], wanted))
			continue;
		same = false;
		report_other(
		    names, &zone->hosts[i], name, &name->said[i], report);
	}
	return same;
}

/* --- all --- */

static void
report_zone(const struct check_names *names,
    const struct cli_authority_zone *zone, bool same,
    struct check_report *report)
{
	const struct check_about about = {"servers", zone_name(zone)};
	struct strbuf list, shown;
	size_t heard = 0, good = 0;

	for (size_t i = 0; i < zone->host_count; i++)
		heard += is_heard(names, &zone->hosts[i]);
	if (heard == 0) {
		report_unasked(names, zone, report);
		return;
	}
	strbuf_init(&list, SERVERS_SHOWN_MAX);
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	for (size_t i = 0; i < zone->host_count; i++) {
		if (!report_host(names, zone, &zone->hosts[i], report))
			continue;
		strbuf_addf(&list, "%s%s", good++ == 0 ? "" : ", ",
		    show_host(names, &zone->hosts[i], &shown));
	}
	if (same && good > 0)
		check_report_add(report, &about, CHECK_OK,
		    "%s give the same as %s", strbuf_text(&list),
		    report->servers);
	strbuf_clear(&list);
	strbuf_clear(&shown);
}

void
check_servers_report(
    const struct check_names *names, struct check_report *report)
{
	bool *differs =
	    xcalloc(names->authorities->zone_count + 1, sizeof(*differs));
	const char *first;
	size_t count;

	for (size_t i = 0; i < names->count; i++)
		if (names->list[i]->placed.zone != SIZE_MAX &&
		    !report_name(names, names->list[i], report))
			differs[names->list[i]->placed.zone] = true;
	for (size_t i = 0; i < names->authorities->zone_count; i++)
		report_zone(
		    names, names->authorities->zones[i], !differs[i], report);
	/* Names whose zone nobody could tell. */
	first = NULL;
	count = 0;
	for (size_t i = 0; i < names->count; i++)
		if (names->list[i]->placed.zone == SIZE_MAX && count++ == 0)
			first = names->list[i]->question.name;
	if (first != NULL) {
		check_report_add(report,
		    &(struct check_about){"servers", first}, CHECK_NOTE,
		    "which zone it is in cannot be had from %s, so its name "
		    "servers could not be asked (%zu names)",
		    report->servers, count);
		check_report_todo(report,
		    "have [dns] name a server that answers questions for SOA "
		    "and NS");
	}
	free(differs);
}
