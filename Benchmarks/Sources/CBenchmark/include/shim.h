#pragma once
// Calls of Linux that Swift cannot make: variadic ones, and those without a wrapper in Glibc 2.36's overlay.
#include <poll.h>
#include <sys/types.h>

/// pidfd_open(2): readable once the process has ended. -1 with errno.
int sx_pidfd_open(pid_t process);

/// Makes a TUN device of this name, without packet information, and gives its descriptor. -1 with errno.
int sx_tun_open(const char *name);

/// ppoll(2) without signals, waiting for at most so many nanoseconds.
int sx_poll(struct pollfd *events, int count, long nanoseconds);
