/* Keys, their names, files and records; see keys.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/kit/files.h"
#include "cli/rotate/keys.h"
#include "mail/idn.h"
#include "proxy/keys/key_files.h"

/* RFC 8301 section 3.2: at least 1024 bits, and 2048 are recommended. */
enum { BITS = 2048, PATH_LENGTH_MAX = 4096 };

bool
rotate_names_are_fixed(const struct proxy_strings *names)
{
	return names->count > 1 || strchr(names->list[0], '%') == NULL;
}

/* By the day in UTC, for two hosts are to agree in it. */
static void
print_template(const char *template, int64_t now, struct strbuf *to)
{
	time_t t = (time_t)now;
	struct tm utc = {0};

	(void)gmtime_r(&t, &utc);
	for (const char *c = template; *c != '\0'; c++) {
		if (*c != '%' || c[1] == '\0') {
			strbuf_add_char(to, *c);
			continue;
		}
		c++;
		if (*c == 'Y')
			strbuf_addf(to, "%04d", utc.tm_year + 1900);
		else if (*c == 'm')
			strbuf_addf(to, "%02d", utc.tm_mon + 1);
		else
			strbuf_addf(to, "%02d", utc.tm_mday);
	}
}

int
rotate_name_print(const struct proxy_strings *names, enum dkim_key_type type,
    unsigned number, int64_t now, struct strbuf *to)
{
	bool fixed = rotate_names_are_fixed(names);

	if (number >= (fixed ? names->count : ROTATE_NAMES_MAX))
		return -1;
	print_template(names->list[fixed ? number : 0], now, to);
	if (type == DKIM_KEY_ED25519)
		strbuf_add_char(to, 'e');
	else if (!fixed)
		strbuf_add_char(to, 'r');
	if (!fixed && number > 0)
		strbuf_addf(to, "%u", number + 1);
	return to->full ? -1 : 0;
}

static void
print_path(const struct rotate_domain *domain, struct slice selector,
    struct strbuf *path)
{
	strbuf_reset(path);
	strbuf_addf(
	    path, "%s/%.*s.pem", domain->folder, (int)selector.n, selector.p);
}

bool
rotate_key_is_there(const struct rotate_domain *domain, struct slice selector)
{
	struct strbuf path;
	struct stat st;
	bool there;

	strbuf_init(&path, PATH_LENGTH_MAX);
	print_path(domain, selector, &path);
	/* What cannot be looked at is taken, too. */
	there = lstat(strbuf_text(&path), &st) == 0 || errno != ENOENT;
	strbuf_clear(&path);
	return there;
}

int
rotate_key_make(const struct rotate_domain *domain, enum dkim_key_type type,
    struct slice selector)
{
	struct strbuf path, pem, reason;
	struct dkim_key *key;
	int outcome = -1;

	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	print_path(domain, selector, &path);
	key = dkim_key_generate(type, BITS, &reason);
	strbuf_init(&pem, DKIM_KEY_PEM_MAX);
	if (key == NULL)
		cli_error("%s: %s", strbuf_text(&path), strbuf_text(&reason));
	else if (dkim_key_print(key, &pem) == 0)
		outcome =
		    cli_file_place(strbuf_text(&path), strbuf_slice(&pem));
	strbuf_wipe(&pem);
	dkim_key_free(key);
	strbuf_clear(&path);
	strbuf_clear(&reason);
	return outcome;
}

int
rotate_key_remove(const struct rotate_domain *domain, struct slice selector,
    struct strbuf *reason)
{
	struct strbuf path;
	int outcome = 0;

	strbuf_init(&path, PATH_LENGTH_MAX);
	print_path(domain, selector, &path);
	if (unlink(strbuf_text(&path)) != 0 && errno != ENOENT)
		outcome = strbuf_fail(
		    reason, "%s: %s", strbuf_text(&path), strerror(errno));
	strbuf_clear(&path);
	return outcome;
}

/* Without a message, for the caller has a better one. */
static int
read_key_file(const char *path, struct rotate_key *key, struct strbuf *pem,
    struct strbuf *reason)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	char *to = strbuf_reserve(pem, DKIM_KEY_PEM_MAX);
	int outcome = 0;

	if (file == NULL || fstat(fileno(file), &st) != 0) {
		outcome = strbuf_fail(reason, "%s: %s", path, strerror(errno));
	} else {
		key->made = st.st_mtim.tv_sec;
		pem->n += fread(to, 1, DKIM_KEY_PEM_MAX, file);
		if (ferror(file))
			outcome = strbuf_fail(
			    reason, "%s: %s", path, strerror(errno));
	}
	if (file != NULL)
		(void)fclose(file);
	return outcome;
}

int
rotate_key_read(const struct rotate_domain *domain, struct slice selector,
    struct rotate_key *key, struct strbuf *reason)
{
	struct strbuf path, pem;
	struct dkim_key *whole = NULL;
	int outcome;

	*key = (struct rotate_key){0};
	strbuf_init(&key->octets, DKIM_KEY_PUBLIC_MAX);
	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&pem, DKIM_KEY_PEM_MAX + 1);
	print_path(domain, selector, &path);
	outcome = read_key_file(strbuf_text(&path), key, &pem, reason);
	if (outcome == 0) {
		whole = dkim_key_parse(strbuf_slice(&pem), reason);
		outcome = whole == NULL ? -1 : 0;
	}
	if (outcome == 0) {
		key->type = dkim_key_type(whole);
		key->algorithm = dkim_key_algorithm(whole);
		key->bits = dkim_key_bits(whole);
		(void)dkim_key_public(whole, &key->octets);
		outcome = cli_records_add_key(&key->record,
		    slice_str(domain->name), selector, whole,
		    domain->domainkeys && key->type == DKIM_KEY_RSA
			? CLI_KEY_FOR_DOMAINKEYS
			: CLI_KEY_FOR_DKIM,
		    reason);
	}
	dkim_key_free(whole);
	strbuf_clear(&path);
	strbuf_wipe(&pem);
	return outcome;
}

void
rotate_key_clear(struct rotate_key *key)
{
	strbuf_clear(&key->octets);
	cli_records_clear(&key->record);
}

void
rotate_record_name(const struct rotate_domain *domain, struct slice selector,
    struct strbuf *name)
{
	strbuf_reset(name);
	strbuf_addf(name, "%.*s._domainkey.%s", (int)selector.n, selector.p,
	    domain->name);
}

bool
rotate_keys_are_there(const struct rotate_domain *domain)
{
	DIR *dir = opendir(domain->folder);
	struct dirent *entry;
	bool are = false;

	while (dir != NULL && !are && (entry = readdir(dir)) != NULL)
		are =
		    slice_ends_nocase(slice_str(entry->d_name), SLICE(".pem"));
	if (dir != NULL)
		(void)closedir(dir);
	return are;
}
