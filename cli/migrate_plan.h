/*
 * What a move comes to: our settings and maps, the keys that they name, whose
 * mail Postfix hands over, and what is to be said about it. Made of theirs by
 * arithmetic alone; files are asked for (cli/migrate_lines.h).
 */
#ifndef CLI_MIGRATE_PLAN_H
#define CLI_MIGRATE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "cli/migrate_lines.h"
#include "cli/migrate_signing.h"

/* Where our maps and copied keys go. */
#define MIGRATE_FOLDER "/etc/signpost"

/* Who a client is, as the lists of OpenDKIM have it. */
struct migrate_host {
	const char *text; /* a network as we write it; a name, or .domain */
	bool name, not ;
	unsigned bits; /* of a network */
};

struct migrate_hosts {
	struct migrate_host *list;
	size_t count, room;
};

/* What becomes of a key. */
enum migrate_key_fate {
	MIGRATE_KEY_STAYS,
	MIGRATE_KEY_MENDED,  /* stays; owner, group and mode are changed */
	MIGRATE_KEY_COPIED,  /* with owner and mode as they ought to be */
	MIGRATE_KEY_WRITTEN, /* out of the table that it stands in */
	MIGRATE_KEY_MISSING  /* there is none */
};

/* A private key that the maps or settings name. */
struct migrate_key {
	const char *path; /* theirs; may have $domain in it */
	const char *use;  /* ours; the same where it stays */
	const char *domain, *selector;
	bool inside; /* stands in the table: at `file`, `line` */
	const char *file;
	unsigned line;

	enum migrate_key_fate fate;
	const char *reason; /* why it does not just stay; NULL: none */
	const char *group;  /* of one that is mended */
};

struct migrate_keys {
	struct migrate_key *list;
	size_t count, room;
};

/* A sender or list-id map of DKIMproxy's. */
struct migrate_map {
	const char *path;   /* NULL: there is none */
	struct strbuf text; /* as it has to be for us, before keys are copied */
	bool rewritten;	    /* otherwise it stays where and as it is */
};

enum migrate_program { MIGRATE_DKIMPROXY, MIGRATE_OPENDKIM };

struct migrate_plan {
	enum migrate_program program;
	struct migrate_pool pool;
	struct migrate_settings settings;
	const struct migrate_files *files;

	bool out, in; /* which sections there are */
	struct strbuf out_text, in_text, dns_text; /* "name = value" lines */
	struct migrate_keys keys;
	struct migrate_map sender_map, listid_map; /* DKIMproxy's */
	struct migrate_entry *entries; /* OpenDKIM's, for the sender map */
	size_t entry_count;
	const char *signature_options; /* of each of them: "c=..." */

	/* What Postfix has of theirs, and is to have of ours. */
	const char *socket; /* OpenDKIM's; NULL: its default */
	const char *out_listen, *out_relay, *in_listen, *in_relay;
	struct migrate_hosts internal, peers;
	const char *user, *group, *pidfile; /* theirs; NULL: not said */

	/* A line each: theirs is wrong; a person has to do something; what is
	 * otherwise from now on. */
	struct strbuf errors, todo, differs;
};

void migrate_plan_init(
    struct migrate_plan *, enum migrate_program, const struct migrate_files *);
void migrate_plan_clear(struct migrate_plan *);

/* Adds a file of theirs, and when all are there makes the plan of them. What is
 * wrong is in `errors`. */
void migrate_plan_read(
    struct migrate_plan *, const char *name, struct slice text);
void migrate_plan_make(struct migrate_plan *);

/* The texts of ours. */
void migrate_plan_print_conf(const struct migrate_plan *,
    const char *sender_map, const char *listid_map, struct strbuf *out);
/* False where there is none, or it stays as it is. */
bool migrate_plan_print_sender_map(
    const struct migrate_plan *, struct strbuf *out);
bool migrate_plan_print_listid_map(
    const struct migrate_plan *, struct strbuf *out);
void migrate_plan_print_report(const struct migrate_plan *, struct strbuf *out);

/* --- for the two programs: migrate_dkimproxy.c, migrate_opendkim.c --- */

void migrate_plan_dkimproxy(struct migrate_plan *);
void migrate_plan_opendkim(struct migrate_plan *);

/* What became of a setting, in its line of the report. */
void migrate_plan_tell(struct migrate_plan *, struct migrate_setting *,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "FILE:LINE: NAME: text" to errors, todo or differs. */
void migrate_plan_note(struct strbuf *, const struct migrate_setting *,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* An error where the setting, or NULL, is a selector's name that is a word here
 * (selector = auto). */
void migrate_plan_refuse_auto(
    struct migrate_plan *, const struct migrate_setting *);

/* The key, where it is new one more: its index. */
size_t migrate_keys_add(struct migrate_keys *, const struct migrate_key *);

/* The value, or `otherwise` where it is not set. */
const char *migrate_plan_value(
    struct migrate_plan *, const char *name, const char *otherwise);

void migrate_hosts_add(struct migrate_hosts *, const struct migrate_host *);

/* The hosts of a data set; what is none is named with the setting. */
void migrate_hosts_read(struct migrate_plan *, const struct migrate_setting *,
    const struct migrate_set *, struct migrate_hosts *);

/* Is the host of that address among them? The more precise entry counts; names
 * do not. */
bool migrate_hosts_contain(const struct migrate_hosts *, const char *address);

/* Adds ", NETWORK" for each network of hosts that are in the one list and not in
 * the other, exceptions cut out. False where there are too many of these. */
bool migrate_hosts_networks(const struct migrate_hosts *internal,
    const struct migrate_hosts *peers, struct strbuf *to);

#endif
