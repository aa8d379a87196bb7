/*
 * What a worker and a signer say to each other (DESIGN, "Asker and signer"):
 * questions and their answers, a few in a datagram, over a SOCK_SEQPACKET pair
 * that is for these two alone. A text that does not fit into a datagram goes
 * with it as a sealed memory file; its question goes alone. Both ends are the
 * same program on the same machine, so a datagram begins with a struct; but
 * neither end believes what it reads.
 */
#ifndef PROXY_KEYS_SIGN_WIRE_H
#define PROXY_KEYS_SIGN_WIRE_H

#include <stdint.h>

#include "base/slice.h"
#include "base/strbuf.h"
#include "dkim/algorithm.h"
#include "dkim/key.h"

/* Questions in a datagram, and answers. */
#define PROXY_SIGN_TOGETHER_MAX 4
/* Octets of a text that goes in the datagram; a longer one goes apart. */
#define PROXY_SIGN_INLINE_MAX 65536
/* What a text may have over the header that it is made of: our own fields. */
#define PROXY_SIGN_TEXT_OVER 131072
/* Octets of a DomainKeys digest, which is SHA-1's. */
#define PROXY_SIGN_DIGEST 20
/* Octets of a domain, of a selector, of a reason. */
#define PROXY_SIGN_NAME_MAX   253
#define PROXY_SIGN_REASON_MAX 1536

enum proxy_sign_kind {
	PROXY_SIGN_ASK_KEY, /* which key is there? STALE is the answer */
	PROXY_SIGN_ASK_TEXT,
	PROXY_SIGN_ASK_DIGEST /* DomainKeys, whose digest covers the body */
};

struct proxy_sign_question {
	uint64_t id; /* the asker's, comes back in the answer */
	enum proxy_sign_kind kind;
	uint32_t right;	       /* proxy/settings/sign_rights.h */
	struct slice domain;   /* whose mail; the key may be a parent's */
	struct slice selector; /* that the asker heard last; empty: none */
	/* The canonical text, or the digest; of a text that goes apart its
	 * length, with p NULL in what was parsed. */
	struct slice text;
};

/* A question as it is sent: the head, then domain, selector, and the text
 * where it fits. Several together have no more octets than one may. */
struct proxy_sign_question_head {
	uint64_t id;
	uint32_t kind, right, domain_n, selector_n, text_n, apart;
};
#define PROXY_SIGN_QUESTION_MAX                                              \
	(sizeof(struct proxy_sign_question_head) + 2 * PROXY_SIGN_NAME_MAX + \
	    PROXY_SIGN_INLINE_MAX)

enum proxy_sign_word {
	PROXY_SIGN_DONE,    /* signed, with the key that the answer names */
	PROXY_SIGN_STALE,   /* not with that name: here is the right one */
	PROXY_SIGN_MISSING, /* no key, where any domain may have none */
	PROXY_SIGN_TROUBLE, /* it cannot be, or must not be: see the reason */
	PROXY_SIGN_UNPUBLISHED, /* there is a key, which the world cannot see */
	PROXY_SIGN_WORDS
};

struct proxy_sign_answer {
	uint64_t id;
	enum proxy_sign_word status;
	enum dkim_algorithm algorithm; /* DONE, STALE: the key's own */
	unsigned bits;
	size_t domain_from; /* where in the domain asked for the key's begins */
	int64_t since, used; /* s since 1970: the signer has the key, it last
			      * signed with it; used 0: never */
	struct slice selector, signature, reason;
};

struct proxy_sign_answer_head {
	uint64_t id;
	int64_t since, used;
	uint32_t status, algorithm, bits, domain_from;
	uint32_t selector_n, signature_n, reason_n, zero;
};
#define PROXY_SIGN_ANSWER_MAX                                          \
	(sizeof(struct proxy_sign_answer_head) + PROXY_SIGN_NAME_MAX + \
	    DKIM_KEY_SIGNATURE_MAX + PROXY_SIGN_REASON_MAX)
#define PROXY_SIGN_ANSWERS_MAX (PROXY_SIGN_TOGETHER_MAX * PROXY_SIGN_ANSWER_MAX)

/* The next one of the datagram, of which `rest` is what was not taken yet; its
 * slices are the datagram's. 0, or -1 where it is none: a length lies, a word
 * is none of ours, a domain or a digest has not the size of one, something
 * stands behind a question whose text goes apart. */
int proxy_sign_question_take(struct slice *rest, struct proxy_sign_question *);
int proxy_sign_answer_take(struct slice *rest, struct proxy_sign_answer *);

/* Octets that it takes in a datagram. */
size_t proxy_sign_question_size(const struct proxy_sign_question *);

/* Sends some together (up to PROXY_SIGN_TOGETHER_MAX, of
 * PROXY_SIGN_QUESTION_MAX octets) without waiting; or one, with the descriptor
 * of its text, where that goes apart, else PROXY_KEY_NO_FD. 0, or -1 and
 * errno. */
int proxy_sign_questions_send(
    int socket, const struct proxy_sign_question *, size_t count, int text_fd);
/* Adds an answer to what will be a datagram, whose cap is
 * PROXY_SIGN_ANSWERS_MAX; the reason up to PROXY_SIGN_REASON_MAX. */
void proxy_sign_answer_add(const struct proxy_sign_answer *, struct strbuf *);

/* A text that goes apart: a sealed memory file, the caller's; -1 and errno. */
int proxy_sign_text_put(struct slice text);
/* Such a file, of `n` octets, to be read; -1 where it is not sealed, or not of
 * that size. The descriptor stays the caller's. */
int proxy_sign_text_map(int fd, size_t n, struct slice *text);
void proxy_sign_text_unmap(struct slice text);

#endif
