/* mail_taglist_parse() on anything; every tag lies in the text and is found
 * under its name. */
#include <stdint.h>

#include "mail/taglist.h"
#include "t/fuzz/must.h"
#include "t/fuzz/replay.h"

static void
check_inside(struct slice piece, struct slice text)
{
	must(piece.p >= text.p && piece.p + piece.n <= text.p + text.n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = slice_from((const char *)bytes, n);
	struct mail_taglist list;
	enum mail_reason reason = MAIL_REASON_NONE;

	if (mail_taglist_parse(text, &list, &reason) != 0) {
		must(reason != MAIL_REASON_NONE && list.count == 0);
		return 0;
	}
	must(list.count > 0 && list.count <= MAIL_TAGLIST_MAX);
	for (size_t i = 0; i < list.count; i++) {
		const struct mail_tag *tag = &list.tags[i];

		check_inside(tag->name, text);
		check_inside(tag->whole, text);
		check_inside(tag->value, tag->whole);
		must(mail_taglist_find(&list, tag->name) == tag);
	}
	return 0;
}
