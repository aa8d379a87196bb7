/*
 * Folding of fields we make; see fold.h. The maker says where white space may
 * stand, since only he knows the grammar: a fold in the wrong place changes
 * what is signed, or makes of a value two. A piece that is too wide is not
 * cut; a long line is legal, a broken value is not.
 */
#include "mail/fold.h"

enum { FOLD_INDENT = 8 };

void
mail_fold_add(struct mail_fold *fold, struct slice piece)
{
	strbuf_add(fold->out, piece);
	fold->column += piece.n;
}

static void
break_line(struct mail_fold *fold)
{
	strbuf_add_str(fold->out, "\r\n\t");
	fold->column = FOLD_INDENT;
}

void
mail_fold_begin(struct mail_fold *fold, struct strbuf *out, struct slice name)
{
	*fold = (struct mail_fold){.out = out};
	mail_fold_add(fold, name);
	mail_fold_add(fold, SLICE(":"));
}

void
mail_fold_space(struct mail_fold *fold, size_t n)
{
	if (fold->column + 1 + n > MAIL_FOLD_COLUMNS)
		break_line(fold);
	else
		mail_fold_add(fold, SLICE(" "));
}

void
mail_fold_word(struct mail_fold *fold, struct slice piece)
{
	mail_fold_space(fold, piece.n);
	mail_fold_add(fold, piece);
}

/* On a fresh line another fold would gain nothing and leave a line of white
 * space, which RFC 5322 section 3.2.2 forbids. */
void
mail_fold_glue(struct mail_fold *fold, struct slice piece)
{
	if (fold->column + piece.n > MAIL_FOLD_COLUMNS &&
	    fold->column > FOLD_INDENT)
		break_line(fold);
	mail_fold_add(fold, piece);
}

void
mail_fold_anywhere(struct mail_fold *fold, struct slice piece)
{
	while (piece.n > 0) {
		size_t room = fold->column < MAIL_FOLD_COLUMNS
		    ? MAIL_FOLD_COLUMNS - fold->column
		    : 0;

		if (room == 0) {
			break_line(fold);
			continue;
		}
		mail_fold_add(fold, slice_first(piece, room));
		piece = slice_after(piece, room);
	}
}

void
mail_fold_end(struct mail_fold *fold)
{
	strbuf_add_str(fold->out, "\r\n");
	fold->column = 0;
}
