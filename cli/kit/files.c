/*
 * Files of the tools; see files.h. A file is written beside its place and
 * moved there, so that whoever reads it sees the old one or the new one, and
 * one that is there already is never written over unasked. What may have been
 * a key is wiped from memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/xalloc.h"
#include "cli/kit/files.h"
#include "dkim/key.h"

enum { READ_SIZE = 16384, PATH_LENGTH_MAX = 4096 };

int
cli_files_fill_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null",
			fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -1;
	return 0;
}

int
cli_file_read_open(int fd, const char *path, struct strbuf *out)
{
	for (;;) {
		char chunk[READ_SIZE];
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			cli_error("%s: %s", path, strerror(errno));
			return -1;
		}
		strbuf_add(out, slice_from(chunk, (size_t)n));
		explicit_bzero(chunk, sizeof(chunk));
		if (out->full) {
			cli_error("%s: over %zu bytes", path, out->cap);
			return -1;
		}
	}
}

int
cli_file_read(const char *path, struct strbuf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int outcome;

	if (fd < 0) {
		cli_error("%s: %s", path, strerror(errno));
		return -1;
	}
	outcome = cli_file_read_open(fd, path, out);
	(void)close(fd);
	return outcome;
}

/* mkdir -p of what stands before the last slash. */
static int
make_parents(const char *path)
{
	char *copy = xstrdup(path);
	int outcome = 0;

	/* Not the root's own slash; and the path may be empty. */
	for (char *at = strchr(copy + strspn(copy, "/"), '/');
	     at != NULL && outcome == 0; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
			cli_error("%s: %s", copy, strerror(errno));
			outcome = -1;
		}
		*at = '/';
	}
	free(copy);
	return outcome;
}

/* A file of its own beside that path, with these bytes. 0 or -1. */
static int
write_beside(const char *path, struct slice bytes, struct strbuf *beside)
{
	int fd = -1, outcome = -1;

	if (strbuf_addf(beside, "%s.XXXXXX", path) != 0)
		errno = ENAMETOOLONG;
	else
		fd = mkostemp(beside->p, O_CLOEXEC);
	if (fd < 0) {
		cli_error("%s: %s", path, strerror(errno));
		return -1;
	}
	outcome = fd_write_all(fd, bytes) == 0 ? fsync(fd) : -1;
	if (outcome != 0)
		cli_error("%s: %s", path, strerror(errno));
	if (close(fd) != 0 && outcome == 0) {
		cli_error("%s: %s", path, strerror(errno));
		outcome = -1;
	}
	if (outcome != 0)
		(void)unlink(strbuf_text(beside));
	return outcome;
}

/* The name, too, is on disk then. */
static void
sync_folder(const char *path)
{
	char *copy = xstrdup(path), *slash = strrchr(copy, '/');
	int fd;

	if (slash != NULL)
		slash[slash == copy] = '\0';
	fd = open(
	    slash == NULL ? "." : copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

int
cli_file_create(const char *path, struct slice bytes)
{
	struct strbuf beside;
	int outcome;

	if (make_parents(path) != 0)
		return -1;
	strbuf_init(&beside, PATH_LENGTH_MAX);
	outcome = write_beside(path, bytes, &beside);
	if (outcome == 0) {
		/* Unlike rename(), this takes nobody's place. */
		outcome = link(strbuf_text(&beside), path);
		if (outcome != 0)
			cli_error("%s: %s", path,
			    errno == EEXIST ? "exists, and is not overwritten"
					    : strerror(errno));
		(void)unlink(strbuf_text(&beside));
		sync_folder(path);
	}
	strbuf_clear(&beside);
	return outcome;
}

int
cli_file_create_key(const char *path, const struct dkim_key *key)
{
	struct strbuf pem;
	int status = CLI_BROKEN;

	strbuf_init(&pem, DKIM_KEY_PEM_MAX);
	if (dkim_key_print(key, &pem) != 0)
		cli_error("%s: cannot print the key", path);
	else
		status = cli_file_create(path, strbuf_slice(&pem)) == 0
		    ? CLI_OK
		    : CLI_UNWRITABLE;
	strbuf_wipe(&pem);
	return status;
}

/* What stood there before says whose it is and who may read it. */
static int
take_rights(const char *from, const char *to)
{
	struct stat st;

	if (stat(from, &st) != 0)
		return errno == ENOENT ? 0 : -1;
	return chown(to, st.st_uid, st.st_gid) == 0 &&
		chmod(to, st.st_mode & 07777) == 0
	    ? 0
	    : -1;
}

int
cli_file_replace(const char *path, struct slice bytes)
{
	struct strbuf fresh;
	int outcome = -1;

	strbuf_init(&fresh, PATH_LENGTH_MAX);
	if (strbuf_addf(&fresh, "%s.new", path) != 0) {
		cli_error("%s: path too long", path);
	} else {
		(void)unlink(strbuf_text(&fresh));
		outcome = cli_file_create(strbuf_text(&fresh), bytes);
		if (outcome == 0 &&
		    (take_rights(path, strbuf_text(&fresh)) != 0 ||
			rename(strbuf_text(&fresh), path) != 0)) {
			cli_error("%s: %s", path, strerror(errno));
			(void)unlink(strbuf_text(&fresh));
			outcome = -1;
		}
	}
	strbuf_clear(&fresh);
	return outcome;
}

int
cli_file_place(const char *path, struct slice bytes)
{
	struct strbuf fresh;
	int fd = -1, outcome = -1;

	strbuf_init(&fresh, PATH_LENGTH_MAX);
	if (strbuf_addf(&fresh, "%s.new", path) == 0) {
		(void)unlink(strbuf_text(&fresh));
		fd = open(strbuf_text(&fresh),
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	} else {
		errno = ENAMETOOLONG;
	}
	if (fd >= 0)
		outcome = fd_write_all(fd, bytes) == 0 ? fsync(fd) : -1;
	if (fd >= 0 && close(fd) != 0)
		outcome = -1;
	if (outcome == 0)
		outcome = rename(strbuf_text(&fresh), path);
	if (outcome != 0) {
		cli_error("%s: %s", path, strerror(errno));
		if (fd >= 0)
			(void)unlink(strbuf_text(&fresh));
	} else {
		sync_folder(path);
	}
	strbuf_clear(&fresh);
	return outcome;
}

static void
warn_of_readers(const char *path)
{
	struct strbuf quoted;
	struct stat st;

	strbuf_init(&quoted, 4 * PATH_LENGTH_MAX);
	escape_shell(slice_str(path), &quoted);
	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		cli_warn("%s: mode %04o gives others access to a private key "
			 "(chmod 600 %s)",
		    path, (unsigned)st.st_mode & 07777, strbuf_text(&quoted));
	strbuf_clear(&quoted);
}

struct dkim_key *
cli_file_read_key(const char *path, int *status)
{
	struct strbuf pem, reason;
	struct dkim_key *key = NULL;

	strbuf_init(&pem, DKIM_KEY_PEM_MAX);
	strbuf_init(&reason, 1000);
	*status = CLI_UNREADABLE;
	if (cli_file_read(path, &pem) == 0) {
		*status = CLI_CONFIG;
		key = dkim_key_parse(strbuf_slice(&pem), &reason);
		if (key == NULL)
			cli_error("%s: %s", path, strbuf_text(&reason));
		else
			warn_of_readers(path);
	}
	strbuf_wipe(&pem);
	strbuf_clear(&reason);
	return key;
}
