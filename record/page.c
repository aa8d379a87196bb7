/* The status page; see page.h. */
#include "record/page.h"
#include "record/date.h"
#include "record/plot.h"
#include "record/xml.h"

enum { HOUR = 3600, ROWS_MAX = 100 };

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60em;"
    "padding:1.5em;color:#1d2433;background:#fff}"
    "h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:1.6em 0 .3em}"
    ".state{display:inline-block;padding:.15em .7em;border-radius:1em;"
    "font-weight:600}.well{background:#dff3e4;color:#14532d}"
    ".trouble{background:#fde2e1;color:#7f1d1d}"
    ".muted,.empty{color:#5b6475}"
    "dl{display:flex;flex-wrap:wrap;gap:.8em;margin:1.2em 0}"
    "dl div{border:1px solid #d8dce4;border-radius:.5em;padding:.6em 1em;"
    "min-width:8em}dt{color:#5b6475}dd{margin:0;font-size:1.5em;"
    "font-variant-numeric:tabular-nums}dd small{font-size:.5em;"
    "color:#5b6475;margin-left:.5em}"
    ".plot{width:100%;height:auto}.key{width:.8em;height:.8em;"
    "margin-right:.4em}.legend{margin:.2em 0}.legend span{margin-right:1.4em}"
    ".grid{stroke:#e3e6ec}.axis{fill:#5b6475;font-size:11px}"
    ".good{fill:#2f855a}.plain{fill:#a0aec0}.bad{fill:#c53030}"
    ".odd{fill:#d69e2e}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;"
    "padding:.3em .8em .3em 0;border-bottom:1px solid #e3e6ec}"
    "td:last-child,th:last-child{text-align:right;"
    "font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){body{background:#14181f;"
    "color:#e6e9ef}dl div,th,td{border-color:#323a48}.grid{stroke:#323a48}"
    ".muted,.empty,dt,dd small{color:#9aa4b5}.axis{fill:#9aa4b5}}";

/* --- the plots --- */

struct plots {
	struct record_plot out, in;
};

/* The series that a result of DMARC belongs to. */
static unsigned
dmarc_series(struct slice result)
{
	if (slice_equal(result, SLICE("pass")))
		return 0;
	if (slice_equal(result, SLICE("fail")))
		return 1;
	return slice_equal(result, SLICE("none")) ? 2 : 3;
}

static void
gather_hour(void *ctx, const struct record_tally *t)
{
	struct plots *plots = ctx;
	int64_t hour = (t->hour - plots->out.first_hour) / HOUR;
	uint64_t count = (uint64_t)t->count;
	bool out = slice_equal(t->direction, SLICE("out"));

	if (hour < 0 || hour >= RECORD_PLOT_HOURS)
		return;
	if (out && slice_equal(t->what, SLICE("message")))
		plots->out.counts[0][hour] += count;
	else if (out && slice_equal(t->what, SLICE("unsigned")))
		plots->out.counts[1][hour] += count;
	else if (!out && slice_equal(t->what, SLICE("dmarc")))
		plots->in.counts[dmarc_series(t->result)][hour] += count;
}

/* The messages that were counted as messages and as unsigned too. */
static void
take_unsigned_off(struct record_plot *out)
{
	for (unsigned hour = 0; hour < RECORD_PLOT_HOURS; hour++) {
		uint64_t bare = out->counts[1][hour];

		if (bare > out->counts[0][hour])
			out->counts[0][hour] = bare;
		out->counts[0][hour] -= bare;
	}
}

static int
print_plots(const struct record_page *page, int64_t from, struct strbuf *out)
{
	struct plots plots = {
	    .out = {.title = "Outbound messages by hour",
		.empty = "No message went out in the last day.",
		.first_hour = from,
		.series = 2,
		.names = {"signed", "unsigned"},
		.classes = {"good", "plain"}},
	    .in = {.title = "Inbound messages by hour and DMARC result",
		.empty = "No inbound message was checked in the last day.",
		.first_hour = from,
		.series = 4,
		.names = {"pass", "fail", "no policy", "error"},
		.classes = {"good", "bad", "plain", "odd"}},
	};

	if (record_store_by_hour(page->store, from, gather_hour, &plots) != 0)
		return -1;
	take_unsigned_off(&plots.out);
	record_plot_print(&plots.out, out);
	record_plot_print(&plots.in, out);
	return 0;
}

/* --- the table --- */

static void
print_cell(struct slice text, struct strbuf *out)
{
	(void)strbuf_add_str(out, "<td>");
	record_xml_escape(text, out);
	(void)strbuf_add_str(out, "</td>");
}

static void
print_row(void *ctx, const struct record_tally *t)
{
	struct strbuf *out = ctx;

	(void)strbuf_add_str(out, "<tr>");
	print_cell(t->direction, out);
	print_cell(t->domain, out);
	print_cell(t->what, out);
	print_cell(t->result, out);
	(void)strbuf_addf(out, "<td>%lld</td></tr>\n", (long long)t->count);
}

static int
print_table(const struct record_page *page, int64_t from, struct strbuf *out)
{
	int result;

	(void)strbuf_addf(out,
	    "<section><h2>By domain and result</h2>\n"
	    "<p class=muted>The %d largest of the last 24 hours.</p>\n"
	    "<table><thead><tr><th>Direction<th>Domain<th>Check<th>Result"
	    "<th>Messages</tr></thead><tbody>\n",
	    ROWS_MAX);
	result =
	    record_store_by_domain(page->store, from, ROWS_MAX, print_row, out);
	(void)strbuf_add_str(out, "</tbody></table></section>\n");
	return result;
}

/* --- the head --- */

static void
print_text(const char *text, struct strbuf *out)
{
	record_xml_escape(slice_str(text), out);
}

static void
print_head(const struct record_page *page, struct strbuf *out)
{
	(void)strbuf_addf(out,
	    "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
	    "<meta name=viewport content='width=device-width'>"
	    "<meta http-equiv=refresh content=60>"
	    "<title>signpost</title><style>%s</style></head><body>\n"
	    "<h1>signpost on ",
	    style);
	print_text(page->host, out);
	(void)strbuf_add_str(out, "</h1>\n<p>");
	if (page->trouble == NULL) {
		(void)strbuf_add_str(
		    out, "<span class='state well'>all is well</span>");
	} else {
		(void)strbuf_add_str(out, "<span class='state trouble'>");
		print_text(page->trouble, out);
		(void)strbuf_add_str(out, "</span>");
	}
	(void)strbuf_add_str(out, " <span class=muted>version ");
	print_text(page->version, out);
	(void)strbuf_add_str(out, ", ");
	(void)record_date_print(page->now, out);
	(void)strbuf_add_str(out, "</span></p>\n");
}

static void
print_figures(const struct record_page *page, struct strbuf *out)
{
	(void)strbuf_add_str(out, "<dl>\n");
	for (size_t i = 0; i < page->figure_count; i++) {
		const struct record_figure *f = &page->figures[i];

		(void)strbuf_add_str(out, "<div><dt>");
		print_text(f->label, out);
		(void)strbuf_addf(
		    out, "</dt><dd>%llu", (unsigned long long)f->value);
		if (f->note != NULL) {
			(void)strbuf_add_str(out, "<small>");
			print_text(f->note, out);
			(void)strbuf_add_str(out, "</small>");
		}
		(void)strbuf_add_str(out, "</dd></div>\n");
	}
	(void)strbuf_add_str(out, "</dl>\n");
}

int
record_page_print(const struct record_page *page, struct strbuf *out)
{
	int64_t from =
	    page->now - page->now % HOUR - (RECORD_PLOT_HOURS - 1) * HOUR;
	int result = 0;

	print_head(page, out);
	print_figures(page, out);
	if (page->store_trouble != NULL) {
		(void)strbuf_add_str(out,
		    "<p class=empty>Records of messages are lost, for the "
		    "results database cannot be used: ");
		print_text(page->store_trouble, out);
		(void)strbuf_add_str(out, "</p>\n");
	}
	if (page->store == NULL && page->store_trouble == NULL) {
		(void)strbuf_add_str(out,
		    "<p class=empty>Results by domain are not kept: set "
		    "<code>[results] database</code> to have them here.</p>\n");
	} else if (page->store == NULL) {
		result = -1;
	} else if (print_plots(page, from, out) != 0 ||
	    print_table(page, from, out) != 0) {
		(void)strbuf_add_str(out,
		    "<p class=empty>The results database does not "
		    "answer.</p>\n");
		result = -1;
	}
	(void)strbuf_add_str(out, "</body></html>\n");
	return out->full ? -1 : result;
}
