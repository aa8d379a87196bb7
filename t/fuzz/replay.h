/*
 * What each t/fuzz/<name>.c defines: libFuzzer's entry. It returns 0 and
 * must not leak, whatever the bytes.
 */
#ifndef T_FUZZ_REPLAY_H
#define T_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#endif
