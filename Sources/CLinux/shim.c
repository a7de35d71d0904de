#define _GNU_SOURCE
#include "shim.h"
#include <fcntl.h>
#include <stddef.h>

int sx_punch_hole(int descriptor, off_t offset, off_t count) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
}

#include <sys/socket.h>

int sx_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

#include <malloc.h>

void sx_keep_heap(int bytes) {
    mallopt(M_TRIM_THRESHOLD, bytes);
    mallopt(M_MMAP_THRESHOLD, bytes);
}
