#pragma once
// Calls of Linux that Glibc's Swift overlay leaves out because they want _GNU_SOURCE.
#include <sys/types.h>

/// fallocate(2): gives the blocks of a range back and keeps the file's length. 0, or -1 with errno.
int sx_punch_hole(int descriptor, off_t offset, off_t count);

/// accept4(2): the next caller's socket, non-blocking and closed by exec, or -1 with errno.
int sx_accept(int listener);

/// posix_spawn(3) of a program that goes its own way: a session of its own, no signal blocked or ignored, nothing on its
/// standard input, standard output where this process has standard error, no other descriptor. 0, or an errno.
int sx_spawn_detached(pid_t *process, const char *path, char *const arguments[], char *const environment[]);

/// mallopt(3): how many free bytes at the heap's end are kept (M_TRIM_THRESHOLD), and from which size on memory is mapped
/// and unmapped for each allocation (M_MMAP_THRESHOLD): chunks come and go too often for that.
void sx_keep_heap(int bytes);
