/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tripline.hpp - tripline.h for C++17: handles that clean up after themselves, and strong names. No logic of its own:
 * what a call does, in which thread, and what it returns is said in tripline.h.
 *
 *     auto attached = tripline::client::attach("mm1");
 *     if (!attached) die(attached.message(), attached.detail());
 *     tripline::client client = std::move(*attached);
 *     auto found = client.look_up("main", "BTC-PERP");
 *     if (!found) die(found.message(), found.detail());
 *     const tripline::target btc = *found;
 *     ...
 *     if (client.may_send(btc)) { publish btc.order_new(...); send the order; publish what comes back; }
 *     else                      { do not send; cancels and verified exits may still leave; }
 *
 * Failure   Nothing here throws, and it compiles without exceptions and run-time types. A call that can fail returns a
 *           result, which the compiler does not let you drop: a value, or a code with its text. The value of a failed
 *           result is a default one: a client that is not attached, a target without words. Both read HALTED.
 * Ownership A client can be moved, not copied. One that was moved from, or detached, is not attached: its gate reads
 *           HALTED and every other call answers TRIPLINE_ERR_NULL. The destructor detaches, also where an exception
 *           unwinds the stack: the strategy has left in order then. Where a failure shall halt the strategy, end the
 *           process instead, by std::_Exit.
 * Threads   As in C: a client belongs to the thread that attached it. A destructor that runs in another thread cannot
 *           detach: call detach first, or rebind there.
 */
#ifndef TRIPLINE_HPP
#define TRIPLINE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "tripline.h"

namespace tripline {

/* Names. */

enum class gate : std::int32_t {
    halted = TRIPLINE_GATE_HALTED,
    reduce_only = TRIPLINE_GATE_REDUCE_ONLY,
    paper = TRIPLINE_GATE_PAPER,
    pass = TRIPLINE_GATE_PASS,
};

enum class side : std::uint8_t { buy = 0, sell = TRIPLINE_FLAG_SELL };

enum class order_type : std::uint8_t {
    market = TRIPLINE_ORDER_MARKET,
    limit = TRIPLINE_ORDER_LIMIT,
    stop = TRIPLINE_ORDER_STOP,
    stop_limit = TRIPLINE_ORDER_STOP_LIMIT,
    trailing = TRIPLINE_ORDER_TRAILING,
    peg = TRIPLINE_ORDER_PEG,
};

enum class tif : std::uint8_t {
    day = TRIPLINE_TIF_DAY,
    gtc = TRIPLINE_TIF_GTC,
    ioc = TRIPLINE_TIF_IOC,
    fok = TRIPLINE_TIF_FOK,
    gtd = TRIPLINE_TIF_GTD,
};

enum class intent : std::uint8_t {
    open = TRIPLINE_INTENT_OPEN,
    reduce = TRIPLINE_INTENT_REDUCE,
    protect = TRIPLINE_INTENT_PROTECT,
    exit = TRIPLINE_INTENT_EXIT,
};

enum class action : std::uint8_t {
    new_order = TRIPLINE_ACTION_NEW,
    modify = TRIPLINE_ACTION_MODIFY,
    cancel = TRIPLINE_ACTION_CANCEL,
};

enum class reject : std::uint8_t {
    unmapped = TRIPLINE_REJECT_UNMAPPED,
    invalid = TRIPLINE_REJECT_INVALID,
    funds = TRIPLINE_REJECT_FUNDS,
    venue_risk = TRIPLINE_REJECT_VENUE_RISK,
    infrastructure = TRIPLINE_REJECT_INFRASTRUCTURE,
    timeout = TRIPLINE_REJECT_TIMEOUT,
    auth = TRIPLINE_REJECT_AUTH,
    rate = TRIPLINE_REJECT_RATE,
    liquidation = TRIPLINE_REJECT_LIQUIDATION,
    duplicate_id = TRIPLINE_REJECT_DUPLICATE_ID,
};

enum class done : std::uint8_t {
    canceled = TRIPLINE_DONE_CANCELED,
    expired = TRIPLINE_DONE_EXPIRED,
    filled = TRIPLINE_DONE_FILLED,
    rejected_late = TRIPLINE_DONE_REJECTED_LATE,
};

enum class done_by : std::uint8_t {
    owner = TRIPLINE_BY_OWNER,
    venue = TRIPLINE_BY_VENUE,
    self_trade = TRIPLINE_BY_SELF_TRADE,
    liquidation = TRIPLINE_BY_LIQUIDATION,
};

enum class message_kind : std::uint8_t {
    verdict = TRIPLINE_MESSAGE_VERDICT,
    state = TRIPLINE_MESSAGE_STATE,
    directive = TRIPLINE_MESSAGE_DIRECTIVE,
};

enum class state : std::uint8_t {
    halted = TRIPLINE_STATE_HALTED,
    reduce_only = TRIPLINE_STATE_REDUCE_ONLY,
    active = TRIPLINE_STATE_ACTIVE,
};

enum class mode : std::uint8_t {
    paper = TRIPLINE_MODE_PAPER,
    live = TRIPLINE_MODE_LIVE,
};

enum class verdict : std::uint8_t {
    deny = TRIPLINE_VERDICT_DENY,
    pass = TRIPLINE_VERDICT_PASS,
    pass_exit = TRIPLINE_VERDICT_PASS_EXIT,
    paper = TRIPLINE_VERDICT_PAPER,
    queued = TRIPLINE_VERDICT_QUEUED,
    released = TRIPLINE_VERDICT_RELEASED,
    dropped = TRIPLINE_VERDICT_DROPPED,
    exit_unverified = TRIPLINE_VERDICT_EXIT_UNVERIFIED,
};

enum class directive : std::uint8_t {
    cancel = TRIPLINE_DIRECTIVE_CANCEL,
    cancel_increasing = TRIPLINE_DIRECTIVE_CANCEL_INCREASING,
    cancel_all = TRIPLINE_DIRECTIVE_CANCEL_ALL,
    flatten = TRIPLINE_DIRECTIVE_FLATTEN,
    mode = TRIPLINE_DIRECTIVE_MODE,
    signals = TRIPLINE_DIRECTIVE_SIGNALS,
    scale = TRIPLINE_DIRECTIVE_SCALE,
    snapshot = TRIPLINE_DIRECTIVE_SNAPSHOT,
    revoke = TRIPLINE_DIRECTIVE_REVOKE,
    resize = TRIPLINE_DIRECTIVE_RESIZE,
};

enum class directive_status : std::uint32_t {
    received = TRIPLINE_DIRECTIVE_STATUS_RECEIVED,
    working = TRIPLINE_DIRECTIVE_STATUS_WORKING,
    done = TRIPLINE_DIRECTIVE_STATUS_DONE,
    failed = TRIPLINE_DIRECTIVE_STATUS_FAILED,
    refused = TRIPLINE_DIRECTIVE_STATUS_REFUSED,
    expired = TRIPLINE_DIRECTIVE_STATUS_EXPIRED,
};

enum class scope : std::uint16_t {
    firm = TRIPLINE_SCOPE_FIRM,
    account = TRIPLINE_SCOPE_ACCOUNT,
    strategy = TRIPLINE_SCOPE_STRATEGY,
    book = TRIPLINE_SCOPE_BOOK,
    instrument = TRIPLINE_SCOPE_INSTRUMENT,
};

/* Why. The hundreds are groups; tripline_reason_name gives the text, docs/events.md the meaning. A keyword of C++ has an
 * underscore. */
enum class reason : std::uint16_t {
    none = 0,
    unarmed = TRIPLINE_REASON_UNARMED,
    warmup = TRIPLINE_REASON_WARMUP,
    reconciling = TRIPLINE_REASON_RECONCILING,
    ready_to_resume = TRIPLINE_REASON_READY_TO_RESUME,
    lease_expired = TRIPLINE_REASON_LEASE_EXPIRED,
    epoch_stale = TRIPLINE_REASON_EPOCH_STALE,
    no_executor = TRIPLINE_REASON_NO_EXECUTOR,
    unknown_instrument = TRIPLINE_REASON_UNKNOWN_INSTRUMENT,
    unknown_order = TRIPLINE_REASON_UNKNOWN_ORDER,
    tick = TRIPLINE_REASON_TICK,
    lot = TRIPLINE_REASON_LOT,
    min_qty = TRIPLINE_REASON_MIN_QTY,
    max_qty = TRIPLINE_REASON_MAX_QTY,
    min_notional = TRIPLINE_REASON_MIN_NOTIONAL,
    max_notional = TRIPLINE_REASON_MAX_NOTIONAL,
    gtd_past = TRIPLINE_REASON_GTD_PAST,
    restricted = TRIPLINE_REASON_RESTRICTED,
    duplicate_id = TRIPLINE_REASON_DUPLICATE_ID,
    duplicate_fingerprint = TRIPLINE_REASON_DUPLICATE_FINGERPRINT,
    oco_rearm = TRIPLINE_REASON_OCO_REARM,
    self_cross = TRIPLINE_REASON_SELF_CROSS,
    list_member = TRIPLINE_REASON_LIST_MEMBER,
    max_position = TRIPLINE_REASON_MAX_POSITION,
    gross = TRIPLINE_REASON_GROSS,
    net = TRIPLINE_REASON_NET,
    open_orders = TRIPLINE_REASON_OPEN_ORDERS,
    daily_count = TRIPLINE_REASON_DAILY_COUNT,
    reduce_only_size = TRIPLINE_REASON_REDUCE_ONLY_SIZE,
    exit_size = TRIPLINE_REASON_EXIT_SIZE,
    exit_unverified = TRIPLINE_REASON_EXIT_UNVERIFIED,
    balance = TRIPLINE_REASON_BALANCE,
    margin = TRIPLINE_REASON_MARGIN,
    liquidation_distance = TRIPLINE_REASON_LIQUIDATION_DISTANCE,
    reroute = TRIPLINE_REASON_REROUTE,
    no_mark = TRIPLINE_REASON_NO_MARK,
    collar = TRIPLINE_REASON_COLLAR,
    collar_accumulated = TRIPLINE_REASON_COLLAR_ACCUMULATED,
    mark_suspect = TRIPLINE_REASON_MARK_SUSPECT,
    mark_stale = TRIPLINE_REASON_MARK_STALE,
    bucket_full = TRIPLINE_REASON_BUCKET_FULL,
    banned = TRIPLINE_REASON_BANNED,
    queue_full = TRIPLINE_REASON_QUEUE_FULL,
    expired = TRIPLINE_REASON_EXPIRED,
    superseded = TRIPLINE_REASON_SUPERSEDED,
    backpressure = TRIPLINE_REASON_BACKPRESSURE,
    repeated_execution = TRIPLINE_REASON_REPEATED_EXECUTION,
    drawdown_soft = TRIPLINE_REASON_DRAWDOWN_SOFT,
    drawdown = TRIPLINE_REASON_DRAWDOWN,
    drawdown_untrusted = TRIPLINE_REASON_DRAWDOWN_UNTRUSTED,
    peak_nonpositive = TRIPLINE_REASON_PEAK_NONPOSITIVE,
    pnl_jump = TRIPLINE_REASON_PNL_JUMP,
    margin_drawdown = TRIPLINE_REASON_MARGIN_DRAWDOWN,
    flow_unpriced = TRIPLINE_REASON_FLOW_UNPRICED,
    error_rate = TRIPLINE_REASON_ERROR_RATE,
    consecutive = TRIPLINE_REASON_CONSECUTIVE,
    auth = TRIPLINE_REASON_AUTH,
    liquidation = TRIPLINE_REASON_LIQUIDATION,
    half_open_spent = TRIPLINE_REASON_HALF_OPEN_SPENT,
    half_open = TRIPLINE_REASON_HALF_OPEN,
    heartbeat = TRIPLINE_REASON_HEARTBEAT,
    supervisor = TRIPLINE_REASON_SUPERVISOR,
    stream = TRIPLINE_REASON_STREAM,
    database = TRIPLINE_REASON_DATABASE,
    venue_down = TRIPLINE_REASON_VENUE_DOWN,
    book = TRIPLINE_REASON_BOOK,
    volatility = TRIPLINE_REASON_VOLATILITY,
    fill_ratio = TRIPLINE_REASON_FILL_RATIO,
    ack_latency = TRIPLINE_REASON_ACK_LATENCY,
    trade_rate = TRIPLINE_REASON_TRADE_RATE,
    cancel_ratio = TRIPLINE_REASON_CANCEL_RATIO,
    gauge = TRIPLINE_REASON_GAUGE,
    operator_ = TRIPLINE_REASON_OPERATOR,
    trigger = TRIPLINE_REASON_TRIGGER,
    alert = TRIPLINE_REASON_ALERT,
    drill = TRIPLINE_REASON_DRILL,
    fleet = TRIPLINE_REASON_FLEET,
    approval = TRIPLINE_REASON_APPROVAL,
    gap = TRIPLINE_REASON_GAP,
    corrupt = TRIPLINE_REASON_CORRUPT,
    replay = TRIPLINE_REASON_REPLAY,
    arithmetic = TRIPLINE_REASON_ARITHMETIC,
    capacity = TRIPLINE_REASON_CAPACITY,
    client_dead = TRIPLINE_REASON_CLIENT_DEAD,
    stall = TRIPLINE_REASON_STALL,
    journal_lag = TRIPLINE_REASON_JOURNAL_LAG,
    position_mismatch = TRIPLINE_REASON_POSITION_MISMATCH,
    cash_mismatch = TRIPLINE_REASON_CASH_MISMATCH,
    unknown_fill = TRIPLINE_REASON_UNKNOWN_FILL,
    overfill = TRIPLINE_REASON_OVERFILL,
    violation = TRIPLINE_REASON_VIOLATION,
    lag = TRIPLINE_REASON_LAG,
    unrecorded = TRIPLINE_REASON_UNRECORDED,
    paper_mode = TRIPLINE_REASON_PAPER_MODE,
    live_refused = TRIPLINE_REASON_LIVE_REFUSED,
};

/* Results. */

/* What a call answered: a value, or a code and what it means. */
template <class T> class [[nodiscard]] result {
public:
    result(std::int32_t code, T value) noexcept : code_(code), value_(std::move(value)) {}

    [[nodiscard]] std::int32_t code() const noexcept { return code_; } /* a TRIPLINE_ERR_* if negative */
    [[nodiscard]] explicit operator bool() const noexcept { return code_ >= TRIPLINE_OK; }
    /* What the code means, of whatever succeeded "success"; valid for ever. */
    [[nodiscard]] const char *message() const noexcept { return tripline_strerror(code_ < TRIPLINE_OK ? code_ : TRIPLINE_OK); }
    /* What this thread's last failed call was about; valid until its next. */
    [[nodiscard]] const char *detail() const noexcept { return tripline_last_error(); }

    [[nodiscard]] T &operator*() & noexcept { return value_; }
    [[nodiscard]] const T &operator*() const & noexcept { return value_; }
    [[nodiscard]] T &&operator*() && noexcept { return std::move(value_); }
    [[nodiscard]] T *operator->() noexcept { return &value_; }
    [[nodiscard]] const T *operator->() const noexcept { return &value_; }

private:
    static_assert(std::is_nothrow_move_constructible_v<T>, "a result must move without an exception");

    std::int32_t code_;
    T value_;
};

template <> class [[nodiscard]] result<void> {
public:
    explicit result(std::int32_t code) noexcept : code_(code) {}

    [[nodiscard]] std::int32_t code() const noexcept { return code_; }
    [[nodiscard]] explicit operator bool() const noexcept { return code_ >= TRIPLINE_OK; }
    [[nodiscard]] const char *message() const noexcept { return tripline_strerror(code_); }
    [[nodiscard]] const char *detail() const noexcept { return tripline_last_error(); }

private:
    std::int32_t code_;
};

/* Events and messages. */

/* An order attributes word. */
[[nodiscard]] inline std::uint64_t attrs(order_type type, tif time_in_force, intent what_for,
                                         std::uint32_t directive_id = 0) noexcept {
    return tripline_attrs(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(time_in_force),
                          static_cast<std::uint8_t>(what_for)) |
           static_cast<std::uint64_t>(directive_id) << 32;
}

/* What an order is gated and published under, and the events on it. All zeros reads HALTED. `flags` are
 * TRIPLINE_FLAG_* besides the side. */
struct target {
    tripline_target c{};

    [[nodiscard]] tripline_event order_new(side on, std::uint64_t order, std::int64_t px, std::int64_t qty,
                                           std::uint64_t attrs_word, std::uint8_t flags = 0) const noexcept {
        return tripline_order_new(&c, with(on, flags), order, px, qty, attrs_word);
    }
    [[nodiscard]] tripline_event order_modify(side on, std::uint64_t order, std::int64_t px, std::int64_t qty,
                                              std::uint64_t attrs_word, std::uint64_t new_order = 0,
                                              std::uint8_t flags = 0) const noexcept {
        return tripline_order_modify(&c, with(on, flags), order, px, qty, attrs_word, new_order);
    }
    [[nodiscard]] tripline_event order_cancel(std::uint64_t order, std::uint64_t attrs_word = 0) const noexcept {
        return tripline_order_cancel(&c, order, attrs_word);
    }
    [[nodiscard]] tripline_event cancel_all(bool increasing_only = false,
                                            std::uint64_t attrs_word = 0) const noexcept {
        return tripline_cancel_all(&c, 0, increasing_only ? 1 : 0, attrs_word);
    }
    [[nodiscard]] tripline_event not_sent(std::uint64_t order, action what = action::new_order,
                                          reason cause = reason::none) const noexcept {
        return tripline_not_sent(&c, order, static_cast<std::uint32_t>(what), static_cast<std::uint32_t>(cause));
    }
    [[nodiscard]] tripline_event order_ack(std::uint64_t order, std::uint64_t venue_key, std::int64_t px,
                                           std::int64_t live_qty, std::int64_t t_venue = 0) const noexcept {
        return tripline_order_ack(&c, order, venue_key, px, live_qty, t_venue);
    }
    [[nodiscard]] tripline_event order_reject(std::uint64_t order, reject why, action what, std::int32_t venue_code,
                                              std::int64_t cum_qty = 0, std::int64_t t_venue = 0) const noexcept {
        return tripline_order_reject(&c, order, static_cast<std::uint8_t>(why), static_cast<std::uint8_t>(what),
                                     venue_code, cum_qty, t_venue);
    }
    [[nodiscard]] tripline_event order_done(std::uint64_t order, done status, done_by initiator,
                                            std::int64_t cum_qty, std::int64_t t_venue = 0) const noexcept {
        return tripline_order_done(&c, order, static_cast<std::uint8_t>(status),
                                   static_cast<std::uint8_t>(initiator), cum_qty, t_venue);
    }
    /* With TRIPLINE_FLAG_MORE, fill_ext follows at once. */
    [[nodiscard]] tripline_event fill(side on, std::uint64_t order, std::uint64_t execution, std::int64_t px,
                                      std::int64_t qty, std::int64_t fee, std::uint8_t flags = 0) const noexcept {
        return tripline_fill(&c, with(on, flags), order, execution, px, qty, fee);
    }
    [[nodiscard]] tripline_event fill_ext(std::uint64_t execution_high, std::int64_t cum_qty, std::int64_t t_venue,
                                          std::uint16_t fee_ccy = 0, std::uint16_t cause = 0,
                                          std::uint64_t venue_order = 0) const noexcept {
        return tripline_fill_ext(&c, execution_high, cum_qty, t_venue, fee_ccy, cause, venue_order);
    }
    [[nodiscard]] tripline_event mark(std::int64_t px, std::uint64_t sequence) const noexcept {
        return tripline_mark(&c, px, sequence);
    }

private:
    static std::uint8_t with(side on, std::uint8_t flags) noexcept {
        return static_cast<std::uint8_t>(static_cast<unsigned>(on) | flags);
    }
};

/* What came back: tripline_message, read by the names of its kind. Which member means what is said in tripline.h. */
struct message {
    tripline_message c{};

    [[nodiscard]] tripline::message_kind kind() const noexcept { return static_cast<message_kind>(c.kind); }
    [[nodiscard]] tripline::reason why() const noexcept { return static_cast<reason>(c.reason); }
    [[nodiscard]] const char *why_text() const noexcept { return tripline_reason_name(c.reason); }
    /* VERDICT */
    [[nodiscard]] tripline::verdict answer() const noexcept { return static_cast<verdict>(c.state); }
    [[nodiscard]] tripline::action action_asked() const noexcept { return static_cast<action>(c.mode); }
    [[nodiscard]] bool may_send() const noexcept {
        return c.kind == TRIPLINE_MESSAGE_VERDICT && tripline_verdict_may_send(c.state) == 1;
    }
    /* STATE */
    [[nodiscard]] tripline::state scope_state() const noexcept { return static_cast<state>(c.state); }
    [[nodiscard]] tripline::mode scope_mode() const noexcept { return static_cast<mode>(c.mode); }
    [[nodiscard]] tripline::scope scope_kind() const noexcept { return static_cast<scope>(c.scope >> 32); }
    /* DIRECTIVE */
    [[nodiscard]] tripline::directive task() const noexcept { return static_cast<directive>(c.state); }
    [[nodiscard]] tripline_event acknowledgement(directive_status status, std::int64_t remaining = 0,
                                                 std::int64_t detail = 0) const noexcept {
        return tripline_directive_ack(&c, static_cast<std::uint32_t>(status), remaining, detail);
    }
};

/* The position that the next event gets, and the one before which every event has been applied. */
struct lane_positions {
    std::uint64_t next = 0, applied = 0;
};

/* The client. */

class client {
public:
    client() noexcept = default; /* not attached */
    client(const client &) = delete;
    client &operator=(const client &) = delete;
    client(client &&other) noexcept : c_(std::exchange(other.c_, nullptr)) {}
    client &operator=(client &&other) noexcept {
        if (this != &other) {
            (void)detach();
            c_ = std::exchange(other.c_, nullptr);
        }
        return *this;
    }
    ~client() { (void)detach(); }

    /* Braces in what follows: the call comes first, then what it stored is taken. */

    /* Without a directory, $TRIPLINE_RUNTIME_DIR or else /run/tripline. */
    [[nodiscard]] static result<client> attach(const char *strategy, const char *runtime_dir = nullptr) noexcept {
        const tripline_attach_options options = {sizeof options, 0, runtime_dir, strategy};
        client attached;
        return {tripline_attach(&options, &attached.c_), std::move(attached)};
    }
    /* Leaves in order. Does nothing for a client that is not attached; one that cannot leave stays as it is. */
    result<void> detach() noexcept {
        const std::int32_t code = c_ == nullptr ? TRIPLINE_OK : tripline_detach(c_);
        if (code == TRIPLINE_OK) c_ = nullptr;
        return result<void>(code);
    }
    result<void> rebind() noexcept { return result<void>(tripline_rebind(c_)); }
    [[nodiscard]] bool is_attached() const noexcept { return c_ != nullptr; }
    /* For what is not here. Do not detach it. */
    [[nodiscard]] tripline_client *get() const noexcept { return c_; }

    [[nodiscard]] result<target> look_up(const char *account, const char *instrument = nullptr) noexcept {
        target found;
        return {tripline_look_up(c_, account, instrument, &found.c), found};
    }
    [[nodiscard]] result<tripline_instrument> describe(const target &on) noexcept {
        tripline_instrument known{};
        known.size = sizeof known;
        return {tripline_describe(c_, &on.c, &known), known};
    }

    [[nodiscard]] tripline::gate gate(const target &on) const noexcept {
        return static_cast<tripline::gate>(tripline_gate_inline(c_, &on.c));
    }
    [[nodiscard]] bool may_send(const target &on) const noexcept {
        return tripline_may_send_inline(c_, &on.c) == 1;
    }

    /* The lane position. */
    result<std::uint64_t> publish(const tripline_event &event) noexcept {
        std::uint64_t position = 0;
        return {tripline_publish(c_, &event, &position), position};
    }
    /* How many of them were published. */
    template <std::size_t N> result<std::uint64_t> publish(const tripline_event (&events)[N]) noexcept {
        std::uint64_t published = 0;
        return {tripline_publish_many(c_, events, N, &published), published};
    }
    [[nodiscard]] result<std::uint64_t> free_slots() noexcept {
        std::uint64_t slots = 0;
        return {tripline_free_slots(c_, &slots), slots};
    }
    [[nodiscard]] result<lane_positions> positions() noexcept {
        lane_positions here;
        return {tripline_positions(c_, &here.next, &here.applied), here};
    }
    result<void> heartbeat() noexcept { return result<void>(tripline_heartbeat(c_)); }

    /* The next message, none when none waits. */
    [[nodiscard]] result<std::optional<message>> poll() noexcept {
        message next;
        return maybe(tripline_poll(c_, &next.c), next);
    }
    /* The lane position, by which the verdict is known. */
    [[nodiscard]] result<std::uint64_t> request(const tripline_event &event) noexcept {
        std::uint64_t position = 0;
        return {tripline_request(c_, &event, &position), position};
    }
    /* The final verdict, none when the time is over. */
    [[nodiscard]] result<std::optional<message>> wait(std::uint64_t position, std::uint64_t timeout_ns) noexcept {
        message verdict;
        return maybe(tripline_wait(c_, position, timeout_ns, &verdict.c), verdict);
    }
    /* The final verdict: ask it whether the order may be sent. With TRIPLINE_ERR_TIMEOUT the value is QUEUED and has
     * the position. */
    [[nodiscard]] result<message> permit(const tripline_event &event, std::uint64_t timeout_ns) noexcept {
        message verdict;
        return {tripline_permit(c_, &event, timeout_ns, &verdict.c), verdict};
    }

private:
    /* 1 stored something, 0 did not. */
    static result<std::optional<message>> maybe(std::int32_t code, const message &stored) noexcept {
        return {code, code == 1 ? std::optional<message>(stored) : std::nullopt};
    }

    tripline_client *c_ = nullptr;
};

} // namespace tripline

#endif /* TRIPLINE_HPP */
