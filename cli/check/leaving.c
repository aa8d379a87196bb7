/*
 * Names of the addresses by which mail leaves; see leaving.h. Receivers judge
 * a host by the name of its address before they read a signature, so a name
 * that is missing costs more than a key that is.
 */
#include "cli/check/leaving.h"
#include "auth/iprev.h"
#include "cli/kit/resolve.h"

struct naming {
	struct cli_leaving *leaving;
	struct auth_iprev *checks[CLI_LEAVING_MAX];
};

static bool
ask_names(void *subject, struct dns_question *question)
{
	struct naming *n = subject;

	for (size_t i = 0; i < n->leaving->count; i++)
		if (n->checks[i] != NULL &&
		    auth_iprev_ask(n->checks[i], question))
			return true;
	return false;
}

static void
answer_names(void *subject, const struct dns_question *question,
    const struct dns_answer *answer)
{
	struct naming *n = subject;

	for (size_t i = 0; i < n->leaving->count; i++)
		if (n->checks[i] != NULL)
			auth_iprev_answer(n->checks[i], question, answer);
}

/* What is known of its world-side address is nothing: neither right nor
 * wrong. */
static void
report_hidden(
    const struct cli_leaving_address *address, struct check_report *report)
{
	const struct check_about about = {"address", address->text};

	check_report_add(report, &about, CHECK_NOTE,
	    "mail leaves by it (%s), and it is private: the world sees another "
	    "address, whose name and SPF cannot be looked at from here",
	    address->from);
	check_report_todo(report,
	    "where that is known, name it: postconf -e "
	    "proxy_interfaces=ADDRESS");
}

static void
report_rest(const struct cli_leaving *leaving, struct check_report *report)
{
	const struct check_about none = {"address", "-"};

	for (size_t i = 0; i < leaving->relay_count; i++) {
		const struct cli_leaving_relay *relay = &leaving->relays[i];
		const struct check_about about = {
		    "address", relay->host == NULL ? "-" : relay->host};

		if (relay->host == NULL || !leaving->silent)
			continue;
		check_report_no_answer(report, &about);
		return;
	}
	if (leaving->count > 0)
		return;
	check_report_add(report, &none, CHECK_NOTE,
	    "by which address mail leaves is not known: there is no way to the "
	    "world%s",
	    leaving->relay_count > 0 ? ", or the relay host has no address"
				     : "");
	check_report_todo(report,
	    "where mail leaves by a relay, name that in main.cf (relayhost)");
}

void
check_leaving(struct cli_leaving *leaving, struct cli_resolver *resolver,
    struct check_report *report)
{
	static const struct proxy_asking_ops relays = {
	    cli_leaving_ask, cli_leaving_answer};
	static const struct proxy_asking_ops names = {ask_names, answer_names};
	struct naming n = {.leaving = leaving};

	cli_resolve(resolver, &relays, leaving);
	for (size_t i = 0; i < leaving->count; i++)
		if (!leaving->list[i].hidden && leaving->list[i].relay < 0)
			n.checks[i] =
			    auth_iprev_new(slice_str(leaving->list[i].text));
	cli_resolve(resolver, &names, &n);
	for (size_t i = 0; i < leaving->count; i++) {
		if (n.checks[i] != NULL) {
			const struct cli_leaving_address *address =
			    &leaving->list[i];
			const struct auth_iprev *check = n.checks[i];
			const struct check_about about = {
			    "address", address->text};
			struct slice name = auth_iprev_name(check);
			struct strbuf shown;

			strbuf_init(&shown, CHECK_SHOWN_MAX);
			switch (auth_iprev_verdict(check)) {
			case MAIL_VERDICT_PASS:
				check_report_add(report, &about, CHECK_OK,
				    "mail leaves by it (%s), its name %s leads "
				    "back to it",
				    address->from, check_shown(&shown, name));
				break;
			case MAIL_VERDICT_TEMPERROR:
				check_report_no_answer(report, &about);
				break;
			default:
				check_report_add(report, &about, CHECK_WARNING,
				    "mail leaves by it (%s), and many "
				    "receivers will refuse "
				    "it: %s",
				    address->from,
				    mail_reason_text(auth_iprev_reason(check)));
				check_report_todo(report,
				    "have its provider set a PTR record for it "
				    "to a name of "
				    "this host, and let that name have the "
				    "address %s",
				    address->text);
			}
			strbuf_clear(&shown);
		} else if (leaving->list[i].hidden)
			report_hidden(&leaving->list[i], report);
		auth_iprev_free(n.checks[i]);
	}
	/* Mail of some senders leaves by a way of its own. */
	if (leaving->tables != NULL) {
		check_report_add(report,
		    &(struct check_about){"address", leaving->tables},
		    CHECK_NOTE,
		    "mail of some senders leaves by another way, which is not "
		    "looked at");
		check_report_todo(report,
		    "see to it that SPF of their domains names that way");
	}
	report_rest(leaving, report);
}
