/*
 * Prometheus' text; see metrics.h. Names and labels are promised to whoever
 * has written a rule by them: they are added to and not changed, and none has
 * values that a stranger chooses, which would fill the scraper's disk.
 */
#include <stdio.h>

#include "auth/results.h"
#include "mail/verdict.h"
#include "proxy/figures/metrics.h"
#include "record/reflector.h"

_Static_assert((int)AUTH_METHODS <= (int)PROXY_RESULT_METHODS,
    "a counter for every method");
_Static_assert((int)MAIL_VERDICT_COUNT <= (int)PROXY_RESULT_VERDICTS,
    "a counter for every verdict");

/* One metric with a series a counter. */
struct row {
	const char *name, *label; /* label: after proxy="out"; "" for none */
	enum proxy_counter counter;
	const char *type, *help; /* NULL: those of the row before */
};

static const struct row rows[] = {
    {"messages_total", ",status=\"sent\"", PROXY_COUNT_SENT, "counter",
	"Messages by what became of them."},
    {"messages_total", ",status=\"rejected\"", PROXY_COUNT_REJECTED, NULL,
	NULL},
    {"messages_total", ",status=\"deferred\"", PROXY_COUNT_DEFERRED, NULL,
	NULL},
    {"messages_total", ",status=\"aborted\"", PROXY_COUNT_ABORTED, NULL, NULL},
    {"messages_total", ",status=\"maybe_delivered\"",
	PROXY_COUNT_MAYBE_DELIVERED, NULL, NULL},
    {"message_bytes_total", "", PROXY_COUNT_BYTES, "counter",
	"Bytes of the messages sent."},
    {"signatures_total", "", PROXY_COUNT_SIGNATURES, "counter",
	"Signatures made."},
    {"signatures_failed_total", "", PROXY_COUNT_SIGNATURES_FAILED, "counter",
	"Signatures that could not be made."},
    {"trusted_total", "", PROXY_COUNT_TRUSTED, "counter",
	"Messages of clients in `trusted', which are never refused."},
    {"sessions_total", "", PROXY_COUNT_SESSIONS, "counter",
	"SMTP sessions accepted."},
    {"sessions_refused_total", "", PROXY_COUNT_SESSIONS_REFUSED, "counter",
	"Connections from addresses that are not allowed."},
    {"sessions_open", "", PROXY_COUNT_SESSIONS_OPEN, "gauge",
	"SMTP sessions open now."},
    {"relay_failures_total", "", PROXY_COUNT_RELAY_FAILED, "counter",
	"Connections to the next hop that were not made or were lost."},
    {"records_lost_total", "", PROXY_COUNT_RECORDS_LOST, "counter",
	"Records of messages that were not kept."},
};

static void
head(const char *name, const char *type, const char *help, struct strbuf *out)
{
	strbuf_addf(out, "# HELP signpost_%s %s\n# TYPE signpost_%s %s\n", name,
	    help, name, type);
}

static void
series(const struct proxy_metrics_front *front, const char *name,
    const char *label, uint64_t value, struct strbuf *out)
{
	if (front->name != NULL)
		strbuf_addf(out, "signpost_%s{proxy=\"%s\"%s} %llu\n", name,
		    front->name, label, (unsigned long long)value);
}

static bool
has(const struct proxy_metrics_front *front, enum proxy_filter_kind filter)
{
	return front->name != NULL && front->filter == filter;
}

/* Is there a front for which a head with nothing below it is not the truth? */
static bool
any_has(const struct proxy_metrics *m, enum proxy_filter_kind filter)
{
	bool any = false;

	for (size_t k = 0; k < PROXY_FRONTS; k++)
		any |= has(&m->fronts[k], filter);
	return any;
}

/* A family: a series for each of its words. */
struct family {
	const char *name, *label;
	const char *const *words;
	unsigned first, count; /* of the counters */
};

/* Of all fronts with that filter. */
static void
print_families(const struct proxy_metrics *m, enum proxy_filter_kind filter,
    const struct family *f, struct strbuf *out)
{
	for (size_t k = 0; k < PROXY_FRONTS; k++)
		if (has(&m->fronts[k], filter)) {
			const struct proxy_metrics_front *front = &m->fronts[k];
			char text[80];

			for (unsigned i = 0; i < f->count; i++) {
				(void)snprintf(text, sizeof(text), ",%s=\"%s\"",
				    f->label, f->words[i]);
				series(front, f->name, text,
				    front->n[f->first + i], out);
			}
		}
}

static void
print_results_of(const struct proxy_metrics_front *front, struct strbuf *out)
{
	for (unsigned method = 0; method < AUTH_METHODS; method++)
		for (unsigned v = 0; v < MAIL_VERDICT_COUNT; v++) {
			char label[80];

			(void)snprintf(label, sizeof(label),
			    ",method=\"%s\",result=\"%s\"",
			    auth_method_name((enum auth_method)method),
			    mail_verdict_word((enum mail_verdict)v));
			series(front, "results_total", label,
			    front->n[PROXY_COUNT_RESULTS +
				method * PROXY_RESULT_VERDICTS + v],
			    out);
		}
}

/* A histogram of one front: its buckets, their bounds in ms, what they sum
 * to. */
struct histogram {
	const char *name;
	const unsigned *bounds;
	unsigned first, count;		 /* of the counters */
	enum proxy_counter milliseconds; /* of all together */
};

static void
print_histogram(const struct proxy_metrics_front *front,
    const struct histogram *h, struct strbuf *out)
{
	uint64_t sum = 0;
	char name[64], label[80];

	if (front->name == NULL)
		return;
	(void)snprintf(name, sizeof(name), "%s_bucket", h->name);
	for (unsigned i = 0; i < h->count; i++) {
		sum += front->n[h->first + i];
		if (i < h->count - 1)
			(void)snprintf(label, sizeof(label), ",le=\"%g\"",
			    h->bounds[i] / 1000.0);
		else
			(void)snprintf(label, sizeof(label), ",le=\"+Inf\"");
		series(front, name, label, sum, out);
	}
	strbuf_addf(out, "signpost_%s_sum{proxy=\"%s\"} %.3f\n", h->name,
	    front->name, (double)front->n[h->milliseconds] / 1000);
	(void)snprintf(name, sizeof(name), "%s_count", h->name);
	series(front, name, "", sum, out);
}

static void
print_of_verifiers(const struct proxy_metrics *m, const char *name,
    enum proxy_counter counter, struct strbuf *out)
{
	for (size_t k = 0; k < PROXY_FRONTS; k++)
		if (has(&m->fronts[k], PROXY_FILTER_VERIFY))
			series(&m->fronts[k], name, "", m->fronts[k].n[counter],
			    out);
}

/* --- what there is one of --- */

static void
single(const char *name, const char *type, const char *help, int64_t value,
    struct strbuf *out)
{
	head(name, type, help, out);
	strbuf_addf(out, "signpost_%s %lld\n", name, (long long)value);
}

static void
print_daemon(const struct proxy_metrics *m, struct strbuf *out)
{
	head("spool_bytes", "gauge", "Bytes of messages held now.", out);
	for (size_t k = 0; k < PROXY_FRONTS; k++)
		series(
		    &m->fronts[k], "spool_bytes", "", m->fronts[k].spool, out);
	head("workers", "gauge", "Workers that serve.", out);
	for (size_t k = 0; k < PROXY_FRONTS; k++)
		series(&m->fronts[k], "workers", "", m->fronts[k].workers, out);
	single("workers_restarted_total", "counter",
	    "Workers that died and were replaced.", (int64_t)m->restarts, out);
	single("config_generation", "gauge",
	    "Configurations applied since the start.", (int64_t)m->generation,
	    out);
	single("config_last_reload_successful", "gauge",
	    "Whether the last reload took the settings.", !m->reload_refused,
	    out);
	single("config_last_reload_success_timestamp_seconds", "gauge",
	    "When settings were last taken.", m->reload_done, out);
	single("start_time_seconds", "gauge", "When it was started.",
	    m->started, out);
	head("build_info", "gauge", "What runs.", out);
	strbuf_addf(out, "signpost_build_info{version=\"%s\"} 1\n", m->version);
}

static void
print_kept(const struct proxy_metrics *m, struct strbuf *out)
{
	static const char *const words[PROXY_ANSWERS] = {
	    [RECORD_REFLECTOR_SENT] = "sent",
	    [RECORD_REFLECTOR_DEFERRED] = "deferred",
	    [RECORD_REFLECTOR_GIVEN_UP] = "given_up",
	    [RECORD_REFLECTOR_TOO_MANY] = "too_many",
	    [RECORD_REFLECTOR_NOT_ANSWERED] = "not_answered",
	    [RECORD_REFLECTOR_LOST] = "lost",
	};

	if (m->database)
		single("results_database_up", "gauge",
		    "Whether the results database can be used.", m->database_up,
		    out);
	if (m->database && m->database_bytes >= 0)
		single("results_database_bytes", "gauge",
		    "Size of the results database.", m->database_bytes, out);
	if (m->reports_last >= 0) {
		single("reports_sent_total", "counter",
		    "Aggregate reports that a next hop took.",
		    (int64_t)m->reports, out);
		single("reports_last_success_timestamp_seconds", "gauge",
		    "When an aggregate report was sent last; 0: never.",
		    m->reports_last, out);
	}
	if (!m->reflector)
		return;
	head("reflector_answers_total", "counter",
	    "Mail to the reflector by what became of its answer.", out);
	for (unsigned i = 0; i < PROXY_ANSWERS; i++)
		strbuf_addf(out,
		    "signpost_reflector_answers_total{result=\"%s\"} %llu\n",
		    words[i], (unsigned long long)m->answers[i]);
}

/* --- processes: names that every exporter has --- */

enum of_process { CPU, RESIDENT, VIRTUAL, STARTED, FDS, FDS_MAX };

static void
print_of_process(const struct proxy_metrics_process *p, const char *name,
    enum of_process which, struct strbuf *out)
{
	if ((which == FDS || which == FDS_MAX) && p->fds_max == 0)
		return;
	strbuf_addf(out, "process_%s{role=\"%s\",slot=\"%u\"} ", name, p->role,
	    p->slot);
	switch (which) {
	case CPU:
		strbuf_addf(out, "%.2f\n", p->is.cpu_seconds);
		break;
	case STARTED:
		strbuf_addf(out, "%.2f\n", p->is.started);
		break;
	case RESIDENT:
		strbuf_addf(out, "%llu\n", (unsigned long long)p->is.resident);
		break;
	case VIRTUAL:
		strbuf_addf(out, "%llu\n", (unsigned long long)p->is.virtual);
		break;
	case FDS:
		strbuf_addf(out, "%llu\n", (unsigned long long)p->fds);
		break;
	case FDS_MAX:
		strbuf_addf(out, "%llu\n", (unsigned long long)p->fds_max);
		break;
	}
}

static void
print_processes(const struct proxy_metrics *m, struct strbuf *out)
{
	static const struct {
		const char *name, *type, *help;
	} all[] = {
	    [CPU] = {"cpu_seconds_total", "counter",
		"CPU time, of the user and the system."},
	    [RESIDENT] = {"resident_memory_bytes", "gauge", "Memory in use."},
	    [VIRTUAL] = {"virtual_memory_bytes", "gauge", "Address space."},
	    [STARTED] = {"start_time_seconds", "gauge",
		"When it began, since 1970."},
	    [FDS] = {"open_fds", "gauge", "Open file descriptors."},
	    [FDS_MAX] = {"max_fds", "gauge", "File descriptors at the most."},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		strbuf_addf(out, "# HELP process_%s %s\n# TYPE process_%s %s\n",
		    all[i].name, all[i].help, all[i].name, all[i].type);
		for (size_t k = 0; k < m->process_count; k++)
			print_of_process(&m->processes[k], all[i].name,
			    (enum of_process)i, out);
	}
}

/* Of keys that were asked for since the start, or as far as the master can
 * remember. */
static void
print_published(const struct proxy_metrics *m, struct strbuf *out)
{
	head("key_published", "gauge",
	    "Keys by whether the world sees them: published; lost, which sign "
	    "though their record is gone or wrong; staged, with none of their "
	    "kind that signs.",
	    out);
	strbuf_addf(out,
	    "signpost_key_published{state=\"published\"} %llu\n"
	    "signpost_key_published{state=\"lost\"} %llu\n"
	    "signpost_key_published{state=\"staged\"} %llu\n",
	    (unsigned long long)m->keys_published,
	    (unsigned long long)m->keys_lost,
	    (unsigned long long)m->keys_staged);
}

static void
print_signers(const struct proxy_metrics *m, struct strbuf *out)
{
	size_t i;

	if (m->signer_count == 0)
		return;
	head("keys_cached", "gauge", "Private keys in memory.", out);
	for (i = 0; i < m->signer_count; i++)
		strbuf_addf(out, "signpost_keys_cached{signer=\"%zu\"} %llu\n",
		    i + 1, (unsigned long long)m->signers[i].keys);
	head("key_age_seconds", "gauge",
	    "Age of the oldest private key in use.", out);
	for (i = 0; i < m->signer_count; i++)
		strbuf_addf(out,
		    "signpost_key_age_seconds{signer=\"%zu\"} %llu\n", i + 1,
		    (unsigned long long)m->signers[i].key_age);
	head("signer_answers_total", "counter",
	    "What signers answered, by the proxy that asked.", out);
	for (i = 0; i < m->signer_count; i++)
		for (size_t k = 0; k < PROXY_FRONTS; k++)
			for (size_t a = 0; a < PROXY_SIGN_ANSWERS &&
			     m->fronts[k].name != NULL;
			     a++)
				strbuf_addf(out,
				    "signpost_signer_answers_total{signer="
				    "\"%zu\",proxy=\"%s\",answer=\"%s\"} "
				    "%llu\n",
				    i + 1, m->fronts[k].name,
				    proxy_sign_answer_words[a],
				    (unsigned long long)m->signers[i]
					.answers[k][a]);
}

int
proxy_metrics_print(const struct proxy_metrics *m, struct strbuf *out)
{
	static const struct family family = {"unsigned_total", "reason",
	    proxy_unsigned_words, PROXY_COUNT_REASONS, PROXY_UNSIGNED_COUNT};
	static const struct family outcomes = {"dns_questions_total", "outcome",
	    proxy_dns_words, PROXY_COUNT_DNS, PROXY_DNS_OUTCOMES};
	static const struct family packets = {"dns_packets_total", "kind",
	    proxy_packet_words, PROXY_COUNT_PACKETS, PROXY_DNS_PACKETS};
	static const struct histogram took = {"dns_seconds", proxy_dns_bounds,
	    PROXY_COUNT_DNS_TOOK, PROXY_DNS_BUCKETS, PROXY_COUNT_DNS_MS};
	static const struct histogram delays = {"delay_seconds",
	    proxy_delay_bounds, PROXY_COUNT_DELAYS, PROXY_DELAY_BUCKETS,
	    PROXY_COUNT_DELAY_MS};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].type != NULL)
			head(rows[i].name, rows[i].type, rows[i].help, out);
		for (size_t k = 0; k < PROXY_FRONTS; k++)
			series(&m->fronts[k], rows[i].name, rows[i].label,
			    m->fronts[k].n[rows[i].counter], out);
	}
	if (any_has(m, PROXY_FILTER_SIGN)) {
		head("unsigned_total", "counter",
		    "Messages passed on unsigned, by reason.", out);
		print_families(m, PROXY_FILTER_SIGN, &family, out);
	}
	if (any_has(m, PROXY_FILTER_VERIFY)) {
		head("results_total", "counter",
		    "Results of the checks, by method and verdict.", out);
		for (size_t k = 0; k < PROXY_FRONTS; k++)
			if (has(&m->fronts[k], PROXY_FILTER_VERIFY))
				print_results_of(&m->fronts[k], out);
	}
	if (any_has(m, PROXY_FILTER_VERIFY)) {
		head("dns_questions_total", "counter",
		    "DNS questions of the checks, by what they came to.", out);
		print_families(m, PROXY_FILTER_VERIFY, &outcomes, out);
		head("dns_cache_hits_total", "counter",
		    "Of the questions, those answered from the cache.", out);
		print_of_verifiers(
		    m, "dns_cache_hits_total", PROXY_COUNT_DNS_CACHED, out);
		head("dns_merged_total", "counter",
		    "Of the questions, those that joined an equal one on its "
		    "way.",
		    out);
		print_of_verifiers(
		    m, "dns_merged_total", PROXY_COUNT_DNS_MERGED, out);
		head("dns_packets_total", "counter",
		    "Packets sent; that answer nothing; cut short, so asked by "
		    "TCP.",
		    out);
		print_families(m, PROXY_FILTER_VERIFY, &packets, out);
		head("dns_seconds", "histogram",
		    "How long questions took that a name server was asked.",
		    out);
		for (size_t k = 0; k < PROXY_FRONTS; k++)
			if (has(&m->fronts[k], PROXY_FILTER_VERIFY))
				print_histogram(&m->fronts[k], &took, out);
	}
	head("delay_seconds", "histogram",
	    "From MAIL to the answer at the final dot.", out);
	for (size_t k = 0; k < PROXY_FRONTS; k++)
		print_histogram(&m->fronts[k], &delays, out);
	head("relay_up", "gauge", "Whether the next hop greets.", out);
	for (size_t k = 0; k < PROXY_FRONTS; k++)
		if (m->fronts[k].relay_up >= 0)
			series(&m->fronts[k], "relay_up", "",
			    (uint64_t)m->fronts[k].relay_up, out);
	print_daemon(m, out);
	print_kept(m, out);
	print_signers(m, out);
	print_published(m, out);
	print_processes(m, out);
	return out->full ? -1 : 0;
}
