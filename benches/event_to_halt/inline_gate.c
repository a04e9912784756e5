/* The inline gate of tripline.h as a C program gets it: compiled by the machine's compiler at run time. */

#include "tripline.h"

int64_t tripline_bench_sum_of_gates(tripline_client *client, const tripline_target *target, uint64_t rounds);

int64_t tripline_bench_sum_of_gates(tripline_client *client, const tripline_target *target, uint64_t rounds) {
    int64_t sum = 0;
    while (rounds-- > 0) sum += tripline_gate_inline(client, target);
    return sum;
}
