#define _GNU_SOURCE
#include "shim.h"
#include <fcntl.h>

int sx_punch_hole(int descriptor, off_t offset, off_t count) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
}
