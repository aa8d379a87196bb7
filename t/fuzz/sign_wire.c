/*
 * Both directions of the wire between worker and signer on anything; and what
 * is one comes out again as it was sent, long texts among them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/keys/key_wire.h"
#include "proxy/keys/sign_wire.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

/* Sends, and gives what came out at the other end. */
struct pipe {
	int ends[2];
	char *bytes;
	long n;
	int fd;
};

static void
pipe_open(struct pipe *p)
{
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p->ends) == 0);
	p->bytes = malloc(PROXY_SIGN_QUESTION_MAX);
}

static struct slice
pipe_take(struct pipe *p)
{
	p->n = proxy_key_receive(
	    p->ends[1], p->bytes, PROXY_SIGN_QUESTION_MAX, &p->fd);
	must(p->n > 0);
	return slice_from(p->bytes, (size_t)p->n);
}

static void
pipe_close(struct pipe *p)
{
	free(p->bytes);
	close(p->ends[0]);
	close(p->ends[1]);
}

/* The text that goes apart is as long as the question says, within reason. */
static void
send_apart(struct pipe *p, const struct proxy_sign_question *question)
{
	struct proxy_sign_question whole = *question, got;
	char *text = calloc(1, question->text.n);
	struct slice mapped;
	int fd;

	whole.text = slice_from(text, question->text.n);
	fd = proxy_sign_text_put(whole.text);
	must(fd >= 0);
	must(proxy_sign_question_send(p->ends[0], &whole, fd) == 0);
	close(fd);
	must(proxy_sign_question_parse(pipe_take(p), &got) == 0 && p->fd >= 0);
	must(got.text.p == NULL && got.text.n == whole.text.n);
	must(proxy_sign_text_map(p->fd, got.text.n + 1, &mapped) != 0);
	must(proxy_sign_text_map(p->fd, got.text.n, &mapped) == 0);
	must(slice_equal(mapped, whole.text));
	proxy_sign_text_unmap(mapped);
	close(p->fd);
	free(text);
}

static void
resend_question(const struct proxy_sign_question *question)
{
	struct proxy_sign_question got;
	struct pipe p;

	pipe_open(&p);
	if (question->text.p == NULL && question->text.n > 0) {
		if (question->text.n <= 1 << 20)
			send_apart(&p, question);
	} else {
		must(proxy_sign_question_send(
			 p.ends[0], question, PROXY_KEY_NO_FD) == 0);
		must(proxy_sign_question_parse(pipe_take(&p), &got) == 0);
		must(got.id == question->id && got.kind == question->kind &&
		    got.right == question->right &&
		    slice_equal(got.domain, question->domain) &&
		    slice_equal(got.selector, question->selector) &&
		    slice_equal(got.text, question->text));
	}
	pipe_close(&p);
}

static void
resend_answer(const struct proxy_sign_answer *answer)
{
	struct proxy_sign_answer got;
	struct pipe p;

	pipe_open(&p);
	must(proxy_sign_answer_send(p.ends[0], answer) == 0);
	must(proxy_sign_answer_parse(pipe_take(&p), &got) == 0);
	must(got.id == answer->id && got.status == answer->status &&
	    slice_equal(got.selector, answer->selector) &&
	    slice_equal(got.signature, answer->signature) &&
	    slice_equal(got.reason, answer->reason));
	pipe_close(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n), mapped;
	struct proxy_sign_question question;
	struct proxy_sign_answer answer;
	int plain;

	if (proxy_sign_question_parse(text, &question) == 0)
		resend_question(&question);
	if (proxy_sign_answer_parse(text, &answer) == 0)
		resend_answer(&answer);
	/* A file that its writer could still change is not read. */
	plain = memfd_create("plain", MFD_CLOEXEC);
	must(plain >= 0 && ftruncate(plain, 5) == 0);
	must(proxy_sign_text_map(plain, 5, &mapped) != 0);
	close(plain);
	return 0;
}
