/*
 * A strategy in C: tells a running sidecar what it does, and asks before each order. strategy.cpp and strategy.py are the
 * same strategy; whoever has read one has read all three.
 *
 *     cargo build --release -p tripline-ffi
 *     cc -O2 -Iinclude ffi/examples/strategy.c -Ltarget/release -ltripline -o strategy
 *     printf '600000\n600010\n599990\n' | LD_LIBRARY_PATH=target/release ./strategy /run/tripline mm1 main BTC-PERP permit
 *
 * Reads one price a line, in price units. Buys a lot when the price rises, three at most, sells one when it falls, and
 * keeps a bid far below. Its venue is simulated: what is marketable fills at once, the bid rests. With "gate" it looks
 * at the gate before an order, with "permit" it requests each and waits for the verdict. When it is halted it cancels,
 * and with "permit" it leaves its position. It does what directives say and acknowledges them.
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

enum { REFUSED = 1, USAGE = 2, LOST = 3 };
enum { IDLE_MS = 100, VERDICT_MS = 250, MOST_WAITS_MS = 250, MOST_LOTS = 3, BID_TICKS = 100, INBOX = 16 };

typedef struct order {
    const char *what; /* how it is called when it is told of */
    uint8_t side;     /* 0 or TRIPLINE_FLAG_SELL */
    uint8_t tif, intent;
    uint64_t directive; /* the directive it carries out, or 0 */
    uint64_t id;
    int64_t px, qty;
} order;

typedef struct strategy {
    tripline_client *client;
    tripline_target target;
    tripline_instrument known;
    int asks;         /* permit mode */
    int64_t position; /* in quantity units; never short */
    int64_t last_px;  /* the price before; 0 before the first */
    uint64_t last_id; /* of orders, executions and marks: never used before, in earlier runs neither */
    order bid;        /* rests at the venue; qty 0: none */
    int is_halted;    /* and has been told so */
    uint16_t reason;  /* of the last state that was told */
    uint64_t sent, held_back;
    tripline_message inbox[INBOX]; /* directives to obey */
    int waiting;
} strategy;

static const char *const GATES[] = {"HALTED", "REDUCE_ONLY", "PAPER", "PASS"};
static const char *const STATES[] = {"HALTED", "REDUCE_ONLY", "ACTIVE"};

/* Says what failed, leaves, and ends the program; returns what succeeded, counts included. */
static int32_t check(strategy *s, const char *call, int32_t code) {
    if (code >= TRIPLINE_OK) return code;
    fprintf(stderr, "%s: %s (%d): %s\n", call, tripline_strerror(code), (int)code, tripline_last_error());
    if (s->client != NULL) tripline_detach(s->client); /* an exit without it would halt the strategy */
    exit(code == TRIPLINE_ERR_FULL || code == TRIPLINE_ERR_LOST ? LOST : REFUSED);
}

static uint64_t now_ns(clockid_t clock) {
    struct timespec now = {0, 0};
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void say(const order *o, const char *what, const char *more) {
    printf("%s %lld at %lld: %s%s\n", o->what, (long long)o->qty, (long long)o->px, what, more);
}

/* A verdict that comes when nobody waits for it any more: what it lets through is given back. */
static void on_verdict(strategy *s, const tripline_message *verdict) {
    const int is_late = tripline_verdict_may_send(verdict->state) && verdict->mode != TRIPLINE_ACTION_CANCEL;
    printf("verdict %s%s\n", tripline_verdict_name(verdict->state), is_late ? " too late, not sent" : "");
    if (is_late) {
        const tripline_event event = tripline_not_sent(&s->target, verdict->id, verdict->mode, 0);
        check(s, "tripline_publish", tripline_publish(s->client, &event, NULL));
    }
}

static void on_state(strategy *s, const tripline_message *notice) {
    if (notice->state > TRIPLINE_STATE_ACTIVE) return; /* a later version's */
    printf("state %s %s reason %s\n", STATES[notice->state], notice->mode == TRIPLINE_MODE_LIVE ? "LIVE" : "PAPER",
           tripline_reason_name(notice->reason));
    s->reason = notice->reason;
}

/* Takes every message that waits: a sign of life too. Directives are kept until nothing else is being done. */
static void hear(strategy *s) {
    tripline_message message;
    while (s->waiting < INBOX && check(s, "tripline_poll", tripline_poll(s->client, &message)) == 1) {
        if (message.kind == TRIPLINE_MESSAGE_VERDICT) on_verdict(s, &message);
        if (message.kind == TRIPLINE_MESSAGE_STATE) on_state(s, &message);
        if (message.kind == TRIPLINE_MESSAGE_DIRECTIVE) s->inbox[s->waiting++] = message;
    }
}

/* Publishes events and waits, but not for ever, until the sidecar has applied them: the gate then shows their effect. A
 * strategy in a hurry does not wait. A sidecar that takes longer has stopped, and the gate will say so. */
static void publish(strategy *s, const tripline_event *events, uint64_t count) {
    const struct timespec millisecond = {0, 1000000};
    uint64_t next = 1, applied = 0;
    check(s, "tripline_publish_many", tripline_publish_many(s->client, events, count, NULL));
    for (int waits = 0; applied != next && waits < MOST_WAITS_MS; waits++) {
        if (waits > 0) nanosleep(&millisecond, NULL);
        check(s, "tripline_positions", tripline_positions(s->client, &next, &applied));
    }
    hear(s);
}

/* The simulated venue: every report is told as it comes. */

static void venue_fills(strategy *s, const order *o) {
    const int64_t time = (int64_t)now_ns(CLOCK_REALTIME);
    const tripline_event reports[] = {
        tripline_fill(&s->target, o->side | TRIPLINE_FLAG_MORE, o->id, ++s->last_id, o->px, o->qty, 0),
        tripline_fill_ext(&s->target, 0, o->qty, time, 0, 0, 0),
        tripline_order_done(&s->target, o->id, TRIPLINE_DONE_FILLED, TRIPLINE_BY_VENUE, o->qty, time)};
    s->position += o->side == TRIPLINE_FLAG_SELL ? -o->qty : o->qty;
    publish(s, reports, 3);
}

static void venue_takes(strategy *s, const order *o) {
    const int is_good = o->px > 0;
    const tripline_event report =
        is_good ? tripline_order_ack(&s->target, o->id, o->id, o->px, o->qty, 0)
                : tripline_order_reject(&s->target, o->id, TRIPLINE_REJECT_INVALID, TRIPLINE_ACTION_NEW, -1, 0, 0);
    s->sent += 1;
    say(o, is_good ? "sent" : "sent, rejected", "");
    publish(s, &report, 1);
    if (is_good && o->tif == TRIPLINE_TIF_IOC) venue_fills(s, o);
    else if (is_good) s->bid = *o;
}

static void venue_cancels(strategy *s) {
    const tripline_event report =
        tripline_order_done(&s->target, s->bid.id, TRIPLINE_DONE_CANCELED, TRIPLINE_BY_OWNER, 0, 0);
    say(&s->bid, "canceled", "");
    s->bid.qty = 0;
    publish(s, &report, 1);
}

static void hold_back(strategy *s, const order *o, const char *why, const char *more) {
    s->held_back += 1;
    say(o, why, more);
}

/* Gate mode: looks, announces, and looks again, because what was announced may itself have closed the gate. */
static void send_if_open(strategy *s, const order *o, const tripline_event *event) {
    const int32_t gate = tripline_gate_inline(s->client, &s->target);
    if (gate != TRIPLINE_GATE_PASS) {
        hold_back(s, o, "held back, gate ", GATES[gate]); /* PAPER: to be simulated here */
        return;
    }
    publish(s, event, 1); /* what cannot be told is not sent */
    if (tripline_may_send_inline(s->client, &s->target)) {
        venue_takes(s, o);
        return;
    }
    const tripline_event not_sent = tripline_not_sent(&s->target, o->id, TRIPLINE_ACTION_NEW, 0);
    hold_back(s, o, "announced, not sent", "");
    publish(s, &not_sent, 1);
}

/* Permit mode: requests and waits, but not for ever. */
static void send_if_permitted(strategy *s, const order *o, const tripline_event *event) {
    tripline_message verdict;
    uint64_t position = 0;
    const int32_t code = tripline_request(s->client, event, &position);
    if (code == TRIPLINE_ERR_BUSY) {
        hold_back(s, o, "too many requests wait for a verdict", "");
        return;
    }
    check(s, "tripline_request", code);
    if (check(s, "tripline_wait", tripline_wait(s->client, position, VERDICT_MS * 1000000u, &verdict)) == 0) {
        hold_back(s, o, "no verdict yet", ""); /* on_verdict gives back what comes after all */
        return;
    }
    const char *name = tripline_verdict_name(verdict.state);
    switch (verdict.state) {
    case TRIPLINE_VERDICT_PASS:
    case TRIPLINE_VERDICT_PASS_EXIT:
    case TRIPLINE_VERDICT_RELEASED: say(o, name, ""); break;
    case TRIPLINE_VERDICT_EXIT_UNVERIFIED: say(o, name, ", as the venue's own reduce-only"); break;
    case TRIPLINE_VERDICT_PAPER: hold_back(s, o, name, ", to be simulated"); return;
    case TRIPLINE_VERDICT_DENY: hold_back(s, o, "DENY ", tripline_reason_name(verdict.reason)); return;
    default: hold_back(s, o, "DROPPED ", tripline_reason_name(verdict.reason)); return;
    }
    venue_takes(s, o);
}

static void send(strategy *s, order o) {
    const int is_exit = o.intent == TRIPLINE_INTENT_EXIT;
    const uint64_t attrs = tripline_attrs(TRIPLINE_ORDER_LIMIT, o.tif, o.intent) | o.directive << 32;
    const uint8_t flags = o.side | (is_exit ? TRIPLINE_FLAG_VENUE_REDUCE_ONLY : 0);
    o.id = ++s->last_id;
    const tripline_event event = tripline_order_new(&s->target, flags, o.id, o.px, o.qty, attrs);
    if (s->asks || is_exit) send_if_permitted(s, &o, &event); /* nobody but the sidecar can verify an exit */
    else send_if_open(s, &o, &event);
}

/* Cancels are never gated. With permit they wait for the venue's rates, and are sent whatever comes of that. */
static void cancel(strategy *s, uint64_t directive) {
    tripline_message verdict;
    if (s->bid.qty == 0) return;
    const tripline_event event = tripline_order_cancel(&s->target, s->bid.id, directive << 32);
    const int is_permitted = s->asks && tripline_permit(s->client, &event, VERDICT_MS * 1000000u, &verdict) == 1;
    if (!is_permitted) publish(s, &event, 1);
    venue_cancels(s);
}

static void leave(strategy *s, int64_t qty, uint64_t directive) {
    const order o = {"exit", TRIPLINE_FLAG_SELL, TRIPLINE_TIF_IOC, TRIPLINE_INTENT_EXIT, directive, 0, s->last_px, qty};
    if (qty > 0) send(s, o);
}

static void acknowledge(strategy *s, const tripline_message *directive, uint32_t status) {
    const int64_t remaining = directive->state == TRIPLINE_DIRECTIVE_FLATTEN ? -s->position : 0;
    const tripline_event event = tripline_directive_ack(directive, status, remaining, 0);
    printf("directive %u reason %s status %u\n", (unsigned)directive->state, tripline_reason_name(directive->reason),
           (unsigned)status);
    publish(s, &event, 1);
}

/* Does what a directive says; tells the status it ends with. */
static uint32_t obey(strategy *s, const tripline_message *directive) {
    const int64_t to_sell = -directive->measured; /* of FLATTEN; a position is never short */
    if ((uint64_t)directive->limit < now_ns(CLOCK_MONOTONIC)) return TRIPLINE_DIRECTIVE_STATUS_EXPIRED;
    switch (directive->state) {
    case TRIPLINE_DIRECTIVE_CANCEL:
        if ((uint64_t)directive->measured == s->bid.id) cancel(s, directive->id);
        return TRIPLINE_DIRECTIVE_STATUS_DONE;
    case TRIPLINE_DIRECTIVE_CANCEL_INCREASING: /* the bid is the only order that rests, and it increases */
    case TRIPLINE_DIRECTIVE_CANCEL_ALL: cancel(s, directive->id); return TRIPLINE_DIRECTIVE_STATUS_DONE;
    case TRIPLINE_DIRECTIVE_FLATTEN:
        leave(s, to_sell < s->position ? to_sell : s->position, directive->id);
        return s->position == 0 ? TRIPLINE_DIRECTIVE_STATUS_DONE : TRIPLINE_DIRECTIVE_STATUS_FAILED;
    case TRIPLINE_DIRECTIVE_REVOKE: return TRIPLINE_DIRECTIVE_STATUS_DONE; /* nothing is left half done */
    default: return TRIPLINE_DIRECTIVE_STATUS_REFUSED;
    }
}

static void obey_all(strategy *s) {
    for (int at = 0; at < s->waiting; at++) {
        const tripline_message directive = s->inbox[at];
        acknowledge(s, &directive, TRIPLINE_DIRECTIVE_STATUS_RECEIVED);
        acknowledge(s, &directive, obey(s, &directive));
    }
    s->waiting = 0;
}

static void on_halt(strategy *s) {
    printf("halted reason %s\n", s->reason == 0 ? "none" : tripline_reason_name(s->reason));
    s->is_halted = 1;
    cancel(s, 0);
    if (s->asks) leave(s, s->position, 0);
}

static void on_price(strategy *s, int64_t px) {
    const int64_t before = s->last_px, lot = s->known.lot, far = px - BID_TICKS * s->known.tick;
    const tripline_event mark = tripline_mark(&s->target, px, ++s->last_id);
    const order buy = {"buy", 0, TRIPLINE_TIF_IOC, TRIPLINE_INTENT_OPEN, 0, 0, px, lot};
    const order sell = {"sell", TRIPLINE_FLAG_SELL, TRIPLINE_TIF_IOC, TRIPLINE_INTENT_REDUCE, 0, 0, px, lot};
    const order bid = {"bid", 0, TRIPLINE_TIF_GTC, TRIPLINE_INTENT_OPEN, 0, 0, far, lot};
    s->last_px = px;
    publish(s, &mark, 1);
    if (s->bid.qty != 0 && px <= s->bid.px) {
        say(&s->bid, "filled", "");
        venue_fills(s, &s->bid);
        s->bid.qty = 0;
    }
    obey_all(s);
    if (tripline_gate_inline(s->client, &s->target) != TRIPLINE_GATE_HALTED) s->is_halted = 0;
    else if (!s->is_halted) on_halt(s);
    if (px > before && s->position < MOST_LOTS * lot) send(s, buy);
    if (px < before && s->position >= lot) send(s, sell);
    if (s->position > 0 && s->bid.qty == 0 && !s->is_halted) send(s, bid);
}

/* Handles each line as it comes, and lives on while none does. */
static int trade(strategy *s) {
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    char line[64], *end;
    for (;;) {
        if (poll(&input, 1, IDLE_MS) == 0) {
            hear(s);
            obey_all(s);
            continue;
        }
        if (fgets(line, sizeof line, stdin) == NULL) break;
        line[strcspn(line, "\n")] = 0;
        errno = 0;
        const long long px = strtoll(line, &end, 10);
        if (*line == 0 || *end != 0 || errno != 0) {
            fprintf(stderr, "not a price: '%s'\n", line);
            return USAGE;
        }
        on_price(s, px);
    }
    cancel(s, 0);
    return 0;
}

int main(int count, char **arguments) {
    const char *given[] = {NULL, NULL, "mm1", "main", "BTC-PERP", "gate"};
    for (int at = 1; at < count && at < 6; at++) given[at] = arguments[at];
    strategy s = {.known.size = sizeof s.known, .last_id = now_ns(CLOCK_REALTIME)};
    s.asks = strcmp(given[5], "permit") == 0;
    if (count > 6 || (!s.asks && strcmp(given[5], "gate") != 0)) {
        fprintf(stderr, "usage: strategy [RUNTIME_DIR [STRATEGY [ACCOUNT [INSTRUMENT [gate|permit]]]]] <PRICES\n");
        return USAGE;
    }
    setvbuf(stdin, NULL, _IONBF, 0);       /* poll must not miss what a buffer holds */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* whoever reads along sees each line when it happens */
    const tripline_attach_options options = {sizeof options, 0, given[1], given[2]};
    check(&s, "tripline_attach", tripline_attach(&options, &s.client));
    check(&s, "tripline_look_up", tripline_look_up(s.client, given[3], given[4], &s.target));
    check(&s, "tripline_describe", tripline_describe(s.client, &s.target, &s.known));
    printf("attached abi %u instrument %s tick %lld lot %lld\n", (unsigned)tripline_abi_version(), given[4],
           (long long)s.known.tick, (long long)s.known.lot);
    const int result = trade(&s);
    tripline_client *const client = s.client;
    s.client = NULL;
    check(&s, "tripline_detach", tripline_detach(client));
    printf("done sent %llu held back %llu position %lld\n", (unsigned long long)s.sent,
           (unsigned long long)s.held_back, (long long)s.position);
    return result;
}
