/* Prometheus' text; see metrics.h. */
#include <stdio.h>

#include "auth/results.h"
#include "mail/verdict.h"
#include "proxy/metrics.h"

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
    {"keys_cached", "", PROXY_COUNT_KEYS, "gauge", "Private keys in memory."},
    {"key_age_seconds", "", PROXY_COUNT_KEY_AGE, "gauge",
	"Age of the oldest private key in use."},
};

static void
head(const char *name, const char *type, const char *help, struct strbuf *out)
{
	(void)strbuf_addf(out, "# HELP signpost_%s %s\n# TYPE signpost_%s %s\n",
	    name, help, name, type);
}

static void
series(const struct proxy_metrics_side *side, const char *name,
    const char *label, uint64_t value, struct strbuf *out)
{
	if (side->name != NULL)
		(void)strbuf_addf(out, "signpost_%s{proxy=\"%s\"%s} %llu\n",
		    name, side->name, label, (unsigned long long)value);
}

static void
print_rows(const struct proxy_metrics *m, struct strbuf *out)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].type != NULL)
			head(rows[i].name, rows[i].type, rows[i].help, out);
		for (size_t k = 0; k < 2; k++)
			series(&m->sides[k], rows[i].name, rows[i].label,
			    m->sides[k].n[rows[i].counter], out);
	}
}

/* A family: a series for each of its words. */
struct family {
	const char *name, *label;
	const char *const *words;
	unsigned first, count; /* of the counters */
};

static void
print_family(const struct proxy_metrics_side *side, const struct family *f,
    struct strbuf *out)
{
	char text[80];

	for (unsigned i = 0; i < f->count; i++) {
		(void)snprintf(
		    text, sizeof(text), ",%s=\"%s\"", f->label, f->words[i]);
		series(side, f->name, text, side->n[f->first + i], out);
	}
}

static void
print_reasons(const struct proxy_metrics *m, struct strbuf *out)
{
	static const struct family family = {"unsigned_total", "reason",
	    proxy_reason_words, PROXY_COUNT_REASONS, PROXY_REASONS};

	head("unsigned_total", "counter",
	    "Messages passed on unsigned, by reason.", out);
	print_family(&m->sides[0], &family, out);
}

static void
print_results(const struct proxy_metrics *m, struct strbuf *out)
{
	const struct proxy_metrics_side *side = &m->sides[1];

	head("results_total", "counter",
	    "Results of the checks, by method and verdict.", out);
	for (unsigned method = 0; method < AUTH_METHODS; method++)
		for (unsigned v = 0; v < MAIL_VERDICT_COUNT; v++) {
			char label[80];

			(void)snprintf(label, sizeof(label),
			    ",method=\"%s\",result=\"%s\"",
			    auth_method_name((enum auth_method)method),
			    mail_verdict_word((enum mail_verdict)v));
			series(side, "results_total", label,
			    side->n[PROXY_COUNT_RESULTS +
				method * PROXY_RESULT_VERDICTS + v],
			    out);
		}
}

static void
print_dns(const struct proxy_metrics *m, struct strbuf *out)
{
	static const struct family family = {"dns_total", "outcome",
	    proxy_dns_words, PROXY_COUNT_DNS, PROXY_DNS_OUTCOMES};

	head("dns_total", "counter",
	    "DNS questions by what they came to, and packets.", out);
	print_family(&m->sides[1], &family, out);
}

static void
print_delays_of(const struct proxy_metrics_side *side, struct strbuf *out)
{
	uint64_t sum = 0;
	char label[80];

	if (side->name == NULL)
		return;
	for (size_t i = 0; i < PROXY_DELAY_BUCKETS; i++) {
		sum += side->n[PROXY_COUNT_DELAYS + i];
		if (i < PROXY_DELAY_BUCKETS - 1)
			(void)snprintf(label, sizeof(label), ",le=\"%g\"",
			    proxy_delay_bounds[i] / 1000.0);
		else
			(void)snprintf(label, sizeof(label), ",le=\"+Inf\"");
		series(side, "delay_seconds_bucket", label, sum, out);
	}
	(void)strbuf_addf(out,
	    "signpost_delay_seconds_sum{proxy=\"%s\"} %.3f\n", side->name,
	    (double)side->n[PROXY_COUNT_DELAY_MS] / 1000);
	series(side, "delay_seconds_count", "", sum, out);
}

static void
print_delays(const struct proxy_metrics *m, struct strbuf *out)
{
	head("delay_seconds", "histogram",
	    "From MAIL to the answer at the final dot.", out);
	for (size_t k = 0; k < 2; k++)
		print_delays_of(&m->sides[k], out);
}

static void
print_processes(const struct proxy_metrics *m, struct strbuf *out)
{
	head("spool_bytes", "gauge", "Bytes of messages held now.", out);
	for (size_t k = 0; k < 2; k++)
		series(&m->sides[k], "spool_bytes", "", m->sides[k].spool, out);
	head("workers", "gauge", "Workers that serve.", out);
	for (size_t k = 0; k < 2; k++)
		series(&m->sides[k], "workers", "", m->sides[k].workers, out);
	head("workers_restarted_total", "counter",
	    "Workers that died and were replaced.", out);
	(void)strbuf_addf(out, "signpost_workers_restarted_total %llu\n",
	    (unsigned long long)m->restarts);
	head("config_generation", "gauge",
	    "Configurations applied since the start.", out);
	(void)strbuf_addf(out, "signpost_config_generation %llu\n",
	    (unsigned long long)m->generation);
	head("start_time_seconds", "gauge", "When it was started.", out);
	(void)strbuf_addf(
	    out, "signpost_start_time_seconds %lld\n", (long long)m->started);
	head("info", "gauge", "What runs.", out);
	(void)strbuf_addf(out, "signpost_info{version=\"%s\"} 1\n", m->version);
}

int
proxy_metrics_print(const struct proxy_metrics *m, struct strbuf *out)
{
	print_rows(m, out);
	print_reasons(m, out);
	print_results(m, out);
	print_dns(m, out);
	print_delays(m, out);
	print_processes(m, out);
	return out->full ? -1 : 0;
}
