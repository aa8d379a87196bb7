/*
 * Owner, mode and groups of a key file; see key_access.h. Looked at by the
 * open descriptor, never by name: what the name leads to may be another file
 * by the time that it is opened.
 */
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/escape.h"
#include "dkim/key.h"
#include "proxy/keys/key_access.h"
#include "proxy/settings/roles.h"
#include "proxy/settings/users.h"

static void
add_owner(struct proxy_key_readers *readers, uid_t owner)
{
	readers->owners[readers->owner_count++] = owner;
}

static void
add_groups_of(struct proxy_key_readers *readers, const struct passwd *user)
{
	gid_t *to = readers->groups + readers->group_count;
	int room = (int)(PROXY_KEY_GROUPS_MAX - readers->group_count);

	if (getgrouplist(user->pw_name, user->pw_gid, to, &room) >= 0)
		readers->group_count += (size_t)room;
	else
		readers->group_count = PROXY_KEY_GROUPS_MAX;
}

/* A user may be let in by a group. */
static void
add_user(struct proxy_key_readers *readers, const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (user != NULL)
		add_groups_of(readers, user);
}

void
proxy_key_readers_init(
    struct proxy_key_readers *readers, const struct proxy_config *config)
{
	memset(readers, 0, sizeof(*readers));
	add_owner(readers, 0);
	if (geteuid() != 0) {
		int n;

		add_owner(readers, geteuid());
		n = getgroups(PROXY_KEY_GROUPS_MAX - 1, readers->groups);
		readers->group_count = n > 0 ? (size_t)n : 0;
		readers->groups[readers->group_count++] = getegid();
		return;
	}
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		if (proxy_front_user_is_wanted(config, &config->fronts[i]))
			add_user(readers, config->fronts[i].user);
	if (proxy_recorder_is_wanted(config))
		add_user(readers, proxy_recorder_user(config));
	if (proxy_signer_count(config) > 0) {
		/* Keys may belong to those that hold them, and to nobody who
		 * reads mail. */
		const char *name = proxy_signer_user(config);
		const struct passwd *user = getpwnam(name);

		if (user != NULL) {
			add_groups_of(readers, user);
			add_owner(readers, user->pw_uid);
		}
	}
}

int
proxy_key_access_check(int fd, const struct stat *st, const char *path,
    const struct proxy_key_readers *readers, struct strbuf *reason)
{
	unsigned mode = st->st_mode & 07777;
	bool owned = false, in_group;

	for (size_t i = 0; i < readers->owner_count; i++)
		owned = owned || readers->owners[i] == st->st_uid;
	/* There may be more groups than are known. */
	in_group = readers->group_count == PROXY_KEY_GROUPS_MAX;
	for (size_t i = 0; i < readers->group_count; i++)
		in_group = in_group || readers->groups[i] == st->st_gid;
	if (!S_ISREG(st->st_mode))
		return strbuf_fail(
		    reason, "key file %s is no regular file", path);
	if (!owned) {
		strbuf_addf(reason,
		    "key file %s (mode %04o) belongs to user %u: chown root ",
		    path, mode, (unsigned)st->st_uid);
		escape_shell(slice_str(path), reason);
		return -1;
	}
	if (mode & S_IRWXO) {
		strbuf_addf(reason,
		    "key file %s has mode %04o, which lets others in: chmod "
		    "600 ",
		    path, mode);
		escape_shell(slice_str(path), reason);
		return -1;
	}
	/* A file system without ACLs has none on this file. */
	if ((mode & S_IRWXG) &&
	    fgetxattr(fd, "system.posix_acl_access", NULL, 0) >= 0) {
		strbuf_addf(reason,
		    "key file %s (mode %04o) has an ACL, which may let a "
		    "worker in: setfacl -b ",
		    path, mode);
		escape_shell(slice_str(path), reason);
		return -1;
	}
	if ((mode & S_IRWXG) && in_group) {
		strbuf_addf(reason,
		    "key file %s has mode %04o, which lets group %u in, and a "
		    "worker is in that: chmod 600 ",
		    path, mode, (unsigned)st->st_gid);
		escape_shell(slice_str(path), reason);
		return -1;
	}
	if (st->st_size > DKIM_KEY_PEM_MAX)
		return strbuf_fail(reason, "key file %s has over %d bytes",
		    path, DKIM_KEY_PEM_MAX);
	return 0;
}
