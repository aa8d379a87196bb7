/* The status page; see page.h. */
#include <inttypes.h>
#include <time.h>

#include "base/escape.h"
#include "base/number.h"
#include "record/page_private.h"
#include "record/plot.h"
#include "record/store_page.h"
#include "record/xml.h"

enum { HOUR = 3600, MINUTE = 60 };

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60em;"
    "padding:1.5em;color:#1d2433;background:#fff;overflow-wrap:anywhere}"
    "h1{font-size:1.4em;margin:0 0 .4em}"
    "h2{font-size:1.1em;margin:1.6em 0 .3em}"
    "h3{font-size:1em;margin:.8em 0 0}"
    "h3 small{font-weight:400;margin-left:.5em}"
    "a{color:#1a56b0}p{margin:.4em 0}"
    ".state{display:inline-block;padding:.15em .7em;border-radius:1em;"
    "font-weight:600}.well{background:#dff3e4;color:#14532d}"
    ".attention{background:#fdf0cf;color:#713f0b}"
    ".trouble{background:#fde2e1;color:#7f1d1d}"
    ".causes{list-style:none;margin:.6em 0;padding:0}"
    ".causes li{border-left:.3em solid #d69e2e;padding:.1em .7em;"
    "margin:.3em 0}.causes .stops{border-color:#c53030}"
    ".muted,.empty,h3 small{color:#5b6475}"
    ".cards{display:grid;gap:.6em;margin:.6em 0;"
    "grid-template-columns:repeat(auto-fill,minmax(7.5em,1fr))}"
    ".cards div{border:1px solid #d8dce4;border-radius:.5em;"
    "padding:.4em .8em}.cards dt{color:#5b6475}"
    ".cards dd{margin:0;font-size:1.5em;font-variant-numeric:tabular-nums}"
    ".cards small{display:block;font-size:.55em;color:#5b6475}"
    ".cards .warn{border-color:#d69e2e}"
    ".looks{list-style:none;padding:0}.looks li{border-bottom:1px solid "
    "#e3e6ec;padding:.5em 0}.failed{color:#b42323;font-weight:600}"
    ".tag{font-size:12px;border:1px solid #d8dce4;border-radius:.4em;"
    "padding:0 .4em;color:#5b6475}"
    ".plot{display:grid;grid-template-columns:auto 1fr;gap:.2em .5em}"
    ".bars{width:100%;height:10em;display:block}"
    ".up{display:flex;flex-direction:column;justify-content:space-between;"
    "text-align:right;margin:-.5em 0}"
    ".along{grid-column:2;display:flex;overflow:hidden}"
    ".along span{min-width:0;white-space:nowrap}"
    ".axis{color:#5b6475;font-size:11.5px;line-height:1em}"
    ".key{width:.8em;height:.8em;margin-right:.4em}"
    ".legend span{margin-right:1.2em;white-space:nowrap}"
    ".grid{stroke:#e3e6ec;vector-effect:non-scaling-stroke}"
    ".share{display:block;width:100%;max-width:22em;height:.35em;"
    "margin:.25em 0}"
    ".good{fill:#2f855a}.plain{fill:#a0aec0}.bad{fill:#c53030}"
    ".odd{fill:#d69e2e}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:right;"
    "padding:.3em 0 .3em .5em;border-bottom:1px solid #e3e6ec;"
    "font-variant-numeric:tabular-nums;vertical-align:top;"
    "overflow-wrap:normal}"
    "td:first-child,th:first-child{text-align:left;padding-left:0;"
    "overflow-wrap:anywhere}"
    "th{font-weight:600;font-size:.85em}"
    "@media(max-width:30em){body{padding:1em}td,th{padding-left:.35em;"
    "font-size:13px}th{font-size:12px}}"
    "@media(prefers-color-scheme:dark){body{background:#14181f;"
    "color:#e6e9ef}a{color:#8ab4f8}"
    ".cards div,th,td,.looks li,.tag{border-color:#323a48}"
    ".cards .warn{border-color:#d69e2e}"
    ".grid{stroke:#323a48}.failed{color:#ff8f85}"
    ".well{background:#123b22;color:#b7ebc6}"
    ".attention{background:#4a3408;color:#ffe2a0}"
    ".trouble{background:#551a18;color:#ffc9c5}"
    ".good{fill:#48a878}.bad{fill:#e5655f}.plain{fill:#66738a}"
    ".muted,.empty,h3 small,.cards dt,.cards small,.axis,.tag{color:#9aa4b5}}";

/* --- what a stranger wrote --- */

/* What turns the direction of writing or is not seen would have a name look
 * like another one: U+0080 to U+009F, U+061C, U+200B to U+200F, U+2028 to
 * U+202E, U+2060 to U+206F, U+FEFF; and DEL. */
static bool
deceives(struct slice c)
{
	unsigned char a = (unsigned char)c.p[0];
	unsigned char b = c.n > 1 ? (unsigned char)c.p[1] : 0;
	unsigned char d = c.n > 2 ? (unsigned char)c.p[2] : 0;

	if (c.n == 1)
		return a < 0x20 || a == 0x7f;
	if (c.n == 2)
		return (a == 0xc2 && b < 0xa0) || (a == 0xd8 && b == 0x9c);
	if (c.n != 3)
		return false;
	return (a == 0xe2 && b == 0x80 &&
		   ((d >= 0x8b && d <= 0x8f) || (d >= 0xa8 && d <= 0xae))) ||
	    (a == 0xe2 && b == 0x81 && d >= 0xa0 && d <= 0xaf) ||
	    (a == 0xef && b == 0xbb && d == 0xbf);
}

/* What is no UTF-8 goes on octet by octet, so that no text stops the loop. */
static size_t
character(struct slice text)
{
	size_t n = escape_utf8_length(text);

	return n == 0 ? 1 : n;
}

void
record_page_text(struct slice text, struct strbuf *out)
{
	while (text.n > 0) {
		struct slice c = slice_first(text, character(text));

		if (deceives(c))
			/* U+FFFD in its place: something was here, and is not
			 * shown. */
			strbuf_add_str(out, "\xef\xbf\xbd");
		else
			record_xml_escape(c, out);
		text = slice_after(text, c.n);
	}
}

/* The bytes of so many characters. */
static size_t
bytes_of(struct slice text, size_t characters)
{
	struct slice rest = text;

	while (characters-- > 0 && rest.n > 0)
		rest = slice_after(rest, character(rest));
	return text.n - rest.n;
}

/* Both ends stay: the organization is at the end of a domain, the host at its
 * beginning. */
void
record_page_name(struct slice name, const char *nameless, struct strbuf *out)
{
	size_t length = 0, half = RECORD_PAGE_NAME_SHOWN / 2;
	struct slice rest = name;

	for (; rest.n > 0; length++)
		rest = slice_after(rest, character(rest));
	if (length == 0) {
		strbuf_addf(out, "<em>%s</em>", nameless);
		return;
	}
	if (length <= RECORD_PAGE_NAME_SHOWN) {
		record_page_text(name, out);
		return;
	}
	strbuf_add_str(out, "<span title='");
	record_page_text(name, out);
	strbuf_add_str(out, "'>");
	record_page_text(slice_first(name, bytes_of(name, half)), out);
	strbuf_add_str(out, "&hellip;");
	record_page_text(slice_after(name, bytes_of(name, length - half)), out);
	strbuf_add_str(out, "</span>");
}

static void
print_page_text(const char *text, struct strbuf *out)
{
	record_page_text(slice_str(text), out);
}

/* Shares that do not add up are drawn all the same: counters are not read in
 * one instant. */
void
record_page_bar(int64_t good, int64_t bad, int64_t all, struct strbuf *out)
{
	double pass, fail;

	if (all < good + bad)
		all = good + bad;
	if (all <= 0)
		return;
	pass = (double)good / (double)all * 100;
	fail = (double)bad / (double)all * 100;
	strbuf_addf(out,
	    "<svg class=share viewBox='0 0 100 1' preserveAspectRatio=none>"
	    "<title>%" PRId64 " pass, %" PRId64 " fail, of %" PRId64
	    "</title><rect class=plain width=100 height=1 />"
	    "<rect class=good width=%.1f height=1 />"
	    "<rect class=bad x=%.1f width=%.1f height=1 /></svg>",
	    good, bad, all, pass, pass, fail);
}

/* --- what the query asks for --- */

/* The query is whatever somebody types: what is not known is passed over, what
 * is out of bounds has the default. */
struct record_page_wish
record_page_wish(struct slice query)
{
	struct record_page_wish wish = {.hours = RECORD_PAGE_HOURS};
	struct slice piece;
	uint64_t hours;

	while (query.n > 0 && slice_cut(&query, '&', &piece)) {
		if (slice_equal(piece, SLICE("sort=fail")))
			wish.by_failures = true;
		else if (slice_equal(slice_first(piece, 3), SLICE("all")) &&
		    (piece.n == 3 || piece.p[3] == '='))
			wish.all = true;
		else if (slice_equal(slice_first(piece, 6), SLICE("hours=")) &&
		    number_parse(slice_after(piece, 6), RECORD_PAGE_HOURS_MAX,
			&hours) == 0 &&
		    hours > 0)
			wish.hours = (unsigned)hours;
	}
	return wish;
}

/* --- the head --- */

/* "2026-11-29 12:00:00" */
static void
print_time(int64_t seconds, struct strbuf *out)
{
	time_t t = (time_t)seconds;
	struct tm utc;

	if (gmtime_r(&t, &utc) != NULL)
		strbuf_addf(out, "%d-%02d-%02d %02d:%02d:%02d",
		    utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
		    utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/* --- cards and plots: what the hours say --- */

enum card {
	CARD_SIGNED,
	CARD_UNSIGNED,
	CARD_OUT_REFUSED,
	CARD_OUT_DEFERRED,
	CARD_PASSED,
	CARD_FAILED,
	CARD_IN_REFUSED,
	CARD_IN_DEFERRED,
	CARD_NO_POLICY,
	CARDS
};

struct hours {
	int64_t from, before; /* of the period, and of the one before it */
	unsigned bar_hours;
	uint64_t now[CARDS], then[CARDS];
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

/* The card that a tally belongs to; CARDS for none. */
static enum card
card_of(const struct record_tally *t)
{
	static const enum card dmarc[] = {
	    CARD_PASSED, CARD_FAILED, CARD_NO_POLICY, CARDS};
	bool out = slice_equal(t->direction, SLICE("out"));

	if (slice_equal(t->what, SLICE("outgoing")))
		return slice_equal(t->result, SLICE("signed")) ? CARD_SIGNED
							       : CARD_UNSIGNED;
	if (slice_equal(t->what, SLICE("dmarc")))
		return dmarc[dmarc_series(t->result)];
	if (!slice_equal(t->what, SLICE("message")))
		return CARDS;
	if (slice_equal(t->result, SLICE("rejected")))
		return out ? CARD_OUT_REFUSED : CARD_IN_REFUSED;
	if (slice_equal(t->result, SLICE("deferred")))
		return out ? CARD_OUT_DEFERRED : CARD_IN_DEFERRED;
	return CARDS;
}

/* Two periods are gathered in one pass: what was before stands in small beside
 * each figure, for a number alone says little. */
static void
gather_hour(void *ctx, const struct record_tally *t)
{
	struct hours *h = ctx;
	enum card card = card_of(t);
	int64_t bar = (t->hour - h->from) / HOUR / h->bar_hours;
	uint64_t count = (uint64_t)t->count;

	if (t->hour >= h->from && bar < RECORD_PLOT_BARS) {
		switch (card_of(t)) {
		case CARD_SIGNED:
			h->out.counts[0][bar] += count;
			break;
		case CARD_UNSIGNED:
			h->out.counts[1][bar] += count;
			break;
		case CARD_OUT_DEFERRED:
			h->out.counts[2][bar] += count;
			break;
		default:
			if (slice_equal(t->what, SLICE("dmarc")))
				h->in.counts[dmarc_series(t->result)][bar] +=
				    count;
		}
	}
	if (card == CARDS)
		return;
	if (t->hour >= h->from)
		h->now[card] += (uint64_t)t->count;
	else
		h->then[card] += (uint64_t)t->count;
}

static void
print_card(const struct hours *h, enum card card, const char *label,
    struct strbuf *out)
{
	bool is_bad = card != CARD_SIGNED && card != CARD_PASSED;

	strbuf_addf(out,
	    "<div%s><dt>%s</dt><dd>%llu<small>%llu before</small></dd></div>\n",
	    is_bad && h->now[card] > 0 ? " class=warn" : "", label,
	    (unsigned long long)h->now[card],
	    (unsigned long long)h->then[card]);
}

static struct hours
hours_of(const struct record_page *page)
{
	unsigned hours = page->wish.hours;
	unsigned of_bar = (hours + RECORD_PLOT_BARS - 1) / RECORD_PLOT_BARS;
	int64_t from =
	    page->now - page->now % HOUR - (int64_t)(hours - 1) * HOUR;
	unsigned bars = (hours + of_bar - 1) / of_bar;

	return (struct hours){
	    .from = from,
	    .before = from - (int64_t)hours * HOUR,
	    .bar_hours = of_bar,
	    .out = {.title = "Mail out by hour",
		.empty = "No mail went out.",
		.first_hour = from,
		.hours = of_bar,
		.bars = bars,
		.series = 3,
		.names = {"signed", "unsigned", "deferred"},
		.classes = {"good", "plain", "odd"}},
	    .in = {.title = "Mail in by hour and DMARC result",
		.empty = "No mail came in.",
		.first_hour = from,
		.hours = of_bar,
		.bars = bars,
		.series = 4,
		.names = {"pass", "fail", "no policy", "error"},
		.classes = {"good", "bad", "plain", "odd"}},
	};
}

static int
print_page_results(const struct record_page *page, struct strbuf *out)
{
	struct hours hours = hours_of(page);
	struct strbuf list;
	int result;

	if (record_store_hours(
		page->store, hours.before, gather_hour, &hours) != 0)
		return -1;
	strbuf_addf(out,
	    "<section><h2>The last %u hours</h2>\n<p class=muted>In small: the "
	    "%u hours before.</p>\n",
	    page->wish.hours, page->wish.hours);
	if (page->out) {
		strbuf_add_str(out, "<h3>Out</h3><dl class=cards>\n");
		print_card(&hours, CARD_SIGNED, "signed", out);
		print_card(&hours, CARD_UNSIGNED, "unsigned", out);
		if (hours.now[CARD_OUT_REFUSED] + hours.then[CARD_OUT_REFUSED] >
		    0)
			print_card(&hours, CARD_OUT_REFUSED, "refused", out);
		print_card(&hours, CARD_OUT_DEFERRED, "deferred", out);
		strbuf_add_str(out, "</dl>\n");
	}
	if (page->in) {
		strbuf_add_str(out,
		    "<h3>In <small>passed, failed: DMARC</small></h3><dl "
		    "class=cards>\n");
		print_card(&hours, CARD_PASSED, "passed", out);
		print_card(&hours, CARD_FAILED, "failed", out);
		if (hours.now[CARD_NO_POLICY] + hours.then[CARD_NO_POLICY] > 0)
			print_card(&hours, CARD_NO_POLICY, "no policy", out);
		print_card(&hours, CARD_IN_REFUSED, "refused", out);
		print_card(&hours, CARD_IN_DEFERRED, "deferred", out);
		strbuf_add_str(out, "</dl>\n");
	}
	strbuf_add_str(out, "</section>\n");
	/* Printed to the side: the domains are looked up before the plots, and
	 * stand below them. */
	strbuf_init(&list, out->cap);
	result = record_page_domains(page, hours.from, out, &list);
	if (page->out)
		record_plot_print(&hours.out, out);
	if (page->in)
		record_plot_print(&hours.in, out);
	strbuf_add(out, strbuf_slice(&list));
	out->full |= list.full;
	strbuf_clear(&list);
	return result;
}

int
record_page_results(const struct record_page *page, struct strbuf *out)
{
	size_t before = out->n;

	if (page->store == NULL && !page->wanted) {
		strbuf_add_str(out,
		    "<p class=empty>What becomes of mail is not kept: set "
		    "<code>[results] database</code> to see it here.</p>\n");
		return 0;
	}
	if (page->store != NULL && print_page_results(page, out) == 0)
		return 0;
	/* No half of a page: what was printed before the fault would be taken
	 * for all. */
	strbuf_truncate(out, before);
	strbuf_add_str(out,
	    "<p class=empty>The results database does not answer, or not in "
	    "time: then a shorter period may do.</p>\n");
	return -1;
}

int
record_page_print(
    const struct record_page *page, struct slice results, struct strbuf *out)
{
	int64_t up;
	static const struct {
		const char *class, *text;
	} states[] = {
	    [RECORD_PAGE_WELL] = {"well", "all is well"},
	    [RECORD_PAGE_ATTENTION] = {"attention", "attention"},
	    [RECORD_PAGE_TROUBLE] = {"trouble", "trouble"},
	};
	static const struct {
		unsigned hours;
		const char *text;
	} periods[] = {{24, "24 hours"}, {48, "48 hours"}, {168, "7 days"}};

	strbuf_addf(out,
	    "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
	    "<meta name=viewport content='width=device-width,"
	    "initial-scale=1'>"
	    "<meta name=color-scheme content='light dark'>"
	    "<meta http-equiv=refresh content=60>"
	    "<title>signpost on ");
	print_page_text(page->host, out);
	strbuf_addf(out, "</title><style>%s</style></head><body>\n", style);
	strbuf_add_str(out, "<h1>signpost on ");
	record_page_name(slice_str(page->host), "", out);
	strbuf_add_str(out, "</h1>\n");
	strbuf_addf(out, "<p><span class='state %s'>%s</span></p>\n",
	    states[page->state].class, states[page->state].text);
	if (page->cause_count != 0) {
		strbuf_add_str(out, "<ul class=causes>\n");
		for (size_t i = 0; i < page->cause_count; i++) {
			strbuf_addf(out, "<li%s><b>",
			    page->causes[i].stops ? " class=stops" : "");
			print_page_text(page->causes[i].part, out);
			strbuf_add_str(out, "</b>: ");
			print_page_text(page->causes[i].text, out);
			strbuf_add_str(out, "</li>\n");
		}
		strbuf_add_str(out, "</ul>\n");
	}
	up = (page->now - page->started) / MINUTE;
	strbuf_add_str(out, "<p class=muted>Up since ");
	print_time(page->started, out);
	if (up >= 0)
		strbuf_addf(out,
		    " (%" PRId64 " d %" PRId64 " h %" PRId64 " min)",
		    up / (24 * 60), up / 60 % 24, up % 60);
	strbuf_add_str(out, ", version ");
	print_page_text(page->version, out);
	strbuf_add_str(out, ". Now it is ");
	print_time(page->now, out);
	strbuf_add_str(out, "; all times are UTC.</p>\n");
	strbuf_add_str(out, "<p>");
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++)
		if (periods[i].hours == page->wish.hours)
			strbuf_addf(
			    out, "<b>%s</b> &middot; ", periods[i].text);
		else
			strbuf_addf(out, "<a href='?hours=%u'>%s</a> &middot; ",
			    periods[i].hours, periods[i].text);
	strbuf_add_str(out,
	    "<a href='/health?verbose'>health</a> &middot; "
	    "<a href='/metrics'>figures</a></p>\n");
	strbuf_add(out, results);
	strbuf_add_str(out, "</body></html>\n");
	return out->full ? -1 : 0;
}
