/*
 * How is it going; see state.h. A line says trouble only of what an operator
 * can and should do something about. Nothing in it is at a stranger's command,
 * or a stranger could have somebody woken at night.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/escape.h"
#include "proxy/figures/state.h"

/* The last minutes: where all of so many messages went wrong, mail stops. One
 * in twenty put off in an hour wants somebody. */
enum {
	LATE_S = 300,
	LATE_SIGNED_LEAST = 3,
	LATE_DEFERRED_LEAST = 5,
	DEFERRED_ONE_IN = 20
};

void
proxy_state_add(struct proxy_state *state, enum proxy_state_level level,
    const char *part, const char *fmt, ...)
{
	struct proxy_state_line *line = &state->lines[state->count];
	va_list args;

	if (state->count == PROXY_STATE_LINES_MAX)
		return;
	state->count++;
	line->level = level;
	(void)snprintf(line->part, sizeof(line->part), "%s", part);
	va_start(args, fmt);
	(void)vsnprintf(line->text, sizeof(line->text), fmt, args);
	va_end(args);
}

enum proxy_state_level
proxy_state_worst(const struct proxy_state *state)
{
	enum proxy_state_level worst = PROXY_STATE_OK;

	for (size_t i = 0; i < state->count; i++)
		if (state->lines[i].level > worst)
			worst = state->lines[i].level;
	return worst;
}

/* --- workers --- */

struct seats {
	uint64_t there, hung;
};

static struct seats
count_seats(const struct proxy_shared *shared, enum proxy_role role)
{
	struct seats n = {0, 0};

	for (int i = 0; i < PROXY_SHARED_SLOTS; i++) {
		const struct proxy_shared_seat *slot = &shared->seats[i];

		if (atomic_load(&slot->role) != (uint32_t)role ||
		    atomic_load(&slot->pid) <= 0 ||
		    atomic_load(&slot->drains) != 0)
			continue;
		n.there++;
		n.hung +=
		    atomic_load(&slot->silent) >= PROXY_STATE_SILENT_ROUNDS;
	}
	return n;
}

static void
add_seats(struct proxy_state *state, const struct proxy_shared *shared,
    enum proxy_role role, const char *name, uint64_t wanted)
{
	struct seats n = count_seats(shared, role);
	const char *what = role == PROXY_ROLE_SIGNER ? "signers" : "workers";

	if (n.there - n.hung >= wanted)
		proxy_state_add(state, PROXY_STATE_OK, name,
		    "%" PRIu64 " of %" PRIu64 " %s serve", wanted, wanted,
		    what);
	else if (n.hung > 0)
		proxy_state_add(state, PROXY_STATE_FAIL, name,
		    "%" PRIu64 " of %" PRIu64 " %s serve, %" PRIu64 " hang",
		    n.there - n.hung, wanted, what, n.hung);
	else
		proxy_state_add(state, PROXY_STATE_FAIL, name,
		    "%" PRIu64 " of %" PRIu64 " %s serve", n.there, wanted,
		    what);
}

void
proxy_state_add_workers(struct proxy_state *state,
    const struct proxy_config *config, const struct proxy_shared *shared)
{
	uint64_t wanted = atomic_load(&shared->workers);

	for (size_t i = 0; i < PROXY_FRONTS; i++)
		if (config->fronts[i].enabled)
			add_seats(state, shared, proxy_role_of(i),
			    config->fronts[i].name, wanted);
	wanted = atomic_load(&shared->signers);
	if (wanted > 0)
		add_seats(state, shared, PROXY_ROLE_SIGNER, "signers", wanted);
}

/* --- mail of late --- */

struct proxy_history_sums
proxy_state_sums(const struct proxy_shared *shared)
{
	static const enum proxy_counter counters[PROXY_HISTORY_COUNTS] = {
	    [PROXY_HISTORY_SENT] = PROXY_COUNT_SENT,
	    [PROXY_HISTORY_REJECTED] = PROXY_COUNT_REJECTED,
	    [PROXY_HISTORY_DEFERRED] = PROXY_COUNT_DEFERRED,
	    [PROXY_HISTORY_PUT_OFF] = PROXY_COUNT_PUT_OFF,
	    [PROXY_HISTORY_TO_SIGN] = PROXY_COUNT_TO_SIGN,
	    [PROXY_HISTORY_SIGN_TROUBLE] = PROXY_COUNT_SIGN_TROUBLE,
	    [PROXY_HISTORY_LOST] = PROXY_COUNT_RECORDS_LOST,
	};
	struct proxy_history_sums sums;

	for (size_t k = 0; k < PROXY_FRONTS; k++) {
		for (size_t i = 0; i < PROXY_HISTORY_COUNTS; i++)
			sums.n[k][i] = proxy_shared_sum(
			    shared, proxy_role_of(k), counters[i]);
		sums.n[k][PROXY_HISTORY_LOST] += proxy_shared_sum(
		    shared, PROXY_ROLE_RECORDER, proxy_count_lost(k));
	}
	return sums;
}

static void
add_signing(struct proxy_state *state, const char *name, const uint64_t hour[],
    const uint64_t late[])
{
	uint64_t all = late[PROXY_HISTORY_TO_SIGN];

	if (all >= LATE_SIGNED_LEAST && late[PROXY_HISTORY_SIGN_TROUBLE] >= all)
		proxy_state_add(state, PROXY_STATE_FAIL, name,
		    "signing failed for all %" PRIu64
		    " messages of the last 5 minutes; the log says why",
		    all);
	else if (hour[PROXY_HISTORY_SIGN_TROUBLE] > 0)
		proxy_state_add(state, PROXY_STATE_WARN, name,
		    "signing failed for %" PRIu64 " of %" PRIu64
		    " messages in the last hour; the log says why",
		    hour[PROXY_HISTORY_SIGN_TROUBLE],
		    hour[PROXY_HISTORY_TO_SIGN]);
	else
		proxy_state_add(state, PROXY_STATE_OK, name,
		    "%" PRIu64 " messages signed in the last hour",
		    hour[PROXY_HISTORY_TO_SIGN]);
}

static uint64_t
messages(const uint64_t n[])
{
	return n[PROXY_HISTORY_SENT] + n[PROXY_HISTORY_REJECTED] +
	    n[PROXY_HISTORY_DEFERRED];
}

/* Did all go wrong, in so many messages that it is no chance? What our checks
 * put off is left out: its senders' name servers are silent, unless ours is,
 * and a stranger must not be able to say that mail stops here. */
static bool
mail_stops(const uint64_t late[], bool deaf)
{
	uint64_t ours = deaf ? 0 : late[PROXY_HISTORY_PUT_OFF];

	if (ours > late[PROXY_HISTORY_DEFERRED]) /* the client went away */
		ours = late[PROXY_HISTORY_DEFERRED];
	return late[PROXY_HISTORY_DEFERRED] - ours >= LATE_DEFERRED_LEAST &&
	    late[PROXY_HISTORY_DEFERRED] == messages(late);
}

static void
add_deferred(struct proxy_state *state, const char *name, const uint64_t hour[],
    const uint64_t late[])
{
	uint64_t put_off = late[PROXY_HISTORY_DEFERRED];

	if (mail_stops(late, state->deaf))
		proxy_state_add(state, PROXY_STATE_FAIL, name,
		    "all %" PRIu64
		    " messages of the last 5 minutes were deferred",
		    put_off);
	else
		proxy_state_add(state,
		    hour[PROXY_HISTORY_DEFERRED] * DEFERRED_ONE_IN >
			    messages(hour)
			? PROXY_STATE_WARN
			: PROXY_STATE_OK,
		    name,
		    "%" PRIu64 " of %" PRIu64
		    " messages deferred in the last hour",
		    hour[PROXY_HISTORY_DEFERRED], messages(hour));
}

void
proxy_state_add_mail(struct proxy_state *state,
    const struct proxy_config *config, const struct proxy_shared *shared,
    int64_t now)
{
	const struct proxy_history_sums sums = proxy_state_sums(shared);
	const struct proxy_history_sums hour = proxy_history_since(
	    &shared->history, now, PROXY_HISTORY_HOUR_S, &sums);
	const struct proxy_history_sums late =
	    proxy_history_since(&shared->history, now, LATE_S, &sums);
	uint64_t lost = 0;

	for (size_t i = 0; i < PROXY_FRONTS; i++) {
		const struct proxy_front *front = &config->fronts[i];

		lost += hour.n[i][PROXY_HISTORY_LOST];
		if (!front->enabled)
			continue;
		if (front->filter == PROXY_FILTER_SIGN)
			add_signing(state, front->name, hour.n[i], late.n[i]);
		add_deferred(state, front->name, hour.n[i], late.n[i]);
	}
	if (lost > 0)
		proxy_state_add(state, PROXY_STATE_WARN, "records",
		    "%" PRIu64 " lost in the last hour: page and reports lack "
		    "them; the log says why",
		    lost);
	else
		proxy_state_add(state, PROXY_STATE_OK, "records",
		    "none lost in the last hour");
}

/* --- the reload --- */

void
proxy_state_add_keys(
    struct proxy_state *state, const struct proxy_shared *shared)
{
	uint64_t lost = atomic_load(&shared->keys_lost);
	uint64_t staged = atomic_load(&shared->keys_staged);
	uint64_t published = atomic_load(&shared->keys_published);

	if (lost > 0)
		proxy_state_add(state, PROXY_STATE_WARN, "keys",
		    "%" PRIu64 " sign whose record is gone from the DNS, or is "
		    "another (signpost rotate status)",
		    lost);
	if (staged > 0)
		proxy_state_add(state, PROXY_STATE_WARN, "keys",
		    "%" PRIu64 " are staged, and none of their domain and kind "
		    "is active (signpost rotate status)",
		    staged);
	if (lost + staged == 0 && published > 0)
		proxy_state_add(state, PROXY_STATE_OK, "keys",
		    "%" PRIu64 " sign, and their records were there",
		    published);
}

void
proxy_state_add_reload(
    struct proxy_state *state, const struct proxy_shared *shared)
{
	char why[PROXY_RELOAD_TEXT_MAX];

	if (proxy_shared_refusal(shared, why)) {
		time_t t = (time_t)atomic_load(&shared->reload.refused);
		struct strbuf text;
		struct tm utc;
		char at[32] = "";

		/* Out of a page that others write too: made harmless for a
		 * terminal. */
		if (gmtime_r(&t, &utc) != NULL)
			(void)strftime(
			    at, sizeof(at), "%Y-%m-%d %H:%M:%S", &utc);
		strbuf_init(&text, 4 * PROXY_RELOAD_TEXT_MAX + 1);
		escape_log(slice_str(why), &text);
		proxy_state_add(state, PROXY_STATE_WARN, "reload",
		    "refused at %s UTC, the settings of before hold: %s", at,
		    strbuf_text(&text));
		strbuf_clear(&text);
	} else
		proxy_state_add(state, PROXY_STATE_OK, "reload",
		    "the settings are those of the file when it was last read");
}

/* --- telling --- */

void
proxy_state_print(
    const struct proxy_state *state, bool verbose, struct strbuf *out)
{
	static const char *const words[] = {
	    [PROXY_STATE_OK] = "ok  ",
	    [PROXY_STATE_WARN] = "warn",
	    [PROXY_STATE_FAIL] = "fail",
	};

	if (!verbose && proxy_state_worst(state) != PROXY_STATE_FAIL)
		strbuf_add_str(out, "ok\n");
	for (size_t i = 0; i < state->count; i++) {
		const struct proxy_state_line *line = &state->lines[i];

		if (verbose)
			strbuf_addf(out, "%s ", words[line->level]);
		if (verbose || line->level != PROXY_STATE_OK)
			strbuf_addf(out, "%s: %s\n", line->part, line->text);
	}
}
