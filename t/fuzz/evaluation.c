/*
 * All checks of a message from SPF to the printed field, with DNS answers from
 * a script. The input is lines: address, HELO, MAIL FROM; then an answer a
 * line, taken in turn and from the first again; an empty line; the message.
 * An answer is its status (`+` records, `-` no such name, `0` none of the type,
 * `?` lost) and records with TABs between.
 *
 * Whatever they say: it ends, within the bound of questions, and the field is
 * one field.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/evaluation.h"
#include "auth/summary.h"
#include "mail/header.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

enum { RECORDS_MAX = 12, HEADER_CAP = 1 << 18, QUESTIONS_MAX = 1000 };

struct script {
	struct slice lines, rest;
	size_t asked;
	struct dns_record records[RECORDS_MAX];
	struct dns_question names[RECORDS_MAX]; /* behind MX and PTR */
	char addresses[RECORDS_MAX][16];
};

static struct slice
take_line(struct slice *rest)
{
	struct slice line = {0};

	(void)slice_cut(rest, '\n', &line);
	return line;
}

/* The record that a resolver could make of it; false where it could none. */
static bool
make_record(
    struct script *script, size_t i, enum dns_type type, struct slice text)
{
	struct dns_record *record = &script->records[i];
	size_t n = type == DNS_A ? 4 : 16;

	*record = (struct dns_record){.value = text};
	if (type == DNS_TXT)
		return true;
	if (type == DNS_A || type == DNS_AAAA) {
		memset(script->addresses[i], 0, n);
		memcpy(script->addresses[i], text.p, text.n < n ? text.n : n);
		record->value = slice_from(script->addresses[i], n);
		return true;
	}
	if (dns_question_set(&script->names[i], type, text) != 0)
		return false;
	record->preference = (unsigned)i;
	record->value = slice_str(script->names[i].name);
	return true;
}

static struct dns_answer
next_answer(struct script *script, enum dns_type type)
{
	struct dns_answer answer = {.records = script->records};
	struct slice line, text;

	if (script->rest.n == 0)
		script->rest = script->lines;
	line = take_line(&script->rest);
	answer.status = DNS_TEMPFAIL;
	if (line.n > 0 && line.p[0] == '-')
		answer.status = DNS_NXDOMAIN;
	else if (line.n > 0 && line.p[0] != '?')
		answer.status = DNS_NODATA;
	if (line.n == 0 || line.p[0] != '+')
		return answer;
	line = slice_after(line, 1);
	while (answer.count < RECORDS_MAX && slice_cut(&line, '\t', &text))
		if (make_record(script, answer.count, type, text))
			answer.count++;
	if (answer.count > 0)
		answer.status = DNS_OK;
	return answer;
}

static void
answer_all(struct auth_evaluation *evaluation, struct script *script)
{
	struct dns_question question;
	struct dns_answer answer;

	while (auth_evaluation_ask(evaluation, &question)) {
		must(++script->asked <= QUESTIONS_MAX);
		answer = next_answer(script, question.type);
		auth_evaluation_answer(evaluation, &question, &answer);
	}
}

/* Folded lines of 998 octets at most, no controls, one end. */
static void
check_field(struct slice field)
{
	size_t line = 0;

	must(field.n > 2 && field.p[field.n - 1] == '\n');
	for (size_t i = 0; i < field.n; i++) {
		unsigned char c = (unsigned char)field.p[i];

		must(c >= ' ' || c == '\t' || c == '\r' || c == '\n');
		must(c != '\r' || (i + 1 < field.n && field.p[i + 1] == '\n'));
		must(c != '\n' || field.p[i - 1] == '\r');
		must(c != '\n' || i + 1 == field.n || field.p[i + 1] == ' ' ||
		    field.p[i + 1] == '\t');
		line = c == '\n' ? 0 : line + 1;
		must(line <= 999);
	}
}

static void
print(const struct auth_evaluation *evaluation)
{
	struct auth_results results;
	struct auth_summary summary = {.results = &results};
	struct strbuf out;

	auth_evaluation_results(evaluation, &results);
	strbuf_init(&out, 1 << 20);
	must(auth_results_print_field(
		 &results, SLICE("mx.example.org"), &out) == 0);
	check_field(strbuf_slice(&out));
	strbuf_clear(&out);
	strbuf_init(&out, 1 << 20);
	(void)auth_summary_print(&summary, &out);
	strbuf_clear(&out);
}

static void
evaluate(const struct auth_client *client, struct script *script,
    struct slice message, const struct mail_header *header)
{
	const struct auth_rules rules = {
	    .checks = (1U << AUTH_METHODS) - 1, .spf_helo = true};
	struct auth_evaluation *evaluation =
	    auth_evaluation_new(&rules, client, 1700000000);

	answer_all(evaluation, script);
	auth_evaluation_header(evaluation, header);
	answer_all(evaluation, script);
	auth_evaluation_body(
	    evaluation, slice_after(message, mail_header_size(header)));
	auth_evaluation_end(evaluation);
	answer_all(evaluation, script);
	must(auth_evaluation_done(evaluation));
	print(evaluation);
	auth_evaluation_free(evaluation);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct script script;
	struct slice rest = slice_from((const char *)bytes, n);
	struct auth_client client;
	struct mail_header *header;
	size_t lines;

	client.address = take_line(&rest);
	client.helo = take_line(&rest);
	client.mail_from = take_line(&rest);
	lines = slice_search(rest, SLICE("\n\n"));
	script.asked = 0;
	script.rest = script.lines = slice_first(rest, lines);
	rest = slice_after(rest, lines + 2);
	header = mail_header_parse(rest, HEADER_CAP);
	if (header != NULL)
		evaluate(&client, &script, rest, header);
	mail_header_free(header);
	return 0;
}
