/*
 * A key's record against the key and what it signs (RFC 6376 section 3.6.1,
 * RFC 8301). That the record holds the key's public half is tried out: what
 * the one signs, the other must verify.
 */
#include <string.h>

#include "cli/check/dns.h"
#include "dkim/key.h"
#include "dkim/record.h"

/* What goes by UDP everywhere: DNS flag day 2020. */
enum { BITS_GOOD = 2048, STRING_MOST = 255, UDP_SAFE = 1232 };

struct judging {
	const struct check_key *key;
	const struct check_record *answer;
	struct check_report *report;
	struct check_about about;
	struct strbuf shown;
	size_t found; /* findings before ours */
};

static void
tell_to_publish(struct judging *j)
{
	const struct check_key *k = j->key;

	if (k->record != NULL)
		check_report_todo(j->report,
		    "publish %s (in a provider's form: %s)", k->record,
		    k->form);
	else
		check_report_todo(j->report,
		    "%s; then signpost dns -d %s%s prints what to publish",
		    k->forbidden ? "run this as root, who can read the key"
				 : "mend the key first",
		    k->domain, k->config);
}

/* What does not sign yet, or no more, spoils no mail that is written now. */
static enum check_result
fault_of(const struct judging *j)
{
	return j->key->signs ? CHECK_FAIL : CHECK_WARNING;
}

static void
fail_judging(struct judging *j, const char *why)
{
	check_report_add(j->report, &j->about, fault_of(j), "%s", why);
	tell_to_publish(j);
}

static bool
has_text(struct slice text, const char *what)
{
	return slice_search(text, slice_str(what)) < text.n;
}

/* What became of the text on its way through a form or a zone file; NULL
 * where nothing of the kind is seen. */
static const char *
mishap(const struct judging *j)
{
	struct slice text = j->answer->first;
	struct slice ours = slice_str(j->key->value);

	if (has_text(text, "\\"))
		return "backslashes stand in it, which a form took for text: "
		       "write the value without them";
	if (has_text(text, "\""))
		return "quotation marks stand in it, which a form took for "
		       "text: write the value without them";
	if (slice_find(text, ';') + 1 >= text.n && !has_text(text, "p="))
		return "it ends at its first semicolon: in a zone file the "
		       "value must stand in quotes, else the rest is a "
		       "comment";
	if (ours.n > text.n && text.n >= STRING_MOST / 2 &&
	    slice_equal(slice_first(ours, text.n), text))
		return "it is cut short: one string holds 255 octets, and a "
		       "longer value needs several";
	return NULL;
}

/* The record is quoted: what is wrong with it is easier seen there. */
static void
fail_record(struct judging *j, const char *why)
{
	const char *because = mishap(j);

	check_report_add(j->report, &j->about, fault_of(j), "%s%s%s: %s", why,
	    because == NULL ? "" : "; ", because == NULL ? "" : because,
	    check_shown(&j->shown, j->answer->first));
	tell_to_publish(j);
}

/* Whether base64 has its padding (RFC 4648 section 3.2), white space aside. */
static bool
is_padded(struct slice text)
{
	size_t digits = 0;

	for (size_t i = 0; i < text.n; i++)
		digits += !ascii_is_space(text.p[i]);
	return digits % 4 == 0;
}

/* What we read and others do not: NULL where they do. */
static const char *
others_refuse(struct slice text, const struct dkim_record *record)
{
	if (!is_padded(record->key))
		return "p= lacks its padding (=), without which other "
		       "verifiers refuse it";
	if (slice_has_space(slice_trim(record->key)))
		return "white space stands in p=, where a form or a line end "
		       "has put it: some verifiers refuse it";
	if (!slice_starts_nocase(text, SLICE("v=DKIM1")) &&
	    slice_search(text, SLICE("DKIM1")) < text.n)
		return "there is white space before v=DKIM1, or in it: some "
		       "verifiers refuse it";
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c > 0x7e)
			return "it has octets that are not ASCII (as in n=), "
			       "for which other verifiers refuse it";
		if (c < ' ' && c != '\t')
			return "it has line ends or control characters in it, "
			       "for which other verifiers refuse it";
	}
	return NULL;
}

/* RFC 4871's g=, which RFC 6376 has taken out: verifiers that know it hold mail
 * of other addresses for unsigned. */
static bool
names_senders(struct slice text)
{
	struct dkim_record record;
	enum mail_reason ignored;

	return dkim_record_parse_domainkeys(text, &record, &ignored) == 0 &&
	    record.has_granularity &&
	    !slice_equal(record.granularity, SLICE("*"));
}

/* --- the key in it --- */

static bool
is_public_half(const struct dkim_public_key *public, const struct dkim_key *key)
{
	static const char zeros[DKIM_DIGEST_MAX];
	const struct slice digest = {zeros, sizeof(zeros)};
	enum dkim_algorithm algorithm = dkim_key_algorithm(key);
	struct strbuf signature;
	bool is;

	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	is = dkim_key_sign(key, algorithm, digest, &signature) == 0 &&
	    dkim_public_key_verify(
		public, algorithm, digest, strbuf_slice(&signature));
	strbuf_clear(&signature);
	return is;
}

static void
judge_key(struct judging *j, const struct dkim_record *record)
{
	enum mail_reason why;
	struct dkim_public_key *public = dkim_record_public_key(record, &why);

	if (public == NULL) {
		fail_record(j, mail_reason_text(why));
		return;
	}
	if (j->key->key == NULL) {
		check_report_add(j->report, &j->about, CHECK_NOTE,
		    "there is no private key to compare the record with");
		tell_to_publish(j);
	} else if (!is_public_half(public, j->key->key)) {
		fail_judging(j,
		    "the published key is not the public half of ours: no "
		    "signature of ours verifies");
	} else if (others_refuse(j->answer->first, record) != NULL) {
		check_report_add(j->report, &j->about, CHECK_WARNING, "%s",
		    others_refuse(j->answer->first, record));
		tell_to_publish(j);
	} else if (names_senders(j->answer->first)) {
		check_report_add(j->report, &j->about, CHECK_WARNING,
		    "g= stands in it: older verifiers (RFC 4871) take mail of "
		    "other addresses for unsigned");
		check_report_todo(j->report, "take g= out of the record");
	} else {
		unsigned bits = dkim_public_key_bits(public);
		struct slice text;
		size_t octets;

		/* Under 1024 bits no private key is read in the first place. */
		if (dkim_key_type(j->key->key) == DKIM_KEY_RSA &&
		    bits < BITS_GOOD) {
			check_report_add(j->report, &j->about, CHECK_WARNING,
			    "an RSA key of %u bits, under the 2048 that RFC "
			    "8301 asks for",
			    bits);
			check_report_todo(j->report,
			    "sign with a new one: signpost keygen -d %s -s "
			    "NEW%s",
			    j->key->domain, j->key->config);
		}
		/* RFC 1035 section 4.2.1, RFC 6891: what is longer takes
		 * EDNS or TCP, and over 1232 octets it is seldom sent by UDP
		 * at all. */
		text = j->answer->first;
		/* The octets of an answer: header, question, the record
		 * behind a pointer. */
		octets = 12 + strlen(j->key->name) + 2 + 4 + 12 + text.n +
		    text.n / STRING_MOST + 1;
		if (octets > UDP_SAFE) {
			check_report_add(j->report, &j->about, CHECK_WARNING,
			    "the answer has %zu octets, over the %d that go by "
			    "UDP: "
			    "receivers to whom no TCP gets through find no key",
			    octets, UDP_SAFE);
			check_report_todo(j->report,
			    "leave out notes (n=), or take a key of 2048 bits");
		}
	}
	dkim_public_key_free(public);
}

/* --- what else it says --- */

/* Why the record does not serve one of the signatures; NULL: it serves all. */
static const char *
record_refuses(const struct judging *j, const struct dkim_record *record)
{
	enum mail_reason why;

	for (enum dkim_algorithm a = DKIM_RSA_SHA256; a <= DKIM_RSA_SHA1; a++) {
		if ((j->key->algorithms & 1u << a) == 0)
			continue;
		why = dkim_record_refuses(record, a);
		if (why != MAIL_REASON_NONE)
			return mail_reason_text(why);
	}
	return NULL;
}

/* DomainKeys reads the same record by other rules. */
static const char *
domainkeys_refuses(const struct judging *j)
{
	struct dkim_record record;
	enum mail_reason why;

	if (!j->key->domainkeys)
		return NULL;
	if (dkim_record_parse_domainkeys(j->answer->first, &record, &why) != 0)
		return mail_reason_text(why);
	if (record.has_granularity &&
	    !slice_equal(record.granularity, SLICE("*")))
		return "g= of the key record excludes senders from DomainKeys";
	why = dkim_record_refuses(&record, DKIM_RSA_SHA1);
	return why == MAIL_REASON_NONE ? NULL : mail_reason_text(why);
}

static void
judge_record(struct judging *j)
{
	struct dkim_record record;
	enum mail_reason fault;
	const char *why;

	if (dkim_record_parse(j->answer->first, &record, &fault) != 0) {
		fail_record(j, mail_reason_text(fault));
		return;
	}
	if (record.revoked) {
		fail_judging(j, mail_reason_text(MAIL_REASON_KEY_REVOKED));
		return;
	}
	why = record_refuses(j, &record);
	if (why == NULL)
		why = domainkeys_refuses(j);
	if (why != NULL)
		fail_record(j, why);
	else if (record.strict && j->key->below != NULL) {
		/* RFC 6376 section 3.6.1: t=s asks for an i= in d= itself. */
		struct strbuf shown;

		strbuf_init(&shown, CHECK_SHOWN_MAX);
		check_report_add(j->report, &j->about, CHECK_FAIL,
		    "t=s: receivers refuse a signature whose i= is below d=, "
		    "as "
		    "i=%s is",
		    check_shown_reason(&shown, slice_str(j->key->below)));
		check_report_todo(j->report,
		    "take s out of t= in the record, or i= out of the "
		    "signature");
		strbuf_clear(&shown);
	} else
		judge_key(j, &record);
	if (record.testing) {
		check_report_add(j->report, &j->about, CHECK_NOTE,
		    "t=y: receivers are told that this is a test, and heed no "
		    "signature");
		check_report_todo(
		    j->report, "take t=y out once signatures verify");
	}
}

static void
judge_answer(struct judging *j)
{
	const struct check_record *answer = j->answer;

	if (!answer->answered || answer->status == DNS_TEMPFAIL) {
		check_report_no_answer(j->report, &j->about);
	} else if (answer->status != DNS_OK && answer->doubled) {
		check_report_add(j->report, &j->about, CHECK_FAIL,
		    "the record stands at %s.%s: the form adds the domain by "
		    "itself",
		    j->key->name, answer->doubled);
		check_report_todo(j->report,
		    "take %s off the name: in the form it is only %.*s",
		    answer->doubled,
		    (int)(strlen(j->key->name) - strlen(answer->doubled) - 1),
		    j->key->name);
	} else if (answer->status != DNS_OK &&
	    j->key->state == PROXY_SELECTOR_STAGED && !j->key->signs) {
		check_report_add(j->report, &j->about, CHECK_NOTE,
		    "the key is staged, and its record is not published yet");
		tell_to_publish(j);
	} else if (answer->status != DNS_OK &&
	    j->key->state == PROXY_SELECTOR_RETIRED) {
		check_report_add(j->report, &j->about, CHECK_NOTE,
		    "the key is retired, and its record is gone: mail that is "
		    "still on its way would fail");
	} else if (answer->status != DNS_OK) {
		fail_judging(j, "there is no such record");
	} else if (answer->count > 1) {
		check_report_add(j->report, &j->about, CHECK_FAIL,
		    "%zu TXT records, where receivers look for one (RFC 6376 "
		    "section 3.6.2.2)",
		    answer->count);
		if (j->key->record != NULL)
			check_report_todo(
			    j->report, "leave one: %s", j->key->record);
		else
			tell_to_publish(j);
	} else {
		judge_record(j);
	}
}

void
check_record_report(const struct check_key *key,
    const struct check_record *answer, struct check_report *report)
{
	struct judging j = {
	    key, answer, report, {"dkim", key->name}, .found = report->count};

	if (!key->dkim && key->domainkeys)
		j.about.what = "domainkeys";
	strbuf_init(&j.shown, CHECK_SHOWN_MAX);
	judge_answer(&j);
	if (report->count == j.found)
		check_report_add(report, &j.about, CHECK_OK,
		    "published, and the public half of ours");
	strbuf_clear(&j.shown);
}
