/*
 * The header's inline gate as a function that a test can load. With TOLD_CLOCK the clock is what the test says, so
 * that the last nanosecond of a lease can be tried.
 */
#include <stdint.h>
#include <time.h>

#ifdef TOLD_CLOCK
static uint64_t told_now;
static int told_failure;

static int told_clock(clockid_t clock, struct timespec *now) {
    now->tv_sec = (time_t)(told_now / 1000000000u);
    now->tv_nsec = (long)(told_now % 1000000000u);
    return clock == CLOCK_MONOTONIC && !told_failure ? 0 : -1;
}

#define clock_gettime told_clock
#endif

#include "tripline.h"

int32_t gate_under_test(tripline_client *client, const tripline_target *target, uint64_t now, int32_t failure);

int32_t gate_under_test(tripline_client *client, const tripline_target *target, uint64_t now, int32_t failure) {
#ifdef TOLD_CLOCK
    told_now = now;
    told_failure = failure;
#else
    (void)now;
    (void)failure;
#endif
    return tripline_gate_inline(client, target);
}
