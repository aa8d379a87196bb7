/* What to do about a result; see advice.h. */
#include "auth/advice.h"
#include "auth/dmarc_record.h"
#include "base/escape.h"
#include "dkim/signature.h"
#include "mail/address.h"

enum { WIDTH = 76, INDENT = 4, VALUE_MAX = 120, TEXT_MAX = 4096 };

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
	    (mail_domain_is_within(a, b) || mail_domain_is_within(b, a));
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
	if (is_good(result))
		return NULL;
	for (size_t i = 0; i < about->results->count; i++)
		if (explains(&about->results->list[i], result))
			return NULL;
	if (about->own && result->method == AUTH_IPREV)
		return NULL;
	if (was_changed_by_list(about, result))
		return of_list;
	return auth_advice_text(result);
}

static void
add_advice_value(const struct auth_summary *about, struct slice value,
    const char *otherwise, struct strbuf *out)
{
	if (value.n == 0 || (about->stranger && !auth_summary_is_name(value)))
		strbuf_add_str(out, otherwise);
	else
		escape_log(slice_first(value, VALUE_MAX), out);
}

static void
add_client(const struct auth_summary *about, bool term, struct strbuf *out)
{
	struct slice client = about->client;

	if (!auth_summary_is_address(client)) {
		strbuf_add_str(out, term ? "ip4:ADDRESS" : "ADDRESS");
		return;
	}
	if (term)
		strbuf_add_str(
		    out, slice_find(client, ':') < client.n ? "ip6:" : "ip4:");
	strbuf_add(out, client);
}

static void
add_mark(const struct auth_summary *about, const struct auth_result *result,
    char mark, struct strbuf *out)
{
	switch (mark) {
	case 'd':
		add_advice_value(about, result->domain, "DOMAIN", out);
		break;
	case 's':
		add_advice_value(about, result->selector, "SELECTOR", out);
		break;
	case 'r':
		add_advice_value(about, result->record_name, "DOMAIN", out);
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
			strbuf_add_char(out, *text);
		}
	}
}

/* Words on lines of at most WIDTH, where they fit. */
void
auth_advice_wrap(struct slice text, struct strbuf *out)
{
	struct slice word;
	size_t column = WIDTH;

	while (slice_cut(&text, ' ', &word)) {
		if (column + 1 + word.n > WIDTH) {
			strbuf_addf(out, "\n%*s", INDENT, "");
			column = INDENT;
		} else {
			strbuf_add_char(out, ' ');
			column++;
		}
		strbuf_add(out, word);
		column += word.n;
	}
	strbuf_add_char(out, '\n');
}

static void
print_advice(const struct auth_summary *about, const struct auth_result *result,
    const char *text, struct strbuf *out)
{
	struct strbuf whole;

	strbuf_init(&whole, TEXT_MAX);
	expand(about, result, text, &whole);
	auth_advice_wrap(strbuf_slice(&whole), out);
	strbuf_clear(&whole);
}

void
auth_advice_print(const struct auth_summary *about,
    const struct auth_result *result, struct strbuf *out)
{
	const char *text = auth_advice_find(about, result);

	if (text == NULL)
		return;
	strbuf_add_str(out, "  What to do:");
	print_advice(about, result, text, out);
}

static void
remark(const struct auth_summary *about, const struct auth_result *result,
    const char *text, struct strbuf *out)
{
	strbuf_add_str(out, "  Remark:");
	print_advice(about, result, text, out);
}

void
auth_advice_remark(const struct auth_summary *about,
    const struct auth_result *result, struct strbuf *out)
{
	if (result->method == AUTH_DMARC) {
		struct auth_dmarc_record record;

		if (result->record.n != 0) {
			auth_dmarc_record_parse(result->record, &record);
			if (result->policy != NULL &&
			    slice_equal(
				slice_str(result->policy), SLICE("none")))
				remark(about, result,
				    "p=none asks receivers to do nothing about "
				    "mail that is forged. Once reports show "
				    "that your own mail passes, raise it to "
				    "p=quarantine, then to p=reject.",
				    out);
			if (record.rua.n == 0)
				remark(about, result,
				    "The record has no rua=, so nobody tells "
				    "you who sends in "
				    "the name of {d}. Add rua=mailto: and an "
				    "address of yours.",
				    out);
		}
	}
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
