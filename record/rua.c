/* Where a report may go; see rua.h. */
#include <stdlib.h>
#include <string.h>

#include "auth/dmarc_record.h"
#include "auth/orgdomain.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "mail/idn.h"
#include "record/rua.h"

struct destination {
	char address[RECORD_RUA_ADDRESS_MAX + 1];
	struct slice host; /* a view into it, lower case */
	enum record_rua_status status;
	bool asked; /* whether its host wants them */
};

struct record_rua {
	struct auth_orgdomain *orgs;
	char *domain;
	struct destination list[RECORD_RUA_MAX];
	size_t count;
};

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 section 2.1. -1 where what comes out is more than one address
 * of plain characters. */
static int
decode_address(struct slice text, struct strbuf *address)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%' && text.n - i > 2 &&
		    hex_value(text.p[i + 1]) >= 0 &&
		    hex_value(text.p[i + 2]) >= 0) {
			c = (char)(hex_value(text.p[i + 1]) << 4 |
			    hex_value(text.p[i + 2]));
			i += 2;
		}
		if (c <= ' ' || c >= 0x7f || strchr("<>()[]\",;:\\", c) != NULL)
			return -1;
		(void)strbuf_add_char(address, c);
	}
	return address->full ? -1 : 0;
}

/* "mailto:local@host", with "!10m" behind it as RFC 7489 had it. */
static int
parse_uri(struct slice uri, struct destination *to)
{
	static const struct slice scheme = SLICE_INIT("mailto:");
	struct strbuf address, host;
	size_t at;
	int result = -1;

	uri = slice_trim(uri);
	if (!slice_starts_nocase(uri, scheme))
		return -1;
	uri = slice_after(uri, scheme.n);
	uri = slice_first(uri, slice_find(uri, '?'));
	uri = slice_first(uri, slice_find(uri, '!'));
	strbuf_init(&address, RECORD_RUA_ADDRESS_MAX);
	strbuf_init(&host, MAIL_IDN_NAME_MAX);
	if (decode_address(uri, &address) == 0) {
		at = slice_find_last(strbuf_slice(&address), '@');
		if (at > 0 && at < address.n &&
		    mail_idn_to_ascii(
			slice_after(strbuf_slice(&address), at + 1), &host) ==
			0) {
			strbuf_truncate(&address, at + 1);
			result = strbuf_add(&address, strbuf_slice(&host));
		}
		if (result == 0) {
			memcpy(to->address, address.p, address.n + 1);
			to->host = slice_str(to->address + at + 1);
		}
	}
	strbuf_clear(&address);
	strbuf_clear(&host);
	return result;
}

struct record_rua *
record_rua_new(struct slice domain, struct slice rua)
{
	struct record_rua *r = xcalloc(1, sizeof(*r));
	struct slice rest = rua, uri;

	r->domain = xslicedup(domain);
	r->orgs = auth_orgdomain_new();
	(void)auth_orgdomain_walk(r->orgs, slice_str(r->domain));
	while (r->count < RECORD_RUA_MAX && slice_cut(&rest, ',', &uri)) {
		struct destination *to = &r->list[r->count++];

		if (parse_uri(uri, to) != 0 ||
		    auth_orgdomain_walk(r->orgs, to->host) != 0)
			to->status = RECORD_RUA_REFUSED;
	}
	return r;
}

/* "blue.example.com._report._dmarc.red.example.net"; -1 where it is too long
 * for the DNS. */
static int
permission(const struct record_rua *r, const struct destination *to,
    struct dns_question *question)
{
	struct strbuf name;
	int result;

	strbuf_init(&name, 512);
	(void)strbuf_addf(&name, "%s._report._dmarc.", r->domain);
	(void)strbuf_add(&name, to->host);
	result = dns_question_set(question, DNS_TXT, strbuf_slice(&name));
	strbuf_clear(&name);
	return result;
}

/* Whose is the host? True where its own word is needed and it can be asked
 * for it. */
static bool
needs_permission(struct record_rua *r, struct destination *to)
{
	struct slice ours, theirs;
	enum auth_orgdomain_status a =
	    auth_orgdomain_find(r->orgs, slice_str(r->domain), &ours);
	enum auth_orgdomain_status b =
	    auth_orgdomain_find(r->orgs, to->host, &theirs);

	if (a == AUTH_ORGDOMAIN_FAILED || b == AUTH_ORGDOMAIN_FAILED) {
		to->status = RECORD_RUA_LATER;
		return false;
	}
	if (a == AUTH_ORGDOMAIN_WAIT || b == AUTH_ORGDOMAIN_WAIT)
		return false;
	if (slice_equal_nocase(ours, theirs)) {
		to->status = RECORD_RUA_APPROVED;
		return false;
	}
	return true;
}

bool
record_rua_ask(struct record_rua *r, struct dns_question *question)
{
	if (auth_orgdomain_ask(r->orgs, question))
		return true;
	for (size_t i = 0; i < r->count; i++) {
		struct destination *to = &r->list[i];

		if (to->status != RECORD_RUA_ASKING || to->asked ||
		    !needs_permission(r, to))
			continue;
		to->asked = true;
		if (permission(r, to, question) == 0)
			return true;
		to->status = RECORD_RUA_REFUSED;
	}
	return false;
}

/* A record may send the reports to another address of the same host. */
static bool
takes_override(struct destination *to, struct slice text)
{
	struct auth_dmarc_record record;
	struct destination other = {.status = RECORD_RUA_APPROVED};
	struct slice rest, uri;

	auth_dmarc_record_parse(text, &record);
	rest = record.rua;
	if (rest.n == 0 || !slice_cut(&rest, ',', &uri))
		return true;
	if (parse_uri(uri, &other) != 0 ||
	    !slice_equal_nocase(other.host, to->host))
		return false;
	memcpy(to->address, other.address, sizeof(to->address));
	to->host = slice_str(
	    to->address + (other.host.p - (const char *)other.address));
	return true;
}

static void
settle(struct destination *to, const struct dns_answer *answer)
{
	to->status = answer->status == DNS_TEMPFAIL ? RECORD_RUA_LATER
						    : RECORD_RUA_REFUSED;
	for (size_t i = 0; i < answer->count; i++) {
		struct slice text = answer->records[i].value;

		if (!auth_dmarc_record_is(text))
			continue;
		to->status = takes_override(to, text) ? RECORD_RUA_APPROVED
						      : RECORD_RUA_REFUSED;
		return;
	}
}

void
record_rua_answer(struct record_rua *r, const struct dns_question *question,
    const struct dns_answer *answer)
{
	auth_orgdomain_answer(r->orgs, question, answer);
	for (size_t i = 0; i < r->count; i++) {
		struct destination *to = &r->list[i];
		struct dns_question asked;

		if (to->status == RECORD_RUA_ASKING && to->asked &&
		    permission(r, to, &asked) == 0 &&
		    dns_question_equal(&asked, question))
			settle(to, answer);
	}
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].status == RECORD_RUA_ASKING && !r->list[i].asked)
			(void)needs_permission(r, &r->list[i]);
}

bool
record_rua_done(const struct record_rua *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].status == RECORD_RUA_ASKING)
			return false;
	return true;
}

size_t
record_rua_count(const struct record_rua *r)
{
	return r->count;
}

enum record_rua_status
record_rua_at(const struct record_rua *r, size_t index, struct slice *address)
{
	*address = slice_str(r->list[index].address);
	return r->list[index].status;
}

void
record_rua_free(struct record_rua *r)
{
	if (r == NULL)
		return;
	auth_orgdomain_free(r->orgs);
	free(r->domain);
	free(r);
}
