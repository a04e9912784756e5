/* Compares what a call answered with what the header documents, and goes on, so that one run tells everything. */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tripline.h"

static int failures;

static void expect(const char *file, int line, const char *call, int64_t answered, int64_t documented) {
    if (answered == documented) return;
    failures += 1;
    printf("%s:%d: %s answered %lld, the header says %lld\n", file, line, call, (long long)answered,
           (long long)documented);
}

/* EXPECT(call, number): the call answers the number. */
#define EXPECT(call, number) expect(__FILE__, __LINE__, #call, (int64_t)(call), (int64_t)(number))

/* Fails on purpose, so that the last error is that of another failure than the one to come. */
static void fail_otherwise(int64_t code) {
    static const tripline_attach_options wrong_size = {0, 0, NULL, NULL};
    tripline_client *client = NULL;
    (void)tripline_attach(code == TRIPLINE_ERR_ARGUMENT ? NULL : &wrong_size, &client);
}

static char otherwise[512];

/* EXPECT_FAILURE(call, code): the call answers the code and leaves a text of its own for tripline_last_error. */
#define EXPECT_FAILURE(call, code)                                                                                     \
    do {                                                                                                               \
        fail_otherwise(code);                                                                                          \
        (void)snprintf(otherwise, sizeof otherwise, "%s", tripline_last_error());                                      \
        EXPECT(call, code);                                                                                            \
        expect(__FILE__, __LINE__, "tripline_last_error after " #call, strcmp(otherwise, tripline_last_error()) != 0, \
               1);                                                                                                     \
        expect(__FILE__, __LINE__, "a text after " #call, tripline_last_error()[0] != 0, 1);                           \
    } while (0)

#endif
