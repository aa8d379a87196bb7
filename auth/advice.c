/* What to do about a result; see advice.h. */
#include "auth/advice.h"
#include "base/escape.h"

enum { WIDTH = 76, INDENT = 4, VALUE_MAX = 120 };

/* The first row that fits is taken. In the text {d} stands for the domain,
 * {s} for the selector, {c} for the client's address, {r} for the name the
 * record stands at. */
struct advice {
	enum auth_method method;
	unsigned verdicts;  /* 1u << verdict | ... */
	const char *reason; /* part of it; NULL: any */
	const char *text;
};

#define V(word)	 (1u << MAIL_VERDICT_##word)
#define ANY_FAIL (V(FAIL) | V(PERMERROR) | V(NEUTRAL) | V(POLICY))
#define TEMP	 V(TEMPERROR)

static const char try_later[] =
    "The name servers of {d} did not answer in time. Ask each of them for "
    "the record (dig +norecurse) and mend the one that is silent; then send "
    "the message again.";

static const struct advice rows[] = {
    {AUTH_SPF, V(NONE), NULL,
	"Publish who may send for {d}. Where this host is the only one, the "
	"TXT record at {d} is \"v=spf1 ip4:{c} -all\" (ip6: for an IPv6 "
	"address); begin with ~all while you look for others."},
    {AUTH_SPF, V(FAIL) | V(SOFTFAIL) | V(NEUTRAL), NULL,
	"The record of {d} does not name {c}. If that host is yours, add it "
	"to the TXT record before the \"all\" at its end (ip4:, ip6: or "
	"a:HOST). If it is a forwarder's, it should rewrite the sender (SRS)."},
    {AUTH_SPF, V(PERMERROR), "more than one",
	"There must be one TXT record that begins with v=spf1 at {d}. Join "
	"them into one and remove the others."},
    {AUTH_SPF, V(PERMERROR), NULL,
	"The record cannot be evaluated, so receivers ignore it. Mend the "
	"term named above. Where it needs over ten look-ups, replace include: "
	"and a: terms by the addresses they stand for."},
    {AUTH_SPF, TEMP, NULL, try_later},

    {AUTH_DKIM, V(NONE), NULL,
	"The message is not signed. Make a key with \"signpost keygen\", "
	"publish the record that it prints, and let outgoing mail pass "
	"through the signing proxy (man signpost)."},
    {AUTH_DKIM, ANY_FAIL, "(bh=)",
	"The body was changed after it was signed. Look for what changes it "
	"on the way: a disclaimer, a virus scanner, a list's footer, or a "
	"server that converts 8 bit to 7 bit. Sign after it, or let it go."},
    {AUTH_DKIM, ANY_FAIL, "does not verify",
	"Either the key that is published is not the one that signed, or a "
	"signed header field was changed on the way. \"signpost check -d {d}\" "
	"on the signing host compares the keys; then look for what rewrites "
	"Subject, To or From."},
    {AUTH_DKIM, ANY_FAIL, "no key record",
	"Publish the TXT record {s}._domainkey.{d}: \"signpost dns -d {d}\" "
	"on the signing host prints it."},
    {AUTH_DKIM, ANY_FAIL, "revoked",
	"The key was revoked: its record has an empty p=. Sign with a newer "
	"key, under a selector of its own."},
    {AUTH_DKIM, ANY_FAIL, "fewer than 1024",
	"The key is too short to be trusted. Make one of 2048 bits with "
	"\"signpost keygen\", under a new selector."},
    {AUTH_DKIM, ANY_FAIL, "rsa-sha1",
	"Sign with rsa-sha256 or ed25519-sha256; receivers have not taken "
	"rsa-sha1 since RFC 8301."},
    {AUTH_DKIM, ANY_FAIL, "key record",
	"Mend the TXT record {s}._domainkey.{d}: \"signpost dns -d {d}\" on "
	"the signing host prints what it should be. Take care that quotation "
	"marks and line ends of the zone file did not get into it."},
    {AUTH_DKIM, ANY_FAIL, "expired",
	"The message came later than the signature's x= allows. Make ttl "
	"longer, or leave it out; look at where the message waited."},
    {AUTH_DKIM, ANY_FAIL, "of the future",
	"The clock of the signing host is ahead. Let it follow a time "
	"server."},
    {AUTH_DKIM, ANY_FAIL, NULL,
	"The signature's field is not as it should be. If its signer is "
	"yours, bring it up to date; if not, tell who runs {d}."},
    {AUTH_DKIM, TEMP, NULL, try_later},

    {AUTH_DOMAINKEYS, V(NONE), NULL,
	"The message has no DomainKeys signature. DomainKeys is historic and "
	"nothing is lost without it; \"signature = domainkeys(c=nofws)\" adds "
	"one."},
    {AUTH_DOMAINKEYS, ANY_FAIL, "signs all",
	"The policy at _domainkey.{d} says that all mail is signed (o=-). "
	"Sign this kind of mail too, or publish o=~."},
    {AUTH_DOMAINKEYS, ANY_FAIL, "d= is not",
	"A DomainKeys signature must be of the domain of Sender, or of From "
	"where there is no Sender."},
    {AUTH_DOMAINKEYS, ANY_FAIL, "key record",
	"Publish or mend the TXT record {s}._domainkey.{d}; DKIM's record "
	"without v= and h= does for both."},
    {AUTH_DOMAINKEYS, ANY_FAIL, NULL,
	"Something changed the message after it was signed, or the key that "
	"is published is not the one that signed. DomainKeys does not forgive "
	"what DKIM's relaxed does; DKIM's result is the one that counts."},
    {AUTH_DOMAINKEYS, TEMP, NULL, try_later},

    {AUTH_SENDERID, V(NONE), NULL,
	"Sender-ID is historic; an SPF record at {d} answers for it too."},
    {AUTH_SENDERID, V(PERMERROR), NULL,
	"The message must name who sent it: exactly one From field, and at "
	"most one Sender field with one address."},
    {AUTH_SENDERID, V(FAIL) | V(SOFTFAIL) | V(NEUTRAL), NULL,
	"The record of {d} does not name {c}. Where its SPF record is right "
	"and only Sender-ID fails, publish \"spf2.0/pra ?all\" beside it to "
	"step out of Sender-ID, which is historic."},
    {AUTH_SENDERID, TEMP, NULL, try_later},

    {AUTH_DMARC, V(NONE), NULL,
	"Publish a DMARC policy. To begin with, and to be told who sends in "
	"your name, the TXT record at _dmarc.{d} is \"v=DMARC1; p=none; "
	"rua=mailto:postmaster@{d}\"."},
    {AUTH_DMARC, V(FAIL), NULL,
	"Neither SPF nor DKIM passed for a domain that belongs to {d}, the "
	"one that readers see. Let DKIM sign with d={d}; or let the envelope "
	"sender be of {d} and pass SPF."},
    {AUTH_DMARC, V(PERMERROR), NULL,
	"From must have one domain that can be looked up, and the record at "
	"_dmarc.{r} a p= of none, quarantine or reject."},
    {AUTH_DMARC, TEMP, NULL, try_later},

    {AUTH_ARC, ANY_FAIL, NULL,
	"A host that forwarded the message broke the chain of those before "
	"it. There is nothing for the sender to mend."},
    {AUTH_ARC, TEMP, NULL, try_later},

    {AUTH_IPREV, V(FAIL) | V(PERMERROR), NULL,
	"The address {c} should have a name (PTR) whose A or AAAA record "
	"leads back to it. Ask whoever gave you the address."},
    {AUTH_IPREV, TEMP, NULL,
	"The name servers of the address {c} did not answer in time."},
};

static const struct advice *
find(const struct auth_result *result)
{
	struct slice why = slice_str(result->reason);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].method == result->method &&
		    (rows[i].verdicts & 1u << result->verdict) != 0 &&
		    (rows[i].reason == NULL ||
			slice_search(why, slice_str(rows[i].reason)) < why.n))
			return &rows[i];
	return NULL;
}

static void
add_value(struct slice value, const char *otherwise, struct strbuf *out)
{
	if (value.n == 0)
		(void)strbuf_add_str(out, otherwise);
	else
		(void)escape_log(slice_first(value, VALUE_MAX), out);
}

static void
add_mark(const struct auth_result *result, char mark, struct slice client,
    struct strbuf *out)
{
	switch (mark) {
	case 'd':
		add_value(result->domain, "DOMAIN", out);
		break;
	case 's':
		add_value(result->selector, "SELECTOR", out);
		break;
	case 'r':
		add_value(result->record_name, "DOMAIN", out);
		break;
	default:
		add_value(client, "ADDRESS", out);
	}
}

static void
expand(const struct auth_result *result, const char *text, struct slice client,
    struct strbuf *out)
{
	for (; *text != '\0'; text++) {
		if (text[0] != '{') {
			(void)strbuf_add_char(out, *text);
			continue;
		}
		add_mark(result, text[1], client, out);
		text += 2; /* the mark and } */
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

void
auth_advice_print(
    const struct auth_result *result, struct slice client, struct strbuf *out)
{
	const struct advice *advice = find(result);
	struct strbuf text;

	if (advice == NULL)
		return;
	strbuf_init(&text, 4096);
	expand(result, advice->text, client, &text);
	(void)strbuf_add_str(out, "  What to do:");
	wrap(strbuf_slice(&text), out);
	strbuf_clear(&text);
}
