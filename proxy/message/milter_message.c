/*
 * One message by milter; see milter_message.h. A mail server numbers fields by
 * name, the topmost 1, and does not count the Received field that it has added
 * itself and shows to nobody. As we number what we were shown, we agree.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "mail/header.h"
#include "mail/newline.h"
#include "milter/packet.h"
#include "proxy/message/ending.h"
#include "proxy/message/long_line.h"
#include "proxy/message/milter_message.h"
#include "proxy/message/spool.h"

enum {
	ANSWER_CAP = 3 * 1024 * 1024, /* of all packets for one message */
	REPLY_CAP = 512,
	MESSAGE_ID_CLIP = 512,
	LATER_NAMES_MAX = 64
};

/* Of a header that is too large: a name of which fields behind the part that
 * was kept are deleted, and how many of that name have come. */
struct later_name {
	char *name;
	uint32_t count;
};

struct later_delete {
	size_t name; /* its place in the list */
	uint32_t number;
};

struct proxy_milter_message {
	struct proxy_milter_job job;
	struct strbuf raw; /* the header, as it will leave */
	size_t fields;
	struct strbuf field; /* one of them */
	struct mail_header *header;
	bool header_over; /* no more fields come */
	bool lost;	  /* it is too large, or no header: see lose_header() */
	struct strbuf later; /* names of fields behind it, each with a NUL */
	struct later_name names[LATER_NAMES_MAX];
	size_t name_count;
	struct later_delete *deletes;
	size_t delete_count, delete_room;
	/* One that is to be deleted cannot be, or may hide in another. */
	bool unsafe;

	const struct proxy_filter_ops *ops;
	void *filter;
	struct proxy_edit *edit;
	struct proxy_again again;
	struct proxy_spool *spool; /* where `again` is wanted */
	struct sink nowhere;
	struct mail_newline newline; /* counts only */
	struct proxy_long_line lines;
	struct proxy_journal journal;
	uint64_t size;
	bool answered;
};

static void
drop_bytes(struct sink *sink, struct slice bytes)
{
	(void)sink;
	(void)bytes;
}

/* Where it could not be kept it is short: spamd is shown less. */
static ssize_t
read_spool(void *ctx, char *to, size_t most)
{
	struct proxy_milter_message *m = ctx;

	return proxy_spool_read(m->spool, 0, to, most);
}

struct proxy_milter_message *
proxy_milter_message_new(const struct proxy_milter_job *job)
{
	struct proxy_milter_message *m = xcalloc(1, sizeof(*m));
	const struct proxy_service *service = job->service;

	m->job = *job;
	strbuf_init(&m->raw, service->header_max);
	strbuf_init(&m->field, 2 * MILTER_PACKET_MAX);
	strbuf_init(&m->later, MILTER_PACKET_MAX);
	m->nowhere.write = drop_bytes;
	mail_newline_init(&m->newline, MAIL_NEWLINE_PASS, &m->nowhere);
	m->lines.most = service->line_max;
	m->edit = proxy_edit_new();
	proxy_journal_init(&m->journal);
	proxy_journal_note(&m->journal, "front", SLICE("milter"));
	m->again = (struct proxy_again){.read = read_spool, .ctx = m};
	m->ops = service->filter;
	m->filter = m->ops->begin(service->filter_env,
	    &(struct proxy_filter_job){.envelope = job->envelope,
		.journal = &m->journal,
		.edit = m->edit,
		.again = &m->again,
		.trace = job->trace});
	if (m->again.wanted)
		m->spool = proxy_spool_new(
		    service->spool_mark, service->spool_files, service->quota);
	return m;
}

static void
drop_milter_filter(struct proxy_milter_message *m)
{
	if (m->filter != NULL)
		m->ops->free(m->filter);
	m->filter = NULL;
}

void
proxy_milter_message_free(struct proxy_milter_message *m)
{
	if (m == NULL)
		return;
	drop_milter_filter(m);
	for (size_t i = 0; i < m->name_count; i++)
		free(m->names[i].name);
	free(m->deletes);
	mail_header_free(m->header);
	proxy_spool_free(m->spool);
	proxy_edit_free(m->edit);
	proxy_journal_clear(&m->journal);
	strbuf_clear(&m->raw);
	strbuf_clear(&m->field);
	strbuf_clear(&m->later);
	free(m);
}

/* --- what comes --- */

/* The bytes as they will go on; the bound of the spool is not the message's. */
static void
take_bytes(struct proxy_milter_message *m, struct slice bytes)
{
	m->size += bytes.n;
	mail_newline_write(&m->newline, bytes);
	proxy_long_line_write(&m->lines, bytes);
	if (m->spool != NULL)
		(void)proxy_spool_append(m->spool, bytes);
}

static bool
is_field_name(struct slice name)
{
	if (name.n == 0 || name.n > MAIL_HEADER_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
			return false;
	return true;
}

/* Could what is no field leave as several, or as another than the mail server
 * takes it for? A name that is only odd cannot. */
static bool
is_misleading(struct slice name, struct slice value)
{
	struct slice line;

	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] <= ' ')
			return true;
	(void)slice_cut(&value, '\n', &line);
	while (slice_cut(&value, '\n', &line))
		if (line.n == 0 || !ascii_is_blank(line.p[0]))
			return true;
	return false;
}

/*
 * The field as it will leave: the mail server ends its lines with LF alone, and
 * where it does not show the space behind the colon there is one. 0, or -1
 * where that would not be one field: a line that continues nothing.
 */
static int
build_field(
    struct proxy_milter_message *m, struct slice name, struct slice value)
{
	struct slice line;
	bool first = true;

	strbuf_reset(&m->field);
	strbuf_add(&m->field, name);
	strbuf_add_char(&m->field, ':');
	if ((m->job.terms->steps & MILTER_LEADING_SPACE) == 0)
		strbuf_add_char(&m->field, ' ');
	while (slice_cut(&value, '\n', &line)) {
		if (!first && (line.n == 0 || !ascii_is_blank(line.p[0])))
			return -1;
		if (line.n > 0 && line.p[line.n - 1] == '\r' && value.p != NULL)
			line.n--;
		strbuf_add(&m->field, line);
		strbuf_add_str(&m->field, "\r\n");
		first = false;
	}
	if (first)
		strbuf_add_str(&m->field, "\r\n");
	return is_field_name(name) && !m->field.full ? 0 : -1;
}

/* What was kept of it is a header; of the fields behind it each is shown to the
 * filter by itself. */
static void
lose_header(struct proxy_milter_message *m, const char *why)
{
	m->lost = true;
	m->header = mail_header_parse(
	    strbuf_slice(&m->raw), m->job.service->header_max);
	m->ops->no_header(m->filter, why, m->header);
}

/* So many fields of that name came behind the part that was kept. */
static uint32_t
count_later(const struct proxy_milter_message *m, struct slice name)
{
	struct slice rest = strbuf_slice(&m->later), one;
	uint32_t count = 0;

	while (rest.n > 0 && slice_cut(&rest, '\0', &one))
		count += slice_equal_nocase(one, name);
	return count;
}

static size_t
find_later(const struct proxy_milter_message *m, struct slice name)
{
	size_t i = 0;

	while (i < m->name_count &&
	    !slice_equal_nocase(slice_str(m->names[i].name), name))
		i++;
	return i;
}

/* The field that came last is to be deleted. */
static void
delete_later(struct proxy_milter_message *m, struct slice name)
{
	size_t at = find_later(m, name);

	if (m->later.full || at == LATER_NAMES_MAX ||
	    m->delete_count == PROXY_EDIT_REMOVED_MAX) {
		m->unsafe = true;
		return;
	}
	if (at == m->name_count) {
		m->names[at].name = xslicedup(name);
		m->names[at].count = count_later(m, name) +
		    (uint32_t)mail_header_count_of(m->header, name);
		m->name_count++;
	}
	if (m->delete_count == m->delete_room) {
		m->delete_room = m->delete_room == 0 ? 8 : m->delete_room * 2;
		m->deletes = xreallocarray(
		    m->deletes, m->delete_room, sizeof(*m->deletes));
	}
	m->deletes[m->delete_count++] =
	    (struct later_delete){at, m->names[at].count};
}

static void
take_later_field(struct proxy_milter_message *m)
{
	struct slice raw = strbuf_slice(&m->field);
	struct slice name = slice_first(raw, slice_find(raw, ':'));
	struct slice value = slice_after(raw, name.n + 1);
	size_t at = find_later(m, name);
	const struct mail_field field = {
	    .raw = raw,
	    .name = name,
	    .value = slice_first(value, value.n - 2),
	    .offset = (size_t)m->size,
	};

	strbuf_add(&m->later, name);
	strbuf_add_char(&m->later, '\0');
	if (at < m->name_count)
		m->names[at].count++;
	if (m->ops->drops != NULL && m->ops->drops(m->filter, &field, true))
		delete_later(m, name);
}

void
proxy_milter_message_field(
    struct proxy_milter_message *m, struct slice name, struct slice value)
{
	int built = build_field(m, name, value);

	if (m->header_over)
		return;
	if (!m->lost && built != 0)
		lose_header(m, "a field that is none");
	else if (!m->lost && m->fields == MAIL_HEADER_FIELDS_MAX)
		lose_header(m, "too many header fields");
	else if (!m->lost && strbuf_add(&m->raw, strbuf_slice(&m->field)) != 0)
		lose_header(m, "header too long");
	if (m->lost && built == 0)
		take_later_field(m);
	m->unsafe = m->unsafe || (built != 0 && is_misleading(name, value));
	m->fields++;
	take_bytes(m, strbuf_slice(&m->field));
}

void
proxy_milter_message_header_end(struct proxy_milter_message *m)
{
	const struct mail_field *id;

	if (m->header_over)
		return;
	m->header_over = true;
	take_bytes(m, SLICE("\r\n"));
	if (m->lost)
		return;
	m->header = mail_header_parse(
	    strbuf_slice(&m->raw), m->job.service->header_max);
	if (m->header == NULL || mail_header_count(m->header) != m->fields) {
		/* Numbers of ours would not be those of the mail server. */
		mail_header_free(m->header);
		strbuf_reset(&m->raw);
		m->unsafe = true;
		lose_header(m, "a field that is none");
		return;
	}
	strbuf_clear(&m->raw);
	id = mail_header_last(m->header, SLICE("Message-ID"));
	if (id != NULL)
		strbuf_add(&m->journal.message_id,
		    slice_first(slice_trim(id->value), MESSAGE_ID_CLIP));
	m->ops->header(m->filter, m->header);
}

bool
proxy_milter_message_wants_body(const struct proxy_milter_message *m)
{
	if (m->lost)
		return false;
	return m->spool != NULL || m->ops->wants_body == NULL ||
	    m->ops->wants_body(m->filter);
}

void
proxy_milter_message_body(struct proxy_milter_message *m, struct slice chunk)
{
	proxy_milter_message_header_end(m);
	if (chunk.n == 0)
		return;
	take_bytes(m, chunk);
	if (!m->lost)
		m->ops->body(m->filter, chunk);
}

/* --- the answer --- */

/* Each goes above all others, so the lowest goes first. 0, or -1 where what is
 * to go on top is no fields. */
static int
print_inserts(struct proxy_milter_message *m, struct strbuf *out)
{
	struct slice top = proxy_edit_top_fields(m->edit);
	struct mail_header *fields = mail_header_parse(top, PROXY_EDIT_TOP_MAX);
	size_t count = fields == NULL ? 0 : mail_header_count(fields);
	bool whole = fields != NULL && mail_header_size(fields) == top.n;
	/* A mail server that shows no leading space puts one there itself. */
	bool puts = (m->job.terms->steps & MILTER_LEADING_SPACE) == 0;

	while (whole && count-- > 0) {
		const struct mail_field *field = mail_header_at(fields, count);
		struct slice value = field->value;

		if (puts && value.n > 0 && value.p[0] == ' ')
			value = slice_after(value, 1);
		(void)milter_print_insert(0, field->name, value, out);
	}
	mail_header_free(fields);
	return whole ? 0 : -1;
}

/* The last word on the message. `text` begins with its enhanced code. */
static void
answer_message(struct proxy_milter_message *m, unsigned code, const char *text,
    struct strbuf *out)
{
	struct strbuf line;

	strbuf_init(&line, REPLY_CAP);
	strbuf_addf(&line, "%u %s", code, text);
	if (code == 250)
		(void)milter_print_answer(MILTER_CONTINUE, out);
	else
		(void)milter_print_reply(strbuf_slice(&line), out);
	m->answered = true;
	m->journal.size = m->size;
	m->journal.relay = SLICE("milter");
	m->journal.status = code == 250 ? "sent"
	    : code < 500		? "deferred"
					: "rejected";
	strbuf_add(&m->journal.reply, strbuf_slice(&line));
	strbuf_clear(&line);
	proxy_ending_tell(m->job.service, m->job.envelope, &m->journal,
	    clock_ms() - m->job.begun_ms);
	drop_milter_filter(m);
	m->job.answer(m->job.ctx, strbuf_slice(out)); /* may free it */
}

/* Who deletes nothing need not be able to. What cannot be deleted will not be
 * the next time, so it is not put off. */
static void
pass_message(struct proxy_milter_message *m, struct strbuf *out)
{
	const struct proxy_removed *removed;
	size_t count = proxy_edit_removed(m->edit, &removed);

	if (m->unsafe && m->ops->drops != NULL) {
		answer_message(m, 550,
		    "5.6.0 the header may hide fields that must not pass", out);
		return;
	}
	/* The lowest first, so that no number changes before its turn. */
	for (size_t i = m->delete_count; i-- > 0;)
		(void)milter_print_delete(
		    slice_str(m->names[m->deletes[i].name].name),
		    m->deletes[i].number, out);
	while (count-- > 0)
		(void)milter_print_delete(
		    removed[count].name, removed[count].number, out);
	if (print_inserts(m, out) == 0 && !out->full) {
		answer_message(m, 250, "2.0.0 the mail server has it", out);
		return;
	}
	strbuf_reset(out);
	answer_message(
	    m, 451, "4.3.0 cannot change the message as it must be", out);
}

static void
on_milter_outcome(void *ctx, const struct proxy_outcome *outcome)
{
	struct proxy_milter_message *m = ctx;
	struct strbuf out, text;
	unsigned code;

	strbuf_init(&out, ANSWER_CAP);
	strbuf_init(&text, REPLY_CAP);
	if (outcome->verdict == PROXY_PASS) {
		pass_message(m, &out);
	} else {
		code = proxy_outcome_print(outcome, &text);
		answer_message(m, code, strbuf_text(&text), &out);
	}
	strbuf_clear(&text);
	strbuf_clear(&out);
}

void
proxy_milter_message_end(struct proxy_milter_message *m)
{
	struct strbuf out;

	proxy_milter_message_header_end(m);
	mail_newline_end(&m->newline);
	proxy_long_line_note(&m->lines, &m->journal);
	if (m->spool != NULL)
		(void)proxy_spool_end(m->spool);
	if (m->job.service->newline != MAIL_NEWLINE_REJECT ||
	    !mail_newline_is_bare(&m->newline)) {
		m->ops->end(m->filter, on_milter_outcome, m);
		return;
	}
	strbuf_init(&out, REPLY_CAP);
	answer_message(m, 550, "5.6.0 bare CR or LF in the message", &out);
	strbuf_clear(&out);
}

void
proxy_milter_message_lost(struct proxy_milter_message *m, const char *why)
{
	if (m->answered)
		return;
	m->answered = true;
	drop_milter_filter(m);
	m->journal.size = m->size;
	m->journal.relay = SLICE("milter");
	m->journal.status = "aborted";
	strbuf_addf(&m->journal.reply, "client gone: %s", why);
	proxy_ending_tell(m->job.service, m->job.envelope, &m->journal,
	    clock_ms() - m->job.begun_ms);
}
