#pragma once
#include <spawn.h>

// posix_spawn_file_actions_addclosefrom_np, which Glibc's module does not show.
int confined_close_from(posix_spawn_file_actions_t *actions, int from);
// prlimit: raises the soft limit on file sizes of a process to its hard limit. 0, or an errno.
int confined_lift_file_size(pid_t process);
// posix_spawn of a process to which the kernel refuses io_uring, with `code` as errno; with `only_enter` a ring can be set
// up and not be used.
int confined_spawn(int only_enter, int code, pid_t *process, const char *path, const posix_spawn_file_actions_t *actions,
    const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]);
// A terminal of so many columns: the descriptor of its other end, and the path that a process opens. -1 with errno.
int confined_open_terminal(int columns, char *path, size_t size);
