/* Files of the tools: read whole, and written once. */
#ifndef CLI_KIT_FILES_H
#define CLI_KIT_FILES_H

#include "base/slice.h"
#include "base/strbuf.h"
#include "cli/kit/cli.h"

struct dkim_key;

/* Puts /dev/null where stdin, stdout or stderr is closed, lest a file or
 * socket opened later is taken for it; what is read or written there still
 * fails. 0, or -1 and errno. */
int cli_files_fill_standard(void);

/* Adds the whole file to a strbuf, whose cap bounds it. 0; or -1 with a
 * message on stderr. */
int cli_file_read(const char *path, struct strbuf *out);
/* The same of one that is open; `name` is for the message. */
int cli_file_read_open(int fd, const char *name, struct strbuf *out);

/*
 * Makes a file that was not there, mode 0600, with these bytes, on disk
 * before it returns; directories above it are made, mode 0700, as needed. It is
 * there whole or not at all, whenever the program or the machine is ended: it
 * is written under another name beside it (PATH.XXXXXX) first. 0; or -1 with a
 * message on stderr: also where there is something of that name, even a link to
 * nowhere.
 */
int cli_file_create(const char *path, struct slice bytes);

/* Makes the file of a private key, in the same way. CLI_OK; or with a message
 * on stderr how to end. */
int cli_file_create_key(const char *path, const struct dkim_key *);

/* Puts these bytes in place of a file's, at once (a new file, renamed);
 * directories are not made. Owner and
 * mode stay those of the file. 0; or -1 with a message on stderr. */
int cli_file_replace(const char *path, struct slice bytes);

/*
 * Makes the file, or replaces it, mode 0600, for who has a lock by which nobody
 * else is at it: whatever a program that was ended has left beside it
 * (PATH.new) goes. 0; or -1 with a message on stderr.
 */
int cli_file_place(const char *path, struct slice bytes);

/* The private key in a PEM file; warns where others may read it. NULL, a
 * message on stderr, and in *status how to end. */
struct dkim_key *cli_file_read_key(const char *path, int *status);

#endif
