/*
 * Whom [in] trusts, and whom Postfix does: mail of own networks is not judged
 * as a stranger's, nor a stranger's as own; see fit.h.
 */
#include "cli/check/fit.h"
#include "cli/check/postconf.h"

enum { REASON_MAX = 512, LIST_MAX = 1024 };

/* --- mynetworks --- */

/* "[::1]/128" as we write it, "::1/128". */
static bool
read_network(struct slice item, struct proxy_network *to)
{
	struct strbuf plain, reason;
	bool is;

	strbuf_init(&plain, LIST_MAX);
	strbuf_init(&reason, REASON_MAX);
	for (size_t i = 0; i < item.n; i++)
		if (item.p[i] != '[' && item.p[i] != ']')
			strbuf_add_char(&plain, item.p[i]);
	is = proxy_network_parse(strbuf_slice(&plain), to, &reason) == 0;
	strbuf_clear(&plain);
	strbuf_clear(&reason);
	return is;
}

/* IPv4 in IPv6's clothes, which Postfix writes beside the IPv4 network; and
 * fe80::/64 and its kin, which no client of mail has, as own interfaces are
 * written. */
static bool
is_beside_the_point(const struct proxy_network *network)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return network->family == AF_INET6 &&
	    ((network->prefix >= 96 &&
		 memcmp(network->address, mapped, sizeof(mapped)) == 0) ||
		(network->address[0] == 0xfe &&
		    (network->address[1] & 0xc0) == 0x80));
}

/* The services that mail of own networks comes in by may each have their own
 * list. */
static void
check_networks(struct check_fit *fit, const struct cli_service *from)
{
	struct slice rest = cli_master_value(fit->master, from, "mynetworks");
	const struct proxy_networks *trusted = &fit->config->checking.trusted;
	struct proxy_network network;
	struct strbuf list, shown;
	struct slice item;

	strbuf_init(&list, LIST_MAX);
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	/* Tables, and networks that are excluded, are not looked into. */
	while (cli_master_item(&rest, &item))
		if (read_network(item, &network) &&
		    !is_beside_the_point(&network) &&
		    !proxy_networks_cover(trusted, &network))
			strbuf_addf(&list, "%s%s", list.n > 0 ? ", " : "",
			    check_shown(&shown, item));
	if (list.n > 0) {
		check_report_add(fit->report, &fit->about, CHECK_WARNING,
		    "mynetworks has %s, which is not within `trusted' of "
		    "[in]: mail of such own clients is judged as a stranger's",
		    strbuf_text(&list));
		check_report_todo(fit->report,
		    "add it to `trusted' in [in]; or, if they are no clients "
		    "of yours, take it out: postconf -e mynetworks=...");
	}
	strbuf_clear(&list);
	strbuf_clear(&shown);
}

/* --- filters that put mail back in from loopback --- */

/* "127.0.0.1:10030", "localhost:10030", "[::1]:10030"; but not at port 25,
 * where this host's own programs come in. */
bool
check_is_for_reinjection(const struct cli_service *service)
{
	size_t colon = slice_find_last(service->name, ':');
	struct slice port = slice_after(service->name, colon + 1);

	return slice_equal(service->type, SLICE("inet")) &&
	    slice_equal(service->command, SLICE("smtpd")) &&
	    !slice_equal(port, SLICE("smtp")) &&
	    !slice_equal(port, SLICE("25")) &&
	    (slice_starts_nocase(service->name, SLICE("127.")) ||
		slice_starts_nocase(service->name, SLICE("localhost:")) ||
		slice_starts_nocase(service->name, SLICE("[::1]")));
}

/* NULL where the transport's program knows no XFORWARD. */
static const char *
xforward_name(const struct cli_service *transport)
{
	if (slice_equal(transport->command, SLICE("lmtp")))
		return "lmtp_send_xforward_command";
	return slice_equal(transport->command, SLICE("smtp"))
	    ? "smtp_send_xforward_command"
	    : NULL;
}

/* The transport of a content_filter that is no way to signpost and does not
 * say whose mail it is. `*any`: there is such a filter, silent or not. */
static const struct cli_service *
silent_filter(const struct check_fit *fit, bool *any)
{
	const struct cli_service *found = NULL;

	*any = false;
	for (size_t i = 0; i <= fit->master->count; i++) {
		const struct cli_service *from =
		    i < fit->master->count ? &fit->master->list[i] : NULL;
		struct slice value =
		    cli_master_value(fit->master, from, "content_filter");
		const struct cli_service *there = cli_master_find(
		    fit->master, slice_first(value, slice_find(value, ':')));

		if (value.n == 0 ||
		    check_postconf_leads_to_any(fit->config, value))
			continue;
		*any = true;
		if (there != NULL && xforward_name(there) != NULL &&
		    !slice_equal(cli_master_value(
				     fit->master, there, xforward_name(there)),
			SLICE("yes")))
			found = there;
	}
	return found;
}

static void
check_reinjection(struct check_fit *fit, const struct cli_service *from)
{
	static const char name[] = "smtpd_authorized_xforward_hosts";
	bool any;
	const struct cli_service *silent = silent_filter(fit, &any);
	bool told = cli_master_value(fit->master, from, name).n > 0 ||
	    cli_master_value(
		fit->master, from, "smtpd_authorized_xclient_hosts")
		    .n > 0;
	struct strbuf who, command;

	/* The only service there is may be the front door itself. */
	if (!check_is_for_reinjection(from) ||
	    !proxy_networks_contain_text(
		&fit->config->checking.trusted, SLICE("127.0.0.1")) ||
	    (told && silent == NULL) || (!any && fit->count == 1))
		return;
	strbuf_init(&who, CHECK_SHOWN_MAX);
	strbuf_init(&command, (size_t)6 * CHECK_SHOWN_MAX);
	if (!told)
		check_fit_add_setting(&command, from, name, "127.0.0.0/8");
	if (silent != NULL)
		check_fit_add_setting(
		    &command, silent, xforward_name(silent), "yes");
	check_report_add(fit->report, &fit->about, CHECK_WARNING,
	    "%s takes mail that a filter puts back in from loopback, and is "
	    "not told whose it is: every stranger is `trusted' by [in], and "
	    "is not judged",
	    check_shown(&who, from->name));
	check_report_todo(fit->report,
	    "postconf -P%s && postfix reload, where the filter passes XFORWARD "
	    "on; else set `trusted' in [in] without 127.0.0.0/8 and ::1",
	    strbuf_text(&command));
	strbuf_clear(&who);
	strbuf_clear(&command);
}

void
check_fit_trust(struct check_fit *fit)
{
	for (size_t i = 0; i < fit->count; i++) {
		const struct cli_service *from = fit->ways[i].from;

		check_reinjection(fit, from);
		if (slice_equal(from->command, SLICE("smtpd")))
			check_networks(fit, from);
	}
	for (size_t i = 0; i < fit->asker_count; i++)
		if (fit->askers[i].smtpd)
			check_networks(fit, fit->askers[i].from);
}
