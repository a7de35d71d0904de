#pragma once
// <liburing.h> stays out of this header: it shares types with SystemPackage and the C library, and a module that has
// another view of them does not compile with those that have the usual one.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct io_uring;

// Every function returns 0, a count or a descriptor, or -errno.

// What identifies a file and what its owner may do with it; `born` and `modified` in nanoseconds since 1970,
// `born` is 0 where the file system does not keep it.
struct sxfile_status {
    uint64_t device;
    uint64_t inode;
    int64_t born;
    int64_t modified;
    int64_t size;
    uint32_t mode;
    uint32_t links;
};

// Status of `name` in `directory`, of the directory descriptor itself for "", following no symlink.
int sxfile_status(int directory, const char *name, struct sxfile_status *status);
// openat2 with no symlink followed and nothing above `directory` reached; plain openat where the kernel has no openat2.
int sxfile_open_beneath(int directory, const char *name, int flags, uint32_t mode);
// The same for a path of several components, also where the kernel has no openat2.
int sxfile_open_path_beneath(int directory, const char *path, int flags);
// Writes everything of the file system that the file is in to its disk.
int sxfile_sync_file_system(int descriptor);
// Gives a range of a file back to the file system; reads as zeros from then on.
int sxfile_punch_hole(int descriptor, int64_t offset, int64_t length);
// renameat2 within one directory.
int sxfile_rename(int directory, const char *from, const char *to, unsigned flags);
// Starts write-back of a range without waiting for it.
int sxfile_start_write_back(int descriptor, int64_t offset, int64_t length);

// An eventfd, closed by exec.
int sxfile_event_descriptor(void);
// Names the calling thread, for ps and debuggers; at most 15 characters.
void sxfile_name_thread(const char *name);
// O_PATH, which Glibc's module does not show.
static const int32_t sxfile_open_path_only = 010000000;
// O_DIRECT, which Glibc's module does not show either; a number of each architecture.
extern const int32_t sxfile_open_uncached;

// A ring for one thread: made disabled, so that it can be set up by any thread and then enabled by its own.
int sxfile_ring_create(unsigned entries, struct io_uring **ring);
// Registers `count` equal buffers that follow each other in memory.
int sxfile_ring_register_buffers(struct io_uring *ring, void *memory, unsigned count, size_t size);
// Registers a table of `count` empty file slots.
int sxfile_ring_register_files(struct io_uring *ring, unsigned count);
// Whether the kernel lets this process enter a ring at all, which a filter may refuse apart from setting one up.
int sxfile_ring_probe_enter(void);
// Puts a descriptor, or -1, into a file slot.
int sxfile_ring_set_file(struct io_uring *ring, unsigned slot, int descriptor);
int sxfile_ring_enable(struct io_uring *ring);
void sxfile_ring_destroy(struct io_uring *ring);

// A file as an operation names it: a descriptor, or a slot of the file table.
struct sxfile_ring_file {
    int number;
    bool registered;
};

int sxfile_ring_read(struct io_uring *ring, uint64_t key, int descriptor, void *buffer, unsigned length);
int sxfile_ring_read_fixed(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, void *buffer,
    unsigned length, int64_t offset, int buffer_index);
int sxfile_ring_write_fixed(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, const void *buffer,
    unsigned length, int64_t offset, int buffer_index);
// The same with memory that is not registered.
int sxfile_ring_read_at(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, void *buffer,
    unsigned length, int64_t offset);
int sxfile_ring_write_at(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, const void *buffer,
    unsigned length, int64_t offset);
int sxfile_ring_sync(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, bool data_only);
int sxfile_ring_start_write_back(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, int64_t offset,
    unsigned length);
// Gives a range blocks of its own, and the file that length.
int sxfile_ring_allocate(struct io_uring *ring, uint64_t key, struct sxfile_ring_file file, int64_t offset,
    int64_t length);
// Submits what was prepared and waits for one completion at least.
int sxfile_ring_submit_and_wait(struct io_uring *ring);
// The same, for less than a second: -ETIME if nothing was completed in that time.
int sxfile_ring_submit_and_wait_a_while(struct io_uring *ring, int64_t nanoseconds);
// Takes the next completion; false if there is none.
bool sxfile_ring_next(struct io_uring *ring, uint64_t *key, int *result);
