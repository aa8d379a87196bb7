/* Fields put on top and stretches left out; see edit.h. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "proxy/message/edit.h"

static const struct slice empty_line = SLICE_INIT("\r\n");

struct stretch {
	uint64_t offset, n;
};

struct proxy_edit {
	struct strbuf top;
	struct stretch *drops;
	size_t drop_count, drop_room;
	uint64_t dropped;
	bool blank; /* an empty line before the byte at `blank_at` */
	uint64_t blank_at;
};

struct proxy_edit *
proxy_edit_new(void)
{
	struct proxy_edit *e = xcalloc(1, sizeof(*e));

	strbuf_init(&e->top, PROXY_EDIT_TOP_MAX);
	return e;
}

void
proxy_edit_free(struct proxy_edit *e)
{
	if (e == NULL)
		return;
	strbuf_clear(&e->top);
	free(e->drops);
	free(e);
}

int
proxy_edit_top(struct proxy_edit *e, struct slice field)
{
	return strbuf_add(&e->top, field);
}

static void
grow_drops(struct proxy_edit *e)
{
	size_t room = e->drop_room == 0 ? 8 : e->drop_room * 2;

	e->drops = xreallocarray(e->drops, room, sizeof(*e->drops));
	e->drop_room = room;
}

static uint64_t
drops_end(const struct proxy_edit *e)
{
	const struct stretch *last = &e->drops[e->drop_count - 1];

	return last->offset + last->n;
}

int
proxy_edit_drop(struct proxy_edit *e, uint64_t offset, uint64_t n)
{
	if (e->drop_count > 0 && offset < drops_end(e))
		return -1;
	if (e->drop_count > 0 && offset == drops_end(e)) {
		e->drops[e->drop_count - 1].n += n;
		e->dropped += n;
		return 0;
	}
	if (e->drop_count == PROXY_EDIT_DROPS_MAX)
		return -1;
	if (e->drop_count == e->drop_room)
		grow_drops(e);
	e->drops[e->drop_count++] = (struct stretch){offset, n};
	e->dropped += n;
	return 0;
}

void
proxy_edit_blank(struct proxy_edit *e, uint64_t offset)
{
	e->blank = true;
	e->blank_at = offset;
}

void
proxy_playback_init(struct proxy_playback *play, const struct proxy_edit *edit,
    const struct proxy_spool *spool)
{
	*play = (struct proxy_playback){.edit = edit, .spool = spool};
}

static ssize_t
next_of_top(struct proxy_playback *play, char *to, size_t room)
{
	struct slice rest = slice_first(
	    slice_after(strbuf_slice(&play->edit->top), play->top_done), room);

	memcpy(to, rest.p, rest.n);
	play->top_done += rest.n;
	return (ssize_t)rest.n;
}

/* Steps over the stretches that begin here; how far it is to the next. */
static uint64_t
skip_drops(struct proxy_playback *play)
{
	const struct proxy_edit *e = play->edit;

	while (play->drops_done < e->drop_count) {
		const struct stretch *drop = &e->drops[play->drops_done];

		if (drop->offset > play->offset)
			return drop->offset - play->offset;
		play->offset = drop->offset + drop->n;
		play->drops_done++;
	}
	return UINT64_MAX;
}

static bool
blank_is_ahead(const struct proxy_playback *play)
{
	return play->edit->blank && play->blank_done < empty_line.n;
}

static bool
blank_is_here(const struct proxy_playback *play)
{
	return blank_is_ahead(play) && play->offset >= play->edit->blank_at;
}

static uint64_t
until_blank(const struct proxy_playback *play)
{
	return blank_is_ahead(play) ? play->edit->blank_at - play->offset
				    : UINT64_MAX;
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

ssize_t
proxy_playback_next(struct proxy_playback *play, char *to, size_t room)
{
	size_t filled = 0;
	uint64_t until;
	ssize_t n;

	if (play->top_done < play->edit->top.n)
		filled = (size_t)next_of_top(play, to, room);
	while (filled < room) {
		until = skip_drops(play);
		if (blank_is_here(play)) {
			to[filled++] = empty_line.p[play->blank_done++];
			continue;
		}
		until = smaller(until, until_blank(play));
		n = proxy_spool_read(play->spool, play->offset, to + filled,
		    until < room - filled ? (size_t)until : room - filled);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		filled += (size_t)n;
		play->offset += (uint64_t)n;
	}
	return (ssize_t)filled;
}
