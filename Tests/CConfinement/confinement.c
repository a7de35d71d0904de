#define _GNU_SOURCE
#include "confinement.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

_Static_assert(SYS_io_uring_setup + 2 == SYS_io_uring_register, "three numbers in a row");

struct order {
    int only_enter;
    int code;
    pid_t *process;
    const char *path;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    char *const *arguments;
    char *const *environment;
    int result;
};

static int confine(int only_enter, int code) {
    const unsigned first = only_enter ? SYS_io_uring_enter : SYS_io_uring_setup;
    const unsigned last = only_enter ? SYS_io_uring_enter : SYS_io_uring_register;
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof rules / sizeof rules[0], rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : errno;
}

static void *carry_out(void *argument) {
    struct order *order = argument;
    order->result = confine(order->only_enter, order->code);
    if (order->result == 0)
        order->result = posix_spawn(order->process, order->path, order->actions, order->attributes,
            (char **)order->arguments, (char **)order->environment);
    return NULL;
}

int confined_close_from(posix_spawn_file_actions_t *actions, int from) {
    return posix_spawn_file_actions_addclosefrom_np(actions, from);
}

int confined_lift_file_size(pid_t process) {
    struct rlimit limit;
    if (prlimit(process, RLIMIT_FSIZE, NULL, &limit) != 0) return errno;
    limit.rlim_cur = limit.rlim_max;
    return prlimit(process, RLIMIT_FSIZE, &limit, NULL) == 0 ? 0 : errno;
}

int confined_spawn(int only_enter, int code, pid_t *process, const char *path, const posix_spawn_file_actions_t *actions,
    const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]) {
    struct order order = {only_enter, code, process, path, actions, attributes, arguments, environment, 0};
    // The filter stays with a thread and with what it starts: this one ends.
    pthread_t thread;
    int failure = pthread_create(&thread, NULL, carry_out, &order);
    if (failure != 0) return failure;
    pthread_join(thread, NULL);
    return order.result;
}

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int confined_open_terminal(int columns, char *path, size_t size) {
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) return -1;
    struct winsize window = {24, (unsigned short)columns, 0, 0};
    if (grantpt(terminal) != 0 || unlockpt(terminal) != 0 || ptsname_r(terminal, path, size) != 0
        || ioctl(terminal, TIOCSWINSZ, &window) != 0) {
        close(terminal);
        return -1;
    }
    return terminal;
}
