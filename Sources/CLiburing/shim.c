#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const int32_t sxfile_open_uncached = O_DIRECT;

static int64_t nanoseconds(struct statx_timestamp time) {
    int64_t result;
    if (__builtin_mul_overflow((int64_t)time.tv_sec, (int64_t)1000000000, &result)
        || __builtin_add_overflow(result, (int64_t)time.tv_nsec, &result))
        return 0;
    return result;
}

int sxfile_status(int directory, const char *name, struct sxfile_status *status) {
    struct statx s;
    int flags = AT_SYMLINK_NOFOLLOW | (name[0] == 0 ? AT_EMPTY_PATH : 0);
    if (statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME, &s) != 0) return -errno;
    status->device = (uint64_t)s.stx_dev_major << 32 | s.stx_dev_minor;
    status->inode = s.stx_ino;
    status->born = s.stx_mask & STATX_BTIME ? nanoseconds(s.stx_btime) : 0;
    status->modified = nanoseconds(s.stx_mtime);
    status->size = (int64_t)s.stx_size;
    status->mode = s.stx_mode;
    status->links = s.stx_nlink;
    return 0;
}

int sxfile_open_beneath(int directory, const char *name, int flags, uint32_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (int attempt = 0; attempt < 16; attempt++) {
        long descriptor = syscall(SYS_openat2, directory, name, &how, sizeof how);
        if (descriptor >= 0) return (int)descriptor;
        // EAGAIN: something was renamed while the kernel looked, so it cannot tell whether the path stays beneath.
        if (errno == EAGAIN || errno == EINTR) continue;
        // Older kernels and container profiles have none. The callers pass single components only, for which
        // O_NOFOLLOW gives the same confinement.
        if (errno == ENOSYS || errno == EPERM) {
            int plain = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
            return plain >= 0 ? plain : -errno;
        }
        return -errno;
    }
    return -EAGAIN;
}

// One component after the other, none of them a symlink.
static int walk_beneath(int directory, const char *path, int flags) {
    int at = dup(directory);
    if (at < 0) return -errno;
    while (1) {
        size_t length = strcspn(path, "/");
        char name[256];
        if (length == 0 || length >= sizeof name) {
            close(at);
            return length == 0 ? -EINVAL : -ENAMETOOLONG;
        }
        memcpy(name, path, length);
        name[length] = 0;
        int is_last = path[length] == 0;
        int how = is_last ? flags : O_PATH | O_DIRECTORY;
        int next = strcmp(name, "..") == 0 ? (errno = EXDEV, -1) : openat(at, name, how | O_NOFOLLOW | O_CLOEXEC);
        int code = errno;
        close(at);
        if (next < 0) return -code;
        if (is_last) return next;
        at = next;
        path += length + 1;
    }
}

int sxfile_open_path_beneath(int directory, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (int attempt = 0; attempt < 16; attempt++) {
        long descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (descriptor >= 0) return (int)descriptor;
        if (errno == EAGAIN || errno == EINTR) continue;
        if (errno == ENOSYS || errno == EPERM) return walk_beneath(directory, path, flags);
        return -errno;
    }
    return -EAGAIN;
}

int sxfile_sync_file_system(int descriptor) {
    return syncfs(descriptor) == 0 ? 0 : -errno;
}

int sxfile_punch_hole(int descriptor, int64_t offset, int64_t length) {
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return fallocate(descriptor, mode, offset, length) == 0 ? 0 : -errno;
}

int sxfile_rename(int directory, const char *from, const char *to, unsigned flags) {
    return renameat2(directory, from, directory, to, flags) == 0 ? 0 : -errno;
}

int sxfile_start_write_back(int descriptor, int64_t offset, int64_t length) {
    return sync_file_range(descriptor, offset, length, SYNC_FILE_RANGE_WRITE) == 0 ? 0 : -errno;
}

_Static_assert(O_PATH == 010000000, "shim.h repeats the value");

int sxfile_event_descriptor(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC);
    return descriptor >= 0 ? descriptor : -errno;
}

void sxfile_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

int sxfile_ring_create(unsigned entries, struct io_uring **ring) {
    struct io_uring *made = calloc(1, sizeof *made);
    if (made == NULL) return -ENOMEM;
    // DEFER_TASKRUN since Linux 6.1, SINGLE_ISSUER since 6.0: without them the ring only costs more interrupts.
    const unsigned wishes[] = {
        IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | (1U << 13) /* IORING_SETUP_DEFER_TASKRUN */,
        IORING_SETUP_R_DISABLED,
    };
    int result = -EINVAL;
    for (unsigned i = 0; i < 2 && result == -EINVAL; i++) {
        struct io_uring_params parameters = {.flags = wishes[i]};
        result = io_uring_queue_init_params(entries, made, &parameters);
    }
    if (result < 0) {
        free(made);
        return result;
    }
    *ring = made;
    return 0;
}

int sxfile_ring_probe_enter(void) {
    // No descriptor is as good as any: who may enter is told that it is a bad one.
    if (syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0) >= 0 || errno == EBADF) return 0;
    return -errno;
}

int sxfile_ring_register_buffers(struct io_uring *ring, void *memory, unsigned count, size_t size) {
    struct iovec vectors[16];
    if (count > 16) return -EINVAL;
    for (unsigned i = 0; i < count; i++) {
        vectors[i].iov_base = (char *)memory + i * size;
        vectors[i].iov_len = size;
    }
    return io_uring_register_buffers(ring, vectors, count);
}

int sxfile_ring_register_files(struct io_uring *ring, unsigned count) {
    int empty[64];
    if (count > 64) return -EINVAL;
    for (unsigned i = 0; i < count; i++) empty[i] = -1;
    return io_uring_register_files(ring, empty, count);
}

int sxfile_ring_set_file(struct io_uring *ring, unsigned slot, int descriptor) {
    int result = io_uring_register_files_update(ring, slot, &descriptor, 1);
    return result < 0 ? result : 0;
}

int sxfile_ring_enable(struct io_uring *ring) {
    // liburing 2.3 declares io_uring_enable_rings but its library lacks it.
    long result = syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    return result < 0 ? -errno : 0;
}

void sxfile_ring_destroy(struct io_uring *ring) {
    io_uring_queue_exit(ring);
    free(ring);
}

// A free entry; submits what is prepared when there is none.
static struct io_uring_sqe *entry(struct io_uring *ring) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    if (sqe == NULL && io_uring_submit(ring) >= 0) sqe = io_uring_get_sqe(ring);
    return sqe;
}

static void finish(struct io_uring_sqe *sqe, uint64_t key, bool registered) {
    if (registered) sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, key);
}

int sxfile_ring_read(struct io_uring *ring, uint64_t key, int descriptor, void *buffer, unsigned length) {
    struct io_uring_sqe *sqe = entry(ring);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_read(sqe, descriptor, buffer, length, 0);
    finish(sqe, key, false);
    return 0;
}

int sxfile_ring_read_fixed(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, void *buffer,
    unsigned length, int64_t offset, int buffer_index) {
    struct io_uring_sqe *sqe = entry(ring);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_read_fixed(sqe, file.number, buffer, length, (uint64_t)offset, buffer_index);
    finish(sqe, key, file.registered);
    return 0;
}

int sxfile_ring_write_fixed(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, const void *buffer,
    unsigned length, int64_t offset, int buffer_index) {
    struct io_uring_sqe *sqe = entry(ring);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_write_fixed(sqe, file.number, buffer, length, (uint64_t)offset, buffer_index);
    finish(sqe, key, file.registered);
    return 0;
}

int sxfile_ring_read_at(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, void *buffer,
    unsigned length, int64_t offset) {
    struct io_uring_sqe *sqe = entry(ring);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_read(sqe, file.number, buffer, length, (uint64_t)offset);
    finish(sqe, key, file.registered);
    return 0;
}

int sxfile_ring_write_at(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, const void *buffer,
    unsigned length, int64_t offset) {
    struct io_uring_sqe *sqe = entry(ring);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_write(sqe, file.number, buffer, length, (uint64_t)offset);
    finish(sqe, key, file.registered);
    return 0;
}

int sxfile_ring_sync(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, bool data_only) {
    struct io_uring_sqe *sqe = entry(ring);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_fsync(sqe, file.number, data_only ? IORING_FSYNC_DATASYNC : 0);
    finish(sqe, key, file.registered);
    return 0;
}

int sxfile_ring_start_write_back(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, int64_t offset,
    unsigned length) {
    struct io_uring_sqe *sqe = entry(ring);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_sync_file_range(sqe, file.number, length, (uint64_t)offset, SYNC_FILE_RANGE_WRITE);
    finish(sqe, key, file.registered);
    return 0;
}

int sxfile_ring_allocate(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, int64_t offset,
    int64_t length) {
    struct io_uring_sqe *sqe = entry(ring);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_fallocate(sqe, file.number, 0, (uint64_t)offset, (uint64_t)length);
    finish(sqe, key, file.registered);
    return 0;
}

int sxfile_ring_submit_and_wait(struct io_uring *ring) {
    return io_uring_submit_and_wait(ring, 1);
}

int sxfile_ring_submit_and_wait_a_while(struct io_uring *ring, int64_t nanoseconds) {
    struct __kernel_timespec timeout = {.tv_nsec = nanoseconds};
    struct io_uring_cqe *cqe;
    return io_uring_submit_and_wait_timeout(ring, &cqe, 1, &timeout, NULL);
}

bool sxfile_ring_next(struct io_uring *ring, uint64_t *key, int *result) {
    struct io_uring_cqe *cqe;
    if (io_uring_peek_cqe(ring, &cqe) != 0) return false;
    *key = io_uring_cqe_get_data64(cqe);
    *result = cqe->res;
    io_uring_cqe_seen(ring, cqe);
    return true;
}
