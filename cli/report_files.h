/*
 * The files of the aggregate reports. Where root asks for them, in a
 * directory that is perhaps root's own, a process that does nothing else
 * keeps root's rights and writes what it is handed: the one that reads the
 * database has none.
 */
#ifndef CLI_REPORT_FILES_H
#define CLI_REPORT_FILES_H

#include <sys/types.h>

#include "base/slice.h"

struct report_files {
	const char *directory; /* NULL: none are wanted */
	int fd;		       /* to the process that writes; -1: none */
	pid_t child;
};

/* Before root's rights are given up. 0, or -1 with a message on stderr. */
int report_files_begin(struct report_files *, const char *directory);

/* Puts a file in place of the one of that name, at once. 0, or -1 with a
 * message on stderr. */
int report_files_put(
    struct report_files *, struct slice name, struct slice bytes);

void report_files_end(struct report_files *);

#endif
