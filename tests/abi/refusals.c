/*
 * Calls every exported function with null pointers, zeros, wrong sizes and bad names, in a process without a sidecar.
 * A client of zeros is what a forked child sees. Prints each answer that is not the documented one.
 */
#include <stdlib.h>

#include "expect.h"

/* A directory in which nobody listens. */
static const char *nowhere = "/nonexistent/tripline";

static void attaching(void) {
    const tripline_attach_options good = {sizeof good, 0, nowhere, "mm1"};
    tripline_attach_options options = good;
    tripline_client zeros = {0, 0, 0, 0, 0, 0, 0, 0};
    tripline_client *client = &zeros;
    char long_name[40], long_dir[800];

    EXPECT_FAILURE(tripline_attach(NULL, NULL), TRIPLINE_ERR_NULL);
    EXPECT_FAILURE(tripline_attach(&good, NULL), TRIPLINE_ERR_NULL);
    EXPECT_FAILURE(tripline_attach(NULL, &client), TRIPLINE_ERR_NULL);
    EXPECT(client == NULL, 1);

    client = &zeros;
    EXPECT_FAILURE(tripline_attach(&good, &client), TRIPLINE_ERR_UNREACHABLE);
    EXPECT(client == NULL, 1);
    EXPECT(strstr(tripline_last_error(), nowhere) != NULL, 1);

    options.runtime_dir = "";
    EXPECT_FAILURE(tripline_attach(&options, &client), TRIPLINE_ERR_UNREACHABLE);
    /* Two bytes a letter behind an odd prefix: a text cut to its buffer must not end within a letter. */
    for (size_t at = 0; at + 2 < sizeof long_dir; at += 2) memcpy(long_dir + at, "\xc3\xa9", 2);
    long_dir[sizeof long_dir - 2] = 0;
    for (size_t skew = 0; skew < 4; skew++) {
        long_dir[0] = long_dir[1] = '/';
        long_dir[2 * skew] = long_dir[2 * skew + 1] = '/';
        options.runtime_dir = long_dir + skew;
        EXPECT_FAILURE(tripline_attach(&options, &client), TRIPLINE_ERR_UNREACHABLE);
        size_t length = strlen(tripline_last_error());
        EXPECT(length < 512, 1);
        EXPECT((unsigned char)tripline_last_error()[length - 1] == 0xc3, 0);
    }

    options = good;
    options.strategy = NULL;
    EXPECT_FAILURE(tripline_attach(&options, &client), TRIPLINE_ERR_NULL);
    memset(long_name, 'a', sizeof long_name);
    long_name[32] = 0;
    const char *bad_names[] = {"", "mm 1", "m\xc3\xa9", "mm/1", "\xff\xfe", long_name};
    for (size_t at = 0; at < sizeof bad_names / sizeof *bad_names; at++) {
        options.strategy = bad_names[at];
        client = &zeros;
        EXPECT_FAILURE(tripline_attach(&options, &client), TRIPLINE_ERR_ARGUMENT);
        EXPECT(client == NULL, 1);
    }
    long_name[31] = 0;
    options.strategy = long_name;
    EXPECT_FAILURE(tripline_attach(&options, &client), TRIPLINE_ERR_UNREACHABLE);

    const uint32_t bad_sizes[] = {0, 1, sizeof good - 1, sizeof good + 1, UINT32_MAX};
    for (size_t at = 0; at < sizeof bad_sizes / sizeof *bad_sizes; at++) {
        options = good;
        options.size = bad_sizes[at];
        EXPECT_FAILURE(tripline_attach(&options, &client), TRIPLINE_ERR_ARGUMENT);
    }
    options = good;
    options.reserved = 1;
    EXPECT_FAILURE(tripline_attach(&options, &client), TRIPLINE_ERR_ARGUMENT);
}

/* Every function that takes a client, on one that is null or zeros: `code` is what it answers. */
static void without_a_client(tripline_client *client, int32_t code) {
    tripline_target target = {1, 64, 128, 192};
    const tripline_target zero_target = {0, 0, 0, 0};
    tripline_instrument instrument;
    tripline_message message;
    const tripline_event event = tripline_mark(&target, 100, 1);
    const tripline_event nonsense = {0, 0, 1, 0, 0, 0, 0, 0, 0};
    uint64_t number = 99, other = 99;
    memset(&instrument, 0, sizeof instrument);
    instrument.size = sizeof instrument;
    memset(&message, 0, sizeof message);

    EXPECT(tripline_gate(client, &target), TRIPLINE_GATE_HALTED);
    EXPECT(tripline_gate(client, &zero_target), TRIPLINE_GATE_HALTED);
    EXPECT(tripline_gate(client, NULL), TRIPLINE_GATE_HALTED);
    EXPECT(tripline_may_send(client, &target), 0);
    EXPECT(tripline_may_send(client, NULL), 0);
    EXPECT(tripline_gate_inline(client, &target), TRIPLINE_GATE_HALTED);
    EXPECT(tripline_gate_inline(client, NULL), TRIPLINE_GATE_HALTED);
    EXPECT(tripline_may_send_inline(client, &target), 0);

    EXPECT_FAILURE(tripline_rebind(client), code);
    EXPECT_FAILURE(tripline_heartbeat(client), code);
    EXPECT_FAILURE(tripline_positions(client, &number, &other), code);
    EXPECT_FAILURE(tripline_positions(client, NULL, NULL), code);
    EXPECT_FAILURE(tripline_free_slots(client, &number), code);
    EXPECT_FAILURE(tripline_free_slots(client, NULL), TRIPLINE_ERR_NULL);
    EXPECT(number, 99);
    EXPECT_FAILURE(tripline_poll(client, &message), code);
    EXPECT_FAILURE(tripline_poll(client, NULL), TRIPLINE_ERR_NULL);
    const tripline_event order = tripline_order_new(&target, 0, 1, 100, 1, 0);
    EXPECT_FAILURE(tripline_request(client, &order, &number), code);
    EXPECT_FAILURE(tripline_request(client, &order, NULL), code);
    EXPECT_FAILURE(tripline_request(client, &nonsense, &number), code);
    EXPECT_FAILURE(tripline_request(client, NULL, &number), TRIPLINE_ERR_NULL);
    EXPECT_FAILURE(tripline_wait(client, 1, 0, &message), code);
    EXPECT_FAILURE(tripline_wait(client, 1, UINT64_MAX, &message), code);
    EXPECT_FAILURE(tripline_wait(client, 1, 0, NULL), TRIPLINE_ERR_NULL);
    EXPECT_FAILURE(tripline_permit(client, &order, UINT64_MAX, &message), code);
    EXPECT_FAILURE(tripline_permit(client, &nonsense, 0, &message), code);
    EXPECT_FAILURE(tripline_permit(client, NULL, 0, &message), TRIPLINE_ERR_NULL);
    EXPECT_FAILURE(tripline_permit(client, &order, 0, NULL), TRIPLINE_ERR_NULL);
    EXPECT(number, 99);
    EXPECT(message.kind, 0);
    EXPECT_FAILURE(tripline_publish(client, &event, &number), code);
    EXPECT_FAILURE(tripline_publish(client, &nonsense, NULL), code);
    EXPECT_FAILURE(tripline_publish(client, NULL, NULL), TRIPLINE_ERR_NULL);

    number = 99;
    EXPECT_FAILURE(tripline_publish_many(client, &event, 1, &number), code);
    EXPECT(number, 0);
    EXPECT_FAILURE(tripline_publish_many(client, &event, 1, NULL), code);
    EXPECT_FAILURE(tripline_publish_many(client, NULL, 0, NULL), code);
    number = 99;
    EXPECT_FAILURE(tripline_publish_many(client, NULL, 1, &number), TRIPLINE_ERR_NULL);
    EXPECT(number, 0);

    EXPECT_FAILURE(tripline_look_up(client, "main", "BTC-PERP", &target), code);
    EXPECT(target.handle == 0 && target.account_at == 0 && target.book_at == 0 && target.instrument_at == 0, 1);
    EXPECT_FAILURE(tripline_look_up(client, "main", NULL, &target), code);
    EXPECT_FAILURE(tripline_look_up(client, "no such name", "\xff", &target), code);
    EXPECT_FAILURE(tripline_look_up(client, NULL, "BTC-PERP", &target), TRIPLINE_ERR_NULL);
    EXPECT_FAILURE(tripline_look_up(client, "main", "BTC-PERP", NULL), TRIPLINE_ERR_NULL);

    EXPECT_FAILURE(tripline_describe(client, &zero_target, &instrument), code);
    EXPECT_FAILURE(tripline_describe(client, NULL, &instrument), TRIPLINE_ERR_NULL);
    EXPECT_FAILURE(tripline_describe(client, &zero_target, NULL), TRIPLINE_ERR_NULL);
    instrument.size = sizeof instrument - 1;
    EXPECT_FAILURE(tripline_describe(client, &zero_target, &instrument), code);

    EXPECT_FAILURE(tripline_detach(client), code);
}

static void texts(void) {
    EXPECT(tripline_abi_version(), TRIPLINE_ABI_VERSION);
    EXPECT(strcmp(tripline_strerror(TRIPLINE_OK), "success"), 0);
    EXPECT(strcmp(tripline_strerror(INT32_MIN), tripline_strerror(INT32_MAX)), 0);
    EXPECT(strcmp(tripline_reason_name(602), "DRAWDOWN"), 0);
    EXPECT(strcmp(tripline_reason_name(0), "UNKNOWN"), 0);
    EXPECT(strcmp(tripline_reason_name(UINT16_MAX), "UNKNOWN"), 0);
    EXPECT(strcmp(tripline_verdict_name(TRIPLINE_VERDICT_EXIT_UNVERIFIED), "EXIT_UNVERIFIED"), 0);
    EXPECT(strcmp(tripline_verdict_name(UINT8_MAX), "UNKNOWN"), 0);
}

int main(void) {
    tripline_client *zeros = (tripline_client *)calloc(1, sizeof *zeros);
    if (zeros == NULL) return 2;
    EXPECT(strcmp(tripline_last_error(), ""), 0);
    texts();
    attaching();
    without_a_client(NULL, TRIPLINE_ERR_NULL);
    without_a_client(zeros, TRIPLINE_ERR_CLOSED);
    free(zeros);
    printf("%d wrong answers\n", failures);
    return failures == 0 ? 0 : 1;
}
