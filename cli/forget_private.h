/* Shared by the files of `signpost forget`; nobody else's. */
#ifndef CLI_FORGET_PRIVATE_H
#define CLI_FORGET_PRIVATE_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "cli/steps.h"

struct proxy_config;
struct proxy_index;

/* The configuration, the sender map, the list-id map. */
enum { FORGET_TEXTS = 3 };

/* A file as it is to be. */
struct forget_text {
	const char *path; /* of the settings; NULL: there is none */
	struct strbuf text, told;
	bool changed;
};

struct forget {
	const char *config_path;
	struct strbuf domain; /* A-labels */
	struct cli_steps steps;
	struct proxy_config *config; /* as it was */
	struct forget_text texts[FORGET_TEXTS];
	/* Of keys: "SELECTOR PATH"; of a file that is no key "- PATH". */
	struct proxy_index *keys;
	struct strbuf aside; /* the folder that they go to */
	bool known;	     /* there is something of the domain */
};

/* --- forget_settings.c --- */

/* Reads the texts and takes the domain out of them. 0; or -1 where a person has
 * to do something first, which is told: nothing is written then. */
int forget_settings_plan(struct forget *);
/* 0, or -1 where a file could not be written: told. */
int forget_settings_write(struct forget *);

/* --- forget_keys.c --- */

/* Finds the keys that are the domain's alone, and those that an earlier run
 * that was ended had found; and notes them on disk, for the next one. 0 or
 * -1. */
int forget_keys_plan(struct forget *);
/* Keeps them aside. 0 or -1. */
int forget_keys_aside(struct forget *);
/* The last step: the note is one of what was. 0 or -1. */
int forget_keys_end(struct forget *);
/* Was it forgotten before? Then that is told. */
bool forget_keys_were(const struct forget *);
/* The names of their records, and what else there may be in DNS. */
void forget_keys_print_records(const struct forget *);

#endif
