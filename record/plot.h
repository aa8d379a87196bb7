/* Stacked bars by hour as SVG, with their legend and a title for each bar. */
#ifndef RECORD_PLOT_H
#define RECORD_PLOT_H

#include <stdint.h>

#include "base/strbuf.h"

enum { RECORD_PLOT_HOURS = 24, RECORD_PLOT_SERIES_MAX = 4 };

struct record_plot {
	const char *title, *empty; /* `empty`: the text where all is zero */
	int64_t first_hour;	   /* seconds since 1970 */
	unsigned series;
	const char *names[RECORD_PLOT_SERIES_MAX];
	const char *classes[RECORD_PLOT_SERIES_MAX]; /* of the style sheet */
	uint64_t counts[RECORD_PLOT_SERIES_MAX][RECORD_PLOT_HOURS];
};

void record_plot_print(const struct record_plot *, struct strbuf *);

#endif
