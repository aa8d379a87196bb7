/* Stacked bars of a period; see plot.h. */
#include <stdbool.h>
#include <time.h>

#include "record/plot.h"

/* In the SVG's own units, which are stretched. */
enum {
	BAR_ROOM = 10,
	BAR = 8,
	HEIGHT = 100,
	GRID_LINES = 4,
	HOUR = 3600,
	LABELS_DAY = 8, /* "15:00" */
	LABELS_MORE = 6 /* "29 15h" */
};

static int64_t
begin_of(const struct record_plot *plot, unsigned bar)
{
	return plot->first_hour + (int64_t)bar * plot->hours * HOUR;
}

static unsigned
clock_hour(int64_t seconds)
{
	return (unsigned)(seconds / HOUR % 24);
}

/* The day of the month. */
static unsigned
day_of(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm utc;

	return gmtime_r(&t, &utc) == NULL ? 0 : (unsigned)utc.tm_mday;
}

static uint64_t
total_of(const struct record_plot *plot, unsigned bar)
{
	uint64_t sum = 0;

	for (unsigned s = 0; s < plot->series; s++)
		sum += plot->counts[s][bar];
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

static void
print_legend(const struct record_plot *plot, struct strbuf *out)
{
	strbuf_add_str(out, "<p class=legend>");
	for (unsigned s = 0; s < plot->series; s++) {
		uint64_t sum = 0;

		for (unsigned bar = 0; bar < plot->bars; bar++)
			sum += plot->counts[s][bar];
		strbuf_addf(out,
		    "<span><svg class=key viewBox='0 0 10 10'>"
		    "<rect class=%s width=10 height=10 /></svg>"
		    "%s %llu</span>\n",
		    plot->classes[s], plot->names[s], (unsigned long long)sum);
	}
	strbuf_add_str(out, "</p>\n");
}

void
record_plot_print(const struct record_plot *plot, struct strbuf *out)
{
	uint64_t most = 0, scale;
	bool days;
	unsigned labels, step;

	for (unsigned bar = 0; bar < plot->bars; bar++)
		if (total_of(plot, bar) > most)
			most = total_of(plot, bar);
	strbuf_addf(out, "<section><h2>%s</h2>\n", plot->title);
	if (most == 0) {
		strbuf_addf(
		    out, "<p class=empty>%s</p></section>\n", plot->empty);
		return;
	}
	scale = scale_of(most);
	print_legend(plot, out);
	strbuf_add_str(out, "<div class=plot>");
	strbuf_add_str(out, "<div class=up>");
	for (unsigned i = GRID_LINES + 1; i-- > 0;)
		strbuf_addf(out, "<span class=axis>%llu</span>",
		    (unsigned long long)(scale / GRID_LINES * i));
	strbuf_add_str(out, "</div>\n");
	strbuf_addf(out,
	    "<svg class=bars viewBox='0 0 %u %d' preserveAspectRatio=none "
	    "role=img aria-label='%s'>\n",
	    plot->bars * BAR_ROOM, HEIGHT, plot->title);
	for (unsigned i = 0; i <= GRID_LINES; i++)
		strbuf_addf(out, "<line class=grid x1=0 x2=%u y1=%u y2=%u />",
		    plot->bars * BAR_ROOM, i * HEIGHT / GRID_LINES,
		    i * HEIGHT / GRID_LINES);
	for (unsigned bar = 0; bar < plot->bars; bar++) {
		int64_t begin = begin_of(plot, bar);
		double y = HEIGHT;

		strbuf_addf(out, "<g><title>the %u., %02u:00 UTC",
		    day_of(begin), clock_hour(begin));
		if (plot->hours > 1)
			strbuf_addf(out, " and %u h on", plot->hours);
		for (unsigned s = 0; s < plot->series; s++)
			strbuf_addf(out, ", %s %llu", plot->names[s],
			    (unsigned long long)plot->counts[s][bar]);
		strbuf_add_str(out, "</title>");
		for (unsigned s = 0; s < plot->series; s++) {
			double h = (double)plot->counts[s][bar] /
			    (double)scale * HEIGHT;

			if (plot->counts[s][bar] == 0)
				continue;
			y -= h;
			strbuf_addf(out,
			    "<rect class=%s x=%u y=%.1f width=%d height=%.1f "
			    "/>",
			    plot->classes[s], bar * BAR_ROOM + 1, y, BAR, h);
		}
		strbuf_add_str(out, "</g>\n");
	}
	strbuf_add_str(out, "</svg>\n");
	/* Each label takes as much of the width as the bars that it stands
	 * below. */
	days = plot->bars * plot->hours > 24;
	labels = days ? LABELS_MORE : LABELS_DAY;
	step = (plot->bars + labels - 1) / labels;
	strbuf_add_str(out, "<div class=along>");
	for (unsigned bar = 0; bar < plot->bars; bar += step) {
		int64_t begin = begin_of(plot, bar);
		unsigned width =
		    plot->bars - bar < step ? plot->bars - bar : step;

		strbuf_addf(out, "<span class=axis style='flex:%u'>", width);
		if (width == step && days)
			strbuf_addf(
			    out, "%u %02uh", day_of(begin), clock_hour(begin));
		else if (width == step)
			strbuf_addf(out, "%02u:00", clock_hour(begin));
		strbuf_add_str(out, "</span>");
	}
	strbuf_add_str(out, "</div>\n");
	strbuf_add_str(out, "</div></section>\n");
}
