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
	struct slice mapped, rest;
	int fd;

	whole.text = slice_from(text, question->text.n);
	fd = proxy_sign_text_put(whole.text);
	must(fd >= 0);
	must(proxy_sign_questions_send(p->ends[0], &whole, 1, fd) == 0);
	close(fd);
	rest = pipe_take(p);
	must(proxy_sign_question_take(&rest, &got) == 0 && p->fd >= 0);
	must(rest.n == 0);
	must(got.text.p == NULL && got.text.n == whole.text.n);
	must(proxy_sign_text_map(p->fd, got.text.n + 1, &mapped) != 0);
	must(proxy_sign_text_map(p->fd, got.text.n, &mapped) == 0);
	must(slice_equal(mapped, whole.text));
	proxy_sign_text_unmap(mapped);
	close(p->fd);
	free(text);
}

/* Those of a datagram, up to what is none. */
static void
resend_questions(struct slice datagram)
{
	struct proxy_sign_question list[PROXY_SIGN_TOGETHER_MAX], got;
	const struct proxy_sign_question *last;
	size_t count = 0, octets = 0;
	struct slice rest = datagram;
	struct pipe p;

	while (count < PROXY_SIGN_TOGETHER_MAX &&
	    proxy_sign_question_take(&rest, &list[count]) == 0)
		octets += proxy_sign_question_size(&list[count++]);
	if (count == 0)
		return;
	last = &list[count - 1];
	pipe_open(&p);
	if (last->text.p == NULL && last->text.n > 0) {
		must(rest.n == 0); /* nothing stands behind it */
		if (last->text.n <= 1 << 20)
			send_apart(&p, last);
	} else if (octets <= PROXY_SIGN_QUESTION_MAX) {
		must(octets == datagram.n - rest.n);
		must(proxy_sign_questions_send(
			 p.ends[0], list, count, PROXY_KEY_NO_FD) == 0);
		rest = pipe_take(&p);
		for (size_t i = 0; i < count; i++) {
			must(proxy_sign_question_take(&rest, &got) == 0);
			must(got.id == list[i].id && got.kind == list[i].kind &&
			    got.right == list[i].right &&
			    slice_equal(got.domain, list[i].domain) &&
			    slice_equal(got.selector, list[i].selector) &&
			    slice_equal(got.text, list[i].text));
		}
		must(rest.n == 0);
	}
	pipe_close(&p);
}

static void
resend_answers(struct slice datagram)
{
	struct proxy_sign_answer list[PROXY_SIGN_TOGETHER_MAX], got;
	struct slice rest = datagram;
	struct strbuf again;
	size_t count = 0;

	while (count < PROXY_SIGN_TOGETHER_MAX &&
	    proxy_sign_answer_take(&rest, &list[count]) == 0)
		count++;
	strbuf_init(&again, PROXY_SIGN_ANSWERS_MAX);
	for (size_t i = 0; i < count; i++)
		proxy_sign_answer_add(&list[i], &again);
	must(!again.full && again.n == datagram.n - rest.n);
	rest = strbuf_slice(&again);
	for (size_t i = 0; i < count; i++) {
		must(proxy_sign_answer_take(&rest, &got) == 0);
		must(got.id == list[i].id && got.status == list[i].status &&
		    slice_equal(got.selector, list[i].selector) &&
		    slice_equal(got.signature, list[i].signature) &&
		    slice_equal(got.reason, list[i].reason));
	}
	must(rest.n == 0);
	strbuf_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n), mapped;
	int plain;

	resend_questions(text);
	resend_answers(text);
	/* A file that its writer could still change is not read. */
	plain = memfd_create("plain", MFD_CLOEXEC);
	must(plain >= 0 && ftruncate(plain, 5) == 0);
	must(proxy_sign_text_map(plain, 5, &mapped) != 0);
	close(plain);
	return 0;
}
