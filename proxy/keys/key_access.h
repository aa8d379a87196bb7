/*
 * Who may have access to a key file. It must be a regular file of root's, of
 * the signers' user's or of whoever runs us, to which others, and any group
 * that a process of ours is in, have no access.
 *
 * An ACL may let others in than those bits say, and is not read here: a file
 * that has one is refused where the group's bits, which bound it, are not
 * empty. Where they are (mode 600), it lets nobody in.
 */
#ifndef PROXY_KEYS_KEY_ACCESS_H
#define PROXY_KEYS_KEY_ACCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/strbuf.h"
#include "proxy/settings/config.h"

struct stat;
struct proxy_selectors_known;

/* Whose a key file may be, and which groups must have no access. */
#define PROXY_KEY_GROUPS_MAX 256
struct proxy_key_readers {
	uid_t owners[3]; /* whose a key file may be */
	size_t owner_count;
	gid_t groups[PROXY_KEY_GROUPS_MAX];
	size_t group_count;
	/* What files of selectors said before; NULL: nobody remembers
	 * (proxy/keys/selectors_known.h). */
	struct proxy_selectors_known *known;
};

/* Where we are root, the users of all processes that the configuration wants,
 * the recorder and the signers too, with all groups they are in; else who runs
 * us. */
void proxy_key_readers_init(
    struct proxy_key_readers *, const struct proxy_config *);

/* An opened file as fstat(2) has it: 0, or -1 and the reason: path, mode and
 * the command that mends it. */
int proxy_key_access_check(int fd, const struct stat *, const char *path,
    const struct proxy_key_readers *, struct strbuf *reason);

#endif
