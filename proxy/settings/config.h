/*
 * The settings (signpost.conf(5)) as values: defaults filled in, checked
 * against each other, all or none. A configuration never changes; a reload
 * makes a new one.
 */
#ifndef PROXY_SETTINGS_CONFIG_H
#define PROXY_SETTINGS_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/canon.h"
#include "proxy/settings/address.h"
#include "proxy/settings/fronts.h"
#include "record/report.h"

#define PROXY_CONFIG_PATH "/etc/signpost/signpost.conf"
/* Where tools ask the daemon, unless the settings say otherwise. */
#define PROXY_CONTROL_PATH "/run/signpost/control"

/* Bytes of a configuration file, and of one sender or list-id map; lines
 * may be as long. */
#define PROXY_CONFIG_FILE_MAX ((size_t)16 << 20)
#define PROXY_CONFIG_MAP_MAX  ((size_t)256 << 20)
/* Of a message's header, where the settings do not say. */
#define PROXY_CONFIG_HEADER_KILOBYTES 512
/* Listeners of one front; signatures that one rule may add. */
#define PROXY_LISTENERS_MAX  16
#define PROXY_SIGNATURES_MAX 8
/* Workers of one front. */
#define PROXY_WORKERS_MAX 64
/* Defaults of messages: memory before there is a file, and how long all DNS
 * questions of one may take. */
#define PROXY_SPOOL_MEMORY_KILOBYTES 64
#define PROXY_SPOOL_MEMORY_MARK	     (PROXY_SPOOL_MEMORY_KILOBYTES * 1024)
#define PROXY_ASKING_DEADLINE_S	     20
#define PROXY_ASKING_DEADLINE_MS     (PROXY_ASKING_DEADLINE_S * 1000)
/* Seconds: three signs of life. */
#define PROXY_WATCHDOG_LEAST 15

struct dkim_field_list;
struct dkim_kind;
struct proxy_sign_map;

/*
 * What is wrong, one "file:line: text" a line, for people. Errors refuse
 * the configuration, warnings do not.
 */
struct proxy_report {
	struct strbuf errors, warnings;
};

void proxy_report_init(struct proxy_report *);
void proxy_report_clear(struct proxy_report *);

struct proxy_strings {
	char **list;
	size_t count;
};

/* What is spoken at a listener of a front. */
enum proxy_listen_kind {
	PROXY_LISTEN_SMTP,
	PROXY_LISTEN_MILTER,
	PROXY_LISTEN_KINDS
};

struct proxy_listen {
	enum proxy_listen_kind kind;
	struct proxy_endpoint at;
	bool proxy_protocol;	    /* a PROXY header comes first, and must */
	struct proxy_rights rights; /* of a Unix-domain socket */
};

struct proxy_listeners {
	struct proxy_listen *list;
	size_t count;
};

enum proxy_on_error { PROXY_ON_ERROR_TEMPFAIL, PROXY_ON_ERROR_PASS };
enum proxy_unsignable { PROXY_UNSIGNABLE_PASS, PROXY_UNSIGNABLE_REJECT };
enum proxy_partial_body { PROXY_PARTIAL_BODY_POLICY, PROXY_PARTIAL_BODY_PASS };
enum proxy_bare_newline {
	PROXY_BARE_NEWLINE_NORMALIZE,
	PROXY_BARE_NEWLINE_REJECT
};

/* What every front has. Times in seconds, sizes in bytes. */
struct proxy_front {
	size_t number;	  /* of its row */
	const char *name; /* of its section, "out" */
	enum proxy_filter_kind filter;
	bool enabled; /* the section is there */
	char *user;   /* its workers run as; applied as root only */
	/* The file's lines that set these; 0: nobody did. */
	unsigned user_line, spool_dir_line;
	struct proxy_listeners listen;
	struct proxy_endpoint relay;
	struct proxy_networks allow, proxies;
	enum proxy_bare_newline bare_newline;
	bool announce_8bitmime;

	char *spool_dir;
	uint64_t spool_max;	   /* all workers' messages; 0: no bound */
	size_t spool_memory;	   /* a message's mark, then a file */
	uint64_t max_message_size; /* 0: the relay's */
	size_t max_header_size;
	size_t line_length; /* that smtp(8) leaves whole; 0: any */
	unsigned max_recipients, max_sessions, max_errors;

	unsigned idle_timeout, proxy_header_timeout; /* clients */
	unsigned connect_timeout, command_timeout;   /* the relay */
	unsigned write_timeout, dot_timeout;
};

/* Has it a listener where that is spoken? Where SMTP is, it relays. */
bool proxy_front_speaks(const struct proxy_front *, enum proxy_listen_kind);

/* --- to sign --- */

/* One `dkim(...)` or `domainkeys(...)`: what sign_rule makes signings of. */
struct proxy_signature {
	const struct dkim_kind *kind;		  /* dkim/signing_set.h */
	enum dkim_canon header_canon, body_canon; /* equal for DomainKeys */
	enum dkim_algorithm algorithm;		  /* UNKNOWN: the key's own */
	char *domain;	/* with macros; NULL: what was matched */
	char *identity; /* with macros; NULL: no i= */
	char *selector;
	struct dkim_field_list *fields; /* NULL: the configuration's */
	unsigned key_rule;
	unsigned number; /* of all of the settings: sign_rights.h */
};

/* Signatures that go together: one line of a map, or `signature =`. */
struct proxy_signatures {
	struct proxy_signature *list;
	size_t count;
};

/*
 * Where a key lies. Workers name a rule by its index and say for which
 * domain; they never send a path.
 */
struct proxy_key_rule {
	char *file;	/* absolute; $domain and $selector not yet expanded */
	char *selector; /* what $selector stands for; PROXY_SELECTOR_AUTO */
	bool automatic; /* it is that: proxy/keys/selectors.h says which */
	/* Where it is automatic, of which kind the key is to be; UNKNOWN: RSA
	 * where there is one. */
	enum dkim_algorithm algorithm;
	bool per_domain; /* $domain is in it */
	bool parents;	 /* where no file is there, try the domain's parents */
	bool domainkeys; /* a signature of that kind is made with it, too */
	char *where;	 /* "file:line" that named it first */
};

/* Instead of a selector: the file beside a domain's keys names it. */
#define PROXY_SELECTOR_AUTO "auto"

/* What becomes of mail whose domain has a key, but none yet that the world can
 * see: selector = auto. */
enum proxy_before_published {
	PROXY_BEFORE_PUBLISHED_UNSIGNED,
	PROXY_BEFORE_PUBLISHED_SIGN,
	PROXY_BEFORE_PUBLISHED_TEMPFAIL
};

struct proxy_index;

/* Whose mail is signed that comes by milter, besides that of networks. */
enum proxy_origin {
	PROXY_ORIGIN_AUTHENTICATED = 1 << 0, /* who sent it gave a password */
	PROXY_ORIGIN_LOCAL = 1 << 1	     /* it came by no SMTP */
};

struct proxy_sign_for {
	unsigned origins; /* of enum proxy_origin */
	struct proxy_networks networks;
};

/* Whose domain is looked for: From's author, or DKIMproxy's choice: Sender
 * where there is one. */
enum proxy_sender_header { PROXY_SENDER_FROM, PROXY_SENDER_SENDER };

struct proxy_signing_rules {
	/* As written; the rest is made of them. */
	char *selector, *keyfile, *sender_map_path, *listid_map_path;
	struct proxy_strings headers;
	struct proxy_strings domains;	/* in order, without `*` */
	struct proxy_index *domain_set; /* the same, to be found in */
	bool any_domain;		/* `domain = *` */
	bool sign_all;
	enum proxy_sender_header sender_header;
	struct proxy_sign_for sign_for;
	struct proxy_signatures signatures; /* without maps */
	struct dkim_field_list *fields;	    /* headers =; NULL: the built-in */
	unsigned ttl;			    /* x= after t=, seconds; 0: no x= */
	struct proxy_sign_map *sender_map, *listid_map; /* NULL: none */
	struct proxy_key_rule *keys;
	size_t key_count;
	enum proxy_on_error on_error;
	enum proxy_unsignable unsignable;
	enum proxy_before_published before_published;
	unsigned keys_cached; /* keys a signer keeps */
};

/* --- to check --- */

enum proxy_check {
	PROXY_CHECK_DKIM = 1 << 0,
	PROXY_CHECK_DOMAINKEYS = 1 << 1,
	PROXY_CHECK_SPF = 1 << 2,
	PROXY_CHECK_SENDERID = 1 << 3,
	PROXY_CHECK_DMARC = 1 << 4,
	PROXY_CHECK_ARC = 1 << 5,
	PROXY_CHECK_IPREV = 1 << 6,
	PROXY_CHECK_ALL = (1 << 7) - 1
};

enum proxy_reject {
	PROXY_REJECT_DKIM = 1 << 0, /* signatures, of which none passes */
	PROXY_REJECT_DKIM_REQUIRED = 1 << 1, /* unsigned mail too */
	PROXY_REJECT_SPF = 1 << 2,
	PROXY_REJECT_DMARC = 1 << 3
};

/* ARC: the set put on what was checked. */
struct proxy_seal_settings {
	char *domain; /* NULL: none */
	char *selector, *keyfile;
	unsigned key_rule; /* of the signing rules' keys */
};

struct proxy_checking_rules {
	struct proxy_strings authserv_ids; /* the first is written */
	struct proxy_networks trusted;
	unsigned check;	 /* of enum proxy_check */
	unsigned reject; /* of enum proxy_reject */
	enum proxy_on_error on_error, on_dns_error;
	struct proxy_networks dmarc_except; /* clients: forwarders, lists */
	struct proxy_strings arc_trusted; /* domains whose seals are believed */
	enum proxy_partial_body partial_body; /* l= short of the body */
	struct proxy_strings remove_fields;   /* of strangers, by name */
	unsigned max_signatures, max_body_hashes, max_questions;
	unsigned deadline; /* s, all questions of a message */
	struct proxy_seal_settings seal;
};

struct proxy_dns_settings {
	struct proxy_strings nameservers; /* none: resolv.conf */
	unsigned timeout;		  /* s, a question in all */
	bool trust_ad;
	size_t cache_size; /* bytes, a worker */
};

struct proxy_metrics_settings {
	struct proxy_listeners listen;
	struct proxy_networks allow;
	struct proxy_strings hosts; /* names besides the hostname */
};

struct proxy_reflector_settings {
	char *address;		     /* NULL: none */
	struct proxy_endpoint relay; /* where answers go: our own [out] */
	struct proxy_endpoint spamd; /* length 0: none */
	unsigned spamd_timeout;	     /* s */
	/* Answers an hour: to a mailbox, to a client's network, in all. */
	unsigned max_per_hour, max_per_client, max_per_hour_all;
};

/* What is kept of messages; record/store.h. */
struct proxy_results_settings {
	char *user;	    /* of the recorder: users.h */
	unsigned user_line; /* 0: nobody set it */
	char *database;	    /* NULL: nothing is kept */
	unsigned database_line;
	unsigned keep;	   /* s */
	uint64_t max_size; /* bytes of the database */
	/* Of the aggregate reports made of it (RFC 9990). */
	char *reporter; /* our domain; NULL: the hostname */
	char *email;	/* NULL: postmaster@ and the reporter */
	char *contact;	/* NULL: none */
	enum record_report_format format;
};

/* New keys in the place of old ones: `signpost rotate'. */
struct proxy_rotate_settings {
	bool enabled;	/* the section is there: `rotate auto' works */
	unsigned every; /* s, from one key to the next */
	unsigned
	    retire_after; /* s, from a key's last use to its record's end */
	/* One template, in which a % is; or fixed names, two at least. */
	struct proxy_strings names;
	char *publish;	    /* a command and its arguments; NULL: none */
	char *publish_user; /* whom it runs as */
	unsigned publish_user_line;    /* 0: nobody set it */
	char *notify;		       /* a mailbox; NULL: nobody's */
	struct proxy_strings resolver; /* none: those of [dns] */
};

/* Of retire_after: mail that was signed may lie in Postfix's queue so long
 * (maximal_queue_lifetime, of which 5 days are the default), and a day in that
 * of whom it is for. */
#define PROXY_ROTATE_QUEUE_DAYS	  5
#define PROXY_ROTATE_RETIRE_LEAST ((PROXY_ROTATE_QUEUE_DAYS + 1) * 86400)
#define PROXY_ROTATE_RETIRE_USUAL (7 * 86400)

/* May a process make calls, and reach files, that its role does not need? */
enum proxy_sandbox {
	PROXY_SANDBOX_YES, /* no */
	PROXY_SANDBOX_LOG, /* it may; the kernel writes down the calls */
	PROXY_SANDBOX_NO
};

struct proxy_config {
	char *path;
	char *hostname;		 /* greeting and EHLO */
	unsigned workers;	 /* of each front; 0: one a core */
	unsigned signers;	 /* 0: one a core */
	unsigned sign_timeout;	 /* s, a signer's answer */
	char *keys_user;	 /* of the signers: users.h */
	unsigned keys_user_line; /* 0: nobody set it */
	char *user;		 /* of the fronts that name none of their own */
	enum log_target log;
	enum log_level log_level;
	char *pidfile;	       /* NULL: none */
	char *control;	       /* where tools ask; "": nowhere */
	unsigned control_line; /* of the file, that says so; 0: none */
	enum proxy_sandbox sandbox;
	unsigned drain_timeout; /* s, sessions of old workers after a reload */
	unsigned stop_timeout;	/* s, messages in flight after SIGTERM */
	unsigned watchdog;	/* s, a worker without a sign of life */

	struct proxy_front fronts[PROXY_FRONTS]; /* in the order of the rows */
	struct proxy_signing_rules signing;
	struct proxy_checking_rules checking;
	struct proxy_dns_settings dns;
	struct proxy_metrics_settings metrics;
	struct proxy_reflector_settings reflector;
	struct proxy_results_settings results;
	struct proxy_rotate_settings rotate;

	struct proxy_config_texts *texts; /* what it was read from */
};

/*
 * Reads the file and the maps it names. NULL where there is an error; all
 * errors are in the report then, not only the first.
 */
struct proxy_config *proxy_config_load(const char *path, struct proxy_report *);

/* What the file has for one setting, whatever else is wrong with it: what a
 * tool needs that has to find the daemon. NULL where it has none, or cannot be
 * read; else free() it. */
char *proxy_config_peek(
    const char *path, const char *section, const char *name);

/* As proxy_config_load(), from text at hand; `name` is what "file:line" says.
 * Maps are still read from where it names them. */
struct proxy_config *proxy_config_parse(
    const char *name, struct slice text, struct proxy_report *);

/*
 * Is this machine fit for it: users exist, spool directories can be
 * written by them and are no tmpfs. What is not goes into the report; -1
 * where that is an error. Keys are looked at by proxy/keys/key_files.h.
 */
int proxy_config_check_machine(
    const struct proxy_config *, struct proxy_report *);

/*
 * A worker's copy: every text the configuration was read from, in a sealed
 * memory file, and the same configuration read from there. A worker needs
 * no right to read /etc/signpost, and numbers its rules as the master does.
 */
int proxy_config_pack(const struct proxy_config *); /* descriptor or -1 */
struct proxy_config *proxy_config_unpack(int fd, struct proxy_report *);

/* Adds the SHA-256, in hexadecimal digits, of the texts that it was read from:
 * two with the same one say the same. */
void proxy_config_stamp(const struct proxy_config *, struct strbuf *);

void proxy_config_free(struct proxy_config *); /* NULL is fine */

#endif
