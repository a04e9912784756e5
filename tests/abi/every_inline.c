/* Calls every inline function of the header, included twice, in the common subset of C11 and C++17. */
#include "tripline.h"
#include "tripline.h"

int32_t every_inline(tripline_client *client, const tripline_target *target, const tripline_message *message,
                     tripline_event *events);

int32_t every_inline(tripline_client *client, const tripline_target *target, const tripline_message *message,
                     tripline_event *events) {
    uint64_t attrs = tripline_attrs(TRIPLINE_ORDER_LIMIT, TRIPLINE_TIF_GTC, TRIPLINE_INTENT_OPEN);
    events[0] = tripline_order_new(target, TRIPLINE_FLAG_SELL | TRIPLINE_FLAG_MAKER, 1, 100, 2, attrs);
    events[1] = tripline_order_cancel(target, 1, attrs);
    events[2] = tripline_order_ack(target, 1, 7, 100, 2, 0);
    events[3] = tripline_order_done(target, 1, TRIPLINE_DONE_CANCELED, TRIPLINE_BY_OWNER, 1, 0);
    events[4] = tripline_fill(target, 0, 1, 9, 100, 1, TRIPLINE_FEE_UNKNOWN);
    events[5] = tripline_mark(target, 100, 1);
    events[7] = tripline_order_modify(target, 0, 1, 101, 2, attrs, 0);
    events[8] = tripline_order_reject(target, 1, TRIPLINE_REJECT_FUNDS, TRIPLINE_ACTION_NEW, -5, 0, 0);
    events[9] = tripline_not_sent(target, 1, TRIPLINE_ACTION_NEW, 0);
    events[10] = tripline_cancel_all(target, 0, 1, attrs);
    events[11] = tripline_directive_ack(message, TRIPLINE_DIRECTIVE_STATUS_DONE, 0, 0);
    events[6] = tripline_fill_ext(target, 0, 1, 1640995200000000000, 0, 0, 0);
#ifdef CLOCK_MONOTONIC
    if (tripline_permission(tripline_gate_word(client->gate, target->book_at)) == TRIPLINE_GATE_HALTED) return -1;
#endif
    if (!tripline_verdict_may_send(message->state)) return -2;
    return tripline_gate_inline(client, target) + tripline_may_send_inline(client, target);
}
