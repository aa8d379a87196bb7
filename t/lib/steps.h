/*
 * State machines (base/machine.h) under test: that a table lets through what
 * the test says and nothing else, and that what the tests of a program did
 * took every step of it.
 */
#ifndef T_LIB_STEPS_H
#define T_LIB_STEPS_H

#include "base/log.h"
#include "base/machine.h"

/* A log for the machines' traces: from here on stderr goes into a file. */
struct log *steps_listen(void);

/* Ends that; what was written, for the life of the program. */
const char *steps_heard(struct log *);

/* `wanted` are lines "FROM TO", NULL behind the last. Each must be let
 * through, and each other pair must end the process. */
void steps_check_table(const struct machine *, const char *const *wanted);

/* Every step of the table, save those of a state to itself, stands in what
 * was heard. */
void steps_check_taken(const struct machine *, const char *heard);

#endif
