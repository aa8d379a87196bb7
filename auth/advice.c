/* What to do about a result; see advice.h. */
#include "auth/advice.h"
#include "auth/dmarc_record.h"
#include "base/escape.h"
#include "dkim/signature.h"

enum { WIDTH = 76, INDENT = 4, VALUE_MAX = 120, TEXT_MAX = 4096 };

/*
 * In the texts {d} stands for the domain, {s} for the selector, {c} for the
 * client's address, {i} for the same as a term of SPF, {r} for the name that
 * the record stands at. Of [one|other] the first is for our own user, the
 * other for those who do not know signpost. Which text is given depends on the
 * verdict, or on the reason's value; NULL is none.
 */

static const char try_later[] =
    "The name servers of {d} did not answer in time. Ask each of them for "
    "the record (dig +norecurse) and mend the one that is silent; then send "
    "the message again.";

static const char *
of_spf_record(enum mail_reason code)
{
	switch (code) {
	case MAIL_REASON_SPF_RECORDS:
		return "There must be one TXT record that begins with v=spf1 "
		       "at {d}. Join them into one and remove the others.";
	case MAIL_REASON_SPF_LOOKUPS:
	case MAIL_REASON_SPF_VOIDS:
	case MAIL_REASON_SPF_MX_NAMES:
		return "The record of {d} needs more DNS look-ups than "
		       "receivers make (ten, two of them without an answer), "
		       "so they ignore it. Replace include: and a: terms by "
		       "the addresses they stand for.";
	case MAIL_REASON_SPF_INCLUDE_NO_RECORD:
	case MAIL_REASON_SPF_REDIRECT_NO_RECORD:
		return "The record of {d} includes, or leads to, a domain that "
		       "has no SPF record, so receivers ignore it. Take that "
		       "term out, or correct its name.";
	default:
		return "The record of {d} cannot be evaluated, so receivers "
		       "ignore it. Mend the term that is at fault.";
	}
}

static const char *
of_spf(const struct auth_result *result)
{
	switch (result->verdict) {
	case MAIL_VERDICT_NONE:
		return "Publish who may send for {d}. Where this host is the "
		       "only one, the TXT record at {d} is \"v=spf1 {i} "
		       "-all\"; begin with ~all while you look for others.";
	case MAIL_VERDICT_FAIL:
	case MAIL_VERDICT_SOFTFAIL:
	case MAIL_VERDICT_NEUTRAL:
		return "The record of {d} does not name {c}. If that host is "
		       "yours, add {i} to the TXT record before the \"all\" "
		       "at its end. If it is a forwarder's, it should rewrite "
		       "the sender (SRS).";
	case MAIL_VERDICT_PERMERROR:
		return of_spf_record(result->code);
	case MAIL_VERDICT_TEMPERROR:
		return try_later;
	case MAIL_VERDICT_PASS:
	case MAIL_VERDICT_POLICY:
		break;
	}
	return NULL;
}

/* Of what is wrong with the key record or the key in it. */
static const char *
of_key(enum mail_reason code)
{
	switch (code) {
	case MAIL_REASON_NO_KEY_RECORD:
		return "Publish the TXT record {s}._domainkey.{d}[: "
		       "\"signpost dns -d {d}\" on the signing host prints "
		       "it|, which holds the public half of the key that "
		       "signs].";
	case MAIL_REASON_KEY_REVOKED:
		return "The key was revoked: its record has an empty p=. Sign "
		       "with a newer key, under a selector of its own.";
	case MAIL_REASON_KEY_UNDER_512:
	case MAIL_REASON_KEY_UNDER_1024:
		return "The key is too short to be trusted. Make one of 2048 "
		       "bits[ with \"signpost keygen\"|], under a new "
		       "selector.";
	case MAIL_REASON_KEY_OVER_4096:
		return "The key is larger than receivers need to take. Make "
		       "one of 2048 bits[ with \"signpost keygen\"|], under a "
		       "new selector.";
	case MAIL_REASON_KEY_RECORD_LONG:
	case MAIL_REASON_KEY_RECORD_MALFORMED:
	case MAIL_REASON_KEY_RECORD_VERSION:
	case MAIL_REASON_KEY_RECORD_NO_KEY:
	case MAIL_REASON_KEY_TYPE_UNKNOWN:
	case MAIL_REASON_KEY_TYPE_DIFFERS:
	case MAIL_REASON_KEY_HASH_REFUSED:
	case MAIL_REASON_KEY_SERVICE_REFUSED:
	case MAIL_REASON_KEY_STRICT:
	case MAIL_REASON_KEY_LONG:
	case MAIL_REASON_KEY_NOT_BASE64:
	case MAIL_REASON_KEY_NOT_RSA:
	case MAIL_REASON_KEY_NOT_ED25519:
	case MAIL_REASON_KEY_RSA_UNUSABLE:
	case MAIL_REASON_KEY_ED25519_UNUSABLE:
	case MAIL_REASON_KEY_NUMBERS:
		return "Mend the TXT record {s}._domainkey.{d}[: \"signpost "
		       "dns -d {d}\" on the signing host prints what it should "
		       "be|, which is no key record]. Take care that quotation "
		       "marks and line ends of the zone file did not get into "
		       "it.";
	default:
		return NULL;
	}
}

/* Of what was changed on the way, or came at the wrong time. */
static const char *
of_change(enum mail_reason code)
{
	switch (code) {
	case MAIL_REASON_BODY_CHANGED:
		return "The body was changed after it was signed. Look for "
		       "what changes it on the way: a disclaimer, a virus "
		       "scanner, a list's footer, or a server that converts 8 "
		       "bit to 7 bit. Sign after it, or let it go.";
	case MAIL_REASON_BODY_SHORTER:
		return "Part of the body was lost after it was signed. Look "
		       "for what cuts it on the way, and sign after that.";
	case MAIL_REASON_HEADER_CHANGED:
		return "A signed header field was changed on the way. Look "
		       "for what rewrites Subject, To or From, and sign after "
		       "that.";
	case MAIL_REASON_KEY_WRONG:
		return "The key that is published is not the one that signed. "
		       "[\"signpost check -d {d}\" on the signing host "
		       "compares them|Publish at {s}._domainkey.{d} the public "
		       "half of the key that signs, or sign with the key that "
		       "is published there].";
	case MAIL_REASON_SIGNATURE_WRONG:
		return "Either the key that is published is not the one that "
		       "signed, or a signed header field was changed on the "
		       "way. [\"signpost check -d {d}\" on the signing host "
		       "compares the keys|Compare the keys]; then look for "
		       "what rewrites Subject, To or From.";
	case MAIL_REASON_EXPIRED:
		return "The message came later than the signature's x= "
		       "allows. [Make ttl longer|Let x= be later], or leave it "
		       "out; look at where the message waited.";
	case MAIL_REASON_FUTURE:
		return "The clock of the signing host is ahead. Let it follow "
		       "a time server.";
	default:
		return NULL;
	}
}

static const char *
of_dkim(const struct auth_result *result)
{
	const char *text;

	if (result->verdict == MAIL_VERDICT_NONE)
		return "The message is not signed. [Make a key with \"signpost "
		       "keygen\", publish the record that it prints, and let "
		       "outgoing mail pass through the signing proxy (man "
		       "signpost)|Have the server that sends it sign with DKIM "
		       "for the domain of From, and publish the key's TXT "
		       "record].";
	text = of_key(result->code);
	if (text == NULL)
		text = of_change(result->code);
	if (text == NULL && result->code == MAIL_REASON_ALGORITHM_SHA1)
		text = "Sign with rsa-sha256 or ed25519-sha256; receivers "
		       "have not taken rsa-sha1 since RFC 8301.";
	return text != NULL ? text
			    : "The signature's field is not as it should be. "
			      "If its signer is yours, bring it up to date; if "
			      "not, tell who runs {d}.";
}

static const char *
of_domainkeys(const struct auth_result *result)
{
	if (result->code == MAIL_REASON_DOMAINKEYS_SIGNS_ALL)
		return "The policy at _domainkey.{d} says that all mail is "
		       "signed (o=-). Sign this kind of mail too, or publish "
		       "o=~.";
	if (result->verdict == MAIL_VERDICT_NONE)
		return NULL;
	if (result->code == MAIL_REASON_DOMAINKEYS_NOT_FROM ||
	    result->code == MAIL_REASON_DOMAINKEYS_NOT_SENDER)
		return "A DomainKeys signature must be of the domain of "
		       "Sender, or of From where there is no Sender.";
	if (of_key(result->code) != NULL ||
	    result->code == MAIL_REASON_KEY_GRANULARITY)
		return "Publish or mend the TXT record {s}._domainkey.{d}; "
		       "DKIM's record without v= and h= does for both.";
	return "Something changed the message after it was signed, or the key "
	       "that is published is not the one that signed. DomainKeys does "
	       "not forgive what DKIM's relaxed does; DKIM's result is the one "
	       "that counts.";
}

static const char *
of_senderid(const struct auth_result *result)
{
	switch (result->verdict) {
	case MAIL_VERDICT_PERMERROR:
		return "The message must name who sent it: exactly one From "
		       "field, and at most one Sender field with one address.";
	case MAIL_VERDICT_FAIL:
	case MAIL_VERDICT_SOFTFAIL:
	case MAIL_VERDICT_NEUTRAL:
		return "The record of {d} does not name {c}. Where its SPF "
		       "record is right and only Sender-ID fails, publish "
		       "\"spf2.0/pra ?all\" beside it to step out of "
		       "Sender-ID, which is historic.";
	default:
		return NULL;
	}
}

/* Of the field that readers see. */
static const char *
of_from(enum mail_reason code)
{
	switch (code) {
	case MAIL_REASON_NONE:
		return NULL;
	case MAIL_REASON_NO_FROM:
		return "The message has no From field. Whoever makes it must "
		       "put its author there.";
	case MAIL_REASON_FROM_TWICE:
		return "The message has more than one From field, so that "
		       "programs differ about who wrote it, and receivers "
		       "refuse it. Have whatever makes or rewrites the message "
		       "leave one (RFC 5322 section 3.6).";
	case MAIL_REASON_FROM_DOMAINS:
		return "From names authors of too many domains for a policy "
		       "to be looked up. Name one author.";
	default:
		return "From cannot be read as the address of an author with a "
		       "domain name. Have whatever makes the message write it "
		       "as RFC 5322 section 3.4 has it: Name <user@domain>.";
	}
}

static const char *
of_dmarc(const struct auth_result *result)
{
	const char *from = of_from(result->from_code);

	if (from != NULL)
		return from;
	switch (result->verdict) {
	case MAIL_VERDICT_NONE:
		return "Publish a DMARC policy. To begin with, and to be told "
		       "who sends in your name, the TXT record at _dmarc.{d} "
		       "is \"v=DMARC1; p=none; "
		       "rua=mailto:postmaster@{d}\".";
	case MAIL_VERDICT_FAIL:
		return "Neither SPF nor DKIM passed for a domain that belongs "
		       "to {d}, the one that readers see. Let DKIM sign with "
		       "d={d}; or let the envelope sender be of {d} and pass "
		       "SPF.";
	case MAIL_VERDICT_PERMERROR:
		return "From must have one domain that can be looked up, and "
		       "the record at _dmarc.{r} a p= of none, quarantine or "
		       "reject.";
	default:
		return NULL;
	}
}

static const char *
of_arc(const struct auth_result *result)
{
	if (result->verdict == MAIL_VERDICT_NONE)
		return NULL;
	return "A host that forwarded the message broke the chain of those "
	       "before it. Its postmaster can mend that; the sender cannot.";
}

static const char *
of_iprev(const struct auth_result *result)
{
	switch (result->verdict) {
	case MAIL_VERDICT_FAIL:
	case MAIL_VERDICT_PERMERROR:
		return "The address {c} should have a name (PTR) whose A or "
		       "AAAA record leads back to it. Ask whoever gave you the "
		       "address.";
	case MAIL_VERDICT_TEMPERROR:
		return "The name servers of the address {c} did not answer in "
		       "time.";
	default:
		return NULL;
	}
}

/* --- what follows from another fault --- */

static bool
is_good(const struct auth_result *result)
{
	return result->verdict == MAIL_VERDICT_PASS;
}

static bool
are_related(struct slice a, struct slice b)
{
	return a.n > 0 && b.n > 0 &&
	    (dkim_domain_is_within(a, b) || dkim_domain_is_within(b, a));
}

/* DMARC is what SPF and DKIM make of it. */
static bool
explains_dmarc(const struct auth_result *other, const struct auth_result *dmarc)
{
	if (dmarc->from_code != MAIL_REASON_NONE || is_good(other))
		return false;
	if (other->method == AUTH_DKIM)
		return other->verdict == MAIL_VERDICT_NONE ||
		    are_related(other->domain, dmarc->domain);
	return other->method == AUTH_SPF &&
	    are_related(other->domain, dmarc->domain);
}

/* Is mending the other enough? */
static bool
explains(const struct auth_result *other, const struct auth_result *result)
{
	bool same = slice_equal_nocase(other->domain, result->domain);

	if (other == result)
		return false;
	if (result->verdict == MAIL_VERDICT_TEMPERROR)
		return other < result && same &&
		    other->verdict == MAIL_VERDICT_TEMPERROR;
	switch (result->method) {
	case AUTH_SENDERID:
		return (other->method == AUTH_SPF && same && !is_good(other)) ||
		    (other->method == AUTH_DMARC &&
			other->from_code != MAIL_REASON_NONE);
	case AUTH_DOMAINKEYS:
		return other->method == AUTH_DKIM && same && !is_good(other);
	case AUTH_DMARC:
		return result->verdict == MAIL_VERDICT_FAIL &&
		    explains_dmarc(other, result);
	default:
		return false;
	}
}

static bool
is_explained(const struct auth_results *results, const struct auth_result *one)
{
	for (size_t i = 0; i < results->count; i++)
		if (explains(&results->list[i], one))
			return true;
	return false;
}

/* --- a list --- */

static bool
was_changed(const struct auth_result *result)
{
	return result->method == AUTH_DKIM &&
	    (result->code == MAIL_REASON_BODY_CHANGED ||
		result->code == MAIL_REASON_BODY_SHORTER ||
		result->code == MAIL_REASON_HEADER_CHANGED ||
		result->code == MAIL_REASON_SIGNATURE_WRONG);
}

/* The author's signature does not hold any more, and somebody else signed
 * what has become of the message, or says that he is a list. */
static bool
was_changed_by_list(
    const struct auth_summary *about, const struct auth_result *result)
{
	const struct auth_result *dmarc =
	    auth_results_find(about->results, AUTH_DMARC);
	bool passed_on = about->listed;

	if (!was_changed(result) || dmarc == NULL ||
	    !are_related(result->domain, dmarc->domain))
		return false;
	for (size_t i = 0; i < about->results->count; i++) {
		const struct auth_result *other = &about->results->list[i];

		passed_on |= other->method == AUTH_DKIM && is_good(other) &&
		    !are_related(other->domain, result->domain);
	}
	return passed_on;
}

static const char of_list[] =
    "A mailing list, or another host that passes mail on, changed the message "
    "after {d} had signed it. The signer has nothing to mend: whoever runs the "
    "list should leave Subject and body as they are (no tag, no footer), or "
    "write the list's own address into From.";

/* --- all together --- */

const char *
auth_advice_find(
    const struct auth_summary *about, const struct auth_result *result)
{
	static const char *(*const of[AUTH_METHODS])(
	    const struct auth_result *) = {
	    [AUTH_SPF] = of_spf,
	    [AUTH_DKIM] = of_dkim,
	    [AUTH_DOMAINKEYS] = of_domainkeys,
	    [AUTH_SENDERID] = of_senderid,
	    [AUTH_DMARC] = of_dmarc,
	    [AUTH_ARC] = of_arc,
	    [AUTH_IPREV] = of_iprev,
	};

	if (is_good(result) || is_explained(about->results, result))
		return NULL;
	if (was_changed_by_list(about, result))
		return of_list;
	if (result->verdict == MAIL_VERDICT_TEMPERROR &&
	    result->method != AUTH_IPREV)
		return try_later;
	return of[result->method](result);
}

static void
add_value(const struct auth_summary *about, struct slice value,
    const char *otherwise, struct strbuf *out)
{
	if (value.n == 0 || (about->stranger && !auth_summary_is_name(value)))
		(void)strbuf_add_str(out, otherwise);
	else
		(void)escape_log(slice_first(value, VALUE_MAX), out);
}

static void
add_client(const struct auth_summary *about, bool term, struct strbuf *out)
{
	struct slice client = about->client;

	if (!auth_summary_is_address(client)) {
		(void)strbuf_add_str(out, term ? "ip4:ADDRESS" : "ADDRESS");
		return;
	}
	if (term)
		(void)strbuf_add_str(
		    out, slice_find(client, ':') < client.n ? "ip6:" : "ip4:");
	(void)strbuf_add(out, client);
}

static void
add_mark(const struct auth_summary *about, const struct auth_result *result,
    char mark, struct strbuf *out)
{
	switch (mark) {
	case 'd':
		add_value(about, result->domain, "DOMAIN", out);
		break;
	case 's':
		add_value(about, result->selector, "SELECTOR", out);
		break;
	case 'r':
		add_value(about, result->record_name, "DOMAIN", out);
		break;
	default:
		add_client(about, mark == 'i', out);
	}
}

/* Of [one|other] one is left out. */
static void
expand(const struct auth_summary *about, const struct auth_result *result,
    const char *text, struct strbuf *out)
{
	enum { BOTH, OURS, OTHERS } part = BOTH;

	for (; *text != '\0'; text++) {
		bool shown = part == BOTH || about->foreign == (part == OTHERS);

		if (text[0] == '[') {
			part = OURS;
		} else if (text[0] == '|') {
			part = OTHERS;
		} else if (text[0] == ']') {
			part = BOTH;
		} else if (text[0] == '{') {
			if (shown)
				add_mark(about, result, text[1], out);
			text += 2; /* the mark and } */
		} else if (shown) {
			(void)strbuf_add_char(out, *text);
		}
	}
}

/* Words on lines of at most WIDTH, where they fit. */
static void
wrap(struct slice text, struct strbuf *out)
{
	struct slice word;
	size_t column = WIDTH;

	while (slice_cut(&text, ' ', &word)) {
		if (column + 1 + word.n > WIDTH) {
			(void)strbuf_addf(out, "\n%*s", INDENT, "");
			column = INDENT;
		} else {
			(void)strbuf_add_char(out, ' ');
			column++;
		}
		(void)strbuf_add(out, word);
		column += word.n;
	}
	(void)strbuf_add_char(out, '\n');
}

static void
print(const struct auth_summary *about, const struct auth_result *result,
    const char *text, struct strbuf *out)
{
	struct strbuf whole;

	strbuf_init(&whole, TEXT_MAX);
	expand(about, result, text, &whole);
	wrap(strbuf_slice(&whole), out);
	strbuf_clear(&whole);
}

void
auth_advice_print(const struct auth_summary *about,
    const struct auth_result *result, struct strbuf *out)
{
	const char *text = auth_advice_find(about, result);

	if (text == NULL)
		return;
	(void)strbuf_add_str(out, "  What to do:");
	print(about, result, text, out);
}

static void
remark(const struct auth_summary *about, const struct auth_result *result,
    const char *text, struct strbuf *out)
{
	(void)strbuf_add_str(out, "  Remark:");
	print(about, result, text, out);
}

static void
remark_on_dmarc(const struct auth_summary *about,
    const struct auth_result *result, struct strbuf *out)
{
	struct auth_dmarc_record record;

	if (result->record.n == 0)
		return;
	auth_dmarc_record_parse(result->record, &record);
	if (result->policy != NULL &&
	    slice_equal(slice_str(result->policy), SLICE("none")))
		remark(about, result,
		    "p=none asks receivers to do nothing about mail that is "
		    "forged. Once reports show that your own mail passes, "
		    "raise it to p=quarantine, then to p=reject.",
		    out);
	if (record.rua.n == 0)
		remark(about, result,
		    "The record has no rua=, so nobody tells you who sends in "
		    "the name of {d}. Add rua=mailto: and an address of yours.",
		    out);
}

void
auth_advice_remark(const struct auth_summary *about,
    const struct auth_result *result, struct strbuf *out)
{
	if (result->method == AUTH_DMARC)
		remark_on_dmarc(about, result, out);
	if (result->method == AUTH_DKIM && result->testing)
		remark(about, result,
		    "The key record says t=y: the signature is being tested, "
		    "and receivers need not count it. Take t=y out once it "
		    "works.",
		    out);
	if (result->method == AUTH_SPF && is_good(result) &&
	    slice_ends_nocase(slice_str(result->mechanism), SLICE("all")))
		remark(about, result,
		    "The record of {d} lets every host send (all). Name those "
		    "that do, and end it with -all.",
		    out);
}

void
auth_advice_remark_helo(const struct auth_summary *about, struct strbuf *out)
{
	static const struct auth_result none = {.method = AUTH_SPF};

	if (about->helo.n == 0 ||
	    (auth_summary_is_name(about->helo) &&
		!auth_summary_is_address(about->helo) &&
		slice_find(about->helo, '.') < about->helo.n))
		return;
	remark(about, &none,
	    "What the client says in HELO or EHLO is no full host name. Let it "
	    "say the name that its address has in the DNS (RFC 5321 section "
	    "4.1.1.1).",
	    out);
}
