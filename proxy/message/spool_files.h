/*
 * Files without a name for the spools of one worker. One that is done with
 * is kept for a while: to write over pages that are there costs a fifth of
 * what fresh ones do. Whoever gets a kept file reads only what it wrote
 * itself; what an earlier message left behind that is nobody's.
 */
#ifndef PROXY_MESSAGE_SPOOL_FILES_H
#define PROXY_MESSAGE_SPOOL_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

/* So many are kept or in use again, of at most so many bytes: what they take
 * of the disk beyond the messages in them has a bound. */
#define PROXY_SPOOL_FILES_KEPT	4
#define PROXY_SPOOL_FILES_BYTES (16 * 1024 * 1024)

struct proxy_spool_files;

struct proxy_spool_file {
	int fd;
	uint64_t size; /* bytes it has; not what is of use in them */
	bool again;    /* it was kept before */
};

/* Files are made in the directory `dir_fd`, which stays the caller's. */
struct proxy_spool_files *proxy_spool_files_new(int dir_fd);

/* Adds " /PATH" of the directory, where that can be known. */
void proxy_spool_files_print_place(
    const struct proxy_spool_files *, struct strbuf *);

/* The kept ones are closed; those that were taken must have come back. */
void proxy_spool_files_free(struct proxy_spool_files *);

/* A file of one's own, to be given back; -1 and errno where none can be
 * made. */
int proxy_spool_files_take(
    struct proxy_spool_files *, struct proxy_spool_file *);

/* Done with it; `size` must say how far it was ever written. */
void proxy_spool_files_give_back(
    struct proxy_spool_files *, struct proxy_spool_file);

/* It could not be written: closes it, and the kept ones, which may be what
 * fills the disk. */
void proxy_spool_files_discard(
    struct proxy_spool_files *, struct proxy_spool_file);

/* Every few seconds: closes those that nobody wanted since the last time. */
void proxy_spool_files_tick(struct proxy_spool_files *);

#endif
