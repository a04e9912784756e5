/*
 * A client of a sidecar that does what DEPLOY events tell it: see the reactions in attached.rs. Calls every function
 * as it is meant and as it is not, from this thread, another one and a forked child, and prints each answer that is not
 * the documented one. Usage: attached RUNTIME_DIR
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"

/* What the DEPLOY events ask of the sidecar. */
enum { HALT = 1, STRANGERS_VERDICT, NONSENSE, STAND_STILL, RESUME, PAPER, REDUCE };

static tripline_client *client;
static tripline_target target;

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
    (void)number;
    alarms += 1;
}

/* Alarms every millisecond while attaching: a signal is no reason to give up. */
static void set_alarms(int on) {
    struct sigaction action;
    struct itimerval timer = {{0, on ? 1000 : 0}, {0, on ? 1000 : 0}};
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    EXPECT(sigaction(SIGALRM, &action, NULL), 0);
    EXPECT(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void attaching(const char *runtime_dir) {
    tripline_attach_options options = {sizeof options, 0, runtime_dir, "nobody"};
    EXPECT_FAILURE(tripline_attach(&options, &client), TRIPLINE_ERR_REFUSED);
    EXPECT(strstr(tripline_last_error(), "no strategy of that name") != NULL, 1);
    options.strategy = "mm1";
    set_alarms(1);
    EXPECT(tripline_attach(&options, &client), TRIPLINE_OK);
    set_alarms(0);
    EXPECT(alarms > 0, 1);
    if (client == NULL) {
        printf("not attached: %s\n", tripline_last_error());
        exit(1);
    }
}

static void looking_up(void) {
    tripline_instrument instrument = {sizeof instrument, 9, 9, 9, 9, 9, 9};
    tripline_target other;
    EXPECT(tripline_look_up(client, "main", NULL, &other), TRIPLINE_OK);
    EXPECT(other.instrument_at, 0);
    EXPECT_FAILURE(tripline_describe(client, &other, &instrument), TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
    EXPECT_FAILURE(tripline_look_up(client, "other", "BTC-PERP", &other), TRIPLINE_ERR_UNKNOWN_ACCOUNT);
    EXPECT_FAILURE(tripline_look_up(client, "", "BTC-PERP", &other), TRIPLINE_ERR_UNKNOWN_ACCOUNT);
    EXPECT_FAILURE(tripline_look_up(client, "main", "ETH-PERP", &other), TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
    EXPECT_FAILURE(tripline_look_up(client, "main", "", &other), TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
    EXPECT(other.handle == 0 && tripline_gate(client, &other) == TRIPLINE_GATE_HALTED, 1);
    EXPECT(tripline_look_up(client, "main", "BTC-PERP", &target), TRIPLINE_OK);

    EXPECT(tripline_describe(client, &target, &instrument), TRIPLINE_OK);
    EXPECT(instrument.size, sizeof instrument);
    EXPECT(instrument.kind, 0);
    EXPECT(instrument.price_decimals, 1);
    EXPECT(instrument.qty_decimals, 3);
    EXPECT(instrument.multiplier_e9, 1000000000);
    EXPECT(instrument.tick, 5);
    EXPECT(instrument.lot, 10);
    instrument.size += 1;
    EXPECT_FAILURE(tripline_describe(client, &target, &instrument), TRIPLINE_ERR_ARGUMENT);
    instrument.size -= 1;
    other = target;
    other.handle |= 0xffff;
    EXPECT_FAILURE(tripline_describe(client, &other, &instrument), TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
    other.handle = 0;
    EXPECT_FAILURE(tripline_describe(client, &other, &instrument), TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
}

static void gates_read(int32_t gate) {
    EXPECT(tripline_gate(client, &target), gate);
    EXPECT(tripline_gate_inline(client, &target), gate);
    EXPECT(tripline_may_send(client, &target), gate == TRIPLINE_GATE_PASS);
    EXPECT(tripline_may_send_inline(client, &target), gate == TRIPLINE_GATE_PASS);
}

/* Waits for the sidecar to pass a position, ten seconds at most. */
static void wait_for(uint64_t position) {
    const time_t end = time(NULL) + 10;
    uint64_t applied = 0;
    while (applied <= position && time(NULL) < end) {
        EXPECT(tripline_positions(client, NULL, &applied), TRIPLINE_OK);
        sched_yield();
    }
    EXPECT(applied > position, 1);
}

static void ask(uint64_t what) {
    const tripline_event deploy = {TRIPLINE_EVENT_DEPLOY, 0, 0, target.handle, what, 0, 0, 0, 0};
    uint64_t position = 0;
    EXPECT(tripline_publish(client, &deploy, &position), TRIPLINE_OK);
    wait_for(position);
}

static void publishing(void) {
    const tripline_event good = tripline_mark(&target, 100, 1);
    tripline_event event = good, three[3];
    uint64_t next = 0, position = 0, published = 99, slots = 0;
    EXPECT(tripline_positions(client, &next, NULL), TRIPLINE_OK);
    EXPECT(tripline_publish(client, &good, &position), TRIPLINE_OK);
    EXPECT(position, next);
    EXPECT(tripline_publish(client, &good, NULL), TRIPLINE_OK);
    EXPECT(tripline_positions(client, &next, NULL), TRIPLINE_OK);
    EXPECT(next, position + 2);
    wait_for(position + 1);
    EXPECT(tripline_free_slots(client, &slots), TRIPLINE_OK);
    EXPECT(slots, 16);

    position = 99;
    event.reserved = 1;
    EXPECT_FAILURE(tripline_publish(client, &event, &position), TRIPLINE_ERR_ARGUMENT);
    const uint8_t no_kinds[] = {0, 6, 127, 255};
    for (size_t at = 0; at < sizeof no_kinds; at++) {
        event = good;
        event.kind = no_kinds[at];
        EXPECT_FAILURE(tripline_publish(client, &event, &position), TRIPLINE_ERR_INVALID);
    }
    event = tripline_order_new(&target, 0, 0, 100, 1, 0);
    EXPECT_FAILURE(tripline_publish(client, &event, &position), TRIPLINE_ERR_INVALID);
    event = tripline_order_new(&target, TRIPLINE_FLAG_LEG_LONG | TRIPLINE_FLAG_LEG_SHORT, 1, 100, 1, 0);
    EXPECT_FAILURE(tripline_publish(client, &event, &position), TRIPLINE_ERR_INVALID);
    event = tripline_order_cancel(&target, 1, 6);
    EXPECT_FAILURE(tripline_publish(client, &event, &position), TRIPLINE_ERR_INVALID);
    event = tripline_order_cancel(&target, 1, 0);
    event.e = 1;
    EXPECT_FAILURE(tripline_publish(client, &event, &position), TRIPLINE_ERR_INVALID);
    event = tripline_order_new(&target, TRIPLINE_FLAG_PERMIT, 1, 100, 1, 0);
    EXPECT_FAILURE(tripline_publish(client, &event, &position), TRIPLINE_ERR_UNSUPPORTED);
    const tripline_event tick = {128, 0, 0, target.handle, 1, 0, 0, 0, 0};
    EXPECT_FAILURE(tripline_publish(client, &tick, &position), TRIPLINE_ERR_UNSUPPORTED);
    EXPECT(position, 99);

    EXPECT(tripline_publish_many(client, NULL, 0, &published), TRIPLINE_OK);
    EXPECT(published, 0);
    three[0] = tripline_mark(&target, 101, 2);
    three[1] = tripline_mark(&target, 102, 3);
    three[2] = tick;
    EXPECT_FAILURE(tripline_publish_many(client, three, 3, &published), TRIPLINE_ERR_UNSUPPORTED);
    EXPECT(published, 2);
    EXPECT(tripline_publish_many(client, three, 2, NULL), TRIPLINE_OK);
}

static void polling(void) {
    tripline_message message;
    EXPECT(tripline_poll(client, &message), 0);
    gates_read(TRIPLINE_GATE_PASS);
    ask(HALT);
    EXPECT(tripline_poll(client, &message), 1);
    EXPECT(message.kind, TRIPLINE_MESSAGE_STATE);
    EXPECT(message.state, TRIPLINE_STATE_HALTED);
    EXPECT(message.mode, TRIPLINE_MODE_LIVE);
    EXPECT(message.reserved, 0);
    EXPECT(strcmp(tripline_reason_name(message.reason), "DRAWDOWN"), 0);
    EXPECT(message.id, 7);
    EXPECT(message.scope, (uint64_t)TRIPLINE_SCOPE_INSTRUMENT << 32 | 0);
    EXPECT(message.epoch, 41);
    EXPECT(message.measured, 4);
    gates_read(TRIPLINE_GATE_HALTED);
    ask(REDUCE);
    gates_read(TRIPLINE_GATE_REDUCE_ONLY);
    ask(PAPER);
    gates_read(TRIPLINE_GATE_PAPER);
    ask(STRANGERS_VERDICT);
    EXPECT(tripline_poll(client, &message), 0);
    ask(NONSENSE);
    EXPECT_FAILURE(tripline_poll(client, &message), TRIPLINE_ERR_CORRUPT);
    EXPECT(tripline_poll(client, &message), 0);
    ask(RESUME);
    gates_read(TRIPLINE_GATE_PASS);
}

/* Every call that publishes, polls or leaves answers the code; the gate answers what it is. */
static void every_call_answers(int32_t code, int32_t gate) {
    const tripline_event event = tripline_mark(&target, 100, 1);
    const tripline_event order = tripline_order_new(&target, 0, 1, 100, 1, 0);
    tripline_instrument instrument = {sizeof instrument, 0, 0, 0, 0, 0, 0};
    tripline_target other;
    tripline_message message;
    uint64_t number;
    gates_read(gate);
    EXPECT_FAILURE(tripline_look_up(client, "main", NULL, &other), code);
    EXPECT_FAILURE(tripline_describe(client, &target, &instrument), code);
    EXPECT_FAILURE(tripline_publish(client, &event, NULL), code);
    EXPECT_FAILURE(tripline_publish_many(client, &event, 1, NULL), code);
    EXPECT_FAILURE(tripline_free_slots(client, &number), code);
    EXPECT_FAILURE(tripline_positions(client, &number, NULL), code);
    EXPECT_FAILURE(tripline_heartbeat(client), code);
    EXPECT_FAILURE(tripline_poll(client, &message), code);
    EXPECT_FAILURE(tripline_request(client, &order, &number), code);
    EXPECT_FAILURE(tripline_wait(client, 1, UINT64_MAX, &message), code);
    EXPECT_FAILURE(tripline_permit(client, &order, UINT64_MAX, &message), code);
    EXPECT_FAILURE(tripline_detach(client), code);
}

static void *in_another_thread(void *unused) {
    every_call_answers(TRIPLINE_ERR_THREAD, TRIPLINE_GATE_PASS);
    EXPECT(tripline_rebind(client), TRIPLINE_OK);
    EXPECT(tripline_heartbeat(client), TRIPLINE_OK);
    return unused;
}

static void threads(void) {
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, in_another_thread, NULL), 0);
    EXPECT(pthread_join(thread, NULL), 0);
    EXPECT_FAILURE(tripline_heartbeat(client), TRIPLINE_ERR_THREAD);
    EXPECT(tripline_rebind(client), TRIPLINE_OK);
    EXPECT(tripline_heartbeat(client), TRIPLINE_OK);
}

static void forking(void) {
    int status = -1;
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        failures = 0;
        every_call_answers(TRIPLINE_ERR_CLOSED, TRIPLINE_GATE_HALTED);
        EXPECT_FAILURE(tripline_rebind(client), TRIPLINE_ERR_CLOSED);
        (void)fflush(stdout);
        _exit(failures == 0 ? 0 : 1);
    }
    EXPECT(waitpid(child, &status, 0), child);
    EXPECT(status, 0);
    gates_read(TRIPLINE_GATE_PASS);
    EXPECT(tripline_heartbeat(client), TRIPLINE_OK);
}

static void losing(void) {
    const tripline_event event = tripline_mark(&target, 100, 9);
    uint64_t slots = 99, published = 99;
    ask(STAND_STILL);
    EXPECT(tripline_free_slots(client, &slots), TRIPLINE_OK);
    EXPECT(slots, 16);
    for (uint64_t at = 0; at < slots; at++) EXPECT(tripline_publish(client, &event, NULL), TRIPLINE_OK);
    EXPECT(tripline_free_slots(client, &slots), TRIPLINE_OK);
    EXPECT(slots, 0);
    gates_read(TRIPLINE_GATE_PASS);
    EXPECT_FAILURE(tripline_publish(client, &event, NULL), TRIPLINE_ERR_FULL);
    gates_read(TRIPLINE_GATE_HALTED);
    EXPECT_FAILURE(tripline_publish(client, &event, NULL), TRIPLINE_ERR_LOST);
    EXPECT_FAILURE(tripline_publish_many(client, &event, 1, &published), TRIPLINE_ERR_LOST);
    EXPECT(published, 0);
}

int main(int count, char **arguments) {
    if (count != 2) return 2;
    attaching(arguments[1]);
    looking_up();
    publishing();
    polling();
    threads();
    forking();
    losing();
    EXPECT(tripline_detach(client), TRIPLINE_OK);
    printf("%d wrong answers\n", failures);
    return failures == 0 ? 0 : 1;
}
