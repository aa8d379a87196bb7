/*
 * What has to be changed in the DNS: by the command that [rotate] names, or by
 * a person, who is told. Neither is believed; a look shows it.
 */
#ifndef CLI_ROTATE_PUBLISHING_H
#define CLI_ROTATE_PUBLISHING_H

#include "cli/rotate/run.h"

/* The record of a staged key is to be there, of a retired one gone. The row's
 * told= says that a person has heard of it. The caller writes the file. */
void rotate_publish_add(struct rotate_work *, const struct rotate_item *);
void rotate_publish_remove(struct rotate_work *, const struct rotate_item *);

#endif
