/* Prints what each inline constructor builds: its name and the six words of the event. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tripline.h"

static void print(const char *name, tripline_event event) {
    uint64_t words[6];
    memcpy(words, &event, sizeof words);
    printf("%s %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", name, words[0], words[1],
           words[2], words[3], words[4], words[5]);
}

int main(void) {
    const tripline_target target = {0x01020304u, 64, 128, 0};
    const uint64_t limit = tripline_attrs(TRIPLINE_ORDER_LIMIT, TRIPLINE_TIF_GTC, TRIPLINE_INTENT_OPEN);
    const uint64_t peg = tripline_attrs(TRIPLINE_ORDER_PEG, TRIPLINE_TIF_GTD, TRIPLINE_INTENT_EXIT);
    const uint8_t all = TRIPLINE_FLAG_SELL | TRIPLINE_FLAG_LEG_SHORT | TRIPLINE_FLAG_VENUE_REDUCE_ONLY |
                        TRIPLINE_FLAG_PAPER | TRIPLINE_FLAG_MAKER;
    print("order_new", tripline_order_new(&target, 0, 1, 100, 2, limit));
    print("order_new", tripline_order_new(&target, all, UINT64_MAX, INT64_MIN, INT64_MAX, peg));
    print("order_cancel", tripline_order_cancel(&target, 5, peg));
    print("order_ack", tripline_order_ack(&target, 6, UINT64_MAX, -7, 8, -9));
    print("order_done",
          tripline_order_done(&target, 10, TRIPLINE_DONE_REJECTED_LATE, TRIPLINE_BY_LIQUIDATION, 11, 12));
    print("fill", tripline_fill(&target, TRIPLINE_FLAG_SELL | TRIPLINE_FLAG_MAKER, 0, 13, -14, 15,
                                TRIPLINE_FEE_UNKNOWN));
    print("fill", tripline_fill(&target, 0, 16, UINT64_MAX, INT64_MAX, 17, -18));
    print("fill", tripline_fill(&target, TRIPLINE_FLAG_MORE, 16, 20, 21, 22, 23));
    print("fill_ext", tripline_fill_ext(&target, 0, 0, 24, 0, 0, 0));
    print("fill_ext", tripline_fill_ext(&target, UINT64_MAX, INT64_MAX, INT64_MIN, UINT16_MAX, 6, UINT64_MAX));
    print("mark", tripline_mark(&target, 0, 1));
    print("mark", tripline_mark(&target, -19, UINT64_MAX));
    const tripline_message directive = {TRIPLINE_MESSAGE_DIRECTIVE, TRIPLINE_DIRECTIVE_FLATTEN, 0, 0, 602, 0,
                                        UINT64_MAX, 0, 0, -5, 0, 0, target.handle};
    print("directive_ack", tripline_directive_ack(&directive, TRIPLINE_DIRECTIVE_STATUS_RECEIVED, 0, 0));
    print("directive_ack", tripline_directive_ack(&directive, TRIPLINE_DIRECTIVE_STATUS_EXPIRED, -39, INT64_MIN));
    print("cancel_all", tripline_cancel_all(&target, 0, 0, limit));
    print("cancel_all", tripline_cancel_all(&target, UINT8_MAX, 1, peg));
    print("order_modify", tripline_order_modify(&target, 0, 30, 31, 32, limit, 0));
    print("order_modify",
          tripline_order_modify(&target, all, UINT64_MAX, INT64_MIN, INT64_MAX, peg, UINT64_MAX));
    print("order_reject", tripline_order_reject(&target, 33, TRIPLINE_REJECT_UNMAPPED, TRIPLINE_ACTION_NEW, 0, 0, 0));
    print("order_reject", tripline_order_reject(&target, 34, TRIPLINE_REJECT_DUPLICATE_ID, TRIPLINE_ACTION_CANCEL,
                                                INT32_MIN, INT64_MAX, INT64_MIN));
    print("order_reject", tripline_order_reject(&target, 34, TRIPLINE_REJECT_RATE, TRIPLINE_ACTION_MODIFY, -1, 35, 36));
    print("not_sent", tripline_not_sent(&target, 37, TRIPLINE_ACTION_NEW, 0));
    print("not_sent", tripline_not_sent(&target, 38, TRIPLINE_ACTION_MODIFY, UINT32_MAX));
    return 0;
}
