/*
 * Stacked bars of a period as SVG, with their legend and a title for each bar.
 * The words stand beside the SVG, not in it: it is stretched to whatever width
 * there is, and they stay as large as they are.
 */
#ifndef RECORD_PLOT_H
#define RECORD_PLOT_H

#include <stdint.h>

#include "base/strbuf.h"

enum { RECORD_PLOT_BARS = 24, RECORD_PLOT_SERIES_MAX = 4 };

struct record_plot {
	const char *title, *empty; /* `empty`: the text where all is zero */
	int64_t first_hour;	   /* seconds since 1970 */
	unsigned hours;		   /* of each bar */
	unsigned bars, series;
	const char *names[RECORD_PLOT_SERIES_MAX];
	const char *classes[RECORD_PLOT_SERIES_MAX]; /* of the style sheet */
	uint64_t counts[RECORD_PLOT_SERIES_MAX][RECORD_PLOT_BARS];
};

void record_plot_print(const struct record_plot *, struct strbuf *);

#endif
