/*
 * The way to a key file: no step of it may be a worker's to choose. Else a
 * taken-over worker puts a link to any file of root's there, asks for that
 * domain's key, and the master hands it over.
 *
 * Each directory that is passed, on the path given and wherever symbolic
 * links lead, must belong to root, or to who runs us, and nobody else may
 * write to it. Links are followed then: they lie where only root could put
 * them. Looser than that are two things:
 *
 * - A directory with the sticky bit may be anybody's to write to (/tmp): what
 *   is in it can be replaced by its owner alone. There a directory and a link
 *   must be root's or ours, and what is no directory must have no other name,
 *   for anybody may give a file of root's a second one.
 * - Who is not root may have directories that a group writes to, as a umask
 *   of 002 makes them: workers are the same user then and have no use for
 *   what the master reads.
 *
 * Groups are not asked for their members: an ACL, too, shows as the group's
 * bits.
 */
#ifndef PROXY_KEYS_KEY_WAY_H
#define PROXY_KEYS_KEY_WAY_H

#include "base/strbuf.h"

/*
 * Opens an absolute path for reading, where root may not do that as the file's
 * owner: the descriptor, or -1, errno and the reason, which names the path. A
 * way that is refused is EPERM, with the directory, its mode or owner, and the
 * command that mends it; a file that is not there is ENOENT, whoever's the
 * directory is.
 */
int proxy_key_way_open(const char *path, struct strbuf *reason);

/* The way to the files of a template, as far as it is the same for all of
 * them: 0, also where it is not there, or -1 and the reason where it is
 * refused. */
int proxy_key_way_check(const char *template, struct strbuf *reason);

#endif
