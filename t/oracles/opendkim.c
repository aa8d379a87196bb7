/*
 * libopendkim's side of the oracles; the commands are those of ours.c, for
 * DKIM alone. The argument is a file of keys for its DKIM_QUERY_FILE.
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <opendkim/dkim.h>

enum { FILE_MAX = 64 << 20, WORDS_MAX = 8, COMMAND_MAX = 8192 };

struct octets {
	unsigned char *p;
	size_t n;
};

static struct octets
read_file(const char *path)
{
	struct octets text = {malloc(FILE_MAX), 0};
	FILE *file = fopen(path, "rb");

	if (file == NULL || text.p == NULL)
		err(1, "%s", path);
	text.n = fread(text.p, 1, FILE_MAX - 1, file);
	text.p[text.n] = '\0';
	fclose(file);
	return text;
}

/* Where the line ends: at its CRLF or the end of the text. */
static size_t
line_end(struct octets text, size_t at)
{
	while (at < text.n &&
	    !(text.p[at] == '\r' && at + 1 < text.n && text.p[at + 1] == '\n'))
		at++;
	return at;
}

/* The field that begins at `at`, without its last CRLF. */
static size_t
field_end(struct octets text, size_t at)
{
	size_t end = line_end(text, at);

	while (end + 2 < text.n &&
	    (text.p[end + 2] == ' ' || text.p[end + 2] == '\t'))
		end = line_end(text, end + 2);
	return end;
}

static DKIM_STAT
feed(DKIM *dkim, struct octets text)
{
	DKIM_STAT status = DKIM_STAT_OK;
	size_t at = 0, end;

	while (at < text.n && text.p[at] != '\r' && status == DKIM_STAT_OK) {
		end = field_end(text, at);
		status = dkim_header(dkim, text.p + at, end - at);
		at = end + 2;
	}
	if (status != DKIM_STAT_OK)
		return status;
	status = dkim_eoh(dkim);
	if (status != DKIM_STAT_OK)
		return status;
	at = at + 2 < text.n ? at + 2 : text.n;
	if (at < text.n)
		status = dkim_body(dkim, text.p + at, text.n - at);
	return status;
}

static dkim_canon_t
canon_of(const char *word)
{
	return strncmp(word, "relaxed", 7) == 0 ? DKIM_CANON_RELAXED
						: DKIM_CANON_SIMPLE;
}

static void
write_signed(const char *path, const unsigned char *field, struct octets text)
{
	FILE *file = fopen(path, "wb");

	if (file == NULL)
		err(1, "%s", path);
	fprintf(file, "%s: ", DKIM_SIGNHEADER);
	/* The library folds with LF, as a milter wants it. */
	for (; *field != '\0'; field++) {
		if (*field == '\n' && field[-1] != '\r')
			fputc('\r', file);
		fputc(*field, file);
	}
	fprintf(file, "\r\n");
	fwrite(text.p, 1, text.n, file);
	if (fclose(file) != 0)
		err(1, "%s", path);
}

static void
sign(DKIM_LIB *lib, char **words)
{
	struct octets text = read_file(words[6]), key = read_file(words[4]);
	unsigned char *field;
	size_t n;
	DKIM_STAT status;
	dkim_alg_t algorithm = strcmp(words[2], "ed25519-sha256") == 0
	    ? DKIM_SIGN_ED25519SHA256
	    : DKIM_SIGN_RSASHA256;
	DKIM *dkim = dkim_sign(lib, (const unsigned char *)"oracle", NULL,
	    key.p, (const unsigned char *)words[5],
	    (const unsigned char *)"example.org", canon_of(words[3]),
	    canon_of(strchr(words[3], '/') + 1), algorithm, -1, &status);

	if (dkim == NULL)
		errx(1, "dkim_sign: %s", dkim_getresultstr(status));
	status = feed(dkim, text);
	if (status == DKIM_STAT_OK)
		status = dkim_eom(dkim, NULL);
	if (status == DKIM_STAT_OK)
		status = dkim_getsighdr_d(
		    dkim, strlen(DKIM_SIGNHEADER) + 2, &field, &n);
	if (status == DKIM_STAT_OK) {
		write_signed(words[7], field, text);
		printf("ok\n");
	} else {
		printf("error: %s\n", dkim_getresultstr(status));
	}
	dkim_free(dkim);
	free(text.p);
	free(key.p);
}

static void
verify(DKIM_LIB *lib, const char *path)
{
	struct octets text = read_file(path);
	DKIM_SIGINFO **list;
	DKIM_STAT status;
	int count = 0;
	DKIM *dkim =
	    dkim_verify(lib, (const unsigned char *)"oracle", NULL, &status);

	if (dkim == NULL)
		errx(1, "dkim_verify: %s", dkim_getresultstr(status));
	status = feed(dkim, text);
	if (status == DKIM_STAT_OK)
		status = dkim_eom(dkim, NULL);
	if (dkim_getsiglist(dkim, &list, &count) != DKIM_STAT_OK)
		count = 0;
	for (int i = 0; i < count; i++)
		printf("dkim=%s ",
		    (dkim_sig_getflags(list[i]) & DKIM_SIGFLAG_PASSED) != 0 &&
			    dkim_sig_getbh(list[i]) == DKIM_SIGBH_MATCH
			? "pass"
			: "fail");
	printf("# %s", dkim_getresultstr(status));
	for (int i = 0; i < count; i++)
		printf(" %s", dkim_sig_geterrorstr(dkim_sig_geterror(list[i])));
	printf("\n");
	dkim_free(dkim);
	free(text.p);
}

static DKIM_LIB *
open_library(const char *keys)
{
	static const u_char *everything[] = {(const u_char *)"from",
	    (const u_char *)"to", (const u_char *)"cc",
	    (const u_char *)"subject", (const u_char *)"date",
	    (const u_char *)"reply-to", (const u_char *)"references",
	    (const u_char *)"list-id", (const u_char *)"mime-version",
	    (const u_char *)"content-type", NULL};
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	dkim_query_t method = DKIM_QUERY_FILE;

	if (lib == NULL)
		errx(1, "dkim_init failed");
	dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_QUERYMETHOD, &method,
	    sizeof(method));
	dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_QUERYINFO,
	    (void *)(uintptr_t)keys, strlen(keys));
	dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNHDRS, everything,
	    sizeof(unsigned char **));
	return lib;
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
	DKIM_LIB *lib;

	if (argc != 2)
		errx(64, "usage: %s KEYS", argv[0]);
	lib = open_library(argv[1]);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		size_t count = split(line, words);

		if (count == 8 && strcmp(words[0], "sign") == 0)
			sign(lib, words);
		else if (count == 2 && strcmp(words[0], "verify") == 0)
			verify(lib, words[1]);
		else
			errx(64, "no such command: %s", words[0]);
		fflush(stdout);
	}
	dkim_close(lib);
	return 0;
}
