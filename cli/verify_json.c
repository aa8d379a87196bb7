/* Findings as JSON; see verify_json.h. */
#include <jansson.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "cli/kit/cli.h"
#include "cli/verify_json.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/idn.h"

/* Octets of b= that RFC 6008 shows in header.b, to tell signatures apart. */
enum { SIGNATURE_SHOWN = 8 };

/* Bytes that are no UTF-8 become U+FFFD: a signature's text is whatever its
 * sender put there. */
static json_t *
text(struct slice bytes)
{
	struct strbuf clean;
	json_t *string;

	strbuf_init(&clean, 3 * bytes.n + 1);
	while (bytes.n > 0) {
		size_t n = escape_utf8_length(bytes);

		strbuf_add(&clean,
		    n == 0 ? SLICE("\xef\xbf\xbd") : slice_first(bytes, n));
		bytes = slice_after(bytes, n == 0 ? 1 : n);
	}
	string = json_stringn(strbuf_text(&clean), clean.n);
	strbuf_clear(&clean);
	return string;
}

static void
set(json_t *object, const char *name, struct slice value)
{
	(void)json_object_set_new(object, name, text(value));
}

static void
set_reason(json_t *object, const struct auth_result *result)
{
	set(object, "reason", slice_str(result->reason));
}

/* Every check's object begins with its result; its reason comes last. */
static json_t *
result_json(const struct auth_result *result)
{
	json_t *object = json_object();

	(void)json_object_set_new(
	    object, "result", json_string(mail_verdict_word(result->verdict)));
	switch (result->method) {
	case AUTH_DKIM:
	case AUTH_DOMAINKEYS:
		set(object, "domain", result->domain);
		set(object, "selector", result->selector);
		if (result->method == AUTH_DKIM) {
			set(object, "algorithm", result->algorithm);
			set(object, "identity", result->identity);
		}
		set(object, "b",
		    slice_first(result->signature, SIGNATURE_SHOWN));
		set(object, "code", slice_str(mail_reason_code(result->code)));
		break;
	case AUTH_SPF:
		set(object, "domain", result->domain);
		set(object, "scope", slice_str(result->scope));
		set(object, "mechanism", slice_str(result->mechanism));
		break;
	case AUTH_SENDERID:
		set(object, "domain", result->domain);
		set(object, "pra", result->identity);
		break;
	case AUTH_DMARC:
		set(object, "domain", result->domain);
		set(object, "policy", slice_str(result->policy));
		set(object, "disposition", slice_str(result->disposition));
		break;
	case AUTH_ARC:
		(void)json_object_set_new(object, "instance",
		    json_integer((json_int_t)result->instance));
		break;
	case AUTH_IPREV:
		set(object, "name", result->domain);
		break;
	}
	return object;
}

/* The domain of all addresses in the list; -1 where they have not one. */
static int
common_domain(const struct mail_address_list *list, struct strbuf *domain)
{
	struct strbuf other;
	bool same = mail_address_count(list) > 0;

	strbuf_init(&other, MAIL_IDN_NAME_MAX);
	for (size_t i = 0; i < mail_address_count(list) && same; i++) {
		strbuf_reset(&other);
		same = mail_idn_to_ascii(
			   mail_address_at(list, i)->domain, &other) == 0;
		if (i == 0)
			strbuf_add(domain, strbuf_slice(&other));
		same = same &&
		    slice_equal(strbuf_slice(domain), strbuf_slice(&other));
	}
	strbuf_clear(&other);
	return same ? 0 : -1;
}

static void
print_members(json_t *object)
{
	char *line = json_dumps(object, JSON_COMPACT);
	struct strbuf safe;

	strbuf_init(&safe, 6 * strlen(line) + 1);
	(void)escape_json_more(slice_str(line), &safe);
	cli_print(strbuf_slice(&safe));
	cli_print(SLICE("\n"));
	strbuf_clear(&safe);
	free(line);
	json_decref(object);
}

void
cli_verify_print_json(
    const struct auth_results *results, const struct mail_header *header)
{
	static const char *const names[AUTH_METHODS] = {
	    [AUTH_DKIM] = "dkim",
	    [AUTH_DOMAINKEYS] = "domainkeys",
	    [AUTH_SPF] = "spf",
	    [AUTH_SENDERID] = "senderid",
	    [AUTH_DMARC] = "dmarc",
	    [AUTH_ARC] = "arc",
	    [AUTH_IPREV] = "iprev",
	};
	json_t *object = json_object();
	const struct mail_field *from = mail_header_last(header, SLICE("From"));
	struct mail_address_list *list;
	struct strbuf domain;

	/* The authors' domain, where there is one and no doubt about it. */
	if (from != NULL && mail_header_count_of(header, SLICE("From")) == 1) {
		list = mail_address_parse(from->value, NULL);
		if (list != NULL) {
			strbuf_init(&domain, MAIL_IDN_NAME_MAX);
			if (common_domain(list, &domain) == 0)
				set(object, "from", strbuf_slice(&domain));
			strbuf_clear(&domain);
			mail_address_free(list);
		}
	}
	for (size_t i = 0; i < results->count; i++) {
		const struct auth_result *result = &results->list[i];
		const char *name = names[result->method];
		json_t *one = result_json(result);
		json_t *there = json_object_get(object, name);

		set_reason(one, result);
		if (result->method != AUTH_DKIM &&
		    result->method != AUTH_DOMAINKEYS) {
			if (there == NULL)
				(void)json_object_set_new(object, name, one);
			else
				json_decref(one);
			continue;
		}
		if (there == NULL) {
			there = json_array();
			(void)json_object_set_new(object, name, there);
		}
		/* A message without signatures has a result too ("none", or
		 * what the domain's policy makes of it), but no entry. */
		if (mail_header_last(header,
			result->method == AUTH_DKIM
			    ? SLICE("DKIM-Signature")
			    : SLICE("DomainKey-Signature")) != NULL)
			(void)json_array_append_new(there, one);
		else
			json_decref(one);
	}
	print_members(object);
}

void
cli_spf_print_json(const struct auth_result *result)
{
	json_t *object = result_json(result);

	set(object, "explanation", result->explanation);
	set_reason(object, result);
	print_members(object);
}
