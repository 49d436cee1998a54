// The kernel's timerfd_settime, for processes whose clock libfaketime has changed: to be preloaded in front of it.
//
// libfaketime moves the time of every absolute timer by as much as it has moved the wall clock, also of timers on the
// monotonic clock, which it was told to leave alone (0.9.10). Swift's sleeps are such timers: with a clock an hour behind none
// of them ends by itself within the hour, with one ahead each ends at once and is set again and again.

#ifdef __linux__
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old) {
    return (int)syscall(SYS_timerfd_settime, fd, flags, value, old);
}
#endif
