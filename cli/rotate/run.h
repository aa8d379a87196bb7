/*
 * One run of `signpost rotate': what its verbs share. A verb collects what is
 * to be looked at in the domains' folders, looks, and then does in each folder,
 * under its lock, what is to be done as the file says by then: no lock is held
 * while DNS is asked, and whoever is ended at any moment leaves a file that is
 * whole.
 */
#ifndef CLI_ROTATE_RUN_H
#define CLI_ROTATE_RUN_H

#include "cli/kit/resolve.h"
#include "cli/rotate/domains.h"
#include "cli/rotate/keys.h"
#include "cli/rotate/look.h"
#include "cli/rotate/report.h"
#include "proxy/keys/key_access.h"
#include "proxy/keys/selectors_folder.h"

enum { ROTATE_REASON_MAX = 8192, ROTATE_WITHOUT_MAX = 64 };

/* used= of a key that was given up before it was active: 1970 and a second. */
#define ROTATE_NEVER_USED 1

struct rotate_run {
	const char *config_path;
	struct proxy_config *config;
	struct proxy_key_readers readers; /* who may have access to keys */
	struct rotate_domains domains;
	const char *selector; /* -s; NULL */
	const char *without_list[ROTATE_WITHOUT_MAX];
	struct rotate_without without;
	struct cli_resolver *resolver;
	struct rotate_report report;
	bool automatic; /* nobody is there: a person is told once */
	int64_t now;	/* of the time of day, at its begin */
	/* Calls of the command that failed: it is not called for ever. */
	unsigned publish_failures;
};

/* A domain's folder, open. */
struct rotate_work {
	struct rotate_run *run;
	const struct rotate_domain *domain;
	struct proxy_selectors_folder folder;
	struct proxy_selectors *selectors; /* NULL: it could not be read */
	bool fresh;			   /* there is no file yet */
};

/* Opens the folder, locked, and reads its file. 0; or -1, and it is reported
 * why, but for *absent: there is no folder, or with `absent` NULL that is one
 * more reason. To be closed in any case. */
int rotate_work_open(struct rotate_work *, struct rotate_run *,
    const struct rotate_domain *, bool *absent);
/* 0, or -1 and it is reported. */
int rotate_work_write(struct rotate_work *);
void rotate_work_close(struct rotate_work *);

/* It has keys, and no file says what they are. */
void rotate_report_unnamed(
    struct rotate_report *, const struct rotate_domain *);

/* What is known of a row. */
struct rotate_standing rotate_standing_of(const struct proxy_selector *);
void rotate_standing_put(struct proxy_selectors *, const char *selector,
    const struct rotate_standing *);

/* A key that is looked at. */
struct rotate_item {
	const struct rotate_domain *domain;
	enum dkim_key_type type;
	enum proxy_selector_state state; /* as it was collected */
	char *selector;
	struct rotate_key key;
	bool gone;	    /* its record is to be gone; else to be there */
	bool readable;	    /* its file could be read */
	bool resolver_only; /* it is only to be there */
	size_t number;	    /* in the look; SIZE_MAX: it was not looked at */
};

struct rotate_items {
	struct rotate_item *list;
	size_t count, room;
	struct rotate_look *look; /* NULL: not yet */
};

/* Adds the key of a row. */
struct rotate_item *rotate_items_add(struct rotate_items *,
    const struct rotate_domain *, const struct proxy_selector *);
/* Looks at all of them: the record of a staged or active key is to be there,
 * that of a retired one gone, unless the item says otherwise. */
void rotate_items_look(struct rotate_items *, struct rotate_run *);
/* What was seen of one; NULL where it was not looked at. */
const struct rotate_shown *rotate_items_shown(
    const struct rotate_items *, const struct rotate_item *);
void rotate_items_clear(struct rotate_items *);
/* Its file cannot be read: that is reported. */
void rotate_item_report_unreadable(
    struct rotate_run *, const struct rotate_item *);

/* A row of -s, or of any name where there is no -s. */
bool rotate_run_wants(const struct rotate_run *, const struct proxy_selector *);

/* Of which kinds a domain's keys are to be, in bits, as its file stands. */
unsigned rotate_wanted_kinds(
    const struct rotate_domain *, const struct proxy_selectors *);

/* --- the verbs; each reports what became of each key --- */

/* Of each kind that has no staged key one is made, of these domains; of one
 * that there is its record is told. */
void rotate_prepare(
    struct rotate_run *, const struct rotate_domain *const *, size_t count);
void rotate_activate(struct rotate_run *);
void rotate_retire(struct rotate_run *);
void rotate_revert(struct rotate_run *);
void rotate_adopt(struct rotate_run *);
void rotate_status(struct rotate_run *);
void rotate_auto(struct rotate_run *);

#endif
