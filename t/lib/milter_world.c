/* Both fronts' filters, keys and a script of the DNS; see milter_world.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/xalloc.h"
#include "dkim/field_list.h"
#include "dns/resolver.h"
#include "proxy/message/milter.h"
#include "t/lib/milter_world.h"

enum {
	TEXT_CAP = 4096,
	KEY_CAP = 8192,
	PATH_CAP = 4096,
	HEADER_MAX = 65536,
	SIGNER_S = 10
};

/* --- name servers --- */

struct dns_query {
	TAILQ_ENTRY(dns_query) entry;
	struct dns_question question;
	dns_answer_fn *fn;
	void *ctx;
};

static TAILQ_HEAD(, dns_query) queries = TAILQ_HEAD_INITIALIZER(queries);
static enum milter_world_dns said;

struct dns_query *__wrap_dns_resolver_ask(struct dns_resolver *,
    const struct dns_question *, dns_answer_fn *, void *ctx);
void __wrap_dns_query_cancel(struct dns_query *);

struct dns_query *
__wrap_dns_resolver_ask(struct dns_resolver *resolver,
    const struct dns_question *question, dns_answer_fn *fn, void *ctx)
{
	struct dns_query *query = xcalloc(1, sizeof(*query));

	(void)resolver;
	query->question = *question;
	query->fn = fn;
	query->ctx = ctx;
	TAILQ_INSERT_TAIL(&queries, query, entry);
	return query;
}

void
__wrap_dns_query_cancel(struct dns_query *query)
{
	if (query == NULL)
		return;
	TAILQ_REMOVE(&queries, query, entry);
	free(query);
}

static struct dns_answer
answer_to(const struct dns_question *question, struct dns_record *record)
{
	struct slice name = slice_str(question->name), domainkey;

	domainkey = SLICE("._domainkey.");
	if (said == MILTER_WORLD_LOST)
		return (struct dns_answer){.status = DNS_TEMPFAIL};
	if (said != MILTER_WORLD_DENIES || question->type != DNS_TXT ||
	    slice_search(name, domainkey) < name.n)
		return (struct dns_answer){.status = DNS_NXDOMAIN};
	record->value = slice_starts_nocase(name, SLICE("_dmarc."))
	    ? SLICE("v=DMARC1; p=reject")
	    : SLICE("v=spf1 -all");
	return (struct dns_answer){
	    .status = DNS_OK, .count = 1, .records = record};
}

void
milter_world_say(enum milter_world_dns dns)
{
	said = dns;
}

void
milter_world_answer(void)
{
	struct dns_query *query;

	while (said != MILTER_WORLD_HELD &&
	    (query = TAILQ_FIRST(&queries)) != NULL) {
		struct dns_query it = *query;
		struct dns_record record = {0};
		struct dns_answer answer = answer_to(&it.question, &record);

		__wrap_dns_query_cancel(query);
		it.fn(it.ctx, &it.question, &answer);
	}
}

/* --- settings and keys --- */

/* Where they are: copies, for those of t/data may be read by others, and such a
 * key is refused. */
static char folder[] = "/tmp/signpost-milter-XXXXXX";
static const char *const keys[] = {"rsa1024.pem", "ed25519.pem"};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static void
remove_keys(void)
{
	char path[PATH_CAP];

	for (size_t i = 0; i < KEYS; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, keys[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static bool
copy_key(const char *name)
{
	char path[PATH_CAP], bytes[KEY_CAP];
	int from, to;
	ssize_t n, written = -1;

	(void)snprintf(path, sizeof(path), "%s/dkim/%s", T_DATA, name);
	from = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	to = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, S_IRUSR);
	if (from >= 0 && to >= 0) {
		n = read(from, bytes, sizeof(bytes));
		written = n > 0 ? write(to, bytes, (size_t)n) : -1;
	}
	(void)close(from);
	(void)close(to);
	return written > 0;
}

/* Until the end, for keys are looked at again. */
static bool
make_keys(void)
{
	static bool made;

	if (made)
		return true;
	if (mkdtemp(folder) == NULL)
		return false;
	made = atexit(remove_keys) == 0;
	for (size_t i = 0; i < KEYS; i++)
		made = made && copy_key(keys[i]);
	return made;
}

static void
print_out(enum milter_world_kind kind, struct strbuf *text)
{
	(void)strbuf_addf(text,
	    "[signpost]\nuser = nobody\n[out]\nselector = s\n"
	    "domain = example.org, ed.example\nsign_for = %s\n"
	    "unsignable = reject\n"
	    "signature = dkim(c=simple/simple, key=%s/%s)\n"
	    "signature = dkim(c=relaxed/relaxed, key=%s/%s)\n"
	    "signature = domainkeys(c=nofws, key=%s/%s)\n",
	    kind == MILTER_WORLD_SIGNS ? "authenticated, local, 192.0.2.0/24"
				       : "none",
	    folder, keys[1], folder, keys[0], folder, keys[0]);
}

static void
print_in(enum milter_world_kind kind, struct strbuf *text)
{
	(void)strbuf_add_str(text,
	    "[in]\nlisten = 127.0.0.1:10025\nrelay = 127.0.0.1:10026\n"
	    "authserv_id = mx.example.org, old.example.org\n"
	    "[dns]\nnameserver = 127.0.0.1\n");
	if (kind == MILTER_WORLD_REFUSES)
		(void)strbuf_add_str(text,
		    "[in]\nreject = dkim, spf, dmarc\ndmarc_except =\n"
		    "on_dns_error = tempfail\nbare_newline = reject\n"
		    "[results]\ndatabase = /nonexistent/results\n"
		    "[reflector]\naddress = echo@example.org\n"
		    "relay = 127.0.0.1:10027\nspamd = 127.0.0.1:783\n");
}

static bool
is_signing(enum milter_world_kind kind)
{
	return kind <= MILTER_WORLD_SIGNS_NONE;
}

static struct proxy_config *
read_config(enum milter_world_kind kind)
{
	struct proxy_report report;
	struct proxy_config *config;
	struct strbuf text;

	strbuf_init(&text, TEXT_CAP);
	(is_signing(kind) ? print_out : print_in)(kind, &text);
	proxy_report_init(&report);
	config = proxy_config_parse("test", strbuf_slice(&text), &report);
	if (config == NULL)
		(void)!write(STDERR_FILENO, report.errors.p, report.errors.n);
	proxy_report_clear(&report);
	strbuf_clear(&text);
	return config;
}

/* --- the world --- */

static void
add_signers(struct milter_world *w)
{
	w->sign = (struct proxy_sign_env){.config = w->config,
	    .signers = proxy_signers_new(w->base, SIGNER_S),
	    .text_max = HEADER_MAX + PROXY_SIGN_TEXT_OVER,
	    .built_in = dkim_field_list_new(),
	    .counters = &w->counters};
	signing_desk_init(&w->desk, w->base, w->config, NULL);
	proxy_signers_add(w->sign.signers,
	    signing_desk_ask(
		&w->desk, proxy_front_with(w->config, PROXY_FILTER_SIGN)));
}

static void
add_checks(struct milter_world *w)
{
	w->verify = (struct proxy_verify_env){
	    .config = w->config, .base = w->base, .counters = &w->counters};
	proxy_verify_env_init(&w->verify);
}

struct milter_world *
milter_world_of(enum milter_world_kind kind)
{
	static struct milter_world *worlds[MILTER_WORLD_KINDS];
	struct milter_world *w = worlds[kind];

	if (w != NULL)
		return w;
	if (is_signing(kind) && !make_keys())
		return NULL;
	w = xcalloc(1, sizeof(*w));
	w->kind = kind;
	w->base = event_base_new();
	w->config = read_config(kind);
	w->spool_dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	worlds[kind] = w;
	if (w->base == NULL || w->config == NULL || w->spool_dir < 0)
		return NULL;
	if (is_signing(kind))
		add_signers(w);
	else
		add_checks(w);
	return w;
}

void
milter_world_begin(struct milter_world *w, enum milter_world_dns dns)
{
	bool signing = is_signing(w->kind);
	struct proxy_service *v = &w->service;

	said = dns;
	proxy_quota_init(&w->quota, &w->slot, 0);
	*v = (struct proxy_service){
	    .base = w->base,
	    .header_max = HEADER_MAX,
	    .line_max = 998,
	    .newline = w->kind == MILTER_WORLD_REFUSES ? MAIL_NEWLINE_REJECT
						       : MAIL_NEWLINE_NORMALIZE,
	    .filter = signing ? &proxy_filter_sign : &proxy_filter_verify,
	    .filter_env = signing ? (void *)&w->sign : (void *)&w->verify,
	    .spool_mark = HEADER_MAX,
	    .spool_files = proxy_spool_files_new(w->spool_dir),
	    .quota = &w->quota,
	    .counters = &w->counters,
	};
	LIST_INIT(&v->sessions);
	LIST_INIT(&v->milters);
}

const char *
milter_world_end(struct milter_world *w)
{
	proxy_milters_cut(&w->service);
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	proxy_spool_files_free(w->service.spool_files);
	if (w->service.session_count > 0)
		return "a session";
	if (proxy_quota_used(&w->quota) > 0)
		return "bytes of the quota";
	if (proxy_counter_get(&w->counters, PROXY_COUNT_SESSIONS_OPEN) > 0)
		return "a session that is counted as open";
	if (!TAILQ_EMPTY(&queries))
		return "a question";
	return "";
}
