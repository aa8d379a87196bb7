/* One name after the other, as the kernel would, but looking where we are;
 * see key_way.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/strbuf.h"
#include "proxy/keys/key_way.h"

#define LINKS_MAX 40 /* as many as the kernel follows */
#define TEXT_MAX  (4 * PATH_MAX)
#define DIRECTORY (O_PATH | O_DIRECTORY | O_CLOEXEC)
#define READING	  (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

struct way {
	const char *path; /* for people: what was asked for */
	struct strbuf *reason;
	int directory; /* where we are; -1: nowhere yet */
	struct stat of_directory;
	struct strbuf at;   /* its path, for people; empty: the root */
	struct strbuf text; /* the names still to be gone are in it */
	struct slice left;
	char name[NAME_MAX + 1]; /* the one we are at */
	unsigned links;
	bool refused; /* the reason is written */
};

static void
way_init(struct way *way, const char *path, struct strbuf *reason)
{
	memset(way, 0, sizeof(*way));
	way->path = path;
	way->reason = reason;
	way->directory = -1;
	strbuf_init(&way->at, TEXT_MAX);
	strbuf_init(&way->text, TEXT_MAX);
	way->left = slice_str(path);
}

static void
way_clear(struct way *way)
{
	if (way->directory >= 0)
		(void)close(way->directory);
	strbuf_clear(&way->at);
	strbuf_clear(&way->text);
}

/* --- whose --- */

static bool
is_our_folder(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

/* In a sticky directory: can nobody but its owner have put it there, and is
 * that owner one of us? */
static bool
is_safe_in_sticky(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return is_our_folder(st->st_uid);
	return st->st_nlink == 1 &&
	    (S_ISREG(st->st_mode) || is_our_folder(st->st_uid));
}

/* 0, or -1 with the reason where `st`, which the directory has under the
 * name, may be another's doing. */
static int
check_step(struct way *way, const struct stat *st)
{
	const struct stat *dir = &way->of_directory;
	mode_t others = geteuid() == 0 ? S_IWGRP | S_IWOTH : S_IWOTH;
	const char *at = way->at.n == 0 ? "/" : strbuf_text(&way->at);
	unsigned mode = dir->st_mode & 07777;

	if (!is_our_folder(dir->st_uid)) {
		strbuf_addf(way->reason,
		    "key file %s: directory %s (mode %04o) belongs to user %u, "
		    "who may put any file there: chown root ",
		    way->path, at, mode, (unsigned)dir->st_uid);
		escape_shell(slice_str(at), way->reason);
	} else if ((dir->st_mode & others) == 0) {
		return 0;
	} else if ((dir->st_mode & S_ISVTX) == 0) {
		strbuf_addf(way->reason,
		    "key file %s: directory %s has mode %04o, which lets "
		    "others put any file there: chmod go-w ",
		    way->path, at, mode);
		escape_shell(slice_str(at), way->reason);
	} else if (is_safe_in_sticky(st)) {
		return 0;
	} else {
		strbuf_addf(way->reason,
		    "key file %s: %s in directory %s (mode %04o) may be "
		    "another's: move it to a directory of root's",
		    way->path, way->name, at, mode);
	}
	way->refused = true;
	errno = EPERM;
	return -1;
}

/* --- steps: 0, or -1 and errno --- */

/* Takes the descriptor. */
static int
stand_in(struct way *way, int directory)
{
	if (directory < 0)
		return -1;
	if (way->directory >= 0)
		(void)close(way->directory);
	way->directory = directory;
	return fstat(directory, &way->of_directory);
}

static int
go_to_root(struct way *way)
{
	strbuf_reset(&way->at);
	return stand_in(way, open("/", DIRECTORY));
}

/* The dot is for what is mounted when somebody comes. */
static int
enter(struct way *way)
{
	char name[NAME_MAX + sizeof("/.")];
	size_t n = strlen(way->name);

	memcpy(name, way->name, n);
	memcpy(name + n, "/.", sizeof("/."));
	if (strcmp(way->name, ".") != 0)
		strbuf_addf(&way->at, "/%s", way->name);
	return stand_in(way, openat(way->directory, name, DIRECTORY));
}

static int
follow(struct way *way)
{
	char target[PATH_MAX];
	ssize_t n;
	struct strbuf text;

	if (++way->links > LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	n = readlinkat(way->directory, way->name, target, sizeof(target));
	if (n < 0)
		return -1;
	strbuf_init(&text, TEXT_MAX);
	strbuf_add(&text, slice_from(target, (size_t)n));
	strbuf_add(&text, way->left); /* nothing, or from a slash on */
	strbuf_clear(&way->text);
	way->text = text;
	way->left = strbuf_slice(&way->text);
	if (text.full) { /* as links can make it, no path that was given */
		errno = ELOOP;
		return -1;
	}
	return n > 0 && target[0] == '/' ? go_to_root(way) : 0;
}

/* The next name; "." where there are only slashes. */
static int
take_name(struct way *way)
{
	size_t n;

	while (way->left.n > 0 && way->left.p[0] == '/')
		way->left = slice_after(way->left, 1);
	n = slice_find(way->left, '/');
	if (n > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(way->name, n == 0 ? "." : way->left.p, n == 0 ? 1 : n);
	way->name[n == 0 ? 1 : n] = '\0';
	way->left = slice_after(way->left, n);
	return 0;
}

/* To the last name's directory. */
static int
go(struct way *way)
{
	struct stat st;

	if (go_to_root(way) != 0)
		return -1;
	for (;;) {
		if (take_name(way) != 0 ||
		    fstatat(way->directory, way->name, &st,
			AT_SYMLINK_NOFOLLOW) != 0 ||
		    check_step(way, &st) != 0)
			return -1;
		if (!S_ISLNK(st.st_mode) && way->left.n == 0)
			return 0;
		if ((S_ISLNK(st.st_mode) ? follow(way) : enter(way)) != 0)
			return -1;
	}
}

/* --- the file --- */

/* As whoever it belongs to: a unit may let root become others, but override no
 * permissions. By its number, for the directory is root's. Whether it may be
 * his is looked at when it is open (proxy/keys/key_access.h). */
static int
open_as_owner(int file)
{
	char name[sizeof("/proc/self/fd/") + 12];
	struct stat st;
	int fd, why;

	if (fstat(file, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_uid == geteuid()) {
		errno = EACCES;
		return -1;
	}
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	if (seteuid(st.st_uid) != 0)
		return -1;
	fd = open(name, READING);
	why = errno;
	/* Root was; it cannot but be again. */
	if (seteuid(0) != 0)
		abort();
	errno = why;
	return fd;
}

/* The last name, in its directory. */
static int
open_last(const struct way *way)
{
	int fd = openat(way->directory, way->name, READING | O_NOFOLLOW), file,
	    why;

	if (fd >= 0 || errno != EACCES || geteuid() != 0)
		return fd;
	file =
	    openat(way->directory, way->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0)
		return -1;
	fd = open_as_owner(file);
	why = errno;
	(void)close(file);
	errno = why;
	return fd;
}

/* --- doors --- */

int
proxy_key_way_open(const char *path, struct strbuf *reason)
{
	struct way way;
	int fd = -1, why;

	way_init(&way, path, reason);
	if (go(&way) == 0)
		fd = open_last(&way);
	why = errno;
	if (fd < 0 && !way.refused)
		strbuf_addf(reason, "key file %s: %s", path, strerror(why));
	way_clear(&way);
	errno = why;
	return fd;
}

int
proxy_key_way_check(const char *template, struct strbuf *reason)
{
	struct slice same = slice_str(template);
	struct strbuf path;
	struct way way;

	same = slice_first(same, slice_find(same, '$'));
	strbuf_init(&path, TEXT_MAX);
	strbuf_add(&path, slice_first(same, slice_find_last(same, '/')));
	strbuf_add_str(&path, "/.");
	way_init(&way, template, reason);
	way.left = strbuf_slice(&path);
	(void)go(&way);
	way_clear(&way);
	strbuf_clear(&path);
	return way.refused ? -1 : 0;
}
