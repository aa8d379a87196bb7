/* The master in JSON; see master_state.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "proxy/figures/state.h"
#include "proxy/keys/selectors_known.h"
#include "proxy/process/build_id.h"
#include "proxy/process/control.h"
#include "proxy/process/master_private.h"
#include "proxy/process/master_state.h"
#include "proxy/process/worker.h"

/* Octets: that JSON makes of one, at most; left of an answer's room for what
 * closes it; of a text of ours. */
enum { ESCAPED_MOST = 6, CLOSING_ROOM = 128, TEXT_MAX = 4096 };

static void
print_text(const char *name, const char *text, struct strbuf *to)
{
	strbuf_addf(to, "\"%s\":", name);
	escape_json(slice_first(slice_str(text), TEXT_MAX), to);
}

/* Without the brace that closes it. */
static void
print_program(struct strbuf *to)
{
	strbuf_add_str(to, "{\"version\":\"" PROXY_VERSION "\",\"build\":\"");
	proxy_build_id(to);
	strbuf_addf(to, "\",\"pid\":%ld", (long)getpid());
}

void
proxy_master_print_version(struct strbuf *to)
{
	print_program(to);
	strbuf_add_str(to, "}\n");
}

static void
print_worker(const struct proxy_seat *seat, struct strbuf *to)
{
	int64_t since = clock_wall_s() - (clock_s() - seat->since);
	const char *state = seat->generation->leaving ? "leaving"
	    : seat->state == PROXY_SEAT_STARTING      ? "starting"
						      : "serving";

	strbuf_addf(to,
	    "%s{\"role\":\"%s\",\"pid\":%ld,\"state\":\"%s\",\"generation\":"
	    "%llu,\"since\":%lld,\"silent\":%u}",
	    to->p[to->n - 1] == '[' ? "" : ",", proxy_role_name(seat->role),
	    (long)seat->pid, state,
	    (unsigned long long)seat->generation->number, (long long)since,
	    seat->silent * PROXY_WORKER_TICK_S);
}

static bool
is_silent(const struct proxy_seat *seat)
{
	return seat->state != PROXY_SEAT_EMPTY &&
	    seat->silent >= PROXY_STATE_SILENT_ROUNDS;
}

/* Its generation serves, and nobody sits there. */
static bool
is_missing(const struct proxy_seat *seat)
{
	return seat->state == PROXY_SEAT_EMPTY &&
	    seat->generation == seat->generation->master->serving;
}

static bool
is_process(const struct proxy_seat *seat)
{
	return seat->state != PROXY_SEAT_EMPTY;
}

static void
print_role(const struct proxy_seat *seat, struct strbuf *to)
{
	strbuf_addf(to, "%s\"%s\"", to->p[to->n - 1] == '[' ? "" : ",",
	    proxy_role_name(seat->role));
}

static void
print_pid(const struct proxy_seat *seat, struct strbuf *to)
{
	strbuf_addf(
	    to, "%s%ld", to->p[to->n - 1] == '[' ? "" : ",", (long)seat->pid);
}

struct list {
	const char *name;
	bool (*belongs)(const struct proxy_seat *);
	void (*print)(const struct proxy_seat *, struct strbuf *);
};

/* PROXY_SHARED_SLOTS bounds how many there are, and all of them have room. */
static void
print_list(const struct proxy_master *master, const struct list *list,
    struct strbuf *to)
{
	const struct proxy_generation *g;

	strbuf_addf(to, ",\"%s\":[", list->name);
	TAILQ_FOREACH (g, &master->generations, link)
		for (size_t i = 0; i < g->seat_count; i++)
			if (list->belongs(&g->seats[i]))
				list->print(&g->seats[i], to);
	strbuf_add_char(to, ']');
}

void
proxy_master_print_state(const struct proxy_master *master, struct strbuf *to)
{
	static const struct list lists[] = {
	    {"workers", is_process, print_worker},
	    {"missing", is_missing, print_role},
	    {"silent", is_silent, print_pid},
	};
	const struct proxy_config *config;
	static const char *const words[] = {
	    [PROXY_RELOAD_NONE] = "none",
	    [PROXY_RELOAD_RUNNING] = "running",
	    [PROXY_RELOAD_DONE] = "done",
	    [PROXY_RELOAD_REFUSED] = "refused",
	};
	const struct proxy_master_history *history;
	struct proxy_selectors_counts counts;

	print_program(to);
	strbuf_addf(to, ",\"started\":%lld,\"generation\":%llu",
	    (long long)master->history.started,
	    (unsigned long long)master->history.generation);
	config = master->serving == NULL ? NULL : master->serving->config;
	strbuf_add_str(to, ",\"configuration\":{");
	print_text("path", master->path, to);
	if (config != NULL) {
		strbuf_add_str(to, ",\"stamp\":\"");
		proxy_config_stamp(config, to);
		strbuf_addf(
		    to, "\",\"read\":%lld", (long long)master->history.read_at);
	}
	strbuf_add_char(to, '}');
	history = &master->history;
	strbuf_addf(
	    to, ",\"reload\":{\"result\":\"%s\"", words[history->reload]);
	if (history->reload != PROXY_RELOAD_NONE)
		strbuf_addf(to, ",\"at\":%lld", (long long)history->reload_at);
	if (history->reload == PROXY_RELOAD_REFUSED) {
		strbuf_add_char(to, ',');
		print_text("why", history->why, to);
	}
	strbuf_add_char(to, '}');
	counts = proxy_selectors_known_counts(master->selectors);
	strbuf_addf(to,
	    ",\"keys\":{\"published\":%llu,\"lost\":%llu,\"staged\":%llu}",
	    (unsigned long long)counts.published,
	    (unsigned long long)counts.lost, (unsigned long long)counts.staged);
	strbuf_addf(to, ",\"stopping\":%s",
	    master->state == PROXY_MASTER_STOPPING ? "true" : "false");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		print_list(master, &lists[i], to);
	strbuf_add_str(to, "}\n");
}

/* --- what became of a reload --- */

static void
add_texts(struct slice lines, struct slice kind, struct strbuf *to)
{
	struct slice line;
	const char *between = "";

	while (lines.n > 0 && slice_cut(&lines, '\n', &line)) {
		size_t colon = slice_search(line, SLICE(": "));

		if (!slice_equal(slice_first(line, colon), kind))
			continue;
		line = slice_after(line, colon + 2);
		if (to->n + ESCAPED_MOST * line.n + CLOSING_ROOM > to->cap)
			return;
		strbuf_add_str(to, between);
		escape_json(line, to);
		between = ",";
	}
}

void
proxy_master_print_outcome(
    const char *outcome, struct slice lines, struct strbuf *to)
{
	strbuf_addf(to, "{\"reload\":\"%s\",\"errors\":[", outcome);
	add_texts(lines, SLICE("error"), to);
	strbuf_add_str(to, "],\"warnings\":[");
	add_texts(lines, SLICE("warning"), to);
	strbuf_add_str(to, "]}\n");
}
