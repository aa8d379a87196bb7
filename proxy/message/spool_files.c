/*
 * Files without a name; see spool_files.h. Without a name nothing is left
 * behind by whatever end we come to, and no other process can open one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/xalloc.h"
#include "proxy/message/spool_files.h"

enum { NAMES_TRIED = 100 };

struct kept {
	struct proxy_spool_file file;
	unsigned since; /* the tick at which it came back */
};

struct proxy_spool_files {
	int dir_fd;
	/* Last in, first out: the rest grows old. */
	struct kept kept[PROXY_SPOOL_FILES_KEPT];
	unsigned count, tick;
	unsigned lent; /* that were kept, and are in use again */
};

struct proxy_spool_files *
proxy_spool_files_new(int dir_fd)
{
	struct proxy_spool_files *files = xcalloc(1, sizeof(*files));

	files->dir_fd = dir_fd;
	return files;
}

static void
close_kept(struct proxy_spool_files *files)
{
	while (files->count > 0)
		(void)close(files->kept[--files->count].file.fd);
}

void
proxy_spool_files_free(struct proxy_spool_files *files)
{
	if (files == NULL)
		return;
	close_kept(files);
	free(files);
}

static int
open_unnamed(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char name[64];
	int file;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	/* Where the file system knows no file without a name, one is made
	 * and its name is taken away at once. */
	for (unsigned i = 0; i < NAMES_TRIED; i++) {
		(void)snprintf(
		    name, sizeof(name), ".spool-%ld-%u", (long)getpid(), i);
		file = openat(
		    dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (file >= 0) {
			(void)unlinkat(dir_fd, name, 0);
			return file;
		}
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

int
proxy_spool_files_take(
    struct proxy_spool_files *files, struct proxy_spool_file *file)
{
	if (files->count > 0) {
		*file = files->kept[--files->count].file;
		file->again = true;
		files->lent++;
		return 0;
	}
	*file = (struct proxy_spool_file){.fd = open_unnamed(files->dir_fd)};
	return file->fd < 0 ? -1 : 0;
}

void
proxy_spool_files_give_back(
    struct proxy_spool_files *files, struct proxy_spool_file file)
{
	files->lent -= file.again;
	if (files->count + files->lent >= PROXY_SPOOL_FILES_KEPT ||
	    file.size > PROXY_SPOOL_FILES_BYTES) {
		(void)close(file.fd);
		return;
	}
	files->kept[files->count++] = (struct kept){file, files->tick};
}

void
proxy_spool_files_discard(
    struct proxy_spool_files *files, struct proxy_spool_file file)
{
	files->lent -= file.again;
	(void)close(file.fd);
	close_kept(files);
}

void
proxy_spool_files_tick(struct proxy_spool_files *files)
{
	unsigned old = 0;

	while (old < files->count && files->kept[old].since != files->tick)
		(void)close(files->kept[old++].file.fd);
	files->tick++;
	files->count -= old;
	for (unsigned i = 0; i < files->count; i++)
		files->kept[i] = files->kept[i + old];
}

void
proxy_spool_files_print_place(
    const struct proxy_spool_files *files, struct strbuf *to)
{
	char link[64], path[512];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", files->dir_fd);
	n = readlink(link, path, sizeof(path));
	if (n <= 0)
		return;
	strbuf_add_char(to, ' ');
	escape_text(slice_from(path, (size_t)n), to);
}
