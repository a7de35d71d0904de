#pragma once
#include <stddef.h>
#include <stdint.h>

/// libFuzzer's driver (LLVM, "libFuzzer as a library"): reads its options from the arguments and calls `input` for ever.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*input)(const uint8_t *data, size_t size));
