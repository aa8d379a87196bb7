/* What spf.c (begin and end) and spf_step.c (the machine) share. */
#ifndef AUTH_SPF_PRIVATE_H
#define AUTH_SPF_PRIVATE_H

#include "auth/address.h"
#include "auth/spf.h"
#include "auth/spf_macro.h"
#include "auth/spf_record.h"
#include "base/strbuf.h"

#define SPF_NAME_SIZE (DNS_NAME_MAX + 1)

/* What the open questions are for; the machine goes on when all of them
 * are answered. */
enum spf_state {
	SPF_RECORD,    /* TXT: the top frame's record */
	SPF_TERM,      /* nothing: evaluate the next term */
	SPF_ADDRESS,   /* A, AAAA: a, exists */
	SPF_MX,	       /* MX: mx */
	SPF_MX_HOSTS,  /* A, AAAA: its hosts */
	SPF_PTR,       /* PTR: ptr, %{p} */
	SPF_PTR_HOSTS, /* A, AAAA: are those names the client's */
	SPF_FAIL,      /* nothing: see about exp= */
	SPF_EXPLAIN,   /* TXT: exp= */
	SPF_DONE
};

struct spf_query {
	struct dns_question question;
	bool asked, answered;
	bool match; /* an address: the client's, within the prefix */
};

/* One record at work. Its terms are views into its text. */
struct spf_frame {
	char domain[SPF_NAME_SIZE];
	char *text;
	size_t text_length;
	struct auth_spf_record record;
	size_t next;	 /* term to evaluate */
	bool redirected; /* by redirect=: no record is an error */
};

static inline struct slice
spf_frame_text(const struct spf_frame *frame)
{
	return slice_from(frame->text, frame->text_length);
}

enum { SPF_TEXT_MAX = 2000 };

struct auth_spf {
	enum spf_state state, resume;
	enum auth_spf_version version;
	struct auth_address address;
	struct auth_spf_macro macro; /* its slices are the texts below */
	char *sender, *helo, *receiver;
	char *domain; /* the one checked */

	struct spf_frame frames[AUTH_SPF_FRAMES_MAX];
	size_t depth;
	unsigned lookups, voids;

	struct spf_query queries[AUTH_SPF_NAMES_MAX];
	size_t query_count;
	bool failed;  /* one of them was TEMPFAIL */
	bool present; /* one of them had records */
	bool missing; /* one of them was NXDOMAIN */

	size_t records; /* of SPF's kind in the TXT answer */
	char *text;	/* the one to use; or exp='s text */
	size_t text_length;
	char names[AUTH_SPF_NAMES_MAX][SPF_NAME_SIZE]; /* of MX, PTR */
	size_t name_count, name_total;
	char validated[AUTH_SPF_NAMES_MAX][SPF_NAME_SIZE];
	size_t validated_count;
	bool names_ready;

	enum mail_verdict verdict;
	enum mail_reason code; /* `reason` is its text */
	struct strbuf mechanism, trail, reason, explanation;
};

/* Goes on until something is asked or all is done. */
void spf_run(struct auth_spf *);

/* Ends all without an answer of the record; the name may be NULL. */
void spf_give_up(
    struct auth_spf *, enum mail_verdict, enum mail_reason, const char *name);

/* Asks for the record of `domain` in the top frame. */
void spf_frame_enter(struct auth_spf *, struct slice domain, bool redirected);
void spf_frame_clear(struct spf_frame *);

/* Takes what the state needs out of one answer. */
void spf_answer_take(
    struct auth_spf *, struct spf_query *, const struct dns_answer *);

#endif
