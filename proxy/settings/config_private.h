/* Shared by the files that make a configuration; nobody else's. */
#ifndef PROXY_SETTINGS_CONFIG_PRIVATE_H
#define PROXY_SETTINGS_CONFIG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/sink.h"
#include "base/slice.h"
#include "base/strbuf.h"
#include "proxy/settings/config.h"

/* --- config_ini.c --- */

/* What the text says, in its order. Slices live for the call. */
struct proxy_ini_ops {
	void (*section)(void *ctx, struct slice name, unsigned line);
	/* `continued`: an indented line that goes on with the setting before
	 * it. Comments and white space around are gone. */
	void (*setting)(void *ctx, const char *section, const char *name,
	    struct slice value, unsigned line, bool continued);
	void (*error)(void *ctx, unsigned line, const char *text);
};

void proxy_ini_read(struct slice text, const struct proxy_ini_ops *, void *ctx);

/* --- config_texts.c: what a configuration is read from --- */

struct proxy_config_texts;

/* Files; or, with `fd`, what proxy_config_texts_pack() put there: NULL and
 * the reason where it is not that. */
struct proxy_config_texts *proxy_config_texts_new(void);
struct proxy_config_texts *proxy_config_texts_unpack(
    int fd, struct strbuf *reason);
void proxy_config_texts_free(struct proxy_config_texts *);

/* The bytes of a file, read once and kept. 0, or -1 and the reason. */
int proxy_config_texts_read(struct proxy_config_texts *, const char *path,
    size_t most, struct slice *bytes, struct strbuf *reason);
/* Text at hand instead of a file's; copied. */
void proxy_config_texts_put(
    struct proxy_config_texts *, const char *name, struct slice bytes);
/* The first of them: NULL where there is none. */
const char *proxy_config_texts_name(const struct proxy_config_texts *);
/* All bytes of them, each text behind how many it has. */
void proxy_config_texts_write(const struct proxy_config_texts *, struct sink *);
/* A sealed memory file of them all: its descriptor, or -1 and errno. */
int proxy_config_texts_pack(const struct proxy_config_texts *);

/* --- config_values.c: one value into its field --- */

struct proxy_word {
	const char *word;
	unsigned value;
};

struct proxy_setting;
typedef int proxy_setter(const struct proxy_setting *, void *field,
    struct slice, struct strbuf *reason);

struct proxy_setting {
	const char *section; /* NULL: in that of every front */
	const char *name;
	proxy_setter *set;
	bool of_front; /* the offset is in proxy_front, not in proxy_config */
	size_t offset;
	const char *initial; /* NULL: empty, none */
	uint64_t least, most;
	const struct proxy_word *words;
	bool many; /* values between commas, lines repeated and continued */
};

/*
 * Each reads one value (not empty) into the field, or adds it there: 0, or
 * -1 and what is wrong with it. `words` end with a NULL.
 */
proxy_setter proxy_add_authserv_id, proxy_add_domain, proxy_add_field_name,
    proxy_add_listener, proxy_add_name, proxy_add_nameserver, proxy_add_network,
    proxy_add_origin, proxy_add_selector_name, proxy_add_string, proxy_set_bool,
    proxy_set_count, proxy_set_count_or_auto, proxy_set_domain,
    proxy_set_endpoint, proxy_set_flag, proxy_set_key_place, proxy_set_name,
    proxy_set_path, proxy_set_path_or_none, proxy_set_size, proxy_set_size64,
    proxy_set_text, proxy_set_time, proxy_set_word;

/* --- config_table.c: names, bounds, defaults --- */

#define PROXY_SETTINGS_MAX 128

/* One reading of one configuration. */
struct proxy_config_reading {
	struct proxy_config *config;
	struct proxy_config_texts *texts;
	struct proxy_report *report;
	const char *name; /* of the file, for "file:line" */
	/* Line that set it, by front (0 for what is of none) and by its place
	 * in the table; 0: none did. */
	unsigned seen[PROXY_FRONTS][PROXY_SETTINGS_MAX];
	/* `signature =` lines, to be parsed when the rest is known. */
	struct proxy_strings signatures;
	unsigned *signature_lines;
	bool known_section;
};

/* The table's rows, and the sections; NULL past the last one. */
const struct proxy_setting *proxy_config_setting_at(size_t);
/* May it stand in that section? */
bool proxy_config_setting_is_of(
    const struct proxy_setting *, const char *section);
const char *proxy_config_section_at(size_t);

void proxy_config_error(struct proxy_config_reading *, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void proxy_config_warn(struct proxy_config_reading *, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Reads the text into the configuration, then what it leaves out. */
void proxy_config_read_settings(struct proxy_config_reading *, struct slice);

/* The line that set it; 0 where none did. */
unsigned proxy_config_line(
    const struct proxy_config_reading *, const char *section, const char *name);

/* --- config_names.c: what a name was perhaps meant to be --- */

/* Adds ": did you mean keyfile?", ": it belongs to [dns]", what DKIMproxy's
 * option is here; or nothing. */
void proxy_config_guess_setting(
    const char *section, const char *name, struct strbuf *);
void proxy_config_guess_section(const char *name, struct strbuf *);

/* --- config.c --- */

void proxy_strings_add(struct proxy_strings *, struct slice);

/* --- config_check.c: what settings say of each other --- */

void proxy_config_cross_check(struct proxy_config_reading *);

#endif
