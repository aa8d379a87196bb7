/*
 * A domain's folder of keys, for those who change what its keys are: locked,
 * its file `selectors' read, and put in place whole. The lock is the folder's
 * (flock), and goes with the process that has it; a reader needs none, for the
 * file is replaced by rename alone.
 */
#ifndef PROXY_KEYS_SELECTORS_FOLDER_H
#define PROXY_KEYS_SELECTORS_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "proxy/keys/selectors.h"

#define PROXY_SELECTORS_NAME "selectors"

struct proxy_selectors_folder {
	int fd;
	char *file; /* the path of its selectors, for reasons */
	/* Which file was read, or put there: one that a person has edited
	 * since is not written over. */
	struct proxy_selectors_mark {
		bool there;
		uint64_t device, inode, size;
		int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
	} mark;
};

/* Opens and locks it; waits so many seconds for who has it. 0, or -1 and the
 * reason; *absent (NULL is fine) where there is no such folder. */
int proxy_selectors_folder_open(struct proxy_selectors_folder *,
    const char *path, unsigned wait_s, bool *absent, struct strbuf *reason);
/* Only to read: without a lock. */
int proxy_selectors_folder_look(struct proxy_selectors_folder *,
    const char *path, bool *absent, struct strbuf *reason);
void proxy_selectors_folder_close(struct proxy_selectors_folder *);

/* What is in it. NULL and the reason; *absent where there is no file, which is
 * no mistake: proxy_selectors_new() begins one. */
struct proxy_selectors *proxy_selectors_read(
    struct proxy_selectors_folder *, bool *absent, struct strbuf *reason);

/* Puts it in place, on disk before this returns. -1 and the reason, and the
 * file is what it was: also where somebody edited it since it was read. */
int proxy_selectors_write(struct proxy_selectors_folder *,
    const struct proxy_selectors *, struct strbuf *reason);

/* A file that is open, for the master; the descriptor stays the caller's. */
struct proxy_selectors *proxy_selectors_read_open(
    int fd, const char *name, struct strbuf *reason);

#endif
