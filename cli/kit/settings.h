/* The configuration as a tool needs it: read, or told what is wrong. */
#ifndef CLI_KIT_SETTINGS_H
#define CLI_KIT_SETTINGS_H

#include "proxy/settings/config.h"

/*
 * Reads it; warnings and errors go to stderr, "signpost: file:line: text".
 * CLI_OK and *config (proxy_config_free() it); CLI_UNREADABLE where there is
 * no such file or it may not be read, CLI_CONFIG where it has errors, and
 * *config is NULL.
 */
int cli_config_load(const char *path, struct proxy_config **config);

/* The same for who tells in a way of his own: nothing goes to stderr but
 * that there is no such file, all else into the report. */
int cli_config_read(
    const char *path, struct proxy_config **config, struct proxy_report *);

/* Prints each line of a report's errors or warnings by `print`, which is
 * cli_error() or cli_warn(). */
void cli_config_tell(const struct strbuf *lines,
    void (*print)(const char *fmt, ...) __attribute__((format(printf, 1, 2))));

/* Adds " -c FILE", as a shell takes it, for commands that people are told;
 * nothing where it is the default. */
void cli_config_option(const char *path, struct strbuf *to);

#endif
