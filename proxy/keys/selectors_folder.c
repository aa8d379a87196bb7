/* A domain's folder of keys; see selectors_folder.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/xalloc.h"
#include "proxy/keys/key_files.h"
#include "proxy/keys/selectors_folder.h"

/* What is written lies here first. Who finds one has the lock, so that whoever
 * began it is no more. */
#define BESIDE ".selectors.new"

/* Between two tries for the lock. */
static const struct timespec between_tries = {0, 50 * 1000 * 1000};

/* --- opening --- */

static int
open_folder(struct proxy_selectors_folder *folder, const char *path,
    bool *absent, struct strbuf *reason)
{
	struct strbuf file;

	*folder = (struct proxy_selectors_folder){.fd = -1};
	folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (absent != NULL)
		*absent = folder->fd < 0 && errno == ENOENT;
	if (folder->fd < 0)
		return strbuf_fail(reason, "%s: %s", path, strerror(errno));
	strbuf_init(&file, 2 * PROXY_KEY_PATH_MAX);
	strbuf_addf(&file, "%s/" PROXY_SELECTORS_NAME, path);
	folder->file = xslicedup(strbuf_slice(&file));
	strbuf_clear(&file);
	return 0;
}

int
proxy_selectors_folder_look(struct proxy_selectors_folder *folder,
    const char *path, bool *absent, struct strbuf *reason)
{
	return open_folder(folder, path, absent, reason);
}

int
proxy_selectors_folder_open(struct proxy_selectors_folder *folder,
    const char *path, unsigned wait_s, bool *absent, struct strbuf *reason)
{
	int64_t end = clock_ms() + (int64_t)wait_s * 1000;

	if (open_folder(folder, path, absent, reason) != 0)
		return -1;
	while (flock(folder->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK) {
			strbuf_addf(reason, "%s: %s", path, strerror(errno));
		} else if (clock_ms() >= end) {
			strbuf_addf(
			    reason, "%s: another program is at it", path);
		} else {
			(void)nanosleep(&between_tries, NULL);
			continue;
		}
		proxy_selectors_folder_close(folder);
		return -1;
	}
	return 0;
}

void
proxy_selectors_folder_close(struct proxy_selectors_folder *folder)
{
	if (folder->fd >= 0)
		(void)close(folder->fd);
	free(folder->file);
	*folder = (struct proxy_selectors_folder){.fd = -1};
}

/* --- reading --- */

static struct proxy_selectors_mark
mark_of(const struct stat *st)
{
	return (struct proxy_selectors_mark){
	    .there = true,
	    .device = st->st_dev,
	    .inode = st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .mtime_s = st->st_mtim.tv_sec,
	    .mtime_ns = st->st_mtim.tv_nsec,
	    .ctime_s = st->st_ctim.tv_sec,
	    .ctime_ns = st->st_ctim.tv_nsec,
	};
}

static bool
is_same_mark(
    const struct proxy_selectors_mark *a, const struct proxy_selectors_mark *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return a->device == b->device && a->inode == b->inode &&
	    a->size == b->size && a->mtime_s == b->mtime_s &&
	    a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s &&
	    a->ctime_ns == b->ctime_ns;
}

struct proxy_selectors *
proxy_selectors_read_open(int fd, const char *name, struct strbuf *reason)
{
	struct proxy_selectors *s = NULL;
	struct strbuf text;
	ssize_t n;

	/* A byte more than there may be, by which too many show. */
	strbuf_init(&text, PROXY_SELECTORS_BYTES_MAX + 1);
	do {
		size_t room = PROXY_SELECTORS_BYTES_MAX + 1 - text.n;
		char *to = strbuf_reserve(&text, room < 4096 ? room : 4096);

		n = room == 0
		    ? 0
		    : pread(fd, to, room < 4096 ? room : 4096, (off_t)text.n);
		if (n > 0)
			text.n += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		strbuf_addf(reason, "%s: %s", name, strerror(errno));
	else
		s = proxy_selectors_parse(name, strbuf_slice(&text), reason);
	strbuf_clear(&text);
	return s;
}

struct proxy_selectors *
proxy_selectors_read(
    struct proxy_selectors_folder *folder, bool *absent, struct strbuf *reason)
{
	struct proxy_selectors *s = NULL;
	struct stat st;
	/* Not waiting, for it may be a pipe by mistake. */
	int fd = openat(folder->fd, PROXY_SELECTORS_NAME,
	    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	folder->mark = (struct proxy_selectors_mark){0};
	*absent = fd < 0 && errno == ENOENT;
	if (fd < 0 || fstat(fd, &st) != 0) {
		strbuf_addf(reason, "%s: %s", folder->file, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		strbuf_addf(reason, "%s: is no regular file", folder->file);
	} else {
		folder->mark = mark_of(&st);
		s = proxy_selectors_read_open(fd, folder->file, reason);
	}
	if (fd >= 0)
		(void)close(fd);
	return s;
}

/* --- writing --- */

/* What there is now. A link is not followed: it would be replaced by a file,
 * and whatever it led to would stay as it was. */
static int
check_unedited(const struct proxy_selectors_folder *folder, mode_t *mode,
    struct strbuf *reason)
{
	struct proxy_selectors_mark now = {0};
	struct stat st;

	if (fstatat(folder->fd, PROXY_SELECTORS_NAME, &st,
		AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode))
			return strbuf_fail(reason,
			    "%s: is a symbolic link, and is not replaced",
			    folder->file);
		now = mark_of(&st);
		*mode = st.st_mode & 0644;
	} else if (errno != ENOENT) {
		return strbuf_fail(
		    reason, "%s: %s", folder->file, strerror(errno));
	}
	return is_same_mark(&now, &folder->mark)
	    ? 0
	    : strbuf_fail(reason, "%s: was edited meanwhile: look at it again",
		  folder->file);
}

/* On disk under the other name, then under its own. A disk may take its time, in
 * which somebody edits the file: so that is looked at last. */
static int
put_in_place(struct proxy_selectors_folder *folder, struct slice bytes,
    struct strbuf *reason)
{
	mode_t mode = 0600;
	struct stat st;
	int fd, why;

	(void)unlinkat(folder->fd, BESIDE, 0);
	fd = openat(folder->fd, BESIDE,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return strbuf_fail(
		    reason, "%s: %s", folder->file, strerror(errno));
	if (fd_write_all(fd, bytes) == 0 && fsync(fd) == 0 &&
	    check_unedited(folder, &mode, reason) == 0 &&
	    fchmod(fd, mode) == 0 &&
	    renameat(folder->fd, BESIDE, folder->fd, PROXY_SELECTORS_NAME) ==
		0) {
		/* It stands there, whatever becomes of these. */
		(void)fsync(folder->fd);
		if (fstat(fd, &st) == 0)
			folder->mark = mark_of(&st);
		(void)close(fd);
		return 0;
	}
	why = errno;
	(void)unlinkat(folder->fd, BESIDE, 0);
	(void)close(fd);
	return reason->n > 0
	    ? -1
	    : strbuf_fail(reason, "%s: %s", folder->file, strerror(why));
}

int
proxy_selectors_write(struct proxy_selectors_folder *folder,
    const struct proxy_selectors *s, struct strbuf *reason)
{
	struct proxy_selectors *again;
	struct strbuf text;
	int result = -1;

	strbuf_reset(reason);
	strbuf_init(&text, PROXY_SELECTORS_BYTES_MAX);
	proxy_selectors_print(s, &text);
	/* What could not be read again must not take the place of what can. */
	again = text.full
	    ? NULL
	    : proxy_selectors_parse(folder->file, strbuf_slice(&text), reason);
	if (text.full)
		strbuf_addf(reason, "%s: over %d bytes", folder->file,
		    PROXY_SELECTORS_BYTES_MAX);
	else if (again != NULL)
		result = put_in_place(folder, strbuf_slice(&text), reason);
	proxy_selectors_free(again);
	strbuf_clear(&text);
	return result;
}
