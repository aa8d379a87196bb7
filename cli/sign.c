/*
 * signpost sign: puts signatures on top of the message on standard input,
 * with the key that is named, or as the configuration's rules say.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/sign.h"
#include "cli/signatures.h"
#include "dkim/field_list.h"
#include "dkim/key.h"
#include "dkim/signer.h"
#include "mail/idn.h"

enum { CANONS_MAX = 8, TTL_MAX = 3650 * 86400 };

static const char help[] =
    "usage: signpost sign -d DOMAIN -s SELECTOR -k KEYFILE [OPTION]... "
    "<message\n"
    "       signpost sign [-c FILE] [--time UNIX] [--header-only] <message\n"
    "\n"
    "Prints the message on standard input with signatures on top: with the\n"
    "key named, or as the rules of the configuration say.\n"
    "\n"
    "  -d, --domain DOMAIN      d=, the domain that signs\n"
    "  -s, --selector SELECTOR  s=, under which its key is published\n"
    "  -k, --key KEYFILE        the private key, PEM\n"
    "  -c, --config FILE        whose rules sign "
    "(/etc/signpost/signpost.conf)\n"
    "  --type TYPE              dkim (default) or domainkeys; may be given\n"
    "                           more than once\n"
    "  --canon CANON            relaxed/relaxed (default) and its kin for\n"
    "                           dkim; nofws (default) or simple for\n"
    "                           domainkeys\n"
    "  --headers LIST           fields to sign, between colons; +NAME is\n"
    "                           oversigned, `default' the built-in list\n"
    "  --algorithm NAME         rsa-sha256, ed25519-sha256 or rsa-sha1; the\n"
    "                           key's own where left out\n"
    "  --identity ADDRESS       i=, an address in or below the domain\n"
    "  --ttl TIME               how long it is valid: 7d, 12h, 3600\n"
    "  --time UNIX              sign as if at that time\n"
    "  --header-only            print the new fields alone\n";

enum {
	OPTION_TYPE = 256,
	OPTION_CANON,
	OPTION_HEADERS,
	OPTION_ALGORITHM,
	OPTION_IDENTITY,
	OPTION_TTL,
	OPTION_TIME,
	OPTION_HEADER_ONLY
};

static const struct cli_option options[] = {
    {'c', "config", true},
    {'d', "domain", true},
    {'s', "selector", true},
    {'k', "key", true},
    {OPTION_TYPE, "type", true},
    {OPTION_CANON, "canon", true},
    {OPTION_HEADERS, "headers", true},
    {OPTION_ALGORITHM, "algorithm", true},
    {OPTION_IDENTITY, "identity", true},
    {OPTION_TTL, "ttl", true},
    {OPTION_TIME, "time", true},
    {OPTION_HEADER_ONLY, "header-only", false},
    {0, NULL, false},
};

/* What the command line says. */
struct wishes {
	const char *config, *domain, *selector, *keyfile;
	const char *headers, *algorithm, *identity;
	bool domainkeys[CLI_SIGNATURES_MAX]; /* the types, in order */
	size_t types;
	const char *canons[CANONS_MAX];
	size_t canon_count;
	uint64_t ttl, time;
	bool header_only;
};

static int
bad(const char *option, const char *value, const char *why)
{
	cli_error(
	    "sign: %s %s: %s (see signpost sign --help)", option, value, why);
	return -1;
}

static int
add_type(struct wishes *w, const char *type)
{
	bool domainkeys = strcmp(type, "domainkeys") == 0;

	if (!domainkeys && strcmp(type, "dkim") != 0)
		return bad("--type", type, "neither dkim nor domainkeys");
	if (w->types == CLI_SIGNATURES_MAX)
		return bad("--type", type, "too many");
	w->domainkeys[w->types++] = domainkeys;
	return 0;
}

static int
add_canon(struct wishes *w, const char *canon)
{
	if (w->canon_count == CANONS_MAX)
		return bad("--canon", canon, "too many");
	w->canons[w->canon_count++] = canon;
	return 0;
}

static int
take_option(struct wishes *w, int id, const struct cli_options *o)
{
	switch (id) {
	case 'c':
		w->config = o->value;
		return 0;
	case 'd':
		w->domain = o->value;
		return 0;
	case 's':
		w->selector = o->value;
		return 0;
	case 'k':
		w->keyfile = o->value;
		return 0;
	case OPTION_TYPE:
		return add_type(w, o->value);
	case OPTION_CANON:
		return add_canon(w, o->value);
	case OPTION_HEADERS:
		w->headers = o->value;
		return 0;
	case OPTION_ALGORITHM:
		w->algorithm = o->value;
		return 0;
	case OPTION_IDENTITY:
		w->identity = o->value;
		return 0;
	case OPTION_TTL:
		return cli_options_time(o, TTL_MAX, &w->ttl);
	case OPTION_TIME:
		return cli_options_number(o, INT64_MAX / 2, &w->time);
	default:
		w->header_only = true;
		return 0;
	}
}

static bool
is_name(const char *text)
{
	struct strbuf ascii;
	bool is;

	strbuf_init(&ascii, MAIL_IDN_NAME_MAX);
	is = mail_idn_to_ascii(slice_str(text), &ascii) == 0;
	strbuf_clear(&ascii);
	return is;
}

/* Whoever names a key names all of it; the rules take nothing of it. */
static int
check_wishes(const struct wishes *w)
{
	bool some =
	    w->domain != NULL || w->selector != NULL || w->keyfile != NULL;
	bool all =
	    w->domain != NULL && w->selector != NULL && w->keyfile != NULL;
	bool more = w->headers != NULL || w->algorithm != NULL ||
	    w->identity != NULL || w->types > 0 || w->canon_count > 0 ||
	    w->ttl > 0;

	if (some && !all)
		return bad("-d, -s, -k", "", "go together");
	if (all && w->config != NULL)
		return bad("-c", w->config, "does not go with -d, -s and -k");
	if (all && !is_name(w->domain))
		return bad("-d", w->domain, "no domain name");
	if (all && !is_name(w->selector))
		return bad("-s", w->selector, "no selector");
	if (!all && more)
		return bad("options", "of a signature",
		    "need -d, -s and -k; the configuration has its own");
	return 0;
}

static int
read_options(int argc, char **argv, struct wishes *w)
{
	struct cli_options o = cli_options_of(options, argc, argv);
	int id;

	w->time = (uint64_t)time(NULL);
	while ((id = cli_options_next(&o)) > 0)
		if (take_option(w, id, &o) != 0)
			return -1;
	if (id < 0 || !cli_options_done(&o))
		return -1;
	return check_wishes(w);
}

/* Where the message is signed with the key that was named. */
struct direct {
	const struct wishes *wishes;
	struct cli_signature list[CLI_SIGNATURES_MAX];
	size_t count;
	struct cli_signatures *signatures;
	struct strbuf reason;
	bool failed;
};

static bool
canon_fits(struct cli_signature *signature, const char *canon)
{
	if (!signature->domainkeys)
		return dkim_canon_parse_pair(slice_str(canon),
			   &signature->header_canon,
			   &signature->body_canon) == 0;
	return dkim_canon_parse_domainkeys(
		   slice_str(canon), &signature->header_canon) == 0;
}

/* A --canon goes to every type that knows its word. */
static int
set_canons(const struct wishes *w, struct direct *d)
{
	for (size_t c = 0; c < w->canon_count; c++) {
		bool fits = false;

		for (size_t i = 0; i < d->count; i++)
			fits |= canon_fits(&d->list[i], w->canons[c]);
		if (!fits)
			return bad("--canon", w->canons[c],
			    "none of the types has it");
	}
	return 0;
}

static int
set_algorithm(const struct wishes *w, struct cli_signature *signature)
{
	if (w->algorithm == NULL)
		return 0;
	signature->algorithm = dkim_algorithm_parse(slice_str(w->algorithm));
	if (signature->algorithm == DKIM_ALGORITHM_UNKNOWN)
		return bad("--algorithm", w->algorithm, "not known");
	if (signature->algorithm == DKIM_RSA_SHA1 && !signature->domainkeys)
		cli_warn("rsa-sha1: no verifier may accept it for DKIM "
			 "(RFC 8301)");
	return 0;
}

static int
set_signatures(const struct wishes *w, struct direct *d,
    const struct dkim_key *key, const struct dkim_field_list *fields)
{
	d->count = w->types > 0 ? w->types : 1;
	for (size_t i = 0; i < d->count; i++) {
		bool domainkeys = w->types > 0 && w->domainkeys[i];

		d->list[i] = (struct cli_signature){
		    .domainkeys = domainkeys,
		    .domain = slice_str(w->domain),
		    .selector = slice_str(w->selector),
		    .identity = slice_str(w->identity),
		    .header_canon =
			domainkeys ? DKIM_CANON_NOFWS : DKIM_CANON_RELAXED,
		    .body_canon = DKIM_CANON_RELAXED,
		    .fields = fields,
		    .key = key,
		};
		if (set_algorithm(w, &d->list[i]) != 0)
			return -1;
	}
	return set_canons(w, d);
}

static void
on_header(void *ctx, const struct mail_header *header)
{
	struct direct *d = ctx;

	if (mail_header_count(header) == 0)
		return;
	for (size_t i = 0; i < d->count && !d->failed; i++)
		d->failed = cli_signatures_add(d->signatures, &d->list[i],
				header, &d->reason) != 0;
}

static void
on_body(void *ctx, struct slice chunk)
{
	struct direct *d = ctx;

	cli_signatures_body(d->signatures, chunk);
}

static int
finish(struct direct *d, struct cli_message *message)
{
	struct strbuf fields;
	int status = CLI_NO_MESSAGE;

	strbuf_init(
	    &fields, (size_t)CLI_SIGNATURES_MAX * DKIM_SIGNER_FIELD_MAX);
	if (!d->failed)
		d->failed =
		    cli_signatures_end(d->signatures, &fields, &d->reason) != 0;
	if (d->failed)
		cli_error("cannot sign: %s", strbuf_text(&d->reason));
	else
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
	    cli_message_new(&ops, d, !d->wishes->header_only);
	int status;

	strbuf_init(&d->reason, 1000);
	d->signatures =
	    cli_signatures_new((int64_t)d->wishes->time, d->wishes->ttl);
	status = cli_message_read(message, STDIN_FILENO);
	if (status == CLI_OK)
		status = finish(d, message);
	cli_signatures_free(d->signatures);
	cli_message_free(message);
	strbuf_clear(&d->reason);
	return status;
}

/* Does the key do what is asked of it? Else no message would be signed. */
static int
check_key(const struct direct *d, const struct dkim_key *key)
{
	for (size_t i = 0; i < d->count; i++) {
		enum dkim_algorithm algorithm = d->list[i].domainkeys
		    ? DKIM_RSA_SHA1
		    : d->list[i].algorithm;

		if (algorithm == DKIM_ALGORITHM_UNKNOWN ||
		    dkim_key_fits(key, algorithm))
			continue;
		cli_error("%s: the key is no %s key", d->wishes->keyfile,
		    dkim_algorithm_name(algorithm));
		return -1;
	}
	return 0;
}

static int
sign_with(const struct wishes *w, const struct dkim_field_list *fields)
{
	struct direct d = {.wishes = w};
	struct dkim_key *key;
	int status;

	if (set_signatures(w, &d, NULL, fields) != 0)
		return CLI_USAGE;
	key = cli_file_read_key(w->keyfile, &status);
	if (key == NULL)
		return status;
	for (size_t i = 0; i < d.count; i++)
		d.list[i].key = key;
	status = check_key(&d, key) == 0 ? sign_message(&d) : CLI_CONFIG;
	dkim_key_free(key);
	return status;
}

static int
sign_direct(const struct wishes *w)
{
	struct dkim_field_list *fields = NULL;
	struct strbuf reason;
	int status;

	strbuf_init(&reason, 1000);
	if (w->headers != NULL)
		fields = dkim_field_list_parse(slice_str(w->headers), &reason);
	if (w->headers != NULL && fields == NULL) {
		(void)bad("--headers", w->headers, strbuf_text(&reason));
		status = CLI_USAGE;
	} else {
		status = sign_with(w, fields);
	}
	dkim_field_list_free(fields);
	strbuf_clear(&reason);
	return status;
}

static int
run(int argc, char **argv)
{
	struct wishes w = {0};

	if (read_options(argc, argv, &w) != 0)
		return CLI_USAGE;
	if (w.keyfile != NULL)
		return sign_direct(&w);
	return cli_sign_by_config(w.config, (int64_t)w.time, w.header_only);
}

const struct cli_command cli_sign = {
    "sign", run, "sign the message on standard input", help};
