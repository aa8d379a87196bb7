/* Days and times of the tools, in UTC. */
#ifndef CLI_KIT_DAYS_H
#define CLI_KIT_DAYS_H

#include <stdint.h>

#include "base/strbuf.h"

enum { CLI_DAY = 86400 };

/* "2026-11-22" to its first second; 0, or -1 where it is no day. */
int cli_day_parse(const char *text, int64_t *day);

/* Adds "2026-11-22", "2026-11-22 10:15". */
void cli_day_print(int64_t seconds, struct strbuf *);
void cli_time_print(int64_t seconds, struct strbuf *);

#endif
