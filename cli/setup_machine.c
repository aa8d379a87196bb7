/* `signpost setup`: users, directories, keys, and the service. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/kit/capture.h"
#include "cli/kit/cli.h"
#include "cli/kit/files.h"
#include "cli/kit/selectors.h"
#include "cli/service.h"
#include "cli/setup_private.h"
#include "dkim/key.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/selectors_folder.h"
#include "proxy/settings/config.h"
#include "proxy/settings/roles.h"

enum { PATH_LENGTH_MAX = 4096, REASON_MAX = 1000, RSA_BITS = 2048 };

#define SYSUSERS "/usr/lib/sysusers.d/signpost.conf"
#define RESULTS	 "/var/lib/signpost-record"
#define POSTFIX	 "/var/spool/postfix"

static const char postfix_sockets[] = SETUP_MILTER_DIRECTORY;

/* A path as it is from here. */
static const char *
from_here(const struct setup *setup, const char *path, struct strbuf *to)
{
	strbuf_reset(to);
	if (setup->wishes.root != NULL)
		strbuf_add_str(to, setup->wishes.root);
	strbuf_add_str(to, path);
	return strbuf_text(to);
}

static bool
is_there(const struct setup *setup, const char *path)
{
	struct strbuf full;
	bool there;

	strbuf_init(&full, PATH_LENGTH_MAX);
	there = access(from_here(setup, path, &full), F_OK) == 0;
	strbuf_clear(&full);
	return there;
}

/* --- users --- */

static bool
has_user(const struct setup *setup, const char *name)
{
	const char *const argv[] = {"getent", "passwd", name, NULL};
	struct strbuf out, reason;
	bool there;

	strbuf_init(&out, REASON_MAX);
	strbuf_init(&reason, REASON_MAX);
	there = cli_steps_ask(&setup->steps, argv, &out, &reason) == 0;
	strbuf_clear(&out);
	strbuf_clear(&reason);
	return there;
}

static void
have_user(struct setup *setup, const char *name)
{
	if (has_user(setup, name))
		cli_steps_tell(&setup->steps, "user", CLI_STEP_OK, "%s", name);
	else {
		const char *const sysusers[] = {
		    "systemd-sysusers", SYSUSERS, NULL};
		/* Nobody logs in as him and nothing is kept in a home: only the
		 * daemon runs so. */
		const char *const useradd[] = {"useradd", "--system",
		    "--user-group", "--no-create-home", "--home-dir",
		    "/nonexistent", "--shell", "/usr/sbin/nologin", name, NULL};
		struct strbuf path;
		bool by_systemd;

		strbuf_init(&path, PATH_LENGTH_MAX);
		by_systemd = is_there(setup, SYSUSERS) &&
		    cli_program_find(sysusers[0], &path) == 0;
		(void)cli_steps_run(&setup->steps, "user",
		    by_systemd ? sysusers : useradd, "%s", name);
		strbuf_clear(&path);
	}
}

/* One for each role, even where no other process would run as him yet. Each
 * role is another user, so that one that was taken over can neither read
 * another's files nor signal it. */
void
setup_users(struct setup *setup)
{
	const struct proxy_config *config = setup->config;

	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *front = &config->fronts[i];

		if (front->enabled)
			have_user(setup, front->user);
	}
	if (proxy_signer_count(config) > 0)
		have_user(setup, config->keys_user);
	if (proxy_fronts_have(config, PROXY_FILTER_VERIFY) ||
	    proxy_recorder_is_wanted(config))
		have_user(setup, config->results.user);
}

/* --- directories --- */

static void
make_directory(
    struct setup *setup, const char *path, const char *mode, const char *user)
{
	const char *const argv[] = {"install", "-d", "-m", mode, "-o", user,
	    "-g", strcmp(user, "root") == 0 ? "root" : user, path, NULL};

	/* What is there stays as it is: somebody may have set it so. */
	if (is_there(setup, path))
		cli_steps_tell(
		    &setup->steps, "directory", CLI_STEP_OK, "%s", path);
	else
		(void)cli_steps_run(
		    &setup->steps, "directory", argv, "%s", path);
}

/* The parents of one that a user owns are root's. */
static void
make_directory_of(struct setup *setup, const char *path, const char *user)
{
	char *parent = xstrdup(path), *slash = strrchr(parent, '/');

	if (slash != NULL && slash != parent) {
		*slash = '\0';
		make_directory(setup, parent, "0755", "root");
	}
	free(parent);
	/* Other people's mail lies in it. */
	make_directory(setup, path, "0700", user);
}

/* For sockets that a chrooted smtpd reaches, and nobody else. */
static void
make_postfix_directory(struct setup *setup)
{
	const char *const argv[] = {"install", "-d", "-m", "0750", "-o", "root",
	    "-g", "postfix", postfix_sockets, NULL};

	if (!is_there(setup, POSTFIX))
		return;
	if (is_there(setup, postfix_sockets))
		cli_steps_tell(&setup->steps, "directory", CLI_STEP_OK, "%s",
		    postfix_sockets);
	else
		(void)cli_steps_run(
		    &setup->steps, "directory", argv, "%s", postfix_sockets);
}

void
setup_directories(struct setup *setup)
{
	const struct proxy_config *config = setup->config;
	const struct proxy_front *reader =
	    proxy_front_with(config, PROXY_FILTER_VERIFY);
	const char *database = config->results.database;

	make_directory(setup, "/etc/signpost/keys", "0700", "root");
	make_postfix_directory(setup);
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		if (config->fronts[i].enabled)
			make_directory_of(setup, config->fronts[i].spool_dir,
			    config->fronts[i].user);
	/* Where the sample has results: they want one line only. */
	if (reader->enabled)
		make_directory(setup, RESULTS, "0700", config->results.user);
	if (database != NULL) {
		char *folder = xstrdup(database), *slash = strrchr(folder, '/');

		if (slash != NULL && slash != folder) {
			*slash = '\0';
			make_directory(
			    setup, folder, "0700", config->results.user);
		}
		free(folder);
	}
}

/* --- keys --- */

/* Where a key of that selector goes. 0, or -1 and the reason. */
static int
path_of(const struct setup *setup, const char *domain, const char *selector,
    struct strbuf *path, struct strbuf *reason)
{
	const struct proxy_signing_rules *rules = &setup->config->signing;

	for (size_t i = 0; i < rules->key_count; i++)
		if (setup->automatic
			? rules->keys[i].automatic
			: strcmp(rules->keys[i].selector, selector) == 0)
			return proxy_key_path_by(&rules->keys[i],
			    slice_str(domain), selector, path, reason);
	return strbuf_fail(
	    reason, "nothing in the configuration signs by %s", selector);
}

static void
make_key(struct setup *setup, const char *path, enum dkim_key_type type)
{
	struct strbuf full, reason;
	struct dkim_key *key;
	int outcome = 0;

	strbuf_init(&full, PATH_LENGTH_MAX);
	strbuf_init(&reason, REASON_MAX);
	/* A dry run makes no key, not even one in memory: it takes seconds. */
	if (!setup->steps.dry) {
		key = dkim_key_generate(
		    type, type == DKIM_KEY_RSA ? RSA_BITS : 0, &reason);
		if (key == NULL)
			cli_error("%s: %s", path, strbuf_text(&reason));
		outcome = key == NULL
		    ? -1
		    : cli_file_create_key(from_here(setup, path, &full), key);
		dkim_key_free(key);
	}
	cli_steps_took(&setup->steps, "key", outcome, "%s", path);
	strbuf_clear(&full);
	strbuf_clear(&reason);
}

/* Has the domain a key of that kind, whatever its name? */
static bool
has_kind(const struct setup *setup, const char *folder, enum dkim_key_type type)
{
	struct proxy_selectors_folder there;
	struct proxy_selectors *s = NULL;
	struct strbuf full, ignored;
	bool absent, has;

	strbuf_init(&full, PATH_LENGTH_MAX);
	strbuf_init(&ignored, PROXY_KEY_REASON_MAX);
	if (proxy_selectors_folder_look(&there, from_here(setup, folder, &full),
		&absent, &ignored) == 0) {
		s = proxy_selectors_read(&there, &absent, &ignored);
		proxy_selectors_folder_close(&there);
	}
	has = s != NULL &&
	    (proxy_selectors_first(s, type, PROXY_SELECTOR_ACTIVE) != NULL ||
		proxy_selectors_first(s, type, PROXY_SELECTOR_STAGED) != NULL);
	proxy_selectors_free(s);
	strbuf_clear(&ignored);
	strbuf_clear(&full);
	return has;
}

/* The key, and its line in the file beside it. */
static void
stage_key(struct setup *setup, const char *path, const struct strbuf *selector,
    enum dkim_key_type type)
{
	char *folder = xslicedup(slice_first(
	    slice_str(path), slice_find_last(slice_str(path), '/')));
	struct strbuf full, reason;
	int outcome = 0;

	strbuf_init(&full, PATH_LENGTH_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	if (has_kind(setup, folder, type)) {
		cli_steps_tell(&setup->steps, "key", CLI_STEP_OK,
		    "%s/selectors names one of %s", folder,
		    dkim_key_type_name(type));
	} else {
		if (!is_there(setup, path))
			make_key(setup, path, type);
		if (!setup->steps.dry && !setup->steps.failed)
			outcome =
			    cli_selectors_put(from_here(setup, folder, &full),
				type, strbuf_slice(selector),
				PROXY_SELECTOR_STAGED, &reason);
		if (outcome != 0)
			cli_error("%s", strbuf_text(&reason));
		cli_steps_took(&setup->steps, "key", outcome,
		    "%s/selectors: %s is staged", folder,
		    strbuf_text(selector));
	}
	strbuf_clear(&reason);
	strbuf_clear(&full);
	free(folder);
}

static void
key_for(struct setup *setup, const char *domain, const struct strbuf *selector,
    enum dkim_key_type type)
{
	struct strbuf path, reason;

	if (selector->n == 0)
		return;
	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	if (path_of(setup, domain, strbuf_text(selector), &path, &reason) != 0)
		cli_steps_tell(&setup->steps, "key", CLI_STEP_STOP, "%s: %s",
		    domain, strbuf_text(&reason));
	else if (setup->automatic)
		stage_key(setup, strbuf_text(&path), selector, type);
	else if (is_there(setup, strbuf_text(&path)))
		cli_steps_tell(&setup->steps, "key", CLI_STEP_OK, "%s",
		    strbuf_text(&path));
	else
		make_key(setup, strbuf_text(&path), type);
	strbuf_clear(&path);
	strbuf_clear(&reason);
}

void
setup_keys(struct setup *setup)
{
	for (size_t i = 0; i < setup->wishes.domain_count; i++) {
		const char *domain = setup->wishes.domains[i];

		key_for(setup, domain, &setup->rsa, DKIM_KEY_RSA);
		key_for(setup, domain, &setup->ed25519, DKIM_KEY_ED25519);
	}
}

/* --- the service --- */

void
setup_service_start(struct setup *setup)
{
	if (setup->wishes.root != NULL)
		cli_steps_tell(&setup->steps, "service", CLI_STEP_OK,
		    "is not started in another root");
	else
		cli_service_start(&setup->steps, setup->config_changed);
}

void
setup_service_stop(struct setup *setup)
{
	if (setup->wishes.root == NULL)
		cli_service_stop(&setup->steps);
}
