/*
 * Keys where they are; see migrate_keys.h. The old signer may have to go on
 * for a day yet, or be gone back to, so its keys stay in their place, and what
 * ours needs otherwise than it does is a copy's. A path that is copied is one
 * more that can be stolen; so there are no copies but where they must be.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/migrate_keys.h"
#include "dkim/key.h"
#include "proxy/keys/key_access.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/key_way.h"
#include "proxy/settings/config.h"

enum { NAME_MAX_TRIES = 1000 };

enum migrate_key_fate
migrate_key_decide(const struct migrate_key_found *found, bool choosy)
{
	if (found->missing)
		return MIGRATE_KEY_MISSING;
	if (found->way_refused || found->hidden || found->is_mapped ||
	    found->has_acl || (found->owner_refused && choosy))
		return MIGRATE_KEY_COPIED;
	return found->owner_refused || found->mode_refused ? MIGRATE_KEY_MENDED
							   : MIGRATE_KEY_STAYS;
}

bool
migrate_key_is_hidden(const char *path)
{
	static const char *const folders[] = {
	    "/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (slice_starts_nocase(slice_str(path), slice_str(folders[i])))
			return true;
	return false;
}

bool
migrate_key_is_awkward(const char *path)
{
	const char *dollar = strchr(path, '$');

	return path[strcspn(path, ",(); \t\n\r#")] != '\0' ||
	    (dollar != NULL && strncmp(dollar, "$domain", 7) != 0);
}

/* --- where a copy goes --- */

static const char *
place_of(struct migrate_plan *plan, size_t number)
{
	const struct migrate_key *key = &plan->keys.list[number];
	const char *slash = strrchr(key->path, '/');
	bool named = key->domain != NULL && key->domain[0] != '\0' &&
	    strchr(key->domain, '$') == NULL &&
	    proxy_key_domain_is_safe(slice_str(key->domain)) &&
	    proxy_key_domain_is_safe(slice_str(key->selector));
	const char *path = NULL;
	bool used;

	if (strstr(key->path, "$domain") != NULL)
		return migrate_pool_printf(&plan->pool,
		    MIGRATE_FOLDER "/keys/%s/$domain.pem",
		    proxy_key_domain_is_safe(slice_str(key->selector))
			? key->selector
			: "any");
	for (unsigned i = 0; i < NAME_MAX_TRIES; i++) {
		const char *more =
		    i == 0 ? "" : migrate_pool_printf(&plan->pool, "-%u", i);

		if (named)
			path = migrate_pool_printf(&plan->pool,
			    MIGRATE_FOLDER "/keys/%s/%s%s.pem", key->domain,
			    key->selector, more);
		else
			path = migrate_pool_printf(&plan->pool,
			    MIGRATE_FOLDER "/keys/theirs/%s%s",
			    slash == NULL || migrate_key_is_awkward(slash + 1)
				? "key"
				: slash + 1,
			    more);
		used = false;
		for (size_t k = 0; k < number && !used; k++)
			used = strcmp(plan->keys.list[k].use, path) == 0;
		if (!used)
			break;
	}
	return path;
}

/* --- one file --- */

static void
look_at_file(const struct migrate_key *key,
    const struct proxy_key_readers *readers, struct migrate_key_found *found,
    struct strbuf *reason)
{
	struct stat st;
	int fd = proxy_key_way_open(key->path, reason);

	found->hidden = migrate_key_is_hidden(key->path);
	found->is_mapped = migrate_key_is_awkward(key->path);
	if (found->hidden && fd >= 0)
		strbuf_add_str(
		    reason, "the service sees no home directories and no /tmp");
	else if (found->is_mapped && fd >= 0)
		strbuf_add_str(reason, "such a path cannot stand in a map");
	if (fd < 0) {
		found->missing = errno == ENOENT || errno == ENOTDIR;
		found->way_refused = !found->missing;
		return;
	}
	if (fstat(fd, &st) == 0) {
		struct strbuf access;

		strbuf_init(&access, PROXY_KEY_REASON_MAX);
		if (proxy_key_access_check(
			fd, &st, key->path, readers, &access) != 0) {
			found->has_acl =
			    strstr(strbuf_text(&access), "has an ACL") != NULL;
			found->mode_refused = !found->has_acl;
			if (reason->n == 0)
				strbuf_add(reason, strbuf_slice(&access));
		}
		strbuf_clear(&access);
		if (st.st_uid != 0) {
			found->owner_refused = true;
			if (reason->n == 0)
				strbuf_addf(reason,
				    "key file %s (mode %04o) belongs to user "
				    "%u, and must be "
				    "root's",
				    key->path, (unsigned)st.st_mode & 07777,
				    (unsigned)st.st_uid);
		}
	}
	(void)close(fd);
}

static void
look_at(struct migrate_plan *plan, size_t number,
    const struct proxy_key_readers *readers)
{
	struct migrate_key *key = &plan->keys.list[number];
	struct migrate_key_found found = {false};
	struct strbuf reason;
	const struct passwd *user;
	const struct group *group;

	strbuf_init(&reason, PROXY_KEY_REASON_MAX);
	look_at_file(key, readers, &found, &reason);
	key->fate =
	    migrate_key_decide(&found, plan->program == MIGRATE_OPENDKIM);
	/* The group by which the old program goes on reading a key that is
	 * root's. */
	if (plan->group != NULL)
		key->group = plan->group;
	else {
		user = plan->user == NULL ? NULL : getpwnam(plan->user);
		group = user == NULL ? NULL : getgrgid(user->pw_gid);
		key->group = group == NULL
		    ? NULL
		    : migrate_pool_keep(&plan->pool, slice_str(group->gr_name));
	}
	/* Without a group that it could read by, it keeps its own. */
	if (key->fate == MIGRATE_KEY_MENDED && key->group == NULL)
		key->fate = MIGRATE_KEY_COPIED;
	if (key->fate == MIGRATE_KEY_COPIED)
		key->use = place_of(plan, number);
	if (key->fate == MIGRATE_KEY_MISSING)
		strbuf_addf(&plan->todo, "%s:%u: there is no key %s\n",
		    key->file, key->line, key->path);
	else {
		/* Is it a key at all? */
		int fd = open(key->path, O_RDONLY | O_CLOEXEC);
		struct strbuf why;
		struct dkim_key *read;

		if (fd >= 0) {
			strbuf_init(&why, PROXY_KEY_REASON_MAX);
			read = proxy_key_file_read(fd, &why);
			if (read == NULL)
				strbuf_addf(&plan->todo,
				    "%s:%u: %s: %s: make another key (signpost "
				    "keygen)\n",
				    key->file, key->line, key->path,
				    strbuf_text(&why));
			dkim_key_free(read);
			strbuf_clear(&why);
		}
	}
	if (key->fate != MIGRATE_KEY_STAYS)
		key->reason =
		    migrate_pool_keep(&plan->pool, strbuf_slice(&reason));
	strbuf_clear(&reason);
}

void
migrate_keys_look(struct migrate_plan *plan, const struct proxy_config *config)
{
	struct proxy_key_readers readers;

	proxy_key_readers_init(&readers, config);
	for (size_t i = 0; i < plan->keys.count; i++) {
		struct migrate_key *key = &plan->keys.list[i];

		if (key->inside)
			key->fate = MIGRATE_KEY_WRITTEN;
		else if (strstr(key->path, "$domain") != NULL) {
			/* One path for each domain: the files are known only
			 * by their names. */
			struct migrate_key *its_key = &plan->keys.list[i];
			struct strbuf reason;

			strbuf_init(&reason, PROXY_KEY_REASON_MAX);
			if (migrate_key_is_hidden(its_key->path))
				strbuf_add_str(&reason,
				    "the service sees no home directories and "
				    "no /tmp");
			else if (migrate_key_is_awkward(its_key->path))
				strbuf_add_str(&reason,
				    "such a path cannot stand in a map");
			else
				strbuf_add_str(&reason,
				    "owner and mode of each file behind "
				    "$domain are made to be "
				    "what they ought to be");
			its_key->fate = MIGRATE_KEY_COPIED;
			its_key->use = place_of(plan, i);
			its_key->reason = migrate_pool_keep(
			    &plan->pool, strbuf_slice(&reason));
			strbuf_clear(&reason);
		} else
			look_at(plan, i, &readers);
	}
	if (geteuid() != 0 && plan->keys.count > 0)
		strbuf_add_str(&plan->differs,
		    "keys: they were looked at by somebody who is not root, "
		    "and so who may read them is not certain: run this as "
		    "root\n");
}
