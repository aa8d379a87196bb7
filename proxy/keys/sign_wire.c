/*
 * Questions to a signer, and its answers; see sign_wire.h. Lengths are checked
 * before anything is read by them, on both sides: the worker reads strangers'
 * mail, and is what a signer has to be safe from.
 */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "proxy/keys/key_wire.h"
#include "proxy/keys/sign_wire.h"

/* Nobody may change it any more, nor cut it short under who reads it. */
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

/* --- reading --- */

/* The next `n` octets. */
static struct slice
take(struct slice *rest, size_t n)
{
	struct slice taken = slice_first(*rest, n);

	*rest = slice_after(*rest, n);
	return taken;
}

static bool
has_sane_text(const struct proxy_sign_question_head *head)
{
	if (head->apart != 0)
		return head->apart == 1 && head->kind == PROXY_SIGN_ASK_TEXT &&
		    head->text_n > PROXY_SIGN_INLINE_MAX;
	switch (head->kind) {
	case PROXY_SIGN_ASK_KEY:
		return head->text_n == 0;
	case PROXY_SIGN_ASK_DIGEST:
		return head->text_n == PROXY_SIGN_DIGEST;
	default:
		return head->text_n > 0 &&
		    head->text_n <= PROXY_SIGN_INLINE_MAX;
	}
}

int
proxy_sign_question_take(struct slice *rest, struct proxy_sign_question *to)
{
	struct proxy_sign_question_head head;
	struct slice parts = slice_after(*rest, sizeof(head));
	size_t n;

	memset(to, 0, sizeof(*to));
	if (rest->n < sizeof(head))
		return -1;
	memcpy(&head, rest->p, sizeof(head));
	if (head.kind > PROXY_SIGN_ASK_DIGEST || !has_sane_text(&head) ||
	    head.domain_n == 0 || head.domain_n > PROXY_SIGN_NAME_MAX ||
	    head.selector_n > PROXY_SIGN_NAME_MAX)
		return -1;
	n = (size_t)head.domain_n + head.selector_n +
	    (head.apart != 0 ? 0 : head.text_n);
	if (parts.n < n || (head.apart != 0 && parts.n > n))
		return -1;
	to->id = head.id;
	to->kind = (enum proxy_sign_kind)head.kind;
	to->right = head.right;
	to->domain = take(&parts, head.domain_n);
	to->selector = take(&parts, head.selector_n);
	to->text = head.apart != 0 ? slice_from(NULL, head.text_n)
				   : take(&parts, head.text_n);
	*rest = parts;
	return 0;
}

/* What goes with a status, and nothing else. */
static bool
is_sane_answer(const struct proxy_sign_answer_head *head)
{
	bool key =
	    head->status == PROXY_SIGN_DONE || head->status == PROXY_SIGN_STALE;

	return head->status < PROXY_SIGN_WORDS &&
	    (head->selector_n > 0) == key &&
	    head->selector_n <= PROXY_SIGN_NAME_MAX &&
	    (head->signature_n > 0) == (head->status == PROXY_SIGN_DONE) &&
	    head->signature_n <= DKIM_KEY_SIGNATURE_MAX &&
	    head->reason_n <= PROXY_SIGN_REASON_MAX &&
	    head->algorithm <= DKIM_RSA_SHA1 &&
	    (head->algorithm != DKIM_ALGORITHM_UNKNOWN) == key &&
	    head->bits <= DKIM_KEY_BITS_MAX &&
	    head->domain_from < PROXY_SIGN_NAME_MAX && head->zero == 0;
}

int
proxy_sign_answer_take(struct slice *rest, struct proxy_sign_answer *to)
{
	struct proxy_sign_answer_head head;
	struct slice parts = slice_after(*rest, sizeof(head));

	memset(to, 0, sizeof(*to));
	if (rest->n < sizeof(head))
		return -1;
	memcpy(&head, rest->p, sizeof(head));
	if (!is_sane_answer(&head) ||
	    parts.n <
		(size_t)head.selector_n + head.signature_n + head.reason_n)
		return -1;
	to->id = head.id;
	to->status = (enum proxy_sign_word)head.status;
	to->algorithm = (enum dkim_algorithm)head.algorithm;
	to->bits = head.bits;
	to->domain_from = head.domain_from;
	to->since = head.since;
	to->used = head.used;
	to->selector = take(&parts, head.selector_n);
	to->signature = take(&parts, head.signature_n);
	to->reason = take(&parts, head.reason_n);
	*rest = parts;
	return 0;
}

/* --- sending --- */

static struct iovec
part_of(struct slice bytes)
{
	return (struct iovec){(void *)(uintptr_t)bytes.p, bytes.n};
}

size_t
proxy_sign_question_size(const struct proxy_sign_question *question)
{
	return sizeof(struct proxy_sign_question_head) + question->domain.n +
	    question->selector.n + question->text.n;
}

int
proxy_sign_questions_send(int socket,
    const struct proxy_sign_question *questions, size_t count, int text_fd)
{
	enum { PARTS = 4 };
	struct proxy_sign_question_head heads[PROXY_SIGN_TOGETHER_MAX];
	struct iovec parts[PROXY_SIGN_TOGETHER_MAX * PARTS];
	bool apart = text_fd != PROXY_KEY_NO_FD;

	assert(count <= (apart ? 1 : PROXY_SIGN_TOGETHER_MAX));
	for (size_t i = 0; i < count; i++) {
		const struct proxy_sign_question *question = &questions[i];
		struct iovec *part = &parts[i * PARTS];

		assert(apart == (question->text.n > PROXY_SIGN_INLINE_MAX));
		heads[i] = (struct proxy_sign_question_head){
		    .id = question->id,
		    .kind = question->kind,
		    .right = question->right,
		    .domain_n = (uint32_t)question->domain.n,
		    .selector_n = (uint32_t)question->selector.n,
		    .text_n = (uint32_t)question->text.n,
		    .apart = apart,
		};
		part[0] = (struct iovec){&heads[i], sizeof(heads[i])};
		part[1] = part_of(question->domain);
		part[2] = part_of(question->selector);
		part[3] = part_of(question->text);
	}
	return proxy_key_send_parts(
	    socket, parts, count * PARTS - apart, text_fd);
}

void
proxy_sign_answer_add(const struct proxy_sign_answer *answer, struct strbuf *to)
{
	struct slice reason =
	    slice_first(answer->reason, PROXY_SIGN_REASON_MAX);
	struct proxy_sign_answer_head head = {
	    .id = answer->id,
	    .since = answer->since,
	    .used = answer->used,
	    .status = answer->status,
	    .algorithm = answer->algorithm,
	    .bits = answer->bits,
	    .domain_from = (uint32_t)answer->domain_from,
	    .selector_n = (uint32_t)answer->selector.n,
	    .signature_n = (uint32_t)answer->signature.n,
	    .reason_n = (uint32_t)reason.n,
	};

	strbuf_add(to, slice_from((const char *)&head, sizeof(head)));
	strbuf_add(to, answer->selector);
	strbuf_add(to, answer->signature);
	strbuf_add(to, reason);
}

/* --- long texts --- */

int
proxy_sign_text_put(struct slice text)
{
	int fd = memfd_create("signpost-text", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (fd_write_all(fd, text) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

int
proxy_sign_text_map(int fd, size_t n, struct slice *text)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *at;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0 ||
	    n == 0 || st.st_size != (off_t)n)
		return -1;
	at = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return -1;
	*text = slice_from(at, n);
	return 0;
}

void
proxy_sign_text_unmap(struct slice text)
{
	if (text.n > 0)
		(void)munmap((void *)(uintptr_t)text.p, text.n);
}
