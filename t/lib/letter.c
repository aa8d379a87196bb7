/* Messages to sign and to change; see letter.h. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "dkim/body_hashes.h"
#include "t/lib/letter.h"
#include "t/lib/unit.h"

enum { LETTER_MAX = 64 << 20 };

static void
parse(struct letter *l)
{
	size_t begin;

	l->header = mail_header_parse(strbuf_slice(&l->text), LETTER_MAX);
	assert_non_null(l->header);
	begin = mail_header_size(l->header);
	if (mail_header_ending(l->header) == MAIL_HEADER_END_BLANK)
		begin += 2;
	l->body = slice_after(strbuf_slice(&l->text), begin);
}

void
letter_init(struct letter *l, struct slice text)
{
	strbuf_init(&l->text, LETTER_MAX);
	if (slice_find(text, '\r') < text.n) {
		strbuf_add(&l->text, text);
	} else {
		for (size_t i = 0; i < text.n; i++) {
			if (text.p[i] == '\n')
				strbuf_add_char(&l->text, '\r');
			strbuf_add_char(&l->text, text.p[i]);
		}
	}
	parse(l);
}

void
letter_data(const char *name, struct strbuf *octets)
{
	char path[512], chunk[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/dkim/%s", T_DATA, name);
	file = fopen(path, "rb");
	if (file == NULL)
		print_error("%s: cannot be opened\n", path);
	assert_non_null(file);
	strbuf_init(octets, LETTER_MAX);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		strbuf_add(octets, slice_from(chunk, n));
	fclose(file);
}

void
letter_read(struct letter *l, const char *name)
{
	struct strbuf octets;

	letter_data(name, &octets);
	letter_init(l, strbuf_slice(&octets));
	strbuf_clear(&octets);
}

void
letter_clear(struct letter *l)
{
	mail_header_free(l->header);
	strbuf_clear(&l->text);
}

static void
replace(struct letter *l, struct strbuf *text)
{
	letter_clear(l);
	l->text = *text;
	parse(l);
}

void
letter_put_on_top(struct letter *l, struct slice field)
{
	struct strbuf text;

	strbuf_init(&text, LETTER_MAX);
	strbuf_add(&text, field);
	strbuf_add(&text, strbuf_slice(&l->text));
	replace(l, &text);
}

void
letter_change(struct letter *l, size_t at)
{
	struct strbuf text;

	strbuf_init(&text, LETTER_MAX);
	strbuf_add(&text, strbuf_slice(&l->text));
	assert_true(at < text.n);
	text.p[at] = text.p[at] == 'x' ? 'y' : 'x';
	replace(l, &text);
}

struct dkim_key *
letter_key(const char *name)
{
	struct strbuf pem, reason;
	struct dkim_key *key;

	letter_data(name, &pem);
	strbuf_init(&reason, 1000);
	key = dkim_key_parse(strbuf_slice(&pem), &reason);
	if (key == NULL)
		print_error("%s: %s\n", name, strbuf_text(&reason));
	assert_non_null(key);
	strbuf_clear(&reason);
	strbuf_wipe(&pem);
	return key;
}

void
letter_record(const struct dkim_key *key, const char *name, const char *tags,
    struct strbuf *zone)
{
	struct strbuf octets;

	strbuf_init(&octets, DKIM_KEY_PUBLIC_MAX);
	assert_int_equal(dkim_key_public(key, &octets), 0);
	strbuf_addf(zone, "%s TXT %sp=", name, tags);
	base64_encode(strbuf_slice(&octets), zone);
	strbuf_add_char(zone, '\n');
	strbuf_clear(&octets);
}

static void
hash_body(struct dkim_body_hashes *hashes, struct slice body, size_t cut)
{
	if (cut == 0)
		cut = body.n;
	while (body.n > 0) {
		dkim_body_hashes_write(hashes, slice_first(body, cut));
		body = slice_after(body, cut);
	}
	dkim_body_hashes_end(hashes);
}

static void
make_signature(const struct dkim_key *key, enum dkim_algorithm algorithm,
    struct slice digest, struct strbuf *signature)
{
	strbuf_init(signature, DKIM_KEY_SIGNATURE_MAX);
	assert_int_equal(dkim_key_sign(key, algorithm, digest, signature), 0);
}

void
letter_sign(struct letter *l, const struct dkim_signing *signing,
    const struct dkim_key *key, size_t cut)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct strbuf reason, signature, field;
	struct dkim_signer *signer;

	strbuf_init(&reason, 1000);
	strbuf_init(&field, DKIM_SIGNER_FIELD_MAX);
	signer = dkim_signer_new(signing, l->header, hashes, &reason);
	if (signer == NULL)
		print_error("%s\n", strbuf_text(&reason));
	assert_non_null(signer);
	hash_body(hashes, l->body, cut);
	make_signature(
	    key, signing->algorithm, dkim_signer_digest(signer), &signature);
	assert_int_equal(
	    dkim_signer_seal(signer, strbuf_slice(&signature), &field), 0);
	letter_put_on_top(l, strbuf_slice(&field));
	dkim_signer_free(signer);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&reason);
	strbuf_clear(&signature);
	strbuf_clear(&field);
}

void
letter_sign_domainkeys(struct letter *l,
    const struct dkim_domainkeys_signing *signing, const struct dkim_key *key)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct strbuf reason, signature, field;
	struct dkim_domainkeys_signer *signer;

	strbuf_init(&reason, 1000);
	strbuf_init(&field, DKIM_SIGNER_FIELD_MAX);
	signer =
	    dkim_domainkeys_signer_new(signing, l->header, hashes, &reason);
	if (signer == NULL)
		print_error("%s\n", strbuf_text(&reason));
	assert_non_null(signer);
	hash_body(hashes, l->body, 0);
	make_signature(key, DKIM_RSA_SHA1,
	    dkim_domainkeys_signer_digest(signer), &signature);
	assert_int_equal(dkim_domainkeys_signer_seal(
			     signer, strbuf_slice(&signature), &field),
	    0);
	letter_put_on_top(l, strbuf_slice(&field));
	dkim_domainkeys_signer_free(signer);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&reason);
	strbuf_clear(&signature);
	strbuf_clear(&field);
}

static const char *
take_reason(struct strbuf *reason)
{
	static char why[1000];

	snprintf(why, sizeof(why), "%s", strbuf_text(reason));
	strbuf_clear(reason);
	return why;
}

const char *
letter_seal(struct letter *l, const struct dkim_arc_sealing *sealing,
    const struct dkim_key *key)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct strbuf reason, signature, fields;
	struct dkim_arc_sealer *s;

	strbuf_init(&reason, 1000);
	s = dkim_arc_sealer_new(sealing, l->header, hashes, &reason);
	if (s == NULL) {
		dkim_body_hashes_free(hashes);
		return take_reason(&reason);
	}
	strbuf_init(&fields, DKIM_ARC_FIELDS_MAX);
	hash_body(hashes, l->body, 0);
	make_signature(key, sealing->algorithm,
	    dkim_arc_sealer_message_digest(s), &signature);
	dkim_arc_sealer_message_seal(s, strbuf_slice(&signature));
	strbuf_clear(&signature);
	make_signature(
	    key, sealing->algorithm, dkim_arc_sealer_digest(s), &signature);
	assert_int_equal(
	    dkim_arc_sealer_seal(s, strbuf_slice(&signature), &fields), 0);
	letter_put_on_top(l, strbuf_slice(&fields));
	dkim_arc_sealer_free(s);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&reason);
	strbuf_clear(&signature);
	strbuf_clear(&fields);
	return NULL;
}

void
letter_replaced(const struct letter *l, const char *what, unsigned nth,
    const char *with, struct letter *other)
{
	struct slice rest = strbuf_slice(&l->text);
	struct strbuf text;
	size_t at;

	strbuf_init(&text, 1 << 20);
	for (;; nth--) {
		at = slice_search(rest, slice_str(what));
		if (at == rest.n)
			print_error("no \"%s\"\n", what);
		assert_true(at < rest.n);
		strbuf_add(&text, slice_first(rest, at));
		rest = slice_after(rest, at + strlen(what));
		if (nth == 0)
			break;
		strbuf_add_str(&text, what);
	}
	strbuf_add_str(&text, with);
	strbuf_add(&text, rest);
	letter_init(other, strbuf_slice(&text));
	strbuf_clear(&text);
}
