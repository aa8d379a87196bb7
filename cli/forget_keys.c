/*
 * `signpost forget`: a domain's keys are kept aside, and their records named.
 * Which they are is noted on disk before the settings change, for these say it:
 * a run that is ended is completed by the next one.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/forget_private.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/key_places.h"
#include "proxy/keys/key_files.h"
#include "proxy/settings/config.h"
#include "proxy/settings/index.h"

/* Root's alone: private keys lie there. */
#define FORGOTTEN "/var/backups/signpost/forgotten"
/* Where they are by what is installed. */
#define KEYS "/etc/signpost/keys"

enum { PATH_LENGTH_MAX = 4096, PLAN_MAX = 1024 * 1024, KEY_FILE_MAX = 65536 };

/* --- which they are --- */

static void
add_key(struct forget *f, struct slice selector, const char *path)
{
	struct strbuf line;

	strbuf_init(&line, PATH_LENGTH_MAX);
	if (strbuf_addf(&line, "%.*s %s", (int)selector.n, selector.p, path) ==
	    0)
		(void)proxy_index_add(f->keys, strbuf_slice(&line));
	strbuf_clear(&line);
}

static bool
is_file(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* All that lies in a folder that is the domain's: keys that sign no more, too,
 * and what is kept of them. */
static void
add_folder(struct forget *f, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	struct strbuf path;

	strbuf_init(&path, PATH_LENGTH_MAX);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct slice name = slice_str(entry->d_name);
		bool key = slice_ends_nocase(name, SLICE(".pem"));

		strbuf_reset(&path);
		if (strbuf_addf(&path, "%s/%s", folder, entry->d_name) == 0 &&
		    is_file(strbuf_text(&path)))
			add_key(f,
			    key ? slice_first(name, name.n - 4) : SLICE("-"),
			    strbuf_text(&path));
	}
	if (dir != NULL)
		(void)closedir(dir);
	strbuf_clear(&path);
}

/* The folder, where its name is the domain's; else the file alone. */
static void
add_path(struct forget *f, struct slice selector, const char *path)
{
	char *folder = xstrdup(path), *slash = strrchr(folder, '/');
	const char *name;

	*slash = '\0';
	name = strrchr(folder, '/');
	if (name != NULL && strcmp(name + 1, strbuf_text(&f->domain)) == 0)
		add_folder(f, folder);
	else if (is_file(path))
		add_key(f, selector, path);
	free(folder);
}

static int
path_of(const struct forget *f, size_t rule, struct slice domain,
    struct strbuf *path)
{
	struct strbuf reason;
	int outcome;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	strbuf_reset(path);
	outcome = proxy_key_path(
	    &f->config->signing.keys[rule], domain, path, &reason);
	strbuf_clear(&reason);
	return outcome;
}

/* A file that another domain's mail is signed with, too, stays. */
struct sharing {
	const struct forget *f;
	const char *path;
	struct strbuf other;
	bool shared;
};

static void
on_any(void *ctx, const struct cli_key_place *place)
{
	struct sharing *s = ctx;
	const struct proxy_key_rule *rule =
	    &s->f->config->signing.keys[place->rule];
	struct slice domain = place->domain;

	if (slice_equal(domain, strbuf_slice(&s->f->domain)) ||
	    (domain.n == 0 && rule->per_domain))
		return;
	if (domain.n == 0)
		domain = strbuf_slice(&s->f->domain);
	s->shared |= path_of(s->f, place->rule, domain, &s->other) == 0 &&
	    strcmp(strbuf_text(&s->other), s->path) == 0;
}

static bool
is_shared(const struct forget *f, const char *path)
{
	struct sharing s = {.f = f, .path = path};

	strbuf_init(&s.other, PROXY_KEY_PATH_MAX);
	cli_key_places(f->config, SLICE(""), on_any, &s);
	strbuf_clear(&s.other);
	return s.shared;
}

static void
on_key_place(void *ctx, const struct cli_key_place *place)
{
	struct forget *f = ctx;
	struct slice domain = strbuf_slice(&f->domain);
	struct strbuf path;

	strbuf_init(&path, PROXY_KEY_PATH_MAX);
	if (!slice_equal(place->domain, domain) ||
	    path_of(f, place->rule, domain, &path) != 0) {
		/* signed with another's d= */
	} else if (is_shared(f, strbuf_text(&path))) {
		cli_steps_tell(&f->steps, "key", CLI_STEP_OK,
		    "%s stays: other domains are signed with it",
		    strbuf_text(&path));
	} else {
		add_path(f, place->selector, strbuf_text(&path));
	}
	strbuf_clear(&path);
}

/* --- what is noted of them --- */

static void
add_plan_path(const struct forget *f, struct strbuf *to)
{
	strbuf_reset(to);
	strbuf_addf(to, FORGOTTEN "/%s/plan", strbuf_text(&f->domain));
}

/* Its first line is the folder, each other a key. */
static int
read_plan(struct forget *f, const char *path)
{
	struct strbuf text;
	struct slice rest, line;
	int outcome = 0;

	if (access(path, F_OK) != 0)
		return 0;
	strbuf_init(&text, PLAN_MAX);
	outcome = cli_file_read(path, &text);
	rest = strbuf_slice(&text);
	if (outcome == 0 && slice_cut(&rest, '\n', &line))
		strbuf_add(&f->aside, line);
	while (outcome == 0 && rest.n > 0 && slice_cut(&rest, '\n', &line))
		if (line.n > 0)
			(void)proxy_index_add(f->keys, line);
	strbuf_clear(&text);
	return outcome;
}

static int
write_plan(const struct forget *f, const char *path)
{
	struct strbuf text;
	int outcome;

	strbuf_init(&text, PLAN_MAX);
	strbuf_add(&text, strbuf_slice(&f->aside));
	strbuf_add_char(&text, '\n');
	for (size_t i = 0; i < proxy_index_count(f->keys); i++) {
		strbuf_add(&text, proxy_index_key(f->keys, i));
		strbuf_add_char(&text, '\n');
	}
	if (text.full) {
		cli_error("%s: too many keys", path);
		outcome = -1;
	} else {
		outcome = access(path, F_OK) == 0
		    ? cli_file_replace(path, strbuf_slice(&text))
		    : cli_file_create(path, strbuf_slice(&text));
	}
	strbuf_clear(&text);
	return outcome;
}

/* A folder that is not there: the domain may have come back, and go again, in
 * one second. */
static void
name_aside(struct forget *f)
{
	char stamp[32];
	time_t now = (time_t)clock_wall_s();
	struct tm utc;

	(void)gmtime_r(&now, &utc);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	strbuf_addf(
	    &f->aside, FORGOTTEN "/%s/%s", strbuf_text(&f->domain), stamp);
	for (unsigned i = 2; access(strbuf_text(&f->aside), F_OK) == 0; i++) {
		strbuf_reset(&f->aside);
		strbuf_addf(&f->aside, FORGOTTEN "/%s/%s-%u",
		    strbuf_text(&f->domain), stamp, i);
	}
}

int
forget_keys_plan(struct forget *f)
{
	struct strbuf path;
	int outcome;

	strbuf_init(&path, PATH_LENGTH_MAX);
	add_plan_path(f, &path);
	outcome = read_plan(f, strbuf_text(&path));
	f->known |= f->aside.n > 0;
	if (outcome == 0) {
		const struct proxy_signing_rules *rules = &f->config->signing;
		struct strbuf its_path;

		cli_key_places(
		    f->config, strbuf_slice(&f->domain), on_key_place, f);
		strbuf_init(&its_path, PATH_LENGTH_MAX);
		for (size_t i = 0; i < rules->key_count; i++)
			if (rules->keys[i].per_domain &&
			    path_of(
				f, i, strbuf_slice(&f->domain), &its_path) == 0)
				add_path(f, slice_str(rules->keys[i].selector),
				    strbuf_text(&its_path));
		strbuf_reset(&its_path);
		strbuf_addf(&its_path, KEYS "/%s", strbuf_text(&f->domain));
		add_folder(f, strbuf_text(&its_path));
		strbuf_clear(&its_path);
	}
	f->known |= proxy_index_count(f->keys) > 0;
	if (f->aside.n == 0)
		name_aside(f);
	if (outcome == 0 && !f->steps.dry && f->known)
		outcome = write_plan(f, strbuf_text(&path));
	if (outcome != 0)
		cli_steps_tell(&f->steps, "keys", CLI_STEP_FAILED, "%s",
		    strbuf_text(&path));
	strbuf_clear(&path);
	return outcome;
}

/* --- aside --- */

/* Copied, for it may be another file system; the old one goes once the new one
 * is on disk. An earlier run may have been ended between the two. */
static int
move(const char *from, const char *to)
{
	struct strbuf bytes, there;
	int outcome;

	if (access(from, F_OK) != 0)
		return 0;
	strbuf_init(&bytes, KEY_FILE_MAX);
	strbuf_init(&there, KEY_FILE_MAX);
	outcome = cli_file_read(from, &bytes);
	if (outcome == 0 && access(to, F_OK) == 0) {
		outcome = cli_file_read(to, &there);
		if (outcome == 0 &&
		    !slice_equal(strbuf_slice(&bytes), strbuf_slice(&there))) {
			cli_error("%s: another file of that name is there", to);
			outcome = -1;
		}
	} else if (outcome == 0) {
		outcome = cli_file_create(to, strbuf_slice(&bytes));
	}
	if (outcome == 0 && unlink(from) != 0) {
		cli_error("%s: %s", from, strerror(errno));
		outcome = -1;
	}
	strbuf_wipe(&bytes);
	strbuf_wipe(&there);
	return outcome;
}

static int
move_key(struct forget *f, struct slice line)
{
	struct strbuf from, to;
	int outcome = 0;

	strbuf_init(&from, PATH_LENGTH_MAX);
	strbuf_init(&to, PATH_LENGTH_MAX);
	/* "SELECTOR PATH" */
	strbuf_add(&from, slice_after(line, slice_find(line, ' ') + 1));
	strbuf_addf(&to, "%s%s", strbuf_text(&f->aside),
	    strrchr(strbuf_text(&from), '/'));
	if (!f->steps.dry)
		outcome = move(strbuf_text(&from), strbuf_text(&to));
	cli_steps_took(&f->steps, "key", outcome, "%s", strbuf_text(&from));
	if (outcome == 0) {
		cli_steps_todo("kept as %s", strbuf_text(&to));
		if (!f->steps.dry) {
			/* The folder of the domain goes with its last file. */
			const char *path = strbuf_text(&from);
			char *folder = xstrdup(path),
			     *slash = strrchr(folder, '/');
			const char *name;

			*slash = '\0';
			name = strrchr(folder, '/');
			if (name != NULL &&
			    strcmp(name + 1, strbuf_text(&f->domain)) == 0)
				(void)rmdir(folder);
			free(folder);
		}
	}
	strbuf_clear(&from);
	strbuf_clear(&to);
	return outcome;
}

int
forget_keys_aside(struct forget *f)
{
	size_t count = proxy_index_count(f->keys);

	for (size_t i = 0; i < count; i++)
		if (move_key(f, proxy_index_key(f->keys, i)) != 0)
			return -1;
	return 0;
}

/* The plan lies beside the keys from then on, and says where each was. */
int
forget_keys_end(struct forget *f)
{
	struct strbuf from, to;
	int outcome = 0;

	strbuf_init(&from, PATH_LENGTH_MAX);
	strbuf_init(&to, PATH_LENGTH_MAX);
	add_plan_path(f, &from);
	strbuf_addf(&to, "%s/plan", strbuf_text(&f->aside));
	if (mkdir(strbuf_text(&f->aside), 0700) != 0 && errno != EEXIST)
		outcome = -1;
	if (outcome == 0)
		outcome = rename(strbuf_text(&from), strbuf_text(&to));
	if (outcome != 0) {
		cli_error("%s: %s", strbuf_text(&to), strerror(errno));
		f->steps.failed = true;
	}
	strbuf_clear(&from);
	strbuf_clear(&to);
	return outcome;
}

bool
forget_keys_were(const struct forget *f)
{
	struct strbuf path;
	bool were;

	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_addf(&path, FORGOTTEN "/%s", strbuf_text(&f->domain));
	were = access(strbuf_text(&path), F_OK) == 0;
	if (were)
		printf("%s: has been forgotten; its keys lie below %s\n",
		    strbuf_text(&f->domain), strbuf_text(&path));
	strbuf_clear(&path);
	return were;
}

/* --- in DNS --- */

void
forget_keys_print_records(const struct forget *f)
{
	const char *domain = strbuf_text(&f->domain);

	printf("\nTo be taken down in DNS in a week, when no mail that was "
	       "signed is under way:\n\n");
	for (size_t i = 0; i < proxy_index_count(f->keys); i++) {
		struct slice line = proxy_index_key(f->keys, i);
		size_t n = slice_find(line, ' ');

		if (!slice_equal(slice_first(line, n), SLICE("-")))
			printf("%.*s._domainkey.%s. TXT\n", (int)n, line.p,
			    domain);
	}
	printf("_domainkey.%s. TXT, if there is one (DomainKeys' policy)\n",
	    domain);
	printf("\nIf the domain sends no more mail, say so there: %s. TXT "
	       "\"v=spf1 -all\" and\n_dmarc.%s. TXT \"v=DMARC1; p=reject\". "
	       "If it does, from elsewhere, both must fit that.\n",
	    domain, domain);
}
