/*
 * A strategy in C++: tells a running sidecar what it does, and asks before each order. strategy.c and strategy.py are the
 * same strategy; whoever has read one has read all three.
 *
 *     cargo build --release -p tripline-ffi
 *     c++ -std=c++17 -O2 -Iinclude ffi/examples/strategy.cpp -Ltarget/release -ltripline -o strategy
 *     printf '600000\n600010\n599990\n' | LD_LIBRARY_PATH=target/release ./strategy /run/tripline mm1 main BTC-PERP permit
 *
 * Reads one price a line, in price units. Buys a lot when the price rises, three at most, sells one when it falls, and
 * keeps a bid far below. Its venue is simulated: what is marketable fills at once, the bid rests. With "gate" it looks
 * at the gate before an order, with "permit" it requests each and waits for the verdict. When it is halted it cancels,
 * and with "permit" it leaves its position. It does what directives say and acknowledges them.
 *
 * Exit codes: 0 end of input, 1 the sidecar cannot be reached or refused something, 2 usage, 3 events were lost.
 */
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "tripline.hpp"

namespace {

using namespace std::chrono_literals;

enum { REFUSED = 1, USAGE = 2, LOST = 3 };
constexpr int IDLE_MS = 100, MOST_WAITS_MS = 250, MOST_LOTS = 3, BID_TICKS = 100;
constexpr std::uint64_t VERDICT_NS = 250'000'000;

struct order {
    const char *what; /* how it is called when it is told of */
    tripline::side side;
    tripline::tif tif;
    tripline::intent intent;
    std::int64_t px, qty;
    std::uint32_t directive = 0; /* the directive it carries out, or 0 */
    std::uint64_t id = 0;
};

constexpr const char *GATES[] = {"HALTED", "REDUCE_ONLY", "PAPER", "PASS"};
constexpr const char *STATES[] = {"HALTED", "REDUCE_ONLY", "ACTIVE"};

template <class Clock> std::uint64_t now_ns() {
    const auto since = Clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

void say(const order &o, const std::string &what) {
    std::printf("%s %lld at %lld: %s\n", o.what, static_cast<long long>(o.qty), static_cast<long long>(o.px),
                what.c_str());
}

class strategy {
public:
    strategy(const char *runtime_dir, const char *name, bool asks) : asks_(asks) {
        client_ = check("attach", tripline::client::attach(name, runtime_dir));
    }

    void look_up(const char *account, const char *instrument) {
        target_ = check("look_up", client_.look_up(account, instrument));
        known_ = check("describe", client_.describe(target_));
        std::printf("attached abi %u instrument %s tick %lld lot %lld\n", static_cast<unsigned>(tripline_abi_version()),
                    instrument, static_cast<long long>(known_.tick), static_cast<long long>(known_.lot));
    }

    /* Handles each line as it comes, and lives on while none does. */
    int trade() {
        pollfd input = {STDIN_FILENO, POLLIN, 0};
        char line[64], *end;
        for (;;) {
            if (::poll(&input, 1, IDLE_MS) == 0) {
                hear();
                obey_all();
                continue;
            }
            if (std::fgets(line, sizeof line, stdin) == nullptr) break;
            line[std::strcspn(line, "\n")] = 0;
            errno = 0;
            const long long px = std::strtoll(line, &end, 10);
            if (*line == 0 || *end != 0 || errno != 0) {
                std::fprintf(stderr, "not a price: '%s'\n", line);
                return USAGE;
            }
            on_price(px);
        }
        cancel(0);
        return 0;
    }

    void detach() {
        check("detach", client_.detach());
        std::printf("done sent %llu held back %llu position %lld\n", static_cast<unsigned long long>(sent_),
                    static_cast<unsigned long long>(held_back_), static_cast<long long>(position_));
    }

private:
    /* Says what failed, leaves, and ends the program; returns the value of what succeeded. */
    template <class T> T check(const char *call, tripline::result<T> result) {
        if (!result) {
            std::fprintf(stderr, "%s: %s (%d): %s\n", call, result.message(), static_cast<int>(result.code()),
                         result.detail());
            (void)client_.detach(); /* an exit without it would halt the strategy */
            std::exit(result.code() == TRIPLINE_ERR_FULL || result.code() == TRIPLINE_ERR_LOST ? LOST : REFUSED);
        }
        if constexpr (!std::is_void_v<T>) return *std::move(result);
    }

    /* A verdict that comes when nobody waits for it any more: what it lets through is given back. */
    void on_verdict(const tripline::message &verdict) {
        const bool is_late = verdict.may_send() && verdict.action_asked() != tripline::action::cancel;
        std::printf("verdict %s%s\n", tripline_verdict_name(verdict.c.state), is_late ? " too late, not sent" : "");
        if (is_late) check("publish", client_.publish(target_.not_sent(verdict.c.id, verdict.action_asked())));
    }

    void on_state(const tripline::message &notice) {
        if (notice.scope_state() > tripline::state::active) return; /* a later version's */
        std::printf("state %s %s reason %s\n", STATES[notice.c.state],
                    notice.scope_mode() == tripline::mode::live ? "LIVE" : "PAPER", notice.why_text());
        reason_ = notice.why_text();
    }

    /* Takes every message that waits: a sign of life too. Directives are kept until nothing else is being done. */
    void hear() {
        while (const auto message = check("poll", client_.poll())) {
            if (message->kind() == tripline::message_kind::verdict) on_verdict(*message);
            if (message->kind() == tripline::message_kind::state) on_state(*message);
            if (message->kind() == tripline::message_kind::directive) inbox_.push_back(*message);
        }
    }

    /* Publishes events and waits, but not for ever, until the sidecar has applied them: the gate then shows their effect.
     * A strategy in a hurry does not wait. A sidecar that takes longer has stopped, and the gate will say so. */
    template <std::size_t N> void publish(const tripline_event (&events)[N]) {
        tripline::lane_positions here{1, 0};
        check("publish", client_.publish(events));
        for (int waits = 0; here.applied != here.next && waits < MOST_WAITS_MS; waits++) {
            if (waits > 0) std::this_thread::sleep_for(1ms);
            here = check("positions", client_.positions());
        }
        hear();
    }
    void publish(const tripline_event &event) {
        const tripline_event events[] = {event};
        publish(events);
    }

    /* The simulated venue: every report is told as it comes. */

    void venue_fills(const order &o) {
        const auto time = static_cast<std::int64_t>(now_ns<std::chrono::system_clock>());
        position_ += o.side == tripline::side::sell ? -o.qty : o.qty;
        publish({target_.fill(o.side, o.id, ++last_id_, o.px, o.qty, 0, TRIPLINE_FLAG_MORE),
                 target_.fill_ext(0, o.qty, time),
                 target_.order_done(o.id, tripline::done::filled, tripline::done_by::venue, o.qty, time)});
    }

    void venue_takes(const order &o) {
        const bool is_good = o.px > 0;
        sent_ += 1;
        say(o, is_good ? "sent" : "sent, rejected");
        publish(is_good ? target_.order_ack(o.id, o.id, o.px, o.qty)
                        : target_.order_reject(o.id, tripline::reject::invalid, tripline::action::new_order, -1));
        if (is_good && o.tif == tripline::tif::ioc) venue_fills(o);
        else if (is_good) bid_ = o;
    }

    void venue_cancels() {
        const order bid = *std::exchange(bid_, std::nullopt);
        say(bid, "canceled");
        publish(target_.order_done(bid.id, tripline::done::canceled, tripline::done_by::owner, 0));
    }

    void hold_back(const order &o, const std::string &why) {
        held_back_ += 1;
        say(o, why);
    }

    /* Gate mode: looks, announces, and looks again, because what was announced may itself have closed the gate. */
    void send_if_open(const order &o, const tripline_event &event) {
        const tripline::gate gate = client_.gate(target_);
        if (gate != tripline::gate::pass) {
            hold_back(o, std::string("held back, gate ") + GATES[static_cast<int>(gate)]); /* PAPER: to be simulated */
            return;
        }
        publish(event); /* what cannot be told is not sent */
        if (client_.may_send(target_)) {
            venue_takes(o);
            return;
        }
        hold_back(o, "announced, not sent");
        publish(target_.not_sent(o.id));
    }

    /* Permit mode: requests and waits, but not for ever. */
    void send_if_permitted(const order &o, const tripline_event &event) {
        const auto position = client_.request(event);
        if (position.code() == TRIPLINE_ERR_BUSY) {
            hold_back(o, "too many requests wait for a verdict");
            return;
        }
        const auto verdict = check("wait", client_.wait(check("request", position), VERDICT_NS));
        if (!verdict) {
            hold_back(o, "no verdict yet"); /* on_verdict gives back what comes after all */
            return;
        }
        const std::string name = tripline_verdict_name(verdict->c.state);
        switch (verdict->answer()) {
        case tripline::verdict::pass:
        case tripline::verdict::pass_exit:
        case tripline::verdict::released: say(o, name); break;
        case tripline::verdict::exit_unverified: say(o, name + ", as the venue's own reduce-only"); break;
        case tripline::verdict::paper: hold_back(o, name + ", to be simulated"); return;
        case tripline::verdict::deny: hold_back(o, std::string("DENY ") + verdict->why_text()); return;
        default: hold_back(o, std::string("DROPPED ") + verdict->why_text()); return;
        }
        venue_takes(o);
    }

    void send(order o) {
        const bool is_exit = o.intent == tripline::intent::exit;
        const std::uint64_t attrs = tripline::attrs(tripline::order_type::limit, o.tif, o.intent, o.directive);
        o.id = ++last_id_;
        const tripline_event event = target_.order_new(o.side, o.id, o.px, o.qty, attrs,
                                                       is_exit ? TRIPLINE_FLAG_VENUE_REDUCE_ONLY : 0);
        if (asks_ || is_exit) send_if_permitted(o, event); /* nobody but the sidecar can verify an exit */
        else send_if_open(o, event);
    }

    /* Cancels are never gated. With permit they wait for the venue's rates, and are sent whatever comes of that. */
    void cancel(std::uint32_t directive) {
        if (!bid_) return;
        const tripline_event event = target_.order_cancel(bid_->id, static_cast<std::uint64_t>(directive) << 32);
        const bool is_permitted = asks_ && client_.permit(event, VERDICT_NS)->may_send();
        if (!is_permitted) publish(event);
        venue_cancels();
    }

    void leave(std::int64_t qty, std::uint32_t directive) {
        using namespace tripline;
        if (qty > 0) send({"exit", side::sell, tif::ioc, intent::exit, last_px_, qty, directive});
    }

    void acknowledge(const tripline::message &directive, tripline::directive_status status) {
        const std::int64_t remaining = directive.task() == tripline::directive::flatten ? -position_ : 0;
        std::printf("directive %u reason %s status %u\n", static_cast<unsigned>(directive.task()), directive.why_text(),
                    static_cast<unsigned>(status));
        publish(directive.acknowledgement(status, remaining));
    }

    /* Does what a directive says; tells the status it ends with. */
    tripline::directive_status obey(const tripline::message &directive) {
        using status = tripline::directive_status;
        const auto id = static_cast<std::uint32_t>(directive.c.id);
        if (static_cast<std::uint64_t>(directive.c.limit) < now_ns<std::chrono::steady_clock>()) return status::expired;
        switch (directive.task()) {
        case tripline::directive::cancel:
            if (bid_ && static_cast<std::uint64_t>(directive.c.measured) == bid_->id) cancel(id);
            return status::done;
        case tripline::directive::cancel_increasing: /* the bid is the only order that rests, and it increases */
        case tripline::directive::cancel_all: cancel(id); return status::done;
        case tripline::directive::flatten: /* a position is never short: what is to be traded is a sale */
            leave(std::min(-directive.c.measured, position_), id);
            return position_ == 0 ? status::done : status::failed;
        case tripline::directive::revoke: return status::done; /* nothing is left half done */
        default: return status::refused;
        }
    }

    void obey_all() {
        for (std::size_t at = 0; at < inbox_.size(); at++) {
            const tripline::message directive = inbox_[at];
            acknowledge(directive, tripline::directive_status::received);
            acknowledge(directive, obey(directive));
        }
        inbox_.clear();
    }

    void on_halt() {
        std::printf("halted reason %s\n", reason_);
        is_halted_ = true;
        cancel(0);
        if (asks_) leave(position_, 0);
    }

    void on_price(std::int64_t px) {
        using namespace tripline;
        const std::int64_t before = std::exchange(last_px_, px), lot = known_.lot;
        publish(target_.mark(px, ++last_id_));
        if (bid_ && px <= bid_->px) {
            const order filled = *std::exchange(bid_, std::nullopt);
            say(filled, "filled");
            venue_fills(filled);
        }
        obey_all();
        if (client_.gate(target_) != tripline::gate::halted) is_halted_ = false;
        else if (!is_halted_) on_halt();
        if (px > before && position_ < MOST_LOTS * lot) send({"buy", side::buy, tif::ioc, intent::open, px, lot});
        if (px < before && position_ >= lot) send({"sell", side::sell, tif::ioc, intent::reduce, px, lot});
        if (position_ > 0 && !bid_ && !is_halted_)
            send({"bid", side::buy, tif::gtc, intent::open, px - BID_TICKS * known_.tick, lot});
    }

    tripline::client client_;
    tripline::target target_;
    tripline_instrument known_{};
    bool asks_;                  /* permit mode */
    std::int64_t position_ = 0;  /* in quantity units; never short */
    std::int64_t last_px_ = 0;   /* the price before; 0 before the first */
    std::uint64_t last_id_ = now_ns<std::chrono::system_clock>(); /* of orders, executions and marks: never used before */
    std::optional<order> bid_;   /* rests at the venue */
    bool is_halted_ = false;     /* and has been told so */
    const char *reason_ = "none"; /* of the last state that was told */
    std::uint64_t sent_ = 0, held_back_ = 0;
    std::vector<tripline::message> inbox_; /* directives to obey */
};

} // namespace

int main(int count, char **arguments) {
    const char *given[] = {nullptr, nullptr, "mm1", "main", "BTC-PERP", "gate"};
    for (int at = 1; at < count && at < 6; at++) given[at] = arguments[at];
    const std::string mode = given[5];
    if (count > 6 || (mode != "gate" && mode != "permit")) {
        std::fprintf(stderr, "usage: strategy [RUNTIME_DIR [STRATEGY [ACCOUNT [INSTRUMENT [gate|permit]]]]] <PRICES\n");
        return USAGE;
    }
    std::setvbuf(stdin, nullptr, _IONBF, 0);       /* poll must not miss what a buffer holds */
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ); /* whoever reads along sees each line when it happens */
    strategy trader(given[1], given[2], mode == "permit");
    trader.look_up(given[3], given[4]);
    const int result = trader.trade();
    trader.detach();
    return result;
}
