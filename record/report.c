/* An aggregate report; see report.h. */
#include <sys/random.h>

#include "base/base64.h"
#include "mail/taglist.h"
#include "record/date.h"
#include "record/report.h"
#include "record/xml.h"

/* 57 octets are 76 letters, the most of a line (RFC 2045 section 6.8). */
enum { LINE_OCTETS = 57 };

static void
put_text(struct sink *to, const char *text)
{
	sink_write_to(to, slice_str(text));
}

/* Lower case, as the schema has it; the default where it is another. What is in
 * the database was in a message once. Only words of the schema get into the
 * report, since readers refuse a whole file for one that they do not know. */
static struct slice
word_or(struct slice word, const char *const *words, const char *otherwise)
{
	for (; *words != NULL; words++)
		if (slice_equal_nocase(word, slice_str(*words)))
			return slice_str(*words);
	return slice_str(otherwise);
}

static const char *const policies[] = {"none", "quarantine", "reject", NULL};
static const char *const modes[] = {"r", "s", NULL};
static const char *const pass_or_fail[] = {"pass", "fail", NULL};
static const char *const dispositions[] = {
    "none", "pass", "quarantine", "reject", NULL};
static const char *const override_types[] = {"local_policy", "mailing_list",
    "other", "policy_test_mode", "trusted_forwarder", NULL};
static const char *const dkim_words[] = {"none", "pass", "fail", "policy",
    "neutral", "temperror", "permerror", NULL};
static const char *const spf_words[] = {"none", "pass", "fail", "softfail",
    "policy", "neutral", "temperror", "permerror", NULL};

static bool
is_old(const struct record_report *r)
{
	return r->format == RECORD_RFC7489;
}

/* What a tag says; where it is not there or says nothing, its default. */
static struct slice
tag_or(const struct mail_taglist *record, const char *tag,
    const char *const *words, struct slice otherwise)
{
	struct slice value = mail_taglist_value(record, slice_str(tag));

	return value.p != NULL && slice_is_one_of(value, words)
	    ? word_or(value, words, "")
	    : otherwise;
}

/* The policy as it applies: what it does not say has RFC 9989's defaults
 * (section 4.7), lest a reader guesses others. */
static void
put_policy(struct sink *to, const struct record_report *r)
{
	static const char *const yes_or_no[] = {"y", "n", NULL};
	struct mail_taglist record;
	struct slice p, sp, fo, testing;

	if (mail_taglist_parse(r->policy, &record, NULL) != 0)
		record.count = 0;
	p = tag_or(&record, "p", policies, SLICE("none"));
	sp = tag_or(&record, "sp", policies, p);
	fo = mail_taglist_value(&record, SLICE("fo"));
	testing = tag_or(&record, "t", yes_or_no, SLICE("n"));
	put_text(to, "  <policy_published>\n");
	record_xml_element(to, 4, "domain", r->domain);
	record_xml_element(
	    to, 4, "adkim", tag_or(&record, "adkim", modes, SLICE("r")));
	record_xml_element(
	    to, 4, "aspf", tag_or(&record, "aspf", modes, SLICE("r")));
	record_xml_element(to, 4, "p", p);
	record_xml_element(to, 4, "sp", sp);
	if (is_old(r)) { /* what t=y became */
		record_xml_element(to, 4, "pct",
		    slice_equal(testing, SLICE("y")) ? SLICE("0")
						     : SLICE("100"));
	} else {
		record_xml_element(
		    to, 4, "np", tag_or(&record, "np", policies, sp));
		record_xml_element(to, 4, "testing", testing);
		record_xml_element(
		    to, 4, "discovery_method", SLICE("treewalk"));
	}
	record_xml_element(to, 4, "fo", fo.n > 0 ? fo : SLICE("0"));
	put_text(to, "  </policy_published>\n");
}

static int
add_part(const struct record_report *r, const char *mark, struct strbuf *out)
{
	if (r->part > 1)
		return strbuf_addf(out, "%s%u", mark, r->part);
	return out->full ? -1 : 0;
}

/* Unique for receiver, domain, day and part: the same report made again has the
 * same, whoever gets it. Without angle brackets. A receiver drops what has the
 * id of a report that it has. */
static int
print_report_id(const struct record_report *r, struct strbuf *out)
{
	strbuf_addf(out, "%lld.", (long long)r->begin);
	(void)add_part(r, "", out);
	strbuf_add_str(out, r->part > 1 ? "." : "");
	strbuf_add(out, r->domain);
	strbuf_add_char(out, '@');
	return strbuf_add(out, r->reporter);
}

void
record_report_begin(struct sink *to, const struct record_report *r)
{
	struct strbuf id;

	strbuf_init(&id, 1024);
	(void)print_report_id(r, &id);
	put_text(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback");
	if (!is_old(r))
		put_text(to, " xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"");
	put_text(to,
	    ">\n"
	    "  <version>1.0</version>\n"
	    "  <report_metadata>\n");
	record_xml_element(to, 4, "org_name", r->reporter);
	record_xml_element(to, 4, "email", r->email);
	if (r->contact.n > 0)
		record_xml_element(to, 4, "extra_contact_info", r->contact);
	record_xml_element(to, 4, "report_id", strbuf_slice(&id));
	put_text(to, "    <date_range>\n");
	record_xml_number(to, 6, "begin", r->begin);
	record_xml_number(to, 6, "end", r->end);
	put_text(to, "    </date_range>\n");
	if (!is_old(r))
		record_xml_element(to, 4, "generator", r->generator);
	put_text(to, "  </report_metadata>\n");
	put_policy(to, r);
	strbuf_clear(&id);
}

/* "dkim TAB result TAB d= TAB s= TAB reason" */
static void
put_dkim(struct sink *to, struct slice words)
{
	struct slice result, domain, selector, why;

	if (!slice_cut(&words, '\t', &result) ||
	    !slice_cut(&words, '\t', &domain) ||
	    !slice_cut(&words, '\t', &selector) ||
	    !slice_is_one_of(result, dkim_words) || domain.n == 0)
		return;
	put_text(to, "      <dkim>\n");
	record_xml_element(to, 8, "domain", domain);
	record_xml_element(to, 8, "selector", selector);
	record_xml_element(
	    to, 8, "result", word_or(result, dkim_words, "none"));
	if (slice_cut(&words, '\t', &why) && why.n > 0)
		record_xml_element(to, 8, "human_result", why);
	put_text(to, "      </dkim>\n");
}

/* "spf TAB result TAB domain TAB scope"; RFC 9990 reports MAIL FROM's, with
 * no word for the other scope. */
static bool
put_spf(struct sink *to, const struct record_report *r, struct slice words)
{
	struct slice result, domain, scope;

	if (!slice_cut(&words, '\t', &result) ||
	    !slice_cut(&words, '\t', &domain) ||
	    !slice_cut(&words, '\t', &scope) ||
	    !slice_is_one_of(result, spf_words) || domain.n == 0)
		return false;
	put_text(to, "      <spf>\n");
	record_xml_element(to, 8, "domain", domain);
	if (slice_equal(scope, SLICE("mfrom")) ||
	    (is_old(r) && slice_equal(scope, SLICE("helo"))))
		record_xml_element(to, 8, "scope", scope);
	record_xml_element(to, 8, "result", word_or(result, spf_words, "none"));
	put_text(to, "      </spf>\n");
	return true;
}

static void
put_results(struct sink *to, const struct record_report *r,
    const struct record_row *row)
{
	struct slice rest = row->results, line, kind;
	bool spf = false;

	put_text(to, "    <auth_results>\n");
	while (slice_cut(&rest, '\n', &line))
		if (slice_cut(&line, '\t', &kind) &&
		    slice_equal(kind, SLICE("dkim")))
			put_dkim(to, line);
	rest = row->results;
	while (!spf && slice_cut(&rest, '\n', &line))
		if (slice_cut(&line, '\t', &kind) &&
		    slice_equal(kind, SLICE("spf")))
			spf = put_spf(to, r, line);
	if (!spf && is_old(r)) {
		/* RFC 7489 wants one, also where nothing was checked. */
		put_text(to, "      <spf>\n");
		record_xml_element(to, 8, "domain",
		    row->sender.n > 0 ? row->sender : row->author);
		record_xml_element(to, 8, "scope", SLICE("mfrom"));
		record_xml_element(to, 8, "result", SLICE("none"));
		put_text(to, "      </spf>\n");
	}
	put_text(to, "    </auth_results>\n");
}

void
record_report_row(struct sink *to, const struct record_report *r,
    const struct record_row *row)
{
	struct slice rest, type, word;

	put_text(to, "  <record>\n    <row>\n");
	record_xml_element(to, 6, "source_ip", row->client);
	record_xml_number(to, 6, "count", row->count);
	rest = row->overrides;
	put_text(to, "      <policy_evaluated>\n");
	word = word_or(row->disposition, dispositions, "none");
	/* RFC 7489 has no "pass", and calls by another name what t=y does. */
	if (is_old(r) && slice_equal(word, SLICE("pass")))
		word = SLICE("none");
	record_xml_element(to, 8, "disposition", word);
	record_xml_element(
	    to, 8, "dkim", word_or(row->dkim, pass_or_fail, "fail"));
	record_xml_element(
	    to, 8, "spf", word_or(row->spf, pass_or_fail, "fail"));
	while (slice_cut(&rest, '\n', &type)) {
		if (!slice_is_one_of(type, override_types))
			continue;
		put_text(to, "        <reason>\n");
		word = word_or(type, override_types, "");
		if (is_old(r) && slice_equal(word, SLICE("policy_test_mode")))
			word = SLICE("sampled_out");
		record_xml_element(to, 10, "type", word);
		put_text(to, "        </reason>\n");
	}
	put_text(to, "      </policy_evaluated>\n");
	put_text(to, "    </row>\n    <identifiers>\n");
	record_xml_element(to, 6, "header_from", row->author);
	/* Bounces have no sender; the older schema wants the element all the
	 * same. */
	if (row->sender.n > 0 || is_old(r))
		record_xml_element(to, 6, "envelope_from", row->sender);
	if (row->recipient.n > 0)
		record_xml_element(to, 6, "envelope_to", row->recipient);
	put_text(to, "    </identifiers>\n");
	put_results(to, r, row);
	put_text(to, "  </record>\n");
}

void
record_report_end(struct sink *to)
{
	put_text(to, "</feedback>\n");
}

/* RFC 9990 has the form of this name; receivers sort by it. */
int
record_report_filename(const struct record_report *r, struct strbuf *out)
{
	strbuf_add(out, r->reporter);
	strbuf_add_char(out, '!');
	strbuf_add(out, r->domain);
	strbuf_addf(out, "!%lld!%lld", (long long)r->begin, (long long)r->end);
	(void)add_part(r, "!", out);
	return strbuf_add_str(out, ".xml.gz");
}

int
record_report_mail(const struct record_report *r, struct slice to,
    struct slice gzip, int64_t now, struct strbuf *mail)
{
	struct strbuf id, file;
	unsigned char random[8];

	strbuf_init(&id, 1024);
	strbuf_init(&file, 1024);
	(void)print_report_id(r, &id);
	(void)record_report_filename(r, &file);
	strbuf_addf(mail, "From: <%.*s>\r\nTo: <%.*s>\r\n", (int)r->email.n,
	    r->email.p, (int)to.n, to.p);
	strbuf_addf(mail,
	    "Subject: Report Domain: %.*s\r\n\tSubmitter: %.*s\r\n"
	    "\tReport-ID: <%s>\r\n",
	    (int)r->domain.n, r->domain.p, (int)r->reporter.n, r->reporter.p,
	    strbuf_text(&id));
	strbuf_add_str(mail, "Date: ");
	(void)record_date_print(now, mail);
	strbuf_add_str(mail, "\r\n");
	/* Two mails are two, also of one report. */
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		mail->full = true;
	strbuf_add_str(mail, "Message-ID: <");
	for (size_t i = 0; i < sizeof(random); i++)
		strbuf_addf(mail, "%02x", random[i]);
	strbuf_add_char(mail, '.');
	(void)print_report_id(r, mail);
	strbuf_add_str(mail, ">\r\n");
	strbuf_addf(mail,
	    "Auto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=\"=_signpost\"\r\n\r\n"
	    "--=_signpost\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "This is a DMARC aggregate report (RFC %s) about %.*s,\r\n"
	    "made by %.*s.\r\n\r\n",
	    is_old(r) ? "7489" : "9990", (int)r->domain.n, r->domain.p,
	    (int)r->reporter.n, r->reporter.p);
	strbuf_addf(mail,
	    "--=_signpost\r\n"
	    "Content-Type: application/gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment;\r\n\tfilename=\"%s\"\r\n\r\n",
	    strbuf_text(&file));
	for (size_t at = 0; at < gzip.n; at += LINE_OCTETS) {
		(void)base64_encode(
		    slice_first(slice_after(gzip, at), LINE_OCTETS), mail);
		strbuf_add_str(mail, "\r\n");
	}
	strbuf_add_str(mail, "--=_signpost--\r\n");
	strbuf_clear(&id);
	strbuf_clear(&file);
	return mail->full ? -1 : 0;
}
