/*
 * A message of our own, there and back; see send.h. All other findings are of
 * parts; this one is of the whole way. The message has a name that nobody
 * else's has, by which it is found where it comes out, and every wait for it
 * is bounded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/evaluation.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/check/send.h"
#include "cli/check/send_box.h"
#include "cli/check/send_log.h"
#include "cli/check/wiring.h"
#include "cli/kit/capture.h"
#include "cli/kit/checking.h"
#include "cli/kit/postfix.h"
#include "cli/kit/resolve.h"
#include "mail/address.h"
#include "mail/reader.h"
#include "record/date.h"

enum {
	MESSAGE_MAX = 64 * 1024,
	LOG_READ_MAX = 4 * 1024 * 1024,
	WORDS_MAX = 1000,
	PATH_LENGTH_MAX = 4096,
	SUBMIT_MS = 30 * 1000,
	LOOK_EVERY_MS = 250,
	LOG_EVERY = 4, /* looks */
	/* What the log calls sent may be on disk a little later. */
	LATE_LOOKS = 12
};

struct sending {
	const struct check_send *what;
	const struct proxy_config *config;
	struct check_report *report;
	struct check_about about;
	struct strbuf id, end; /* what begins and what ends the message */
	struct strbuf from, message, arrived, log, log_path;
	struct check_box box;
	struct check_fate fate;
	int64_t log_before, begun, took; /* bytes; s; ms */
};

/* --- the message --- */

static int
make_names(struct sending *s)
{
	const struct proxy_strings *domains = &s->config->signing.domains;
	struct slice domain = s->what->domain;
	unsigned char random[8];

	if (domain.n == 0 && domains->count > 0)
		domain = slice_str(domains->list[0]);
	if (domain.n == 0) {
		check_report_add(s->report, &s->about, CHECK_FAIL,
		    "whose mail is it to be? The settings name no domain");
		check_report_todo(s->report, "say which: -d DOMAIN");
		return -1;
	}
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -1;
	for (size_t i = 0; i < sizeof(random); i++)
		strbuf_addf(&s->id, "%02x", random[i]);
	strbuf_addf(&s->end, "End of the test %s.", strbuf_text(&s->id));
	strbuf_addf(&s->id, ".check@%s", s->config->hostname);
	strbuf_addf(&s->from, "postmaster@%.*s", (int)domain.n, domain.p);
	return 0;
}

/* As any program of this host sends mail. */
static int
hand_over(struct sending *s)
{
	struct strbuf path, said, reason, shown;
	int outcome = -1;

	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&said, MESSAGE_MAX);
	strbuf_init(&reason, WORDS_MAX);
	strbuf_init(&shown, CHECK_SHOWN_MAX);
	if (cli_program_find("sendmail", &path) != 0) {
		strbuf_add_str(&reason, "there is no program sendmail");
	} else {
		const char *const argv[] = {strbuf_text(&path), "-i", "-f",
		    strbuf_text(&s->from), "--", s->what->to, NULL};

		outcome = cli_capture_fed(
		    argv, strbuf_slice(&s->message), SUBMIT_MS, &said, &reason);
	}
	if (outcome != 0) {
		check_report_add(s->report, &s->about, CHECK_FAIL,
		    "sendmail takes no message: %s: %s", strbuf_text(&reason),
		    check_shown(&shown, slice_trim(strbuf_slice(&said))));
		check_report_todo(s->report,
		    "see the mail log; postfix status says whether it runs");
	}
	strbuf_clear(&path);
	strbuf_clear(&said);
	strbuf_clear(&reason);
	strbuf_clear(&shown);
	return outcome;
}

/* --- the log --- */

static bool
is_ours(void *ctx, struct slice relay)
{
	const struct proxy_config *config = ctx;
	struct strbuf text;
	bool ours = false;

	strbuf_init(&text, WORDS_MAX);
	for (size_t i = 0; i < PROXY_FRONTS; i++)
		for (size_t k = 0; k < config->fronts[i].listen.count; k++) {
			struct slice at, port;

			strbuf_reset(&text);
			proxy_endpoint_print(
			    &config->fronts[i].listen.list[k].at, &text);
			at = strbuf_slice(&text);
			port = slice_after(at, slice_find_last(at, ':'));
			ours |= port.n > 0 && slice_ends_nocase(relay, port) &&
			    (slice_starts_nocase(relay, SLICE("127.")) ||
				slice_starts_nocase(relay, SLICE("[")) ||
				slice_starts_nocase(relay, SLICE("localhost")));
		}
	strbuf_clear(&text);
	return ours;
}

static void
look_at_log(struct sending *s)
{
	struct stat st;

	if (s->log_path.n == 0) {
		struct strbuf path, since, reason;

		/* What the journal has of the facility mail since then. */
		strbuf_init(&path, PATH_LENGTH_MAX);
		strbuf_init(&since, WORDS_MAX);
		strbuf_init(&reason, WORDS_MAX);
		strbuf_addf(&since, "--since=@%lld", (long long)s->begun);
		if (cli_program_find("journalctl", &path) == 0) {
			const char *const argv[] = {strbuf_text(&path), "-q",
			    "--no-pager", strbuf_text(&since),
			    "SYSLOG_FACILITY=2", NULL};

			strbuf_reset(&s->log);
			(void)cli_capture(
			    argv, CLI_POSTFIX_MS, &s->log, &reason);
		}
		strbuf_clear(&path);
		strbuf_clear(&since);
		strbuf_clear(&reason);
	} else {
		FILE *file = fopen(strbuf_text(&s->log_path), "re");
		char chunk[8192];
		size_t n;

		strbuf_reset(&s->log);
		if (file == NULL)
			return;
		/* It may have been rotated. */
		if (fstat(fileno(file), &st) == 0 &&
		    st.st_size >= s->log_before)
			(void)fseeko(file, s->log_before, SEEK_SET);
		while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 &&
		    strbuf_add(&s->log, slice_from(chunk, n)) == 0)
			continue;
		(void)fclose(file);
	}
	check_fate_read(&s->fate, strbuf_slice(&s->log), strbuf_slice(&s->id),
	    is_ours, (void *)(uintptr_t)s->config);
}

/* --- where it comes out --- */

/* True where the message is in the mailbox. Ends early where the log says that
 * nothing is to come any more. */
static bool
wait_for_it(struct sending *s)
{
	const struct timespec nap = {0, LOOK_EVERY_MS * 1000000L};
	int64_t start = clock_ms(), end = start + (int64_t)s->what->wait * 1000;
	unsigned looks = 0, late = 0;

	for (;;) {
		s->took = clock_ms() - start;
		if (check_box_look(&s->box, strbuf_slice(&s->id),
			strbuf_slice(&s->end), &s->arrived)) {
			look_at_log(s);
			return true;
		}
		if (looks++ % LOG_EVERY == 0)
			look_at_log(s);
		late += s->fate.sent;
		if (s->fate.bounced || clock_ms() >= end ||
		    (s->fate.sent && s->box.path.n == 0) || late > LATE_LOOKS)
			return false;
		(void)nanosleep(&nap, NULL);
	}
}

/* --- does it verify --- */

struct judged {
	size_t signatures, failed;
	bool passes; /* by DKIM, for its domain */
};

static void
judge(const struct sending *s, const struct auth_results *results,
    struct judged *j, struct strbuf *told)
{
	struct slice author = mail_address_domain(strbuf_slice(&s->from));

	for (size_t i = 0; i < results->count; i++) {
		const struct auth_result *r = &results->list[i];
		struct strbuf shown;

		if (r->verdict == MAIL_VERDICT_NONE ||
		    (r->method != AUTH_DKIM && r->method != AUTH_DOMAINKEYS))
			continue;
		j->signatures++;
		j->failed += r->verdict != MAIL_VERDICT_PASS;
		j->passes |= r->method == AUTH_DKIM &&
		    r->verdict == MAIL_VERDICT_PASS &&
		    mail_domain_is_within(author, r->domain);
		/* "dkim=pass (example.org, m202611r)" for each signature. */
		strbuf_init(&shown, CHECK_SHOWN_MAX);
		strbuf_addf(told, "%s%s=%s", told->n > 0 ? ", " : "",
		    auth_method_name(r->method), mail_verdict_word(r->verdict));
		strbuf_addf(told, " (%s, ", check_shown(&shown, r->domain));
		strbuf_addf(told, "%s", check_shown(&shown, r->selector));
		if (r->verdict != MAIL_VERDICT_PASS && r->reason != NULL)
			strbuf_addf(told, ": %s",
			    check_shown_reason(&shown, slice_str(r->reason)));
		strbuf_add_char(told, ')');
		strbuf_clear(&shown);
	}
}

static void
verify_message(const struct sending *s, struct cli_resolver *resolver,
    struct judged *j, struct strbuf *told)
{
	static const struct mail_reader_ops ops = {
	    cli_checking_header, cli_checking_body};
	struct auth_rules rules = {
	    .checks = 1u << AUTH_DKIM | 1u << AUTH_DOMAINKEYS};
	struct auth_client client = {.address = {NULL, 0}};
	struct auth_results *results = xcalloc(1, sizeof(*results));
	struct auth_evaluation *evaluation =
	    auth_evaluation_new(&rules, &client, clock_wall_s());
	struct mail_reader *reader =
	    mail_reader_new(MESSAGE_MAX, &ops, evaluation);
	struct strbuf wire;
	struct slice text;
	struct slice line;

	strbuf_init(&wire, (size_t)2 * MESSAGE_MAX);
	/* With line ends as they are on the wire. */
	text = strbuf_slice(&s->arrived);
	while (text.n > 0 && slice_cut(&text, '\n', &line)) {
		strbuf_add(&wire, line);
		strbuf_add_str(&wire, "\r\n");
	}
	if (mail_reader_write(reader, strbuf_slice(&wire)) == 0 &&
	    mail_reader_end(reader) == 0) {
		auth_evaluation_end(evaluation);
		cli_checking_resolve(resolver, evaluation);
		auth_evaluation_results(evaluation, results);
		judge(s, results, j, told);
	}
	strbuf_clear(&wire);
	auth_evaluation_free(evaluation);
	mail_reader_free(reader);
	free(results);
}

/* --- what is told --- */

static void
tell_unsigned(const struct sending *s)
{
	struct strbuf shown;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	check_report_add(s->report, &s->about, CHECK_FAIL,
	    "it came to %s unsigned%s%s", strbuf_text(&s->box.path),
	    s->fate.outcome.n > 0 ? ": " : "",
	    check_shown(&shown, s->fate.outcome));
	check_report_todo(s->report, "%s",
	    s->fate.outcome.n > 0
		? "that reason is in signpost(8), LOG; signpost explain shows "
		  "how a message is judged"
		: "it did not come by signpost: see what is said of postfix "
		  "out here, of pickup above all");
	strbuf_clear(&shown);
}

static void
tell_arrival(const struct sending *s, struct cli_resolver *resolver)
{
	struct judged j = {.passes = false};
	struct strbuf told;

	strbuf_init(&told, MESSAGE_MAX);
	verify_message(s, resolver, &j, &told);
	if (j.signatures == 0) {
		tell_unsigned(s);
	} else if (!j.passes || j.failed > 0) {
		check_report_add(s->report, &s->about,
		    j.passes ? CHECK_WARNING : CHECK_FAIL, "it came to %s: %s",
		    strbuf_text(&s->box.path), strbuf_text(&told));
		check_report_todo(s->report,
		    "see what is said of dkim here; where that is ok, "
		    "something behind signpost changes mail");
	} else {
		check_report_add(s->report, &s->about, CHECK_OK,
		    "it came to %s in %lld.%lld s: %s",
		    strbuf_text(&s->box.path), (long long)(s->took / 1000),
		    (long long)(s->took % 1000 / 100), strbuf_text(&told));
	}
	strbuf_clear(&told);
}

static void
tell_absence(const struct sending *s)
{
	struct strbuf shown;

	strbuf_init(&shown, CHECK_SHOWN_MAX);
	if (s->fate.sent && s->box.path.n == 0) {
		bool is_signed = s->fate.outcome.n > 0
		    ? slice_starts_nocase(s->fate.outcome, SLICE("signed="))
		    : s->fate.by_us;
		struct strbuf relay, outcome;

		/* It left for another host, or for a mailbox that is no
		 * file. */
		strbuf_init(&relay, CHECK_SHOWN_MAX);
		strbuf_init(&outcome, CHECK_SHOWN_MAX);
		check_report_add(s->report, &s->about,
		    is_signed ? CHECK_NOTE : CHECK_FAIL, "it left by %s; %s",
		    check_shown(&relay, s->fate.relay),
		    s->fate.outcome.n > 0
			? check_shown(&outcome, s->fate.outcome)
			: s->fate.by_us
			? "it had come by signpost, whose own line is "
			  "not in that log"
			: "it did not come by signpost");
		check_report_todo(s->report, "%s",
		    is_signed ? "only who gets it can verify it there: send to "
				"an address "
				"of this host, or name its mailbox "
				"(--mailbox), or write to "
				"a reflector"
			      : "it left unsigned: see what is said of postfix "
				"out here");
		strbuf_clear(&relay);
		strbuf_clear(&outcome);
	} else if (s->fate.status.n > 0) {
		check_report_add(s->report, &s->about, CHECK_FAIL,
		    "it is not in %s: status=%s",
		    s->box.path.n > 0 ? strbuf_text(&s->box.path)
				      : "any mailbox",
		    check_shown_reason(&shown, s->fate.status));
		check_report_todo(s->report, "%s",
		    s->fate.sent ? "name the mailbox that it went to: "
				   "--mailbox PATH"
				 : "the mail log has more; postqueue -p shows "
				   "what waits");
	} else {
		check_report_add(s->report, &s->about, CHECK_FAIL,
		    "it did not come within %llu s",
		    (unsigned long long)s->what->wait);
		check_report_todo(s->report,
		    "postqueue -p says where it waits and why; the mail log "
		    "has more");
	}
	strbuf_clear(&shown);
}

static void
send_it(struct sending *s, struct cli_resolver *resolver)
{
	struct strbuf date;
	static const char *const usual[] = {
	    "/var/log/mail.log", "/var/log/maillog"};
	struct strbuf path, reason;
	struct stat st;

	if (make_names(s) != 0)
		return;
	strbuf_init(&date, WORDS_MAX);
	(void)record_date_print(clock_wall_s(), &date);
	strbuf_addf(&s->message,
	    "From: signpost check <%s>\n"
	    "To: <%s>\n"
	    "Subject: signpost check: a test\n"
	    "Date: %s\n"
	    "Message-ID: <%s>\n"
	    "Auto-Submitted: auto-generated\n"
	    "MIME-Version: 1.0\n"
	    "Content-Type: text/plain; charset=us-ascii\n"
	    "\n"
	    "signpost check --send wrote this, to see that mail of this host\n"
	    "arrives signed. It may be deleted.\n"
	    "%s\n",
	    strbuf_text(&s->from), s->what->to, strbuf_text(&date),
	    strbuf_text(&s->id), strbuf_text(&s->end));
	strbuf_clear(&date);
	if (s->what->mailbox != NULL)
		strbuf_add_str(&s->box.path, s->what->mailbox);
	else
		check_box_find(&s->box, slice_str(s->what->to));
	check_box_mark(&s->box);
	/* The file that Postfix or syslog writes; empty: the journal alone
	 * has it. */
	strbuf_init(&path, PATH_LENGTH_MAX);
	strbuf_init(&reason, WORDS_MAX);
	if (cli_program_find("postconf", &path) == 0) {
		const char *const argv[] = {
		    strbuf_text(&path), "-xh", "maillog_file", NULL};

		(void)cli_capture(argv, CLI_POSTFIX_MS, &s->log_path, &reason);
		while (s->log_path.n > 0 &&
		    s->log_path.p[s->log_path.n - 1] == '\n')
			strbuf_truncate(&s->log_path, s->log_path.n - 1);
	}
	for (size_t i = 0;
	     s->log_path.n == 0 && i < sizeof(usual) / sizeof(usual[0]); i++)
		if (access(usual[i], R_OK) == 0)
			strbuf_add_str(&s->log_path, usual[i]);
	if (s->log_path.n > 0 && stat(strbuf_text(&s->log_path), &st) == 0)
		s->log_before = st.st_size;
	strbuf_clear(&path);
	strbuf_clear(&reason);
	s->begun = clock_wall_s() - 1;
	if (hand_over(s) != 0)
		return;
	if (wait_for_it(s))
		tell_arrival(s, resolver);
	else
		tell_absence(s);
}

void
check_send(const struct check_send *what, const struct proxy_config *config,
    struct cli_resolver *resolver, struct check_report *report)
{
	struct sending *s = xcalloc(1, sizeof(*s));

	*s = (struct sending){.what = what,
	    .config = config,
	    .report = report,
	    .about = {"send", what->to}};
	strbuf_init(&s->id, WORDS_MAX);
	strbuf_init(&s->end, WORDS_MAX);
	strbuf_init(&s->from, WORDS_MAX);
	strbuf_init(&s->message, MESSAGE_MAX);
	strbuf_init(&s->arrived, MESSAGE_MAX);
	strbuf_init(&s->log, LOG_READ_MAX);
	strbuf_init(&s->log_path, PATH_LENGTH_MAX);
	check_box_init(&s->box);
	send_it(s, resolver);
	strbuf_clear(&s->id);
	strbuf_clear(&s->end);
	strbuf_clear(&s->from);
	strbuf_clear(&s->message);
	strbuf_clear(&s->arrived);
	strbuf_clear(&s->log);
	strbuf_clear(&s->log_path);
	check_box_clear(&s->box);
	free(s);
}
