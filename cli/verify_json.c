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

/* Every check's object begins with its result and ends with the reason. */
static json_t *
begin_result(const struct auth_result *result)
{
	json_t *object = json_object();

	(void)json_object_set_new(
	    object, "result", json_string(mail_verdict_word(result->verdict)));
	return object;
}

static void
set_reason(json_t *object, const struct auth_result *result)
{
	set(object, "reason", slice_str(result->reason));
}

static json_t *
signature_json(const struct auth_result *result)
{
	json_t *object = begin_result(result);

	set(object, "domain", result->domain);
	set(object, "selector", result->selector);
	if (result->method == AUTH_DKIM) {
		set(object, "algorithm", result->algorithm);
		set(object, "identity", result->identity);
	}
	set(object, "b", slice_first(result->signature, SIGNATURE_SHOWN));
	set(object, "code", slice_str(mail_reason_code(result->code)));
	set_reason(object, result);
	return object;
}

static json_t *
spf_json(const struct auth_result *result)
{
	json_t *object = begin_result(result);

	set(object, "domain", result->domain);
	set(object, "scope", slice_str(result->scope));
	set(object, "mechanism", slice_str(result->mechanism));
	return object;
}

static json_t *
senderid_json(const struct auth_result *result)
{
	json_t *object = begin_result(result);

	set(object, "domain", result->domain);
	set(object, "pra", result->identity);
	set_reason(object, result);
	return object;
}

static json_t *
dmarc_json(const struct auth_result *result)
{
	json_t *object = begin_result(result);

	set(object, "domain", result->domain);
	set(object, "policy", slice_str(result->policy));
	set(object, "disposition", slice_str(result->disposition));
	set_reason(object, result);
	return object;
}

static json_t *
iprev_json(const struct auth_result *result)
{
	json_t *object = begin_result(result);

	set(object, "name", result->domain);
	set_reason(object, result);
	return object;
}

static json_t *
arc_json(const struct auth_result *result)
{
	json_t *object = begin_result(result);

	(void)json_object_set_new(
	    object, "instance", json_integer((json_int_t)result->instance));
	set_reason(object, result);
	return object;
}

/* A message without signatures has a result too ("none", or what the
 * domain's policy makes of it), but no entry. */
static void
add_signature_json(json_t *object, const char *name,
    const struct auth_result *result, bool is_signed)
{
	json_t *array = json_object_get(object, name);

	if (array == NULL) {
		array = json_array();
		(void)json_object_set_new(object, name, array);
	}
	if (is_signed)
		(void)json_array_append_new(array, signature_json(result));
}

static void
add_once(json_t *object, const char *name, json_t *value)
{
	if (json_object_get(object, name) == NULL)
		(void)json_object_set_new(object, name, value);
	else
		json_decref(value);
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
		json_t *spf;

		switch (result->method) {
		case AUTH_DKIM:
			add_signature_json(object, "dkim", result,
			    mail_header_last(header, SLICE("DKIM-Signature")) !=
				NULL);
			break;
		case AUTH_DOMAINKEYS:
			add_signature_json(object, "domainkeys", result,
			    mail_header_last(
				header, SLICE("DomainKey-Signature")) != NULL);
			break;
		case AUTH_SPF:
			spf = spf_json(result);
			set_reason(spf, result);
			add_once(object, "spf", spf);
			break;
		case AUTH_SENDERID:
			add_once(object, "senderid", senderid_json(result));
			break;
		case AUTH_DMARC:
			add_once(object, "dmarc", dmarc_json(result));
			break;
		case AUTH_ARC:
			add_once(object, "arc", arc_json(result));
			break;
		case AUTH_IPREV:
			add_once(object, "iprev", iprev_json(result));
			break;
		}
	}
	print_members(object);
}

void
cli_spf_print_json(const struct auth_result *result)
{
	json_t *object = spf_json(result);

	set(object, "explanation", result->explanation);
	set_reason(object, result);
	print_members(object);
}
