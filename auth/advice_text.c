/*
 * The texts of advice, and which of them a result gets; see advice.h. They are
 * chosen by the value of the reason, never by its words: words are for people
 * and may change. What has no advice gets none: advice that fits everything
 * helps nobody.
 */
#include "auth/advice.h"

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
		switch (result->code) {
		case MAIL_REASON_SPF_RECORDS:
			return "There must be one TXT record that begins with "
			       "v=spf1 at {d}. Join them into one and remove "
			       "the others.";
		case MAIL_REASON_SPF_LOOKUPS:
		case MAIL_REASON_SPF_VOIDS:
		case MAIL_REASON_SPF_MX_NAMES:
			return "The record of {d} needs more DNS look-ups than "
			       "receivers make (ten, two of them without an "
			       "answer), so they ignore it. Replace include: "
			       "and a: terms by the addresses they stand for.";
		case MAIL_REASON_SPF_INCLUDE_NO_RECORD:
		case MAIL_REASON_SPF_REDIRECT_NO_RECORD:
			return "The record of {d} includes, or leads to, a "
			       "domain that has no SPF record, so receivers "
			       "ignore it. Take that term out, or correct its "
			       "name.";
		default:
			return "The record of {d} cannot be evaluated, so "
			       "receivers ignore it. Mend the term that is at "
			       "fault.";
		}
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

const char *
auth_advice_text(const struct auth_result *result)
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

	if (result->verdict == MAIL_VERDICT_PASS)
		return NULL;
	if (result->verdict == MAIL_VERDICT_TEMPERROR &&
	    result->method != AUTH_IPREV)
		return try_later;
	return of[result->method](result);
}
