/*
 * A client in permit mode. What the sidecar answers depends on the order's id: see the reactions in permits.rs. Prints
 * each answer that is not the documented one. Usage: permits RUNTIME_DIR
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>

#include "expect.h"

/* What the ids of orders ask of the sidecar. */
enum {
    PASS = 1,
    DENY,
    WAIT_AND_PASS,
    PASS_TWICE,
    PASS_TOO_LATE,
    HALT_AND_PASS,
    SILENCE,
    DIRECTIVES,
    PASS_EXIT,
    PAPER,
    END_LEASE,
    RENEW_LEASE,
};

static const uint64_t long_ns = 60000000000u;

static tripline_client *client;
static tripline_target target;

static tripline_event order(uint64_t id, uint8_t intent) {
    return tripline_order_new(&target, 0, id, 100, 2, tripline_attrs(TRIPLINE_ORDER_LIMIT, TRIPLINE_TIF_GTC, intent));
}

/* A message that no call may leave as it is. */
static tripline_message untouched(void) {
    tripline_message message;
    memset(&message, 0xee, sizeof message);
    return message;
}

static void is_verdict(const tripline_message *message, uint8_t verdict, const char *reason, uint64_t id) {
    EXPECT(message->kind, TRIPLINE_MESSAGE_VERDICT);
    EXPECT(message->state, verdict);
    EXPECT(strcmp(tripline_reason_name(message->reason), reason), 0);
    EXPECT(message->id, id);
    EXPECT(message->reserved, 0);
    EXPECT(message->epoch, 0);
}

static void permitted(void) {
    tripline_message message = untouched();
    tripline_event event = order(PASS, TRIPLINE_INTENT_OPEN);
    uint64_t next = 0;
    EXPECT(tripline_positions(client, &next, NULL), TRIPLINE_OK);
    EXPECT(tripline_permit(client, &event, long_ns, &message), 1);
    is_verdict(&message, TRIPLINE_VERDICT_PASS, "UNKNOWN", PASS);
    EXPECT(message.position, next);
    EXPECT(message.mode, TRIPLINE_ACTION_NEW);
    EXPECT(message.measured > 0, 1);
    EXPECT(tripline_verdict_may_send(message.state), 1);

    event = order(PASS_EXIT, TRIPLINE_INTENT_EXIT);
    EXPECT(tripline_permit(client, &event, long_ns, &message), 1);
    is_verdict(&message, TRIPLINE_VERDICT_PASS_EXIT, "UNKNOWN", PASS_EXIT);
    EXPECT(message.extra, 17);

    event = order(WAIT_AND_PASS, TRIPLINE_INTENT_OPEN);
    EXPECT(tripline_permit(client, &event, long_ns, &message), 1);
    is_verdict(&message, TRIPLINE_VERDICT_RELEASED, "UNKNOWN", WAIT_AND_PASS);

    const tripline_event events[] = {
        tripline_order_modify(&target, 0, PASS, 101, 3, 0, 0),
        tripline_order_cancel(&target, PASS, 0),
        tripline_cancel_all(&target, 0, 0, 0),
    };
    const uint8_t actions[] = {TRIPLINE_ACTION_MODIFY, TRIPLINE_ACTION_CANCEL, TRIPLINE_ACTION_CANCEL};
    for (size_t at = 0; at < sizeof events / sizeof *events; at++) {
        EXPECT(tripline_permit(client, &events[at], long_ns, &message), 1);
        is_verdict(&message, TRIPLINE_VERDICT_PASS, "UNKNOWN", at == 2 ? 0 : PASS);
        EXPECT(message.mode, actions[at]);
    }
    EXPECT(tripline_poll(client, &message), 0);
}

static void not_permitted(void) {
    tripline_message message = untouched();
    tripline_event event = order(DENY, TRIPLINE_INTENT_OPEN);
    EXPECT(tripline_permit(client, &event, long_ns, &message), 0);
    is_verdict(&message, TRIPLINE_VERDICT_DENY, "MAX_POSITION", DENY);
    EXPECT(message.guard, 3);
    EXPECT(message.scope, TRIPLINE_SCOPE_BOOK);
    EXPECT(message.measured, -1);
    EXPECT(message.limit, INT64_MAX);
    EXPECT(message.extra, UINT64_MAX);

    event = order(PAPER, TRIPLINE_INTENT_OPEN);
    EXPECT(tripline_permit(client, &event, long_ns, &message), 0);
    is_verdict(&message, TRIPLINE_VERDICT_PAPER, "PAPER_MODE", PAPER);

    event = order(PASS_TOO_LATE, TRIPLINE_INTENT_OPEN);
    EXPECT(tripline_permit(client, &event, long_ns, &message), 0);
    is_verdict(&message, TRIPLINE_VERDICT_DROPPED, "EXPIRED", PASS_TOO_LATE);

    event = order(HALT_AND_PASS, TRIPLINE_INTENT_OPEN);
    EXPECT(tripline_permit(client, &event, long_ns, &message), 0);
    is_verdict(&message, TRIPLINE_VERDICT_DROPPED, "EPOCH_STALE", HALT_AND_PASS);
}

static void asked_and_polled(void) {
    tripline_message message = untouched();
    tripline_event event = order(PASS_TWICE, TRIPLINE_INTENT_OPEN);
    uint64_t first = 0, second = 0;
    EXPECT(tripline_request(client, &event, &first), TRIPLINE_OK);
    EXPECT(tripline_request(client, &event, NULL), TRIPLINE_OK);
    second = first + 1;
    EXPECT(tripline_wait(client, second, long_ns, &message), 1);
    is_verdict(&message, TRIPLINE_VERDICT_PASS, "UNKNOWN", PASS_TWICE);
    EXPECT(message.position, second);
    EXPECT_FAILURE(tripline_wait(client, second, long_ns, &message), TRIPLINE_ERR_ARGUMENT);
    EXPECT(tripline_poll(client, &message), 1);
    is_verdict(&message, TRIPLINE_VERDICT_PASS, "UNKNOWN", PASS_TWICE);
    EXPECT(message.position, first);
    EXPECT(tripline_poll(client, &message), 0);
}

static void refused(void) {
    const tripline_message before = untouched();
    tripline_message message = before;
    tripline_event event = order(PASS, TRIPLINE_INTENT_OPEN);
    uint64_t position = 99;
    EXPECT_FAILURE(tripline_wait(client, 0, long_ns, &message), TRIPLINE_ERR_ARGUMENT);
    EXPECT_FAILURE(tripline_wait(client, UINT64_MAX, long_ns, &message), TRIPLINE_ERR_ARGUMENT);

    event.reserved = 1;
    EXPECT_FAILURE(tripline_request(client, &event, &position), TRIPLINE_ERR_ARGUMENT);
    EXPECT_FAILURE(tripline_permit(client, &event, 0, &message), TRIPLINE_ERR_ARGUMENT);
    event = order(0, TRIPLINE_INTENT_OPEN);
    EXPECT_FAILURE(tripline_request(client, &event, &position), TRIPLINE_ERR_INVALID);
    event.kind = 6;
    EXPECT_FAILURE(tripline_request(client, &event, &position), TRIPLINE_ERR_INVALID);
    const uint8_t no_requests[] = {TRIPLINE_EVENT_ORDER_LIST, TRIPLINE_EVENT_NOT_SENT, TRIPLINE_EVENT_FILL, 143};
    for (size_t at = 0; at < sizeof no_requests; at++) {
        const tripline_event no_request = {no_requests[at], 0, 0, target.handle, 1, 0, 0, 0, 0};
        EXPECT_FAILURE(tripline_request(client, &no_request, &position), TRIPLINE_ERR_UNSUPPORTED);
        EXPECT_FAILURE(tripline_permit(client, &no_request, 0, &message), TRIPLINE_ERR_UNSUPPORTED);
    }
    event = order(PASS, TRIPLINE_INTENT_OPEN);
    event.flags = TRIPLINE_FLAG_MORE;
    EXPECT_FAILURE(tripline_permit(client, &event, 0, &message), TRIPLINE_ERR_UNSUPPORTED);
    event.flags = TRIPLINE_FLAG_PERMIT;
    EXPECT_FAILURE(tripline_publish(client, &event, &position), TRIPLINE_ERR_UNSUPPORTED);
    event.handle = 0;
    EXPECT_FAILURE(tripline_request(client, &event, &position), TRIPLINE_ERR_UNKNOWN_ACCOUNT);
    event.handle = target.handle | 0xffff;
    EXPECT_FAILURE(tripline_request(client, &event, &position), TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
    EXPECT(position, 99);
    EXPECT(memcmp(&message, &before, sizeof message), 0);
}

static void without_an_answer(void) {
    tripline_message message = untouched();
    tripline_event event = order(SILENCE, TRIPLINE_INTENT_OPEN);
    uint64_t next = 0;
    EXPECT(tripline_positions(client, &next, NULL), TRIPLINE_OK);
    EXPECT_FAILURE(tripline_permit(client, &event, 1000000, &message), TRIPLINE_ERR_TIMEOUT);
    is_verdict(&message, TRIPLINE_VERDICT_QUEUED, "UNKNOWN", 0);
    EXPECT(message.position, next);
    EXPECT(tripline_wait(client, next, 0, &message), 0);
    EXPECT(tripline_wait(client, next, 1000000, &message), 0);
    /* Six fit on such a ring: this one, and three that the library answered and the sidecar has not. */
    for (int more = 0; more < 2; more++) EXPECT(tripline_request(client, &event, NULL), TRIPLINE_OK);
    EXPECT_FAILURE(tripline_request(client, &event, NULL), TRIPLINE_ERR_BUSY);
    EXPECT_FAILURE(tripline_permit(client, &event, long_ns, &message), TRIPLINE_ERR_BUSY);
    EXPECT(tripline_may_send(client, &target), 1);
}

/* Tells the sidecar something and waits until it has happened. */
static void tell(uint64_t what) {
    const tripline_event event = tripline_order_ack(&target, what, 0, 0, 0, 0);
    uint64_t position = 0, applied = 0;
    EXPECT(tripline_publish(client, &event, &position), TRIPLINE_OK);
    while (applied <= position) {
        EXPECT(tripline_positions(client, NULL, &applied), TRIPLINE_OK);
        sched_yield();
    }
}

static void directives(void) {
    tripline_message message = untouched();
    tripline_event event;
    tell(DIRECTIVES);
    const uint64_t book = (uint64_t)TRIPLINE_SCOPE_BOOK << 32, there = (uint64_t)TRIPLINE_SCOPE_INSTRUMENT << 32;
    const tripline_message expected[] = {
        {3, TRIPLINE_DIRECTIVE_CANCEL, 0, 0, 602, 0, 1, 0, UINT32_MAX, 5, INT64_MAX, UINT64_MAX, target.handle},
        {3, TRIPLINE_DIRECTIVE_CANCEL_INCREASING, 0, 0, 602, 0, 2, book, UINT32_MAX, 0, INT64_MAX, 0, target.handle},
        {3, TRIPLINE_DIRECTIVE_CANCEL_ALL, 0, 0, 602, 0, 3, book, UINT32_MAX, 0, INT64_MAX, 0, target.handle},
        {3, TRIPLINE_DIRECTIVE_FLATTEN, 0, 0, 602, 0, 4, there, UINT32_MAX, -7, INT64_MAX, 1, target.handle},
        {3, TRIPLINE_DIRECTIVE_REVOKE, 0, 0, 602, 0, 5, 0, UINT32_MAX, 0, INT64_MAX, 4, target.handle},
    };
    for (size_t at = 0; at < sizeof expected / sizeof *expected; at++) {
        EXPECT(tripline_poll(client, &message), 1);
        EXPECT(memcmp(&message, &expected[at], sizeof message), 0);
        event = tripline_directive_ack(&message, TRIPLINE_DIRECTIVE_STATUS_DONE, 0, 0);
        EXPECT(tripline_publish(client, &event, NULL), TRIPLINE_OK);
    }
    EXPECT(tripline_poll(client, &message), 0);
}

static void without_a_lease(void) {
    tripline_message message = untouched();
    const tripline_event cancel = tripline_order_cancel(&target, SILENCE, 0);
    const tripline_event exit = order(SILENCE, TRIPLINE_INTENT_EXIT);
    const tripline_event open = order(SILENCE, TRIPLINE_INTENT_OPEN);
    tell(END_LEASE);
    EXPECT(tripline_permit(client, &cancel, UINT64_MAX, &message), 1);
    is_verdict(&message, TRIPLINE_VERDICT_PASS, "UNKNOWN", SILENCE);
    EXPECT(message.measured, INT64_MAX);
    EXPECT(tripline_permit(client, &exit, UINT64_MAX, &message), 0);
    is_verdict(&message, TRIPLINE_VERDICT_EXIT_UNVERIFIED, "EXIT_UNVERIFIED", SILENCE);
    EXPECT(tripline_permit(client, &open, UINT64_MAX, &message), 0);
    is_verdict(&message, TRIPLINE_VERDICT_DROPPED, "LEASE_EXPIRED", SILENCE);
    tell(RENEW_LEASE);
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    const tripline_attach_options options = {sizeof options, 0, arguments[1], "mm1"};
    if (tripline_attach(&options, &client) != TRIPLINE_OK) {
        printf("not attached: %s\n", tripline_last_error());
        return 1;
    }
    EXPECT(tripline_look_up(client, "main", "BTC-PERP", &target), TRIPLINE_OK);
    permitted();
    not_permitted();
    asked_and_polled();
    refused();
    directives();
    without_a_lease();
    without_an_answer();
    EXPECT(tripline_detach(client), TRIPLINE_OK);
    printf("%d wrong answers\n", failures);
    return failures == 0 ? 0 : 1;
}
