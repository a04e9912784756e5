/*
 * A strategy in C: tells a running sidecar what it does, and asks the gate before its order.
 *
 *     cargo build --release -p tripline-ffi
 *     cc -O2 -Iinclude ffi/examples/strategy.c -Ltarget/release -ltripline -o strategy
 *     printf '100\n101\n90\n' | LD_LIBRARY_PATH=target/release ./strategy /run/tripline mm1 main BTC-PERP
 *
 * Reads one price a line, in price units. At the first price at which the gate is open it buys one lot from a venue
 * that fills everything, and holds it. At each price at which the gate is closed it wants to buy and does not. It
 * trades live only: a gate that reads PAPER is closed to it.
 *
 * Exit codes: 0 end of input, 1 the sidecar cannot be reached or refused something, 2 usage, 3 events were lost.
 */
#define _POSIX_C_SOURCE 200809L /* poll, and the clock that makes the gate inline */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tripline.h"

enum { FINE = 0, REFUSED = 1, USAGE = 2, LOST = 3 };
enum { IDLE_MS = 100, MOST_WAITS_MS = 250 };

typedef struct strategy {
    tripline_client *client;
    tripline_target target;
    int64_t lot;
    uint64_t order;         /* the order that opened the position, 0 before */
    uint64_t mark;          /* sequence of the last mark */
    uint64_t orders_sent;   /* counted where an order leaves, nowhere else */
    uint64_t orders_refused;
    int is_closed;          /* the closed gate has been told of */
    tripline_message cause; /* the strictest state that was told since the gate was open */
} strategy;

static const char *const GATES[] = {"HALTED", "REDUCE_ONLY", "PAPER", "PASS"};
static const char *const STATES[] = {"HALTED", "REDUCE_ONLY", "ACTIVE"};
static const char *const SCOPES[] = {"firm", "account", "strategy", "book", "instrument"};

/* FINE for what succeeded, counts included; else says what failed and which exit code that is. */
static int outcome(const char *call, int32_t code) {
    if (code >= TRIPLINE_OK) return FINE;
    fprintf(stderr, "%s: %s (%d): %s\n", call, tripline_strerror(code), (int)code, tripline_last_error());
    return code == TRIPLINE_ERR_FULL || code == TRIPLINE_ERR_LOST ? LOST : REFUSED;
}

/* Takes every message that waits. This is a sign of life too. */
static int hear(strategy *s) {
    tripline_message message;
    int32_t code;
    while ((code = tripline_poll(s->client, &message)) == 1) {
        const uint64_t scope = message.scope >> 32;
        /* Verdicts answer requests, of which this strategy makes none. */
        if (message.kind != TRIPLINE_MESSAGE_STATE || message.state > TRIPLINE_STATE_ACTIVE) continue;
        printf("state %s %s of %s %u %u reason %s epoch %llu\n", STATES[message.state],
               message.mode == TRIPLINE_MODE_LIVE ? "LIVE" : "PAPER", scope < 5 ? SCOPES[scope] : "?",
               (unsigned)(message.scope >> 16 & 0xffff), (unsigned)(message.scope & 0xffff),
               tripline_reason_name(message.reason), (unsigned long long)message.epoch);
        if (message.state <= s->cause.state) s->cause = message;
    }
    return outcome("tripline_poll", code);
}

static void pause_ms(long ms) {
    const struct timespec time = {0, ms * 1000000};
    nanosleep(&time, NULL);
}

/* Publishes an event and waits, but not for ever, until the sidecar has applied it: the gate then shows its effect. A
 * sidecar that takes longer has stopped, and the gate will say so. */
static int publish(strategy *s, const tripline_event *event) {
    uint64_t position = 0, applied = 0;
    int result = outcome("tripline_publish", tripline_publish(s->client, event, &position));
    for (int waits = 0; result == FINE && applied <= position && waits < MOST_WAITS_MS; waits++) {
        if (waits > 0) pause_ms(1);
        result = outcome("tripline_positions", tripline_positions(s->client, NULL, &applied));
    }
    return result == FINE ? hear(s) : result;
}

/* Where a strategy hands the order to its venue. */
static void send_order(strategy *s) {
    s->orders_sent += 1;
}

/* Buys one lot: announced before it is sent, then what the venue says of it. */
static int open_position(strategy *s, int64_t px) {
    const uint64_t attrs = tripline_attrs(TRIPLINE_ORDER_LIMIT, TRIPLINE_TIF_GTC, TRIPLINE_INTENT_OPEN);
    struct timespec now;
    /* Ids of orders and executions must never have been used before, in earlier runs neither. */
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return outcome("clock_gettime", TRIPLINE_ERR_SYSTEM);
    const uint64_t order = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    const tripline_event announced = tripline_order_new(&s->target, 0, order, px, s->lot, attrs);
    const tripline_event accepted = tripline_order_ack(&s->target, order, order, px, s->lot, 0);
    const tripline_event filled = tripline_fill(&s->target, 0, order, order, px, s->lot, 0);
    int result = outcome("tripline_publish", tripline_publish(s->client, &announced, NULL));
    if (result != FINE) return result; /* what cannot be told is not sent */
    send_order(s);
    s->order = order;
    printf("bought %lld at price %lld\n", (long long)s->lot, (long long)px);
    if ((result = publish(s, &accepted)) == FINE) result = publish(s, &filled);
    return result;
}

/* The gate is closed: no order is announced and none is sent. Cancels are never gated. */
static int hold_back(strategy *s, int64_t px) {
    const char *gate = GATES[tripline_gate_inline(s->client, &s->target)];
    int result = FINE;
    s->orders_refused += 1;
    if (s->is_closed) return FINE;
    s->is_closed = 1;
    if (s->order == 0) {
        printf("waiting at price %lld gate %s\n", (long long)px, gate);
        return FINE;
    }
    /* The word closes the gate before the message tells why; an expired lease comes without one. */
    for (int waits = 0; result == FINE && s->cause.state == TRIPLINE_STATE_ACTIVE && waits < IDLE_MS; waits++) {
        pause_ms(1);
        result = hear(s);
    }
    if (result != FINE) return result;
    printf("halted at price %lld epoch %llu reason %s gate %s\n", (long long)px, (unsigned long long)s->cause.epoch,
           tripline_reason_name(s->cause.reason), gate);
    const tripline_event cancel = tripline_order_cancel(&s->target, s->order, 0);
    result = publish(s, &cancel);
    if (result == FINE) printf("cancel published\n");
    return result;
}

static int on_price(strategy *s, int64_t px) {
    const tripline_event mark = tripline_mark(&s->target, px, ++s->mark);
    const int result = publish(s, &mark);
    if (result != FINE) return result;
    if (!tripline_may_send_inline(s->client, &s->target)) return hold_back(s, px);
    s->is_closed = 0;
    s->cause = (tripline_message){.state = TRIPLINE_STATE_ACTIVE};
    return s->order == 0 ? open_position(s, px) : FINE;
}

/* One line of input without its end. */
static int on_line(strategy *s, const char *line) {
    char *end;
    errno = 0;
    const long long px = strtoll(line, &end, 10);
    if (*line != 0 && *end == 0 && errno == 0) return on_price(s, px);
    fprintf(stderr, "not a price: '%s'\n", line);
    return USAGE;
}

/* Handles each line as it comes, and lives on while none does. */
static int trade(strategy *s) {
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    char line[64];
    size_t used = 0;
    int result = FINE;
    while (result == FINE) {
        char letter;
        const int ready = poll(&input, 1, IDLE_MS);
        const ssize_t got = ready > 0 ? read(STDIN_FILENO, &letter, 1) : -1;
        if (ready == 0) {
            result = outcome("tripline_heartbeat", tripline_heartbeat(s->client));
            if (result == FINE) result = hear(s);
        } else if (got == 0 || (got < 0 && errno != EINTR)) {
            line[used] = 0;
            return used > 0 ? on_line(s, line) : FINE;
        } else if (got > 0 && (letter == '\n' || used == sizeof line - 1)) {
            line[used] = 0;
            used = 0;
            result = on_line(s, line);
        } else if (got > 0) {
            line[used++] = letter;
        }
    }
    return result;
}

static int run(strategy *s, const char *account, const char *instrument) {
    tripline_instrument known = {.size = sizeof known};
    int result = outcome("tripline_look_up", tripline_look_up(s->client, account, instrument, &s->target));
    if (result == FINE) result = outcome("tripline_describe", tripline_describe(s->client, &s->target, &known));
    if (result != FINE) return result;
    s->lot = known.lot;
    printf("attached abi %u instrument %s price_decimals %u qty_decimals %u tick %lld lot %lld\n",
           (unsigned)tripline_abi_version(), instrument, (unsigned)known.price_decimals, (unsigned)known.qty_decimals,
           (long long)known.tick, (long long)known.lot);
    return trade(s);
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: strategy RUNTIME_DIR STRATEGY ACCOUNT INSTRUMENT <PRICES\n");
        return USAGE;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* whoever reads along sees each line when it happens */
    const tripline_attach_options options = {sizeof options, 0, arguments[1], arguments[2]};
    strategy s = {.cause = {.state = TRIPLINE_STATE_ACTIVE}};
    int result = outcome("tripline_attach", tripline_attach(&options, &s.client));
    if (result != FINE) return result;
    result = run(&s, arguments[3], arguments[4]);
    /* Without detach the sidecar would take the end of this process for a crash and halt the strategy. */
    const int left = outcome("tripline_detach", tripline_detach(s.client));
    printf("done orders_sent=%llu orders_refused=%llu\n", (unsigned long long)s.orders_sent,
           (unsigned long long)s.orders_refused);
    return result != FINE ? result : left;
}
