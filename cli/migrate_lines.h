/*
 * The configurations of DKIMproxy and OpenDKIM as settings, and OpenDKIM's data
 * sets as entries, each with file and line. Text in, values out; other files
 * are asked for, so no file is touched here, and nothing in a text is trusted
 * to be well formed.
 */
#ifndef CLI_MIGRATE_LINES_H
#define CLI_MIGRATE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/strbuf.h"

/* Copies that live as long as the pool; all strings below are of one. */
struct migrate_pool {
	char **list;
	size_t count, room;
};

const char *migrate_pool_keep(struct migrate_pool *, struct slice);
const char *migrate_pool_printf(struct migrate_pool *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void migrate_pool_clear(struct migrate_pool *);

/* Who has files. `read` adds the text: 0, or -1 and the reason, which names no
 * path ("No such file or directory"). */
struct migrate_files {
	int (*read)(void *ctx, const char *path, struct strbuf *text,
	    struct strbuf *reason);
	void *ctx;
};

/* --- settings --- */

struct migrate_setting {
	const char *file;
	unsigned line;
	const char *name, *value; /* as written; an empty value: none */
	const char *told;	  /* what became of it; NULL: the table says */
};

struct migrate_settings {
	struct migrate_setting *list;
	size_t count, room;
};

void migrate_settings_clear(struct migrate_settings *);

/* The last of that name, which is the one that counts; case is ignored. NULL
 * where there is none. */
struct migrate_setting *migrate_settings_find(
    struct migrate_settings *, const char *name);

/* What a reading needs and adds to. */
struct migrate_reading {
	struct migrate_pool *pool;
	struct migrate_settings *settings;
	const struct migrate_files *files; /* for Include */
	struct strbuf *errors;		   /* "file:line: text", a line each */
};

/* dkimproxy_out.conf, dkimproxy_in.conf: NAME VALUE, NAME = VALUE, NAME. A line
 * that is none of them, and a name that DKIMproxy does not have, are
 * errors. */
void migrate_lines_dkimproxy(
    const struct migrate_reading *, const char *file, struct slice text);

/* opendkim.conf: NAME VALUE; Include is followed, five levels deep. A name that
 * OpenDKIM does not have, one without a value, and a value that is not of the
 * option's type are errors. */
void migrate_lines_opendkim(
    const struct migrate_reading *, const char *file, struct slice text);

/* The first byte decides, as OpenDKIM has it. */
bool migrate_is_yes(const char *value);

/* --- data sets --- */

enum migrate_set_type {
	MIGRATE_SET_LIST, /* between commas */
	MIGRATE_SET_FILE,
	MIGRATE_SET_REFILE, /* keys are patterns */
	MIGRATE_SET_OTHER   /* a database that only OpenDKIM can ask */
};

struct migrate_set_entry {
	const char *key, *value; /* an empty value: none */
	const char *file;
	unsigned line;
};

struct migrate_set {
	enum migrate_set_type type;
	const char *kind; /* of another one: "ldap" */
	struct migrate_set_entry *list;
	size_t count, room;
};

void migrate_set_clear(struct migrate_set *);

/* Reads the set that a setting names; a relative path is below `folder` (NULL:
 * an error). 0, or -1 with an error that names the setting. */
int migrate_set_read(struct migrate_set *, const struct migrate_setting *,
    const char *folder, const struct migrate_reading *);

#endif
