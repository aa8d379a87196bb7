/*
 * What the DNS says of a domain besides its keys: who may send for it (SPF,
 * RFC 7208), and what receivers are to do with mail that is not its own
 * (DMARC, RFC 9989).
 */
#include "auth/orgdomain.h"
#include "auth/spf.h"
#include "cli/check/dns.h"
#include "cli/kit/leaving.h"
#include "record/rua.h"

/* --- SPF --- */

/* A record whose names are the same for every client and sender, so that what
 * came to nothing for the one that was tried does so for all. */
static bool
is_plain_record(struct slice record)
{
	static const struct slice others[] = {SLICE_INIT("%"),
	    SLICE_INIT("exists"), SLICE_INIT("ptr"), SLICE_INIT("include"),
	    SLICE_INIT("redirect")};

	/* Terms have any case (RFC 7208 section 4.6.1). */
	for (; record.n > 0; record = slice_after(record, 1))
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (slice_starts_nocase(record, others[i]))
				return false;
	return true;
}

static const char *
todo_for(enum mail_reason code)
{
	switch (code) {
	case MAIL_REASON_SPF_RECORDS:
		return "leave one TXT record there that begins with v=spf1: as "
		       "it is receivers heed none";
	case MAIL_REASON_SPF_INCLUDE_NO_RECORD:
	case MAIL_REASON_SPF_REDIRECT_NO_RECORD:
		return "take that term out, or correct its name: as it is "
		       "receivers heed no term";
	case MAIL_REASON_SPF_VOIDS:
		return "take out the names that have no address";
	case MAIL_REASON_SPF_LOOKUPS:
		return "take include:, a, mx, exists: and redirect= out till "
		       "ten are left, those of included records too; ip4: and "
		       "ip6: cost nothing";
	default:
		return "correct it: as it is receivers heed no term";
	}
}

static bool
passes(const struct auth_spf *spf)
{
	return spf != NULL && auth_spf_done(spf) &&
	    auth_spf_finding(spf).verdict == MAIL_VERDICT_PASS;
}

/* The record itself is shown: whether it names all who send for the domain is
 * what only its owner can tell. */
static void
report_spf_record(const struct check_about *about, const struct check_spf *spf,
    struct check_report *report)
{
	bool v4 = passes(spf->v4) && passes(spf->other_v4);
	bool v6 = passes(spf->v6) && passes(spf->other_v6);
	struct auth_spf_finding finding =
	    auth_spf_finding(v6 && !v4 ? spf->v6 : spf->v4);
	struct strbuf shown;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	(void)check_shown(&shown, finding.record);
	if (v4 || v6) {
		check_report_add(report, about, CHECK_FAIL,
		    "every %shost may send for it, by %s: %s",
		    v4 && v6 ? ""
			: v4 ? "IPv4 "
			     : "IPv6 ",
		    finding.mechanism, strbuf_text(&shown));
		check_report_todo(report,
		    "name the hosts that send, and end with -all or ~all");
	} else if (finding.verdict == MAIL_VERDICT_NEUTRAL) {
		check_report_add(report, about, CHECK_NOTE,
		    "nothing is said of hosts that it does not name: %s",
		    strbuf_text(&shown));
		check_report_todo(
		    report, "end it with -all or ~all once it names all");
	} else {
		check_report_add(
		    report, about, CHECK_OK, "%s", strbuf_text(&shown));
	}
	strbuf_clear(&shown);
}

void
check_spf_report(const char *domain, const struct check_spf *spf,
    struct check_report *report)
{
	const struct check_about about = {"spf", domain};
	struct auth_spf_finding finding = auth_spf_finding(spf->v4);

	if (!auth_spf_done(spf->v4))
		finding.verdict = MAIL_VERDICT_TEMPERROR;
	switch (finding.verdict) {
	case MAIL_VERDICT_NONE:
		check_report_add(
		    report, &about, CHECK_WARNING, "there is no record");
		check_report_todo(report,
		    "publish what this prints (for a provider's form with "
		    "--format form): signpost dns -d %s --for spf%s",
		    domain, report->config);
		break;
	case MAIL_VERDICT_TEMPERROR:
		check_report_no_answer(report, &about);
		break;
	case MAIL_VERDICT_PERMERROR:
		if (finding.code == MAIL_REASON_SPF_VOIDS &&
		    !is_plain_record(finding.record)) {
			/* Names made of the client or the sender, and lists
			 * of either, have no record for most. */
			check_report_add(report, &about, CHECK_WARNING,
			    "for hosts that it does not name more than two "
			    "look-ups come to "
			    "nothing, by exists:, ptr or macros: receivers may "
			    "heed none of "
			    "it");
			check_report_todo(report,
			    "have two such terms at most, or let the names "
			    "that they make "
			    "exist");
		} else {
			struct strbuf shown;

			strbuf_init(&shown, CHECK_SHOWN_MAX);
			check_report_add(report, &about, CHECK_FAIL, "%s",
			    check_shown_reason(
				&shown, slice_str(finding.reason)));
			check_report_todo(report, "%s", todo_for(finding.code));
			strbuf_clear(&shown);
		}
		break;
	default:
		report_spf_record(&about, spf, report);
	}
}

/* One address. False where nothing can be said of it. */
static bool
report_cover(const struct check_about *about, const struct cli_leaving *leaving,
    size_t index, enum mail_verdict verdict, struct check_report *report)
{
	const struct cli_leaving_address *address = &leaving->list[index];
	bool relay = address->relay >= 0;
	enum check_result result = CHECK_FAIL;

	if (verdict == MAIL_VERDICT_PASS)
		return true;
	if (verdict != MAIL_VERDICT_FAIL && verdict != MAIL_VERDICT_SOFTFAIL &&
	    verdict != MAIL_VERDICT_NEUTRAL)
		return false;
	if (relay || verdict == MAIL_VERDICT_NEUTRAL)
		result = CHECK_WARNING;
	check_report_add(report, about, result,
	    "mail leaves by %s%s (%s), which it does not name: %s",
	    relay ? "way of " : "", address->text, address->from,
	    mail_verdict_word(verdict));
	if (relay)
		check_report_todo(report,
		    "where the owner of that host names an include: for SPF, "
		    "add it, as this prints it: signpost dns -d %s --for spf "
		    "--spf "
		    "include:NAME%s",
		    about->subject, report->config);
	else
		check_report_todo(report,
		    "add it, as this prints it: signpost dns -d %s --for spf%s",
		    about->subject, report->config);
	return false;
}

void
check_covers_report(const char *domain, const struct auth_spf *nobody,
    const struct cli_leaving *leaving, struct auth_spf *const covers[],
    struct check_report *report)
{
	const struct check_about about = {"spf", domain};
	enum mail_verdict verdict = auth_spf_finding(nobody).verdict;
	struct strbuf passing;

	/* Without a record that can be read there is nothing to look for. */
	if (!auth_spf_done(nobody) || verdict == MAIL_VERDICT_NONE ||
	    verdict == MAIL_VERDICT_TEMPERROR)
		return;
	strbuf_init(&passing, CLI_LEAVING_MAX * (INET6_ADDRSTRLEN + 2));
	for (size_t i = 0; i < leaving->count; i++)
		if (covers[i] != NULL && auth_spf_done(covers[i]) &&
		    report_cover(&about, leaving, i,
			auth_spf_finding(covers[i]).verdict, report))
			strbuf_addf(&passing, "%s%s",
			    passing.n == 0 ? "" : ", ", leaving->list[i].text);
	if (passing.n > 0)
		check_report_add(report, &about, CHECK_OK,
		    "it names %s, by which mail leaves", strbuf_text(&passing));
	strbuf_clear(&passing);
}

/* --- DMARC --- */

static void
report_dmarc(const struct check_about *about,
    const struct auth_orgdomain_record *record, struct check_report *report)
{
	const struct auth_dmarc_record *values = &record->values;
	bool below =
	    !slice_equal_nocase(record->name, slice_str(about->subject));
	enum auth_dmarc_policy policy;
	struct strbuf shown;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	if (!auth_dmarc_record_policy(values, below, true, &policy) ||
	    (values->p.present && !values->p.valid)) {
		check_report_add(report, about, CHECK_FAIL,
		    "a policy in it cannot be read: %s",
		    check_shown(&shown, record->text));
		check_report_todo(report,
		    "let p= (and sp=, np= where they are) be none, quarantine "
		    "or reject");
	} else if (!values->p.present) {
		check_report_add(report, about, CHECK_WARNING,
		    "it has no p=, and many receivers take it for none: %s",
		    check_shown(&shown, record->text));
		check_report_todo(report, "put p=none there, or more");
	} else {
		const char *tag = below && values->sp.present ? "sp" : "p";
		struct strbuf name;

		/* `tag` is the one that decides: p or sp. */
		strbuf_init(&name, CHECK_SHOWN_MAX);
		(void)check_shown(&name, record->name);
		if (record->values.testing) {
			check_report_add(report, about, CHECK_NOTE,
			    "t=y at _dmarc.%s: forged mail is reported at "
			    "most, not "
			    "stopped",
			    strbuf_text(&name));
			check_report_todo(report,
			    "take t=y out once reports show that your own mail "
			    "passes");
		} else if (policy == AUTH_DMARC_NONE) {
			check_report_add(report, about, CHECK_NOTE,
			    "%s=none at _dmarc.%s: forged mail is reported at "
			    "most, "
			    "not stopped",
			    tag, strbuf_text(&name));
			check_report_todo(report,
			    "say %s=quarantine or %s=reject once reports show "
			    "that "
			    "your own mail passes",
			    tag, tag);
		} else {
			check_report_add(report, about, CHECK_OK,
			    "%s at _dmarc.%s", auth_dmarc_policy_word(policy),
			    strbuf_text(&name));
		}
		strbuf_clear(&name);
	}
	strbuf_clear(&shown);
}

void
check_dmarc_report(const char *domain, const struct auth_orgdomain *org,
    const struct check_dmarc_own *own, struct check_report *report)
{
	const struct check_about about = {"dmarc", domain};
	const struct auth_orgdomain_record *record = NULL;

	if (auth_orgdomain_policy(org, slice_str(domain), &record) !=
	    AUTH_ORGDOMAIN_KNOWN) {
		check_report_no_answer(report, &about);
		return;
	}
	if (own->records > 1) {
		check_report_add(report, &about, CHECK_FAIL,
		    "%zu records at _dmarc.%s, which receivers take for none",
		    own->records, about.subject);
		check_report_todo(report, "leave one of them");
	} else if (own->malformed.n == 0 && record == NULL) {
		check_report_add(
		    report, &about, CHECK_WARNING, "there is no record");
		check_report_todo(report,
		    "publish _dmarc.%s. IN TXT \"v=DMARC1; p=none; "
		    "rua=mailto:postmaster@%s\" (in a form: name _dmarc, type "
		    "TXT, "
		    "value v=DMARC1; p=none; rua=mailto:postmaster@%s)",
		    about.subject, about.subject, about.subject);
	} else if (own->malformed.n == 0 || own->records == 1)
		report_dmarc(&about, record, report);
	if (own->malformed.n > 0) {
		/* Alone it keeps the domain without a record of its own;
		 * beside another it is discarded (RFC 9989 section 4.10). */
		struct strbuf shown;

		strbuf_init(&shown, CHECK_SHOWN_MAX);
		(void)check_shown(&shown, own->malformed);
		if (own->records == 0) {
			check_report_add(report, &about, CHECK_FAIL,
			    "the record at _dmarc.%s does not begin with "
			    "v=DMARC1; as "
			    "it must: %s",
			    about.subject, strbuf_text(&shown));
			check_report_todo(report, "begin it with v=DMARC1;");
		} else {
			check_report_add(report, &about, CHECK_NOTE,
			    "another record at _dmarc.%s is discarded, for it "
			    "does not "
			    "begin with v=DMARC1; : %s",
			    about.subject, strbuf_text(&shown));
			check_report_todo(report, "remove that one");
		}
		strbuf_clear(&shown);
	}
}

void
check_rua_report(const char *domain, const struct record_rua *rua,
    struct check_report *report)
{
	const struct check_about about = {"dmarc", domain};
	struct strbuf shown;
	struct slice address;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	for (size_t i = 0; rua != NULL && i < record_rua_count(rua); i++) {
		enum record_rua_status status = record_rua_at(rua, i, &address);

		if (status != RECORD_RUA_UNWANTED)
			continue;
		check_report_add(report, &about, CHECK_WARNING,
		    "no reports go to %s: %s", check_shown(&shown, address),
		    record_rua_reason(status));
		check_report_todo(report,
		    "have its owner publish what this prints for it: signpost "
		    "dns -d %s --for "
		    "dmarc%s",
		    domain, report->config);
	}
	strbuf_clear(&shown);
}
