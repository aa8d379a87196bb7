/*
 * Keys that are not what libcrypto's PEM reader takes; see key_form.h. Its own
 * message is "no start line", which helps nobody: people bring keys of PuTTY,
 * of OpenSSH, PKCS#12 or the public half. So what the file is gets named, with
 * the command that turns it into what is wanted.
 */
#include "dkim/key_form.h"

#include "base/base64.h"
#include "dkim/key_der.h"

#define BEGIN "-----BEGIN "

struct form {
	struct slice mark; /* what the text has in it */
	const char *name;
};

/* By the label of a PEM block. */
static const struct form labels[] = {
    {SLICE_INIT(BEGIN "ENCRYPTED PRIVATE KEY"),
	"an encrypted key (openssl pkey -in FILE -out NEW decrypts it)"},
    {SLICE_INIT(BEGIN "OPENSSH PRIVATE KEY"),
	"a private key of OpenSSH's own form, not PKCS#1 or PKCS#8"},
    {SLICE_INIT(BEGIN "SSH2 "), "a private key of ssh.com's own form"},
    {SLICE_INIT(BEGIN "PGP "), "an OpenPGP key"},
    {SLICE_INIT(BEGIN "DSA PRIVATE KEY"), "a damaged or cut DSA private key"},
    {SLICE_INIT(BEGIN "EC PRIVATE KEY"), "a damaged or cut EC private key"},
    {SLICE_INIT("-----END RSA PRIVATE KEY"),
	"a damaged PKCS#1 private key: no key stands between BEGIN and END"},
    {SLICE_INIT("-----END PRIVATE KEY"),
	"a damaged PKCS#8 private key: no key stands between BEGIN and END"},
    {SLICE_INIT(BEGIN "RSA PRIVATE KEY"),
	"a PKCS#1 private key that is cut: its END line is not there"},
    {SLICE_INIT(BEGIN "PRIVATE KEY"),
	"a PKCS#8 private key that is cut: its END line is not there"},
    {SLICE_INIT(BEGIN "RSA PUBLIC KEY"),
	"a public key, where the private one is needed"},
    {SLICE_INIT(BEGIN "PUBLIC KEY"),
	"a public key, where the private one is needed"},
    {SLICE_INIT(BEGIN "CERTIFICATE"),
	"a certificate, where its private key is needed"},
    {SLICE_INIT(BEGIN "X509"),
	"a certificate, where its private key is "
	"needed"},
    {SLICE_INIT(BEGIN), "a PEM block of another kind than a private key"},
};

/* By how the text begins. */
static const struct form beginnings[] = {
    {SLICE_INIT("PuTTY-User-Key-File"), "a private key of PuTTY's own form"},
    {SLICE_INIT("Private-key-format:"),
	"a private key for DNSSEC, in BIND's own form"},
    {SLICE_INIT("ssh-"), "a public key of OpenSSH's"},
    {SLICE_INIT("v=DKIM1"),
	"a key record, which has the public key, where "
	"the private one is needed"},
    {SLICE_INIT("k="),
	"a key record, which has the public key, where the "
	"private one is needed"},
    {SLICE_INIT("p="),
	"a key record, which has the public key, where the "
	"private one is needed"},
    {SLICE_INIT("{"), "JSON, perhaps a JSON Web Key, where PEM is needed"},
    {SLICE_INIT("<"), "XML, where PEM is needed"},
    {SLICE_INIT("\xff\xfe"), "text in UTF-16: save it as plain ASCII"},
    {SLICE_INIT("\xfe\xff"), "text in UTF-16: save it as plain ASCII"},
};

static bool
has_words(struct slice text, struct slice what)
{
	return slice_search(text, what) < text.n;
}

static bool
is_hexadecimal(struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = ascii_lower(text.p[i]);

		if (!ascii_is_digit(c) && (c < 'a' || c > 'f'))
			return false;
	}
	return text.n >= (size_t)2 * DKIM_KEY_SEED;
}

const char *
dkim_key_form_name(struct slice text)
{
	const char *name;
	struct strbuf octets;
	const char *its_name;

	if (text.n > 2 && text.p[0] == '\x30' &&
	    (unsigned char)text.p[1] >= 0x80)
		/* RFC 7292: PKCS#12 is a SEQUENCE that begins with version
		 * 3. */
		return has_words(slice_first(text, 7), SLICE("\x02\x01\x03"))
		    ? "PKCS#12 (openssl pkcs12 -nocerts -nodes -in FILE -out "
		      "NEW makes PEM of it)"
		    : "DER, not PEM (openssl pkey -inform DER -in FILE -out "
		      "NEW makes PEM of it)";
	text = slice_trim(text);
	if (slice_starts_nocase(text, SLICE("\xef\xbb\xbf")))
		text = slice_after(text, 3);
	if (text.n == 0)
		return "nothing but white space";
	if (has_words(text, SLICE("-----\\n")))
		return "PEM whose line ends are written as \\n";
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (has_words(text, labels[i].mark))
			return labels[i].name;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (slice_starts_nocase(text, beginnings[i].mark))
			return beginnings[i].name;
	if (has_words(text, SLICE("PRIVATE KEY")))
		return "PEM whose BEGIN line is damaged: it begins with five "
		       "hyphens, and ends so";
	if (is_hexadecimal(text))
		return "hexadecimal digits, where PEM is needed";
	its_name = NULL;
	strbuf_init(&octets, text.n + 1);
	(void)strbuf_reserve(&octets, text.n);
	if (base64_decode(text, &octets) == 0 && octets.n > 0)
		its_name = octets.p[0] == '\x30'
		    ? "a key in base64 without its BEGIN and END lines"
		    : "base64 of something other than 32 octets, as an "
		      "Ed25519 seed has";
	strbuf_wipe(&octets);
	name = its_name;
	return name != NULL ? name : "no private key in PEM form";
}

/* What stands between the lines of a PEM block, still in base64. */
static bool
find_block(struct slice text, struct slice *inside)
{
	static const struct slice begin = SLICE_INIT(BEGIN "PRIVATE KEY-----");
	static const struct slice end = SLICE_INIT("-----END PRIVATE KEY-----");
	size_t from = slice_search(text, begin), n;

	if (from == text.n)
		return false;
	*inside = slice_after(text, from + begin.n);
	n = slice_search(*inside, end);
	if (n == inside->n)
		return false;
	*inside = slice_first(*inside, n);
	return true;
}

bool
dkim_key_form_seed(
    struct slice text, struct strbuf *octets, struct dkim_key_seed *seed)
{
	struct slice inside, all;

	if (find_block(text, &inside))
		return base64_decode(inside, octets) == 0 &&
		    dkim_key_der_ed25519(
			strbuf_slice(octets), &seed->seed, &seed->public) == 0;
	if (base64_decode(slice_trim(text), octets) != 0)
		return false;
	all = strbuf_slice(octets);
	seed->seed = slice_first(all, DKIM_KEY_SEED);
	seed->public = slice_after(all, DKIM_KEY_SEED);
	return all.n == DKIM_KEY_SEED || all.n == (size_t)2 * DKIM_KEY_SEED;
}
