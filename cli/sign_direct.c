/*
 * signpost sign -d -s -k: signatures and seals with the key that is named.
 */
#include <unistd.h>

#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/message.h"
#include "cli/seal.h"
#include "cli/sign.h"
#include "dkim/arc.h"
#include "dkim/field_list.h"
#include "dkim/key.h"

struct wanted {
	const struct dkim_kind *kind;
	struct dkim_signing signing;
};

/* Where the message is signed with the key that was named. */
struct direct {
	const struct cli_sign_wishes *wishes;
	struct wanted list[DKIM_SIGNING_SET_MAX];
	size_t count;
	struct dkim_signing_set *set;
	enum dkim_algorithm algorithm; /* UNKNOWN: the key's own */
	const struct dkim_field_list *fields;
	struct dkim_key *key;
	struct strbuf reason;
	bool failed;
};

/* A --canon goes to every type that knows its word. */
static int
set_canons(const struct cli_sign_wishes *w, struct direct *d)
{
	for (size_t c = 0; c < w->canon_count; c++) {
		bool fits = false;

		for (size_t i = 0; i < d->count; i++)
			fits |= d->list[i].kind->canon(slice_str(w->canons[c]),
				    &d->list[i].signing.header_canon,
				    &d->list[i].signing.body_canon) == 0;
		if (!fits)
			return cli_sign_refuse("--canon", w->canons[c],
			    "none of the types has it");
	}
	return 0;
}

static int
set_algorithm(const struct cli_sign_wishes *w, struct direct *d)
{
	if (w->algorithm == NULL)
		return 0;
	d->algorithm = dkim_algorithm_parse(slice_str(w->algorithm));
	if (d->algorithm == DKIM_ALGORITHM_UNKNOWN)
		return cli_sign_refuse(
		    "--algorithm", w->algorithm, "not known");
	if (d->algorithm != DKIM_RSA_SHA1)
		return 0;
	if (w->arc)
		return cli_sign_refuse(
		    "--algorithm", w->algorithm, "not for ARC");
	cli_warn("rsa-sha1: no verifier may accept it for DKIM (RFC 8301)");
	return 0;
}

static struct dkim_signing
usual_signing(const struct direct *d, const struct dkim_kind *kind)
{
	const struct cli_sign_wishes *w = d->wishes;
	struct dkim_signing signing = {
	    .domain = slice_str(w->domain),
	    .selector = slice_str(w->selector),
	    .identity = slice_str(w->identity),
	    .algorithm = d->algorithm,
	    .fields = d->fields,
	    .time = (int64_t)w->time,
	    .expire = w->ttl == 0 ? 0 : (int64_t)(w->time + w->ttl),
	};

	(void)kind->canon(slice_str(kind->usual_canon), &signing.header_canon,
	    &signing.body_canon);
	/* relaxed/relaxed, where the settings have DKIMproxy's /simple. */
	signing.body_canon = signing.header_canon;
	return signing;
}

static void
on_header(void *ctx, const struct mail_header *header)
{
	struct direct *d = ctx;

	if (mail_header_count(header) == 0)
		return;
	for (size_t i = 0; i < d->count && !d->failed; i++) {
		const struct wanted *wanted = &d->list[i];
		int number = dkim_signing_set_add(
		    d->set, wanted->kind, &wanted->signing, header, &d->reason);

		d->failed = number < 0 ||
		    dkim_signing_set_key(d->set, number, &wanted->signing,
			d->key, &d->reason) != 0;
	}
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct direct *d = ctx;

	dkim_signing_set_body(d->set, chunk);
}

static int
finish_direct(struct direct *d, struct cli_message *message)
{
	struct strbuf fields;
	int status = CLI_OK;

	strbuf_init(&fields,
	    (size_t)DKIM_SIGNING_SET_MAX * DKIM_SIGNER_FIELD_MAX +
		DKIM_ARC_FIELDS_MAX);
	if (d->wishes->arc) {
		const struct cli_sign_wishes *w = d->wishes;
		struct cli_seal what = {
		    .domain = slice_str(w->domain),
		    .selector = slice_str(w->selector),
		    .algorithm = d->algorithm,
		    .fields = d->fields,
		    .key = d->key,
		    .authserv_id = w->authserv_id,
		    .dns = w->dns,
		    .time = (int64_t)w->time,
		};

		status = cli_seal_message(&what, message, &fields);
	}
	if (status == CLI_OK && !d->failed) {
		dkim_signing_set_end(d->set);
		d->failed =
		    dkim_signing_set_seal_all(d->set, &fields, &d->reason) != 0;
	}
	if (status == CLI_OK && d->failed) {
		cli_error("cannot sign: %s", strbuf_text(&d->reason));
		status = CLI_NO_MESSAGE;
	}
	if (status == CLI_OK)
		status = cli_sign_print(
		    message, strbuf_slice(&fields), d->wishes->header_only);
	strbuf_clear(&fields);
	return status;
}

int
cli_sign_print(
    struct cli_message *message, struct slice fields, bool header_only)
{
	int status = CLI_OK;

	if (!header_only)
		cli_message_print_from_line(message);
	cli_message_print_fields(message, fields);
	if (!header_only)
		status = cli_message_print(message);
	return cli_stdout_close(status);
}

static int
sign_message(struct direct *d)
{
	static const struct mail_reader_ops ops = {on_header, on_body};
	struct cli_message *message =
	    cli_message_new(&ops, d, d->wishes->arc || !d->wishes->header_only);
	int status;

	strbuf_init(&d->reason, 1000);
	d->set = dkim_signing_set_new();
	status = cli_message_read(message, STDIN_FILENO);
	if (status == CLI_OK)
		status = finish_direct(d, message);
	dkim_signing_set_free(d->set);
	cli_message_free(message);
	strbuf_clear(&d->reason);
	return status;
}

/* Does the key do what is asked of it? Else no message would be signed. */
static int
check_key(const struct direct *d)
{
	for (size_t i = 0; i < d->count || (d->wishes->arc && i == 0); i++) {
		enum dkim_algorithm algorithm = d->count == 0
		    ? d->algorithm
		    : dkim_kind_algorithm(
			  d->list[i].kind, d->algorithm, d->key);

		if (algorithm == DKIM_ALGORITHM_UNKNOWN ||
		    dkim_key_fits(d->key, algorithm))
			continue;
		cli_error("%s: the key is no %s key", d->wishes->keyfile,
		    dkim_algorithm_name(algorithm));
		return -1;
	}
	return 0;
}

int
cli_sign_directly(const struct cli_sign_wishes *w)
{
	struct direct d = {.wishes = w};
	struct dkim_field_list *fields = NULL;
	struct strbuf reason;
	int status = CLI_USAGE;

	strbuf_init(&reason, 1000);
	if (w->headers != NULL)
		fields = dkim_field_list_parse(slice_str(w->headers), &reason);
	d.fields = fields;
	if (w->headers != NULL && fields == NULL) {
		(void)cli_sign_refuse(
		    "--headers", w->headers, strbuf_text(&reason));
	} else if (set_algorithm(w, &d) == 0) {
		d.count = w->type_count > 0 || w->arc ? w->type_count : 1;
		for (size_t i = 0; i < d.count; i++) {
			struct wanted *wanted = &d.list[i];

			wanted->kind =
			    w->type_count > 0 ? w->types[i] : &dkim_kind_dkim;
			wanted->signing = usual_signing(&d, wanted->kind);
		}
		if (set_canons(w, &d) == 0)
			d.key = cli_file_read_key(w->keyfile, &status);
		if (d.key != NULL)
			status =
			    check_key(&d) == 0 ? sign_message(&d) : CLI_CONFIG;
	}
	dkim_key_free(d.key);
	dkim_field_list_free(fields);
	strbuf_clear(&reason);
	return status;
}
