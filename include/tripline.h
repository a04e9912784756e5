/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tripline.h - the C ABI of Tripline, version 1.
 *
 * A strategy attaches to a running sidecar, publishes what it does (orders, acks, fills, marks), and reads the gate
 * before each order:
 *
 *     tripline_attach_options options = {sizeof options, 0, "/run/tripline", "mm1"};
 *     tripline_client *client;
 *     tripline_target btc;
 *     if (tripline_attach(&options, &client) != TRIPLINE_OK) die(tripline_last_error());
 *     if (tripline_look_up(client, "main", "BTC-PERP", &btc) != TRIPLINE_OK) die(tripline_last_error());
 *     ...
 *     if (tripline_may_send(client, &btc)) { publish ORDER_NEW; send the order; publish what comes back; }
 *     else                                 { do not send; cancels and verified exits may still leave; }
 *
 * Or it requests each order and waits for the verdict, which has looked at the exact limits and the venue's rates:
 *
 *     tripline_event order = tripline_order_new(&btc, 0, id, px, qty, attrs);
 *     tripline_message verdict;
 *     if (tripline_permit(client, &order, 1000000, &verdict) == 1) { send the order; publish what comes back; }
 *     else                                                         { do not send; verdict and code tell why; }
 *
 * Any doubt reads HALTED: no sidecar, a stalled or killed one, a lost event, a forked child, a null pointer.
 *
 * Lost events The sidecar halts a strategy that lost an event, cause GAP: its books miss something. Detach and attach give
 *             it a new lane, but the gate reads HALTED until SNAP records of the venue's positions and orders, through
 *             that lane, prove each of its books, or an operator resets that cause.
 * Verdicts    Each request gets exactly one final verdict, and at most one QUEUED before it. What a verdict let through
 *             is resolved by the order's next event (ack, reject, fill, done), or by NOT_SENT, the only refund. Before
 *             it hands out a PASS or RELEASED the library looks at the gate once more: a lease that ran out, a halt
 *             since, or a deadline that passed turn it into DROPPED, and the library publishes the NOT_SENT itself.
 *             Where a call fails instead of giving a verdict, nothing was permitted: a cancel may be sent all the same,
 *             an exit only as an order whose reduction the venue enforces, anything else not at all.
 * Threads     A client belongs to the thread that attached it. Publish, request, poll, wait, permit, look-up, heartbeat
 *             and detach from another thread return TRIPLINE_ERR_THREAD and do nothing; tripline_rebind moves it on
 *             purpose. Open one client per publishing thread. tripline_gate and tripline_may_send may be called from
 *             any thread as long as no other thread detaches meanwhile.
 * Fork        A forked child sees zeros in place of the client: its gate reads HALTED, every other call returns
 *             TRIPLINE_ERR_CLOSED. The parent is not affected. Attach in the child if it is to trade.
 * Signals     tripline_gate, tripline_may_send, their inline forms and tripline_abi_version are
 *             async-signal-safe. No other function is.
 * Blocking    tripline_attach blocks up to a few seconds, tripline_wait and tripline_permit up to the timeout they are
 *             given: they spin, then yield, then sleep 50 microseconds at a time. Nothing else makes a system call,
 *             except reading the clock where the kernel has no fast reading of it, and tripline_detach.
 * Dead sidecar The gate reads HALTED within the lease (tripline status shows it). Waits end then, with a verdict of the
 *             library's own: see tripline_wait. Publishing goes on until the lane is full. A core that dies is followed by
 *             another one that knows the same and reads on: do nothing, the gate opens again. When the whole sidecar has
 *             been started again, or its journal could not be followed (TRIPLINE_ERR_LOST), detach and attach; until an
 *             operator's reset the strategy is halted.
 * Memory      The library owns the client and everything behind it. Strings you pass are not kept. Strings it returns
 *             are valid for ever, that of tripline_last_error until the thread's next failed call.
 * Returns     int32_t: 0 or a count on success, negative TRIPLINE_ERR_* on failure. Numbers are never reused.
 *             A null pointer where none is allowed is TRIPLINE_ERR_NULL, never a crash. Null pointers are looked for
 *             first, then whether the client is closed or another thread's, then what a call was given. Out-pointers
 *             are left alone on failure unless their function says otherwise.
 */
#ifndef TRIPLINE_H
#define TRIPLINE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "tripline_reasons.h"

#ifdef __cplusplus
extern "C" {
#define TRIPLINE_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define TRIPLINE_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* The ABI this header describes. tripline_abi_version() tells that of the library; attach refuses a mismatch. */
#define TRIPLINE_ABI_VERSION 1

/* Return codes. */

#define TRIPLINE_OK 0
#define TRIPLINE_ERR_NULL (-1)                /* a required pointer is null */
#define TRIPLINE_ERR_ARGUMENT (-2)            /* a size, reserved field or name is out of its range */
#define TRIPLINE_ERR_UNREACHABLE (-3)         /* nobody listens in the runtime directory */
#define TRIPLINE_ERR_REFUSED (-4)             /* the sidecar refused; tripline_last_error says why */
#define TRIPLINE_ERR_UNSEALED (-5)            /* this machine does not enforce seals on shared memory */
#define TRIPLINE_ERR_PROTOCOL (-6)            /* whatever listens there is not a sidecar */
#define TRIPLINE_ERR_CLOCK (-7)               /* this process runs in another time namespace */
#define TRIPLINE_ERR_SYSTEM (-8)              /* the kernel refused something: descriptors, memory */
#define TRIPLINE_ERR_CLOSED (-9)              /* the client came through fork, or is detached */
#define TRIPLINE_ERR_THREAD (-10)             /* the client belongs to another thread */
#define TRIPLINE_ERR_FULL (-11)               /* lane full, this event is lost: see "Lost events" above */
#define TRIPLINE_ERR_LOST (-12)               /* an earlier event was lost: see "Lost events" above */
#define TRIPLINE_ERR_INVALID (-13)            /* the event means nothing; nothing was published */
#define TRIPLINE_ERR_UNSUPPORTED (-14)        /* not an event a strategy may publish in this version */
#define TRIPLINE_ERR_UNKNOWN_ACCOUNT (-15)    /* no such account, or the strategy has no book on it */
#define TRIPLINE_ERR_UNKNOWN_INSTRUMENT (-16) /* no such instrument */
#define TRIPLINE_ERR_CORRUPT (-17)            /* the return ring holds something that is no message */
#define TRIPLINE_ERR_PANIC (-18)              /* a defect inside the library was stopped at its border */
#define TRIPLINE_ERR_BUSY (-19)               /* no room for another verdict: poll first; nothing was published */
#define TRIPLINE_ERR_TIMEOUT (-20)            /* no final verdict in time; the request stays outstanding */

/* Gate. */

#define TRIPLINE_GATE_HALTED 0      /* send nothing but cancels and verified exits */
#define TRIPLINE_GATE_REDUCE_ONLY 1 /* only orders that reduce, and only by request */
#define TRIPLINE_GATE_PAPER 2       /* simulate orders */
#define TRIPLINE_GATE_PASS 3        /* send */

/* Events. */

#define TRIPLINE_EVENT_HEARTBEAT 1
#define TRIPLINE_EVENT_STRATEGY_STATUS 2
#define TRIPLINE_EVENT_CONNECTION 3
#define TRIPLINE_EVENT_RETRY 4
#define TRIPLINE_EVENT_DEPLOY 5
#define TRIPLINE_EVENT_ORDER_NEW 10
#define TRIPLINE_EVENT_ORDER_EXT 11
#define TRIPLINE_EVENT_ORDER_REF 12
#define TRIPLINE_EVENT_ORDER_MODIFY 13
#define TRIPLINE_EVENT_ORDER_CANCEL 14
#define TRIPLINE_EVENT_ORDER_CANCEL_ALL 15
#define TRIPLINE_EVENT_ORDER_LIST 16
#define TRIPLINE_EVENT_NOT_SENT 17
#define TRIPLINE_EVENT_ORDER_ACK 20
#define TRIPLINE_EVENT_ORDER_REJECT 21
#define TRIPLINE_EVENT_ORDER_MODIFIED 22
#define TRIPLINE_EVENT_ORDER_DONE 23
#define TRIPLINE_EVENT_ORDER_TRIGGERED 24
#define TRIPLINE_EVENT_FILL 30
#define TRIPLINE_EVENT_FILL_EXT 31
#define TRIPLINE_EVENT_FILL_CUM 32
#define TRIPLINE_EVENT_FILL_BUST 33
#define TRIPLINE_EVENT_FEE_ADJUST 34
#define TRIPLINE_EVENT_MARK 40
#define TRIPLINE_EVENT_BOOK 41
#define TRIPLINE_EVENT_INSTRUMENT_STATE 42
#define TRIPLINE_EVENT_FX 43
#define TRIPLINE_EVENT_SETTLE 44
#define TRIPLINE_EVENT_FUNDING 50
#define TRIPLINE_EVENT_FLOW 51
#define TRIPLINE_EVENT_EQUITY 52
#define TRIPLINE_EVENT_MARGIN 53
#define TRIPLINE_EVENT_SNAP_BEGIN 60
#define TRIPLINE_EVENT_SNAP_POSITION 61
#define TRIPLINE_EVENT_SNAP_ORDER 62
#define TRIPLINE_EVENT_SNAP_BALANCE 63
#define TRIPLINE_EVENT_SNAP_END 64
#define TRIPLINE_EVENT_RATE_FEEDBACK 70
#define TRIPLINE_EVENT_GAUGE 71
#define TRIPLINE_EVENT_TRIGGER 72
#define TRIPLINE_EVENT_DIRECTIVE_ACK 73

/* Flags of an event. For MARK and BOOK, bits 0-3 instead say which of a-d are present. */
#define TRIPLINE_FLAG_SELL 0x01u              /* clear: buy */
#define TRIPLINE_FLAG_LEG_LONG 0x02u          /* hedge mode: the long leg */
#define TRIPLINE_FLAG_LEG_SHORT 0x04u         /* hedge mode: the short leg */
#define TRIPLINE_FLAG_VENUE_REDUCE_ONLY 0x08u /* the venue itself enforces it */
#define TRIPLINE_FLAG_PAPER 0x10u             /* simulated */
#define TRIPLINE_FLAG_MAKER 0x20u             /* maker or post-only */
#define TRIPLINE_FLAG_PERMIT 0x40u            /* a verdict is wanted; tripline_request sets it */
#define TRIPLINE_FLAG_MORE 0x80u              /* the next event continues this one */

/* Fee of a fill that the venue has not told yet: charged at the configured worst rate until FEE_ADJUST. */
#define TRIPLINE_FEE_UNKNOWN INT64_MIN

/* Order attributes, the attrs word of order events: type | tif << 8 | intent << 16 | (uint64_t)directive << 32. */
#define TRIPLINE_ORDER_MARKET 0
#define TRIPLINE_ORDER_LIMIT 1
#define TRIPLINE_ORDER_STOP 2
#define TRIPLINE_ORDER_STOP_LIMIT 3
#define TRIPLINE_ORDER_TRAILING 4
#define TRIPLINE_ORDER_PEG 5
#define TRIPLINE_TIF_DAY 0
#define TRIPLINE_TIF_GTC 1
#define TRIPLINE_TIF_IOC 2
#define TRIPLINE_TIF_FOK 3
#define TRIPLINE_TIF_GTD 4
#define TRIPLINE_INTENT_OPEN 0
#define TRIPLINE_INTENT_REDUCE 1
#define TRIPLINE_INTENT_PROTECT 2
#define TRIPLINE_INTENT_EXIT 3

/* Class of ORDER_REJECT: why the venue refused, in the sidecar's words. 0 when the strategy does not know: the
 * sidecar then maps the venue's code by its configuration. */
#define TRIPLINE_REJECT_UNMAPPED 0
#define TRIPLINE_REJECT_INVALID 1
#define TRIPLINE_REJECT_FUNDS 2
#define TRIPLINE_REJECT_VENUE_RISK 3
#define TRIPLINE_REJECT_INFRASTRUCTURE 4
#define TRIPLINE_REJECT_TIMEOUT 5
#define TRIPLINE_REJECT_AUTH 6
#define TRIPLINE_REJECT_RATE 7
#define TRIPLINE_REJECT_LIQUIDATION 8
#define TRIPLINE_REJECT_DUPLICATE_ID 9

/* What was asked of the venue: action of ORDER_REJECT and NOT_SENT, and of a verdict. */
#define TRIPLINE_ACTION_NEW 0
#define TRIPLINE_ACTION_MODIFY 1
#define TRIPLINE_ACTION_CANCEL 2

/* Status and initiator of ORDER_DONE. */
#define TRIPLINE_DONE_CANCELED 0
#define TRIPLINE_DONE_EXPIRED 1
#define TRIPLINE_DONE_FILLED 2
#define TRIPLINE_DONE_REJECTED_LATE 3
#define TRIPLINE_BY_OWNER 0
#define TRIPLINE_BY_VENUE 1
#define TRIPLINE_BY_SELF_TRADE 2
#define TRIPLINE_BY_LIQUIDATION 3

/*
 * One event: kind, flags, the target's handle, and five payload words whose meaning the kind fixes (docs/events.md).
 * Words a kind does not use are 0. Prices are in price units of 10^-price_decimals, quantities in units of
 * 10^-qty_decimals, fees in 1e-9 of a currency, ids never 0, t_venue in UTC nanoseconds (data only).
 */
typedef struct tripline_event {
    uint8_t kind;      /* TRIPLINE_EVENT_* */
    uint8_t flags;     /* TRIPLINE_FLAG_* */
    uint16_t reserved; /* 0 */
    uint32_t handle;   /* tripline_target.handle */
    uint64_t a, b, c, d, e;
} tripline_event;

/* Messages. */

#define TRIPLINE_MESSAGE_VERDICT 1   /* the answer to a request */
#define TRIPLINE_MESSAGE_STATE 2     /* a scope changed state */
#define TRIPLINE_MESSAGE_DIRECTIVE 3 /* something to do, and to acknowledge with DIRECTIVE_ACK */

#define TRIPLINE_STATE_HALTED 0
#define TRIPLINE_STATE_REDUCE_ONLY 1
#define TRIPLINE_STATE_ACTIVE 2
#define TRIPLINE_MODE_PAPER 0
#define TRIPLINE_MODE_LIVE 1

#define TRIPLINE_VERDICT_DENY 0            /* do not send */
#define TRIPLINE_VERDICT_PASS 1            /* send, until the deadline in measured */
#define TRIPLINE_VERDICT_PASS_EXIT 2       /* send, a verified exit, until the deadline in measured */
#define TRIPLINE_VERDICT_PAPER 3           /* simulate */
#define TRIPLINE_VERDICT_QUEUED 4          /* wait: the final verdict follows */
#define TRIPLINE_VERDICT_RELEASED 5        /* it waited; send, until the deadline in measured */
#define TRIPLINE_VERDICT_DROPPED 6         /* do not send: expired, halted, superseded or cancelled meanwhile */
#define TRIPLINE_VERDICT_EXIT_UNVERIFIED 7 /* nobody could verify the exit: only with the venue's own reduce-only */

/* What a directive asks for. Kinds you do not know: acknowledge them as REFUSED. */
#define TRIPLINE_DIRECTIVE_CANCEL 1            /* one order */
#define TRIPLINE_DIRECTIVE_CANCEL_INCREASING 2 /* the orders of a book that could increase or flip a position */
#define TRIPLINE_DIRECTIVE_CANCEL_ALL 3        /* every order of a book */
#define TRIPLINE_DIRECTIVE_FLATTEN 4           /* close a position */
#define TRIPLINE_DIRECTIVE_MODE 5
#define TRIPLINE_DIRECTIVE_SIGNALS 6
#define TRIPLINE_DIRECTIVE_SCALE 7
#define TRIPLINE_DIRECTIVE_SNAPSHOT 8 /* of the account now; measured: bit 0 positions, 1 orders, 2 balances */
#define TRIPLINE_DIRECTIVE_REVOKE 9 /* leave it: another executor has it now */
#define TRIPLINE_DIRECTIVE_RESIZE 10

#define TRIPLINE_DIRECTIVE_STATUS_RECEIVED 0
#define TRIPLINE_DIRECTIVE_STATUS_WORKING 1
#define TRIPLINE_DIRECTIVE_STATUS_DONE 2
#define TRIPLINE_DIRECTIVE_STATUS_FAILED 3
#define TRIPLINE_DIRECTIVE_STATUS_REFUSED 4
#define TRIPLINE_DIRECTIVE_STATUS_EXPIRED 5

/* Scope of a STATE or DIRECTIVE message: kind << 32 | first index << 16 | second index. */
#define TRIPLINE_SCOPE_FIRM 0
#define TRIPLINE_SCOPE_ACCOUNT 1
#define TRIPLINE_SCOPE_STRATEGY 2
#define TRIPLINE_SCOPE_BOOK 3
#define TRIPLINE_SCOPE_INSTRUMENT 4

/* Deadlines are on CLOCK_MONOTONIC in nanoseconds, quantities in quantity units, money in 1e-6. */
typedef struct tripline_message {
    uint8_t kind;      /* TRIPLINE_MESSAGE_* */
    uint8_t state;     /* STATE: TRIPLINE_STATE_*. VERDICT: TRIPLINE_VERDICT_*. DIRECTIVE: TRIPLINE_DIRECTIVE_* */
    uint8_t mode;      /* STATE: TRIPLINE_MODE_*. VERDICT: TRIPLINE_ACTION_*. DIRECTIVE: 0 */
    uint8_t reserved;  /* 0 */
    uint16_t reason;   /* TRIPLINE_REASON_*, see tripline_reasons.h; 0 for none */
    uint16_t guard;    /* VERDICT: the guard that decided, 0 for none */
    uint64_t id;       /* STATE: number of the transition. VERDICT: the order. DIRECTIVE: its id */
    uint64_t scope;    /* STATE: the packed scope. VERDICT: TRIPLINE_SCOPE_* of the limit. DIRECTIVE: packed, or 0 */
    uint64_t epoch;    /* STATE and DIRECTIVE: halt epoch */
    int64_t measured;  /* STATE: bits of the causes that hold. VERDICT: deadline of what may be sent or simulated, else
                          the measured value, units by reason. DIRECTIVE: CANCEL and RESIZE the order, FLATTEN the signed
                          quantity to trade, else 0 */
    int64_t limit;     /* VERDICT: the limit it was held against. DIRECTIVE: deadline, past it the directive is void */
    uint64_t extra;    /* VERDICT: DENY the largest quantity that would pass, for reasons from 500 to 599 nanoseconds
                          until a retry may pass; PASS_EXIT the quantity left to exit; QUEUED the expected wait and
                          RELEASED, DROPPED the time queued, in nanoseconds. DIRECTIVE: CANCEL the venue key, RESIZE
                          the new total quantity, FLATTEN the leg (0 net, 1 long, 2 short: shifted left by one it is
                          the flag of its orders), REVOKE the directive that is taken back, else 0 */
    uint64_t position; /* VERDICT: lane position of the request. DIRECTIVE: the handle it is about */
} tripline_message;

/* Handles. */

/*
 * An attached client. Only pointers that tripline_attach returned are clients; the members are there for the inline
 * gate, not for you. The page it lives in is wiped on fork.
 */
typedef struct tripline_client {
    uint64_t gate;       /* address of the gate page; 0: halted */
    uint64_t gate_bytes; /* its size */
    uint64_t lease_ns;   /* the longest a lease may lie ahead */
    uint64_t latched;    /* not 0: halted for as long as this client lives */
    uint64_t seen_epoch; /* the newest halt epoch seen */
    uint64_t client;
    uint64_t owner;
    uint64_t reserved;
} tripline_client;

/* What an order is gated and published under: one strategy's book on an account, and one instrument there. A plain
 * value, yours to copy; valid for the client that looked it up. All zeros reads HALTED. */
typedef struct tripline_target {
    uint32_t handle;
    uint32_t account_at;
    uint32_t book_at;
    uint32_t instrument_at;
} tripline_target;

typedef struct tripline_attach_options {
    uint32_t size;           /* sizeof(tripline_attach_options) */
    uint32_t reserved;       /* 0 */
    const char *runtime_dir; /* directory of the sidecar's sockets; NULL: $TRIPLINE_RUNTIME_DIR, else /run/tripline */
    const char *strategy;    /* a configured strategy of this user */
} tripline_attach_options;

typedef struct tripline_instrument {
    uint32_t size;           /* sizeof(tripline_instrument), set by the caller */
    uint32_t kind;           /* 0 linear, 1 inverse, 2 spot, 3 quanto */
    uint32_t price_decimals; /* a price unit is 10^-price_decimals */
    uint32_t qty_decimals;   /* a quantity unit is 10^-qty_decimals */
    int64_t multiplier_e9;   /* contract multiplier in 1e-9 */
    int64_t tick;            /* price increment in price units */
    int64_t lot;             /* quantity increment in quantity units */
} tripline_instrument;

TRIPLINE_STATIC_ASSERT(sizeof(void *) == 8, "tripline needs a 64-bit machine");
TRIPLINE_STATIC_ASSERT(sizeof(tripline_event) == 48 && offsetof(tripline_event, a) == 8, "tripline_event");
TRIPLINE_STATIC_ASSERT(sizeof(tripline_message) == 64 && offsetof(tripline_message, id) == 8, "tripline_message");
TRIPLINE_STATIC_ASSERT(sizeof(tripline_client) == 64 && offsetof(tripline_client, seen_epoch) == 32, "tripline_client");
TRIPLINE_STATIC_ASSERT(sizeof(tripline_target) == 16, "tripline_target");
TRIPLINE_STATIC_ASSERT(sizeof(tripline_attach_options) == 24, "tripline_attach_options");
TRIPLINE_STATIC_ASSERT(sizeof(tripline_instrument) == 40, "tripline_instrument");

/* Functions. */

/* The ABI version of the library. Any thread; async-signal-safe. */
uint32_t tripline_abi_version(void);

/* What a return code means. Never NULL. Any thread. */
const char *tripline_strerror(int32_t code);

/* What the last failed call of this thread was about, in words. Never NULL; valid until the thread's next failure. */
const char *tripline_last_error(void);

/* The stable name of a reason code such as "DRAWDOWN", or "UNKNOWN". Never NULL. Any thread. */
const char *tripline_reason_name(uint16_t reason);

/* The stable name of a verdict such as "PASS_EXIT", or "UNKNOWN". Never NULL. Any thread. */
const char *tripline_verdict_name(uint8_t verdict);

/*
 * Attaches as a strategy and stores the client, NULL on failure. Blocks up to a few seconds. The calling thread owns
 * the client. A strategy whose process ends without detach is halted as one that lost an event is.
 * ERR_UNREACHABLE, ERR_REFUSED, ERR_UNSEALED, ERR_PROTOCOL, ERR_CLOCK, ERR_SYSTEM, ERR_ARGUMENT, ERR_NULL.
 */
int32_t tripline_attach(const tripline_attach_options *options, tripline_client **client);

/* Leaves in order and frees the client, which must not be used again. ERR_CLOSED (in a forked child), ERR_THREAD. */
int32_t tripline_detach(tripline_client *client);

/* Makes the calling thread the owner. The previous owner must not be inside a call. ERR_CLOSED. */
int32_t tripline_rebind(tripline_client *client);

/*
 * Finds the target of orders on an account and, unless NULL, an instrument; on failure the target is all zeros. Not
 * for the hot path: look up once, keep the target. ERR_UNKNOWN_ACCOUNT, ERR_UNKNOWN_INSTRUMENT, ERR_THREAD, ERR_CLOSED.
 */
int32_t tripline_look_up(tripline_client *client, const char *account, const char *instrument,
                         tripline_target *target);

/* What the sidecar knows of the target's instrument; set instrument->size first. ERR_UNKNOWN_INSTRUMENT, ERR_ARGUMENT. */
int32_t tripline_describe(tripline_client *client, const tripline_target *target, tripline_instrument *instrument);

/* TRIPLINE_GATE_* for the next order on the target. Never negative: any doubt is HALTED. Any thread. */
int32_t tripline_gate(tripline_client *client, const tripline_target *target);

/* 1 only when the gate is TRIPLINE_GATE_PASS, else 0. Any thread. */
int32_t tripline_may_send(tripline_client *client, const tripline_target *target);

/*
 * Publishes one event; stores its lane position unless position is NULL. Wait-free. Once published it needs this
 * process no more: as long as the sidecar lives, it applies the event. A core that dies loses what it has not read.
 * ERR_FULL (event lost, strategy halted, see the top), ERR_LOST, ERR_INVALID, ERR_UNSUPPORTED, ERR_ARGUMENT,
 * ERR_THREAD, ERR_CLOSED.
 */
int32_t tripline_publish(tripline_client *client, const tripline_event *event, uint64_t *position);

/*
 * Publishes events in order up to the first that fails; stores how many were published unless published is NULL. With
 * ERR_FULL the first that was not published is lost, as with tripline_publish, and those behind it with it.
 */
int32_t tripline_publish_many(tripline_client *client, const tripline_event *events, uint64_t count,
                              uint64_t *published);

/* How many events can be published now without ERR_FULL. */
int32_t tripline_free_slots(tripline_client *client, uint64_t *slots);

/*
 * The position the next event gets, and the position before which every event has been applied: once `applied` has
 * passed an event, the gate shows whatever that event changed. Either pointer may be NULL.
 */
int32_t tripline_positions(tripline_client *client, uint64_t *next, uint64_t *applied);

/* A sign of life. Publishing and polling are signs of life too; an idle strategy calls this several times within its
 * configured heartbeat. Wait-free. */
int32_t tripline_heartbeat(tripline_client *client);

/*
 * Takes the next message: 1 when it was stored, 0 when none waits. Wait-free. Verdicts on requests, state notices and
 * directives, each once. Poll often: a notice or directive that finds no room in the return ring comes late.
 * ERR_CORRUPT, ERR_LOST (the sidecar no longer reads this lane), ERR_THREAD, ERR_CLOSED.
 */
int32_t tripline_poll(tripline_client *client, tripline_message *message);

/*
 * Requests a verdict on ORDER_NEW, ORDER_MODIFY, ORDER_CANCEL or ORDER_CANCEL_ALL; stores its lane position, by which
 * the verdict is known, unless position is NULL. Wait-free; the verdict comes through tripline_poll or tripline_wait.
 * The event is copied; PERMIT is added to its flags. An ORDER_NEW with MORE is completed by publishing its ORDER_EXT
 * right behind it. With a dead sidecar it goes on until its room is used up: only waiting then gives verdicts.
 * ERR_BUSY: poll first; the event is not lost. ERR_UNSUPPORTED: the kind is no request (ORDER_LIST is none: publish it
 * before the requests of its members, and wait for verdicts behind the last). ERR_UNKNOWN_ACCOUNT, ERR_UNKNOWN_INSTRUMENT: the handle is not of this client. ERR_LOST, ERR_INVALID,
 * ERR_ARGUMENT, ERR_THREAD, ERR_CLOSED.
 */
int32_t tripline_request(tripline_client *client, const tripline_event *event, uint64_t *position);

/*
 * Waits up to timeout_ns for the final verdict on the request at a position: 1 when it was stored, 0 when the time is
 * over and the request still outstanding. Blocks, and gives signs of life meanwhile. Other messages are kept for
 * tripline_poll, in order; a QUEUED of this request is too, unless the final verdict overtakes it. A timeout of 0 looks
 * once.
 *
 * Without a live sidecar it does not wait but stores a verdict of the library's own: PASS for a cancel, EXIT_UNVERIFIED
 * where the attributes say EXIT, else DROPPED, LEASE_EXPIRED, and publishes the NOT_SENT. The request is resolved then:
 * a verdict of the sidecar's that comes after all is dropped.
 * ERR_ARGUMENT: no request at this position waits for a verdict. ERR_CORRUPT, ERR_THREAD, ERR_CLOSED.
 */
int32_t tripline_wait(tripline_client *client, uint64_t position, uint64_t timeout_ns, tripline_message *message);

/*
 * Requests and waits: 1 when the order may be sent, 0 when it must not; the verdict is stored either way. 0 with PAPER:
 * simulate. 0 with EXIT_UNVERIFIED: it may leave only as an order whose reduction the venue enforces. Blocks up to
 * timeout_ns. ERR_TIMEOUT: the message has kind, state QUEUED and the position, by which tripline_wait, or
 * tripline_poll, brings the final verdict; resolve one that lets it through with the order, or with NOT_SENT. An event
 * with MORE is ERR_UNSUPPORTED. Else as tripline_request and tripline_wait.
 */
int32_t tripline_permit(tripline_client *client, const tripline_event *event, uint64_t timeout_ns,
                        tripline_message *message);

/* 1 only for a verdict that lets the order go to the venue: PASS, PASS_EXIT and RELEASED. */
static inline int32_t tripline_verdict_may_send(uint8_t verdict) {
    return verdict == TRIPLINE_VERDICT_PASS || verdict == TRIPLINE_VERDICT_PASS_EXIT ||
           verdict == TRIPLINE_VERDICT_RELEASED;
}

/* Events, spelled out. */

/* An order attributes word. */
static inline uint64_t tripline_attrs(uint8_t type, uint8_t tif, uint8_t intent) {
    return (uint64_t)type | (uint64_t)tif << 8 | (uint64_t)intent << 16;
}

/* ORDER_NEW: about to be sent. side_flags: TRIPLINE_FLAG_SELL or 0, with other flags as they apply. */
static inline tripline_event tripline_order_new(const tripline_target *target, uint8_t side_flags, uint64_t order,
                                                int64_t px, int64_t qty, uint64_t attrs) {
    tripline_event event = {TRIPLINE_EVENT_ORDER_NEW, side_flags, 0, target->handle, order, (uint64_t)px,
                            (uint64_t)qty, attrs, 0};
    return event;
}

/* ORDER_CANCEL: about to be sent. */
static inline tripline_event tripline_order_cancel(const tripline_target *target, uint64_t order, uint64_t attrs) {
    tripline_event event = {TRIPLINE_EVENT_ORDER_CANCEL, 0, 0, target->handle, order, 0, 0, attrs, 0};
    return event;
}

/* ORDER_CANCEL_ALL: about to be sent. side: 0, both sides. increasing_only: 1 spares orders that reduce, else 0. */
static inline tripline_event tripline_cancel_all(const tripline_target *target, uint8_t side, uint8_t increasing_only,
                                                 uint64_t attrs) {
    tripline_event event = {TRIPLINE_EVENT_ORDER_CANCEL_ALL, 0, 0, target->handle,
                            (uint64_t)side | (uint64_t)increasing_only << 8, 0, 0, attrs, 0};
    return event;
}

/* ORDER_MODIFY: about to be sent. qty: the new total, filled quantity included. new_order: the id of the order that
 * takes its place, or 0 where the id stays. */
static inline tripline_event tripline_order_modify(const tripline_target *target, uint8_t side_flags, uint64_t order,
                                                   int64_t px, int64_t qty, uint64_t attrs, uint64_t new_order) {
    tripline_event event = {TRIPLINE_EVENT_ORDER_MODIFY, side_flags, 0, target->handle, order, (uint64_t)px,
                            (uint64_t)qty, attrs, new_order};
    return event;
}

/* NOT_SENT: what a verdict let through did not leave after all. action: TRIPLINE_ACTION_*, the message's mode. cause:
 * TRIPLINE_REASON_*, or 0. */
static inline tripline_event tripline_not_sent(const tripline_target *target, uint64_t order, uint32_t action,
                                               uint32_t cause) {
    tripline_event event = {TRIPLINE_EVENT_NOT_SENT, 0, 0, target->handle, order,
                            (uint64_t)action | (uint64_t)cause << 32, 0, 0, 0};
    return event;
}

/* ORDER_ACK: the venue accepted it. */
static inline tripline_event tripline_order_ack(const tripline_target *target, uint64_t order, uint64_t venue_key,
                                                int64_t px, int64_t live_qty, int64_t t_venue) {
    tripline_event event = {TRIPLINE_EVENT_ORDER_ACK, 0, 0, target->handle, order, venue_key, (uint64_t)px,
                            (uint64_t)live_qty, (uint64_t)t_venue};
    return event;
}

/* ORDER_REJECT: the venue refused. reject_class: TRIPLINE_REJECT_*, action: TRIPLINE_ACTION_*, venue_code: the venue's
 * own number, cum_qty: the order's total so far. */
static inline tripline_event tripline_order_reject(const tripline_target *target, uint64_t order, uint8_t reject_class,
                                                   uint8_t action, int32_t venue_code, int64_t cum_qty,
                                                   int64_t t_venue) {
    tripline_event event = {TRIPLINE_EVENT_ORDER_REJECT, 0, 0, target->handle, order,
                            (uint64_t)reject_class | (uint64_t)action << 8 | (uint64_t)(uint32_t)venue_code << 32,
                            (uint64_t)cum_qty, 0, (uint64_t)t_venue};
    return event;
}

/* ORDER_DONE: it is over. status TRIPLINE_DONE_*, initiator TRIPLINE_BY_*. */
static inline tripline_event tripline_order_done(const tripline_target *target, uint64_t order, uint8_t status,
                                                 uint8_t initiator, int64_t cum_qty, int64_t t_venue) {
    tripline_event event = {TRIPLINE_EVENT_ORDER_DONE, 0, 0, target->handle, order,
                            (uint64_t)status | (uint64_t)initiator << 8, (uint64_t)cum_qty, 0, (uint64_t)t_venue};
    return event;
}

/*
 * FILL: an execution with the venue's execution id. fee in 1e-9 of the settlement currency, cost positive.
 *
 * The sidecar remembers executions, to book each once, and only those with a venue time can be forgotten when they are
 * old. Without one, capacity.executions fills (262 144 by default) are the last: then the book halts, CAPACITY. Where
 * the venue tells the time, publish two events, at once and on the same target:
 *
 *     tripline_event fill[2] = {tripline_fill(&btc, side | TRIPLINE_FLAG_MORE, order, execution, px, qty, fee),
 *                               tripline_fill_ext(&btc, 0, cum_qty, t_venue, 0, 0, venue_order)};
 *     tripline_publish_many(client, fill, 2, NULL);
 */
static inline tripline_event tripline_fill(const tripline_target *target, uint8_t side_flags, uint64_t order,
                                           uint64_t execution, int64_t px, int64_t qty, int64_t fee) {
    tripline_event event = {TRIPLINE_EVENT_FILL, side_flags, 0, target->handle, order, execution, (uint64_t)px,
                            (uint64_t)qty, (uint64_t)fee};
    return event;
}

/*
 * FILL_EXT: the rest of a FILL or FILL_BUST whose flags have MORE. execution_high: the upper half of the execution id,
 * 0 where the id fits into the FILL. cum_qty: the order's total so far, 0 for none. fee_ccy: number of the fee's
 * currency, 0 for the settlement currency. cause: fill cause of docs/events.md, 0 for an ordinary fill. venue_order: 0
 * for none.
 */
static inline tripline_event tripline_fill_ext(const tripline_target *target, uint64_t execution_high, int64_t cum_qty,
                                               int64_t t_venue, uint16_t fee_ccy, uint16_t cause,
                                               uint64_t venue_order) {
    tripline_event event = {TRIPLINE_EVENT_FILL_EXT, 0, 0, target->handle, execution_high, (uint64_t)cum_qty,
                            (uint64_t)t_venue, (uint64_t)fee_ccy | (uint64_t)cause << 16, venue_order};
    return event;
}

/* MARK: the price that values positions. sequence must grow from one mark of a source to the next. */
static inline tripline_event tripline_mark(const tripline_target *target, int64_t px, uint64_t sequence) {
    tripline_event event = {TRIPLINE_EVENT_MARK, 1, 0, target->handle, (uint64_t)px, 0, 0, 0, sequence};
    return event;
}

/* DIRECTIVE_ACK: how far the directive of a message has got. status: TRIPLINE_DIRECTIVE_STATUS_*. remaining: the signed
 * quantity still to trade, or 0. detail: the venue's own number where it failed, else 0. */
static inline tripline_event tripline_directive_ack(const tripline_message *directive, uint32_t status,
                                                    int64_t remaining, int64_t detail) {
    tripline_event event = {TRIPLINE_EVENT_DIRECTIVE_ACK, 0, 0, (uint32_t)directive->position, directive->id, status,
                            (uint64_t)remaining, (uint64_t)detail, 0};
    return event;
}

/* The gate, inline. */

/*
 * The same gate without a call, where <time.h> declares CLOCK_MONOTONIC (any mode but strict ISO C without
 * _POSIX_C_SOURCE) and the compiler has the GNU atomic builtins; elsewhere the exported function.
 */
#if defined(CLOCK_MONOTONIC) && (defined(__GNUC__) || defined(__clang__))

static inline int32_t tripline_permission(uint64_t word) {
    switch ((uint32_t)word) {
    case 0x0001u: /* REDUCE_ONLY, PAPER */
    case 0x0101u: /* REDUCE_ONLY, LIVE */
        return TRIPLINE_GATE_REDUCE_ONLY;
    case 0x0002u: /* ACTIVE, PAPER */
        return TRIPLINE_GATE_PAPER;
    case 0x0102u: /* ACTIVE, LIVE */
        return TRIPLINE_GATE_PASS;
    default:
        return TRIPLINE_GATE_HALTED;
    }
}

static inline uint64_t tripline_gate_word(uint64_t gate, uint32_t at) {
    return __atomic_load_n((const uint64_t *)(uintptr_t)(gate + at), __ATOMIC_ACQUIRE);
}

static inline int32_t tripline_gate_inline(tripline_client *client, const tripline_target *target) {
    uint64_t gate, size, lease, account, book, instrument, seen, left;
    int32_t both;
    struct timespec now;
    if (client == NULL || target == NULL) return TRIPLINE_GATE_HALTED;
    gate = __atomic_load_n(&client->gate, __ATOMIC_RELAXED);
    size = __atomic_load_n(&client->gate_bytes, __ATOMIC_RELAXED);
    if (gate == 0 || __atomic_load_n(&client->latched, __ATOMIC_RELAXED) != 0 || target->account_at < 64 ||
        target->book_at < 64 || (target->instrument_at != 0 && target->instrument_at < 64) ||
        (uint64_t)target->account_at + 16 > size || (uint64_t)target->book_at + 8 > size ||
        (uint64_t)target->instrument_at + 8 > size ||
        ((target->account_at | target->book_at | target->instrument_at) & 7u) != 0)
        return TRIPLINE_GATE_HALTED;
    /* Words first, clock last: a lease that ends in between is then seen to have ended. */
    lease = tripline_gate_word(gate, target->account_at + 8);
    account = tripline_gate_word(gate, target->account_at);
    book = tripline_gate_word(gate, target->book_at);
    instrument = target->instrument_at ? tripline_gate_word(gate, target->instrument_at) : account;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return TRIPLINE_GATE_HALTED;
    seen = account >> 32;
    if (book >> 32 > seen) seen = book >> 32;
    if (instrument >> 32 > seen) seen = instrument >> 32;
    if (seen > __atomic_load_n(&client->seen_epoch, __ATOMIC_RELAXED))
        __atomic_store_n(&client->seen_epoch, seen, __ATOMIC_RELAXED);
    left = lease - ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    if (left == 0 || left > __atomic_load_n(&client->lease_ns, __ATOMIC_RELAXED)) {
        /* Further ahead than a lease can be: this page and this clock do not belong together. */
        if ((int64_t)left > 0) __atomic_fetch_or(&client->latched, 1, __ATOMIC_RELAXED);
        return TRIPLINE_GATE_HALTED;
    }
    both = tripline_permission(account);
    if (tripline_permission(book) < both) both = tripline_permission(book);
    if (tripline_permission(instrument) < both) both = tripline_permission(instrument);
    return both;
}

#else

static inline int32_t tripline_gate_inline(tripline_client *client, const tripline_target *target) {
    return tripline_gate(client, target);
}

#endif

/* 1 only when the inline gate is TRIPLINE_GATE_PASS, else 0. */
static inline int32_t tripline_may_send_inline(tripline_client *client, const tripline_target *target) {
    return tripline_gate_inline(client, target) == TRIPLINE_GATE_PASS;
}

#ifdef __cplusplus
}
#endif

#endif /* TRIPLINE_H */
