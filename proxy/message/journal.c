/* The one log line a message; see journal.h and signpost(8), LOG. */
#include "proxy/message/journal.h"
#include "base/escape.h"
#include "base/xalloc.h"
#include "record/kept.h"

enum {
	LINE_CAP = 8000,
	LINE_USUAL = 1000,
	VALUE_CLIP = 1024,
	VALUE_CLIP_LEAST = 16
};

void
proxy_journal_init(struct proxy_journal *r)
{
	*r = (struct proxy_journal){.status = ""};
	strbuf_init(&r->text, PROXY_JOURNAL_TEXT_CAP);
	strbuf_init(&r->message_id, VALUE_CLIP);
	strbuf_init(&r->reply, VALUE_CLIP);
	strbuf_init(&r->kept, RECORD_KEPT_MAX);
}

void
proxy_journal_clear(struct proxy_journal *r)
{
	strbuf_clear(&r->text);
	strbuf_clear(&r->message_id);
	strbuf_clear(&r->reply);
	strbuf_clear(&r->kept);
}

/* The joined value is made anew at the end of the text: notes are few. What
 * does not fit is left out as a whole: half of a value would be another
 * value. */
void
proxy_journal_note(
    struct proxy_journal *r, const char *name, struct slice value)
{
	size_t i = 0, at = r->text.n, before;
	struct proxy_note *note;
	bool known;

	while (i < r->note_count && strcmp(r->notes[i].name, name) != 0)
		i++;
	known = i < r->note_count;
	note = &r->notes[i];
	before = known ? note->n + 1 : 0;
	if (i == PROXY_JOURNAL_NOTES_MAX ||
	    before + value.n > r->text.cap - r->text.n)
		return;
	if (known) {
		strbuf_add(&r->text, slice_from(r->text.p + note->at, note->n));
		strbuf_add_char(&r->text, ',');
	} else {
		note->name = name;
		r->note_count++;
	}
	strbuf_add(&r->text, value);
	note->at = at;
	note->n = before + value.n;
}

/* How a record becomes a line: in text or in JSON, values cut at `clip`. */
struct printer {
	struct strbuf out;
	bool json;
	size_t clip;
};

static void
add_journal_name(struct printer *to, const char *name)
{
	if (to->json)
		strbuf_addf(&to->out, ",\"%s\":", name);
	else
		strbuf_addf(&to->out, " %s=", name);
}

/* Values are parted by blanks, and one within a value could pass for the next
 * name. */
static void
add_escaped_words(struct printer *to, struct slice value)
{
	struct slice word;

	while (slice_cut(&value, ' ', &word)) {
		escape_log(word, &to->out);
		if (value.p != NULL)
			strbuf_add_str(&to->out, "\\x20");
	}
}

static void
add_journal_value(struct printer *to, const char *name, struct slice value)
{
	value = slice_first(value, to->clip);
	add_journal_name(to, name);
	if (to->json)
		escape_json(value, &to->out);
	else
		add_escaped_words(to, value);
}

static void
print_record(struct printer *to, const struct proxy_journal *r)
{
	struct slice value, reply;
	struct slice id;

	strbuf_reset(&to->out);
	id = slice_first(r->queue_id, to->clip);
	if (to->json) {
		strbuf_add_str(&to->out, "\"queue_id\":");
		escape_json(id, &to->out);
	} else {
		add_escaped_words(to, id);
		strbuf_add_char(&to->out, ':');
	}
	value = r->sender;
	value = slice_first(value, to->clip);
	add_journal_name(to, "from");
	if (to->json) {
		escape_json(value, &to->out);
	} else {
		strbuf_add_char(&to->out, '<');
		add_escaped_words(to, value);
		strbuf_add_char(&to->out, '>');
	}
	add_journal_name(to, "nrcpt");
	strbuf_addf(&to->out, "%zu", r->recipients);
	add_journal_name(to, "size");
	strbuf_addf(&to->out, "%llu", (unsigned long long)r->size);
	add_journal_value(to, "message-id", strbuf_slice(&r->message_id));
	add_journal_value(to, "client", r->client);
	for (size_t i = 0; i < r->note_count; i++)
		add_journal_value(to, r->notes[i].name,
		    slice_from(r->text.p + r->notes[i].at, r->notes[i].n));
	add_journal_name(to, "delay");
	strbuf_addf(&to->out, "%.3f", r->delay);
	add_journal_value(to, "relay", r->relay);
	reply = slice_first(strbuf_slice(&r->reply), to->clip);
	add_journal_name(to, "status");
	if (to->json) {
		strbuf_addf(&to->out, "\"%s\",\"reply\":", r->status);
		escape_json(reply, &to->out);
		return;
	}
	strbuf_addf(&to->out, "%s (", r->status);
	escape_log(reply, &to->out);
	strbuf_add_char(&to->out, ')');
}

/* Too long a line would be cut, and its status lost (or its JSON broken):
 * rather cut what peers sent. */
void
proxy_journal_write(struct log *log, const struct proxy_journal *r)
{
	struct printer to = {.clip = VALUE_CLIP};

	/* Printing costs more than the rest of a short message's way. */
	if (!log_wants(log, LOGGING_INFO))
		return;
	to.json = log_target(log) == LOGGING_JSON;
	strbuf_init(&to.out, LINE_CAP);
	(void)strbuf_reserve(&to.out, LINE_USUAL);
	do {
		print_record(&to, r);
		to.clip /= 2;
	} while (to.out.full && to.clip >= VALUE_CLIP_LEAST);
	log_event(log, LOGGING_INFO, strbuf_slice(&to.out));
	strbuf_clear(&to.out);
}

void
proxy_journal_remark(struct log *log, enum log_level level,
    const struct proxy_journal *r, const char *what)
{
	struct strbuf id;

	if (!log_wants(log, level))
		return;
	strbuf_init(&id, VALUE_CLIP);
	escape_log(slice_first(r->queue_id, 64), &id);
	log_printf(log, level, "%s: %s", strbuf_text(&id), what);
	strbuf_clear(&id);
}
