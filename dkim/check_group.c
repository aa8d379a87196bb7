/* Several checks, asked and answered together. */
#include <assert.h>

#include "dkim/check_group.h"

void
dkim_check_group_add(struct dkim_check_group *group, struct dkim_check *check)
{
	assert(group->count < DKIM_CHECK_GROUP_MAX);
	group->list[group->count++] = check;
}

bool
dkim_check_group_ask(
    struct dkim_check_group *group, struct dns_question *question)
{
	for (size_t i = 0; i < group->count; i++) {
		struct dkim_check *check = group->list[i];
		bool asked = false;

		if (check->state != DKIM_CHECK_PARSED)
			continue;
		/* Does another one wait for the answer to this? */
		for (size_t k = 0; k < group->count; k++)
			asked = asked ||
			    (group->list[k]->state == DKIM_CHECK_ASKED &&
				dns_question_equal(&group->list[k]->question,
				    &check->question));
		check->state = DKIM_CHECK_ASKED;
		if (asked)
			continue;
		*question = check->question;
		return true;
	}
	return false;
}

void
dkim_check_group_answer(struct dkim_check_group *group,
    const struct dns_question *question, const struct dns_answer *answer)
{
	for (size_t i = 0; i < group->count; i++) {
		struct dkim_check *check = group->list[i];

		if (check->state != DKIM_CHECK_ASKED ||
		    !dns_question_equal(&check->question, question))
			continue;
		dkim_check_answer(check, answer);
		if (group->ended)
			dkim_check_end(check, group->body);
	}
}

void
dkim_check_group_end(struct dkim_check_group *group)
{
	group->ended = true;
	for (size_t i = 0; i < group->count; i++)
		dkim_check_end(group->list[i], group->body);
}

bool
dkim_check_group_judged(const struct dkim_check_group *group)
{
	for (size_t i = 0; i < group->count; i++)
		if (group->list[i]->state != DKIM_CHECK_JUDGED)
			return false;
	return true;
}
