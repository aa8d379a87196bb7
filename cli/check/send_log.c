/*
 * A message in the mail log; see send_log.h. Whoever sends mail has a hand in
 * what stands there, so lines count only in the form that Postfix and signpost
 * write, and by a queue id that we know.
 */
#include "cli/check/send_log.h"

/* Queue ids that one message has had; more are not followed. */
enum { IDS_MAX = 8 };

struct ids {
	struct slice list[IDS_MAX];
	size_t count;
};

/* What stands between `before` and the next of `end`; empty where it is not
 * there. */
static struct slice
word_behind(struct slice line, struct slice before, char end)
{
	size_t at = slice_search(line, before);
	struct slice rest = slice_after(line, at + before.n);

	return slice_first(rest, slice_find(rest, end));
}

/* "... postfix/cleanup[12]: 3DDB346: message-id=<...>" -> 3DDB346 */
static struct slice
queue_id(struct slice line)
{
	static const struct slice behind = SLICE_INIT(": message-id=<");
	size_t at = slice_search(line, behind);
	struct slice before = slice_first(line, at);
	size_t blank = slice_find_last(before, ' ');

	if (at == line.n || blank == before.n)
		return (struct slice){NULL, 0};
	return slice_after(before, blank + 1);
}

static void
add_id(struct ids *ids, struct slice id)
{
	if (id.n == 0 || ids->count == IDS_MAX)
		return;
	for (size_t i = 0; i < ids->count; i++)
		if (slice_equal(ids->list[i], id))
			return;
	ids->list[ids->count++] = id;
}

/* Is that line about the message with that queue id? ": ID: to=<" */
static bool
is_about(struct slice line, struct slice id)
{
	size_t at = slice_search(line, SLICE(": to=<"));
	struct slice before = slice_first(line, at);

	return at < line.n && before.n > id.n &&
	    slice_ends_nocase(before, id) &&
	    before.p[before.n - id.n - 1] == ' ';
}

/* `last`: of the queue id that it has now. */
static void
take_status(struct check_fate *fate, struct slice line, bool last, bool ours)
{
	struct slice status = word_behind(line, SLICE(" status="), '\0');

	if (status.n == 0)
		return;
	fate->by_us |= ours && slice_starts_nocase(status, SLICE("sent"));
	if (ours && slice_starts_nocase(status, SLICE("sent")))
		return;
	if (!last)
		return;
	fate->status = slice_trim(status);
	fate->relay = word_behind(line, SLICE(" relay="), ',');
	fate->sent = slice_starts_nocase(status, SLICE("sent"));
	fate->bounced = slice_starts_nocase(status, SLICE("bounced")) ||
	    slice_starts_nocase(status, SLICE("expired"));
}

static struct slice
outcome_of(struct slice line)
{
	size_t at = slice_search(line, SLICE(" signed="));

	if (at == line.n)
		at = slice_search(line, SLICE(" unsigned="));
	line = slice_after(line, at + 1);
	return slice_first(line, slice_find(line, ' '));
}

void
check_fate_read(struct check_fate *fate, struct slice log, struct slice id,
    bool (*ours)(void *ctx, struct slice relay), void *ctx)
{
	struct ids ids = {.count = 0};
	struct slice rest = log, line;

	*fate = (struct check_fate){.sent = false};
	while (rest.n > 0 && slice_cut(&rest, '\n', &line)) {
		if (slice_search(line, id) == line.n)
			continue;
		add_id(&ids, queue_id(line));
		if (outcome_of(line).n > 0)
			fate->outcome = outcome_of(line);
	}
	if (ids.count == 0)
		return;
	rest = log;
	while (rest.n > 0 && slice_cut(&rest, '\n', &line))
		for (size_t i = 0; i < ids.count; i++)
			if (is_about(line, ids.list[i]))
				take_status(fate, line, i + 1 == ids.count,
				    ours(ctx,
					word_behind(
					    line, SLICE(" relay="), ',')));
}
