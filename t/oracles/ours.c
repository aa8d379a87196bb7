/*
 * Our side of the oracles, by script: one command a line on stdin, one line
 * of answer on stdout.
 *
 *	sign dkim ALGORITHM HEADER/BODY KEYFILE SELECTOR IN OUT
 *	sign domainkeys rsa-sha1 CANON KEYFILE SELECTOR IN OUT	-> ok
 *	verify IN		-> dkim=pass domainkeys=fail ...
 *	seal KEYFILE SELECTOR AUTHSERV IN OUT			-> ok
 *	judge IN		-> arc=pass
 *
 * The argument is a zone (t/lib/zone.h). Files have CRLF line ends. The body
 * is hashed in chunks of a few odd sizes.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dkim/arc.h"
#include "dkim/body_hashes.h"
#include "dkim/canon.h"
#include "dkim/domainkeys.h"
#include "dkim/key.h"
#include "dkim/signer.h"
#include "dkim/verifier.h"
#include "mail/header.h"
#include "t/lib/zone.h"

enum { FILE_MAX = 64 << 20, WORDS_MAX = 8, COMMAND_MAX = 8192 };

static const struct dkim_rules rules = {0};

struct message {
	struct strbuf text;
	struct mail_header *header;
	struct slice body;
};

static void
read_file(const char *path, struct strbuf *text)
{
	char chunk[65536];
	FILE *file = fopen(path, "rb");
	size_t n;

	if (file == NULL)
		err(1, "%s", path);
	strbuf_init(text, FILE_MAX);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		strbuf_add(text, slice_from(chunk, n));
	fclose(file);
}

static void
message_read(struct message *m, const char *path)
{
	size_t begin;

	read_file(path, &m->text);
	m->header = mail_header_parse(strbuf_slice(&m->text), FILE_MAX);
	if (m->header == NULL)
		errx(1, "%s: no header", path);
	begin = mail_header_size(m->header);
	if (mail_header_ending(m->header) == MAIL_HEADER_END_BLANK)
		begin += 2;
	m->body = slice_after(strbuf_slice(&m->text), begin);
}

static void
message_clear(struct message *m)
{
	mail_header_free(m->header);
	strbuf_clear(&m->text);
}

static void
hash_body(struct dkim_body_hashes *hashes, struct slice body)
{
	static const size_t cuts[] = {1, 2, 3, 17, 64, 1000, 65536};

	for (size_t i = 0; body.n > 0; i++) {
		size_t cut = cuts[i % (sizeof(cuts) / sizeof(cuts[0]))];

		dkim_body_hashes_write(hashes, slice_first(body, cut));
		body = slice_after(body, cut);
	}
	dkim_body_hashes_end(hashes);
}

static struct dkim_key *
read_key(const char *path)
{
	struct strbuf pem, reason;
	struct dkim_key *key;

	read_file(path, &pem);
	strbuf_init(&reason, 1000);
	key = dkim_key_parse(strbuf_slice(&pem), &reason);
	if (key == NULL)
		errx(1, "%s: %s", path, strbuf_text(&reason));
	strbuf_clear(&reason);
	strbuf_wipe(&pem);
	return key;
}

static void
sign_dkim(char *const *words, const struct message *m,
    const struct dkim_key *key, struct strbuf *field, struct strbuf *reason)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_signing signing = {.domain = SLICE("example.org"),
	    .selector = slice_str(words[5]),
	    .algorithm = dkim_algorithm_parse(slice_str(words[2])),
	    .time = (int64_t)time(NULL)};
	struct dkim_signer *signer;
	struct strbuf signature;

	if (dkim_canon_parse_pair(slice_str(words[3]), &signing.header_canon,
		&signing.body_canon) < 0)
		errx(1, "%s: no canonicalization", words[3]);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	signer = dkim_signer_new(&signing, m->header, hashes, reason);
	if (signer != NULL) {
		hash_body(hashes, m->body);
		dkim_key_sign(key, signing.algorithm,
		    dkim_signer_digest(signer), &signature);
		dkim_signer_seal(signer, strbuf_slice(&signature), field);
	}
	dkim_signer_free(signer);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&signature);
}

static void
sign_domainkeys(char *const *words, const struct message *m,
    const struct dkim_key *key, struct strbuf *field, struct strbuf *reason)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_domainkeys_signing signing = {
	    .domain = SLICE("example.org"), .selector = slice_str(words[5])};
	struct dkim_domainkeys_signer *signer;
	struct strbuf signature;

	if (dkim_canon_parse_domainkeys(slice_str(words[3]), &signing.canon) <
	    0)
		errx(1, "%s: no canonicalization", words[3]);
	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	signer =
	    dkim_domainkeys_signer_new(&signing, m->header, hashes, reason);
	if (signer != NULL) {
		hash_body(hashes, m->body);
		dkim_key_sign(key, DKIM_RSA_SHA1,
		    dkim_domainkeys_signer_digest(signer), &signature);
		dkim_domainkeys_signer_seal(
		    signer, strbuf_slice(&signature), field);
	}
	dkim_domainkeys_signer_free(signer);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&signature);
}

static void
write_signed(
    const char *path, const struct message *m, const struct strbuf *field)
{
	FILE *file = fopen(path, "wb");

	if (file == NULL)
		err(1, "%s", path);
	fwrite(field->p, 1, field->n, file);
	fwrite(m->text.p, 1, m->text.n, file);
	/* The last line gets its line end (RFC 6376 section 3.4.3). */
	if (!slice_ends_nocase(strbuf_slice(&m->text), SLICE("\r\n")))
		fprintf(file, "\r\n");
	if (fclose(file) != 0)
		err(1, "%s", path);
}

static void
sign(char *const *words)
{
	struct dkim_key *key = read_key(words[4]);
	struct strbuf field, reason;
	struct message m;

	message_read(&m, words[6]);
	strbuf_init(&field, DKIM_SIGNER_FIELD_MAX);
	strbuf_init(&reason, 1000);
	if (strcmp(words[1], "dkim") == 0)
		sign_dkim(words, &m, key, &field, &reason);
	else
		sign_domainkeys(words, &m, key, &field, &reason);
	write_signed(words[7], &m, &field);
	printf("%s\n", field.n > 0 ? "ok" : strbuf_text(&reason));
	strbuf_clear(&field);
	strbuf_clear(&reason);
	message_clear(&m);
	dkim_key_free(key);
}

struct checks {
	struct dkim_verifier *dkim;
	struct dkim_domainkeys *domainkeys;
};

static bool
ask(void *state, struct dns_question *question)
{
	struct checks *c = state;

	return dkim_verifier_ask(c->dkim, question) ||
	    dkim_domainkeys_ask(c->domainkeys, question);
}

static void
answer(void *state, const struct dns_question *question,
    const struct dns_answer *what)
{
	struct checks *c = state;

	dkim_verifier_answer(c->dkim, question, what);
	dkim_domainkeys_answer(c->domainkeys, question, what);
}

static void
report(const struct checks *c)
{
	for (size_t i = 0; i < dkim_verifier_count(c->dkim); i++)
		printf("dkim=%s ",
		    mail_verdict_word(
			dkim_verifier_finding(c->dkim, i).verdict));
	for (size_t i = 0; i < dkim_domainkeys_count(c->domainkeys); i++)
		printf("domainkeys=%s ",
		    mail_verdict_word(
			dkim_domainkeys_finding(c->domainkeys, i).verdict));
	for (size_t i = 0; i < dkim_verifier_count(c->dkim); i++)
		printf("# %s ",
		    mail_reason_text(dkim_verifier_finding(c->dkim, i).reason));
	for (size_t i = 0; i < dkim_domainkeys_count(c->domainkeys); i++)
		printf("# %s ",
		    mail_reason_text(
			dkim_domainkeys_finding(c->domainkeys, i).reason));
	printf("\n");
}

static void
verify(struct zone *zone, const char *path)
{
	static const struct zone_subject subject = {ask, answer};
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct checks checks;
	struct message m;

	message_read(&m, path);
	checks.dkim =
	    dkim_verifier_new(&rules, m.header, hashes, (int64_t)time(NULL));
	checks.domainkeys = dkim_domainkeys_new(&rules, m.header, hashes);
	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	zone_run(zone, &subject, &checks);
	hash_body(hashes, m.body);
	dkim_verifier_end(checks.dkim);
	dkim_domainkeys_end(checks.domainkeys);
	zone_run(zone, &subject, &checks);
	report(&checks);
	dkim_verifier_free(checks.dkim);
	dkim_domainkeys_free(checks.domainkeys);
	dkim_body_hashes_free(hashes);
	message_clear(&m);
}

static bool
arc_ask(void *state, struct dns_question *question)
{
	return dkim_arc_ask(state, question);
}

static void
arc_answer(void *state, const struct dns_question *question,
    const struct dns_answer *what)
{
	dkim_arc_answer(state, question, what);
}

/* The chain's verdict; with its reason where `tell`. */
static enum mail_verdict
judge(struct zone *zone, const struct message *m, bool tell)
{
	static const struct zone_subject subject = {arc_ask, arc_answer};
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_arc *arc =
	    dkim_arc_new(&rules, m->header, hashes, (int64_t)time(NULL));
	struct dkim_arc_finding finding;

	zone_begin(zone, ZONE_FORWARD, ZONE_NO_TIMEOUT);
	zone_run(zone, &subject, arc);
	hash_body(hashes, m->body);
	dkim_arc_end(arc);
	finding = dkim_arc_finding(arc);
	if (tell)
		printf("arc=%s # %s\n", mail_verdict_word(finding.verdict),
		    finding.text);
	dkim_arc_free(arc);
	dkim_body_hashes_free(hashes);
	return finding.verdict;
}

static void
make_set(struct dkim_arc_sealer *sealer, const struct dkim_key *key,
    struct strbuf *fields)
{
	enum dkim_algorithm algorithm = dkim_key_algorithm(key);
	struct strbuf signature;

	strbuf_init(&signature, DKIM_KEY_SIGNATURE_MAX);
	dkim_key_sign(
	    key, algorithm, dkim_arc_sealer_message_digest(sealer), &signature);
	dkim_arc_sealer_message_seal(sealer, strbuf_slice(&signature));
	strbuf_reset(&signature);
	dkim_key_sign(
	    key, algorithm, dkim_arc_sealer_digest(sealer), &signature);
	dkim_arc_sealer_seal(sealer, strbuf_slice(&signature), fields);
	strbuf_clear(&signature);
}

static void
seal(struct zone *zone, char *const *words)
{
	struct dkim_body_hashes *hashes = dkim_body_hashes_new();
	struct dkim_key *key = read_key(words[1]);
	struct strbuf fields, reason, results;
	struct dkim_arc_sealing sealing = {.domain = SLICE("example.org"),
	    .selector = slice_str(words[2]),
	    .algorithm = dkim_key_algorithm(key),
	    .time = (int64_t)time(NULL)};
	struct dkim_arc_sealer *sealer;
	struct message m;

	message_read(&m, words[4]);
	strbuf_init(&fields, DKIM_ARC_FIELDS_MAX);
	strbuf_init(&reason, 1000);
	strbuf_init(&results, 1000);
	sealing.chain = judge(zone, &m, false);
	strbuf_addf(&results, "%s; spf=none;\r\n\tarc=%s", words[3],
	    mail_verdict_word(sealing.chain));
	sealing.results = strbuf_slice(&results);
	sealer = dkim_arc_sealer_new(&sealing, m.header, hashes, &reason);
	if (sealer != NULL) {
		hash_body(hashes, m.body);
		make_set(sealer, key, &fields);
	}
	write_signed(words[5], &m, &fields);
	printf("%s\n", fields.n > 0 ? "ok" : strbuf_text(&reason));
	dkim_arc_sealer_free(sealer);
	dkim_body_hashes_free(hashes);
	strbuf_clear(&fields);
	strbuf_clear(&reason);
	strbuf_clear(&results);
	message_clear(&m);
	dkim_key_free(key);
}

static void
judge_file(struct zone *zone, const char *path)
{
	struct message m;

	message_read(&m, path);
	(void)judge(zone, &m, true);
	message_clear(&m);
}

static size_t
split(char *line, char **words)
{
	size_t count = 0;

	for (char *p = line; *p != '\0' && count < WORDS_MAX; count++) {
		words[count] = p;
		p += strcspn(p, " \n");
		if (*p != '\0')
			*p++ = '\0';
	}
	return count;
}

int
main(int argc, char **argv)
{
	char line[COMMAND_MAX], *words[WORDS_MAX];
	struct strbuf text;
	struct zone *zone;

	if (argc != 2)
		errx(64, "usage: %s ZONE", argv[0]);
	read_file(argv[1], &text);
	zone = zone_new(strbuf_text(&text));
	while (fgets(line, sizeof(line), stdin) != NULL) {
		size_t count = split(line, words);

		if (count == 8 && strcmp(words[0], "sign") == 0)
			sign(words);
		else if (count == 2 && strcmp(words[0], "verify") == 0)
			verify(zone, words[1]);
		else if (count == 6 && strcmp(words[0], "seal") == 0)
			seal(zone, words);
		else if (count == 2 && strcmp(words[0], "judge") == 0)
			judge_file(zone, words[1]);
		else
			errx(64, "no such command: %s", words[0]);
		fflush(stdout);
	}
	zone_free(zone);
	strbuf_clear(&text);
	return 0;
}
