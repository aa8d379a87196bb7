/* Stacked bars by hour; see plot.h. */
#include "record/plot.h"

/* In the SVG's own units. */
enum {
	WIDTH = 720,
	HEIGHT = 190,
	LEFT = 52,
	TOP = 14,
	BOTTOM = 26,
	BAR_ROOM = (WIDTH - LEFT - 8) / RECORD_PLOT_HOURS,
	BAR = BAR_ROOM - 4,
	PLOT = HEIGHT - TOP - BOTTOM,
	GRID_LINES = 4
};

static unsigned
clock_hour(const struct record_plot *plot, unsigned hour)
{
	return (unsigned)((plot->first_hour / 3600 + hour) % 24);
}

static uint64_t
total_of(const struct record_plot *plot, unsigned hour)
{
	uint64_t sum = 0;

	for (unsigned s = 0; s < plot->series; s++)
		sum += plot->counts[s][hour];
	return sum;
}

/* The next of 4, 8, 20, 40, 80, 200 ...: its quarters are whole. */
static uint64_t
scale_of(uint64_t most)
{
	static const unsigned steps[] = {4, 8, 20};
	uint64_t factor = 1;

	for (int decade = 0; decade < 18; decade++, factor *= 10)
		for (unsigned i = 0; i < 3; i++)
			if (steps[i] * factor >= most)
				return steps[i] * factor;
	return most;
}

static double
height_of(uint64_t count, uint64_t scale)
{
	return (double)count / (double)scale * PLOT;
}

static void
print_grid(uint64_t scale, struct strbuf *out)
{
	for (unsigned i = 0; i <= GRID_LINES; i++) {
		unsigned y = TOP + PLOT - i * PLOT / GRID_LINES;

		(void)strbuf_addf(out,
		    "<line class=grid x1=%d x2=%d y1=%u y2=%u />"
		    "<text class=axis x=%d y=%u text-anchor=end>%llu</text>\n",
		    LEFT, WIDTH - 8, y, y, LEFT - 8, y + 4,
		    (unsigned long long)(scale / GRID_LINES * i));
	}
}

static void
print_bar(const struct record_plot *plot, unsigned hour, uint64_t scale,
    struct strbuf *out)
{
	unsigned x = LEFT + hour * BAR_ROOM + 2;
	double y = TOP + PLOT;

	(void)strbuf_addf(out, "<g><title>%02u:00 UTC", clock_hour(plot, hour));
	for (unsigned s = 0; s < plot->series; s++)
		(void)strbuf_addf(out, ", %s %llu", plot->names[s],
		    (unsigned long long)plot->counts[s][hour]);
	(void)strbuf_add_str(out, "</title>");
	for (unsigned s = 0; s < plot->series; s++) {
		double h = height_of(plot->counts[s][hour], scale);

		if (plot->counts[s][hour] == 0)
			continue;
		y -= h;
		(void)strbuf_addf(out,
		    "<rect class=%s x=%u y=%.1f width=%d height=%.1f />",
		    plot->classes[s], x, y, BAR, h);
	}
	(void)strbuf_add_str(out, "</g>\n");
	if (hour % 3 == 0)
		(void)strbuf_addf(out,
		    "<text class=axis x=%u y=%d>%02u:00</text>\n", x,
		    HEIGHT - 8, clock_hour(plot, hour));
}

static void
print_legend(const struct record_plot *plot, struct strbuf *out)
{
	(void)strbuf_add_str(out, "<p class=legend>");
	for (unsigned s = 0; s < plot->series; s++) {
		uint64_t sum = 0;

		for (unsigned hour = 0; hour < RECORD_PLOT_HOURS; hour++)
			sum += plot->counts[s][hour];
		(void)strbuf_addf(out,
		    "<svg class=key viewBox='0 0 10 10'>"
		    "<rect class=%s width=10 height=10 /></svg>"
		    "<span>%s %llu</span>\n",
		    plot->classes[s], plot->names[s], (unsigned long long)sum);
	}
	(void)strbuf_add_str(out, "</p>\n");
}

void
record_plot_print(const struct record_plot *plot, struct strbuf *out)
{
	uint64_t most = 0, scale;

	for (unsigned hour = 0; hour < RECORD_PLOT_HOURS; hour++)
		if (total_of(plot, hour) > most)
			most = total_of(plot, hour);
	(void)strbuf_addf(out, "<section><h2>%s</h2>\n", plot->title);
	if (most == 0) {
		(void)strbuf_addf(
		    out, "<p class=empty>%s</p></section>\n", plot->empty);
		return;
	}
	scale = scale_of(most);
	print_legend(plot, out);
	(void)strbuf_addf(out,
	    "<svg class=plot viewBox='0 0 %d %d' role=img aria-label='%s'>\n",
	    WIDTH, HEIGHT, plot->title);
	print_grid(scale, out);
	for (unsigned hour = 0; hour < RECORD_PLOT_HOURS; hour++)
		print_bar(plot, hour, scale, out);
	(void)strbuf_add_str(out, "</svg></section>\n");
}
