/*
 * A client in C++ of a sidecar that answers as tests/abi/answers.rs says. Prints each answer that is not the documented
 * one. Usage: attached RUNTIME_DIR
 */
#include "tripline.hpp"
#include "tripline.hpp"

#include <cstdio>
#include <cstring>
#include <thread>
#include <type_traits>
#include <utility>

#include "expect.h"

namespace {

using tripline::client;
using tripline::message;
using tripline::side;
using tripline::target;

static_assert(!std::is_copy_constructible_v<client> && !std::is_copy_assignable_v<client>, "one owner");
static_assert(std::is_nothrow_move_constructible_v<client> && std::is_nothrow_move_assignable_v<client>, "moves");
static_assert(std::is_nothrow_destructible_v<client> && sizeof(client) == sizeof(void *), "nothing but the handle");
static_assert(std::is_trivially_copyable_v<target> && sizeof(target) == sizeof(tripline_target), "a plain value");
static_assert(std::is_trivially_copyable_v<message> && sizeof(message) == sizeof(tripline_message), "a plain value");
static_assert(noexcept(client::attach("")) && noexcept(std::declval<client &>().poll()), "nothing throws");

enum : std::int64_t { DENY, PASS, PASS_EXIT, PAPER, SILENCE, RELEASED, DROPPED, UNVERIFIED, TOO_LATE, OVERTAKEN };
enum : std::uint64_t { DIRECTIVES = 1, LEASE_ENDS = 2, OPEN = 3 };

constexpr std::uint64_t PATIENCE_NS = 30'000'000'000;
constexpr std::uint64_t LIMIT = TRIPLINE_ORDER_LIMIT | TRIPLINE_TIF_GTC << 8;

std::uint64_t order = 100;

/* Every call of a client that is not attached says so; its gate reads HALTED. */
void says_it_is_not_attached(client &none, const target &btc) {
    EXPECT(none.is_attached(), false);
    EXPECT(none.get() == nullptr, true);
    EXPECT(none.gate(btc), tripline::gate::halted);
    EXPECT(none.may_send(btc), false);
    EXPECT(none.look_up("main").code(), TRIPLINE_ERR_NULL);
    EXPECT(none.describe(btc).code(), TRIPLINE_ERR_NULL);
    EXPECT(none.publish(btc.mark(1, 1)).code(), TRIPLINE_ERR_NULL);
    EXPECT(none.publish({btc.mark(1, 1), btc.mark(1, 2)}).code(), TRIPLINE_ERR_NULL);
    EXPECT(none.free_slots().code(), TRIPLINE_ERR_NULL);
    EXPECT(none.positions().code(), TRIPLINE_ERR_NULL);
    EXPECT(none.heartbeat().code(), TRIPLINE_ERR_NULL);
    EXPECT(none.rebind().code(), TRIPLINE_ERR_NULL);
    EXPECT(none.poll().code(), TRIPLINE_ERR_NULL);
    EXPECT(none.request(btc.order_cancel(1)).code(), TRIPLINE_ERR_NULL);
    EXPECT(none.wait(1, 0).code(), TRIPLINE_ERR_NULL);
    EXPECT(none.permit(btc.order_cancel(1), 0).code(), TRIPLINE_ERR_NULL);
    EXPECT(none.detach().code(), TRIPLINE_OK);
}

client attaching(const char *runtime_dir) {
    const auto refused = client::attach("nobody", runtime_dir);
    EXPECT(static_cast<bool>(refused), false);
    EXPECT(refused.code(), TRIPLINE_ERR_REFUSED);
    EXPECT(std::strstr(refused.message(), "refused") != nullptr, true);
    EXPECT(std::strstr(refused.detail(), "no strategy of that name") != nullptr, true);
    EXPECT(refused->is_attached(), false);
    auto attached = client::attach("mm1", runtime_dir);
    EXPECT(attached.code(), TRIPLINE_OK);
    return *std::move(attached);
}

void moving(client &held, const target &btc) {
    client other = std::move(held);
    says_it_is_not_attached(held, btc); // NOLINT: that is what moved-from clients are for
    EXPECT(other.may_send(btc), true);
    client &same = other;
    other = std::move(same);
    EXPECT(other.may_send(btc), true);
    held = std::move(other);
    says_it_is_not_attached(other, btc); // NOLINT: see above
    EXPECT(held.may_send(btc), true);
    std::swap(held, other);
    std::swap(held, other);
    EXPECT(held.may_send(btc), true);
}

void ask_stand_in(client &held, const target &btc, std::uint64_t what) {
    const tripline_event deploy = {TRIPLINE_EVENT_DEPLOY, 0, 0, btc.c.handle, what, 0, 0, 0, 0};
    const auto position = held.publish(deploy);
    EXPECT(position.code(), TRIPLINE_OK);
    while (held.positions()->applied <= *position) std::this_thread::yield();
}

void publishing(client &held, const target &btc) {
    const auto slots = held.free_slots();
    EXPECT(slots.code(), TRIPLINE_OK);
    const auto first = held.publish(btc.order_new(side::sell, 1, 100, 10, LIMIT, TRIPLINE_FLAG_MAKER));
    EXPECT(first.code(), TRIPLINE_OK);
    const auto many = held.publish({
        btc.order_modify(side::buy, 1, 101, 20, LIMIT, 2),
        btc.order_ack(2, 7, 101, 20),
        btc.fill(side::sell, 2, 8, 101, 5, TRIPLINE_FEE_UNKNOWN, TRIPLINE_FLAG_MORE),
        btc.fill_ext(0, 5, 9),
        btc.order_done(2, tripline::done::canceled, tripline::done_by::venue, 5),
        btc.order_reject(2, tripline::reject::rate, tripline::action::cancel, -5),
        btc.not_sent(3, tripline::action::modify, tripline::reason::expired),
        btc.cancel_all(true),
    });
    EXPECT(many.code(), TRIPLINE_OK);
    EXPECT(*many, 8);
    EXPECT(*held.publish(btc.mark(100, 1)), *first + 9);
    tripline_event wrong = btc.mark(100, 2);
    wrong.kind = 6;
    EXPECT(held.publish(wrong).code(), TRIPLINE_ERR_INVALID);
    EXPECT(held.heartbeat().code(), TRIPLINE_OK);
    while (held.positions()->applied <= *first + 9) std::this_thread::yield();
}

/* The verdict on an order at a price, waited for. */
message permitted(client &held, const target &btc, std::int64_t px, tripline::intent what_for = tripline::intent::open) {
    const auto word = tripline::attrs(tripline::order_type::limit, tripline::tif::ioc, what_for);
    const auto verdict = held.permit(btc.order_new(side::buy, ++order, px, 10, word), PATIENCE_NS);
    EXPECT(static_cast<bool>(verdict), true);
    EXPECT(verdict->kind(), tripline::message_kind::verdict);
    EXPECT(verdict->c.id, order);
    return *verdict;
}

void permitting(client &held, const target &btc) {
    const struct {
        std::int64_t px;
        tripline::verdict verdict;
        tripline::reason why;
        bool may_send;
    } rows[] = {
        {DENY, tripline::verdict::deny, tripline::reason::max_position, false},
        {PASS, tripline::verdict::pass, tripline::reason::none, true},
        {PASS_EXIT, tripline::verdict::pass_exit, tripline::reason::none, true},
        {PAPER, tripline::verdict::paper, tripline::reason::paper_mode, false},
        {RELEASED, tripline::verdict::released, tripline::reason::none, true},
        {DROPPED, tripline::verdict::dropped, tripline::reason::expired, false},
        {UNVERIFIED, tripline::verdict::exit_unverified, tripline::reason::exit_unverified, false},
        {TOO_LATE, tripline::verdict::dropped, tripline::reason::expired, false},
        {OVERTAKEN, tripline::verdict::dropped, tripline::reason::epoch_stale, false},
    };
    for (const auto &row : rows) {
        const message verdict = permitted(held, btc, row.px);
        EXPECT(verdict.answer(), row.verdict);
        EXPECT(verdict.why(), row.why);
        EXPECT(verdict.may_send(), row.may_send);
        EXPECT(verdict.action_asked(), tripline::action::new_order);
    }
    EXPECT(held.gate(btc), tripline::gate::halted);
    ask_stand_in(held, btc, OPEN);
    EXPECT(held.gate(btc), tripline::gate::pass);
    EXPECT(std::strcmp(permitted(held, btc, DENY).why_text(), "MAX_POSITION"), 0);
    EXPECT(held.permit(btc.order_cancel(order), PATIENCE_NS)->action_asked(), tripline::action::cancel);
}

void requesting(client &held, const target &btc) {
    while (*held.poll()) continue;
    const auto position = held.request(btc.order_new(side::buy, ++order, RELEASED, 10, LIMIT));
    EXPECT(position.code(), TRIPLINE_OK);
    auto next = held.poll();
    while (next && !*next) next = held.poll();
    EXPECT((**next).answer(), tripline::verdict::queued);
    EXPECT((**next).may_send(), false);
    const auto verdict = held.wait(*position, PATIENCE_NS);
    EXPECT(verdict.code(), 1);
    EXPECT((**verdict).answer(), tripline::verdict::released);
    EXPECT(held.wait(*position, 0).code(), TRIPLINE_ERR_ARGUMENT);

    const auto late = held.permit(btc.order_new(side::buy, ++order, SILENCE, 10, LIMIT), 1000);
    EXPECT(late.code(), TRIPLINE_ERR_TIMEOUT);
    EXPECT(late->answer(), tripline::verdict::queued);
    const auto nothing = held.wait(late->c.position, 0);
    EXPECT(nothing.code(), TRIPLINE_OK);
    EXPECT((*nothing).has_value(), false);
    ask_stand_in(held, btc, order << 32 | late->c.position);
    EXPECT((**held.wait(late->c.position, PATIENCE_NS)).answer(), tripline::verdict::released);
}

void obeying(client &held, const target &btc) {
    const tripline::directive expected[] = {tripline::directive::cancel, tripline::directive::cancel_increasing,
                                            tripline::directive::cancel_all, tripline::directive::flatten,
                                            tripline::directive::revoke};
    while (*held.poll()) continue;
    ask_stand_in(held, btc, DIRECTIVES);
    for (const auto task : expected) {
        const auto told = held.poll();
        EXPECT(told.code(), 1);
        const message &directive = **told;
        EXPECT(directive.kind(), tripline::message_kind::directive);
        EXPECT(directive.task(), task);
        EXPECT(directive.may_send(), false);
        EXPECT(held.publish(directive.acknowledgement(tripline::directive_status::done, -70, 5)).code(), TRIPLINE_OK);
    }
}

void in_another_thread(client &held, const target &btc) {
    std::thread other([&] {
        EXPECT(held.may_send(btc), true);
        EXPECT_FAILURE(held.heartbeat().code(), TRIPLINE_ERR_THREAD);
        EXPECT_FAILURE(held.detach().code(), TRIPLINE_ERR_THREAD);
        EXPECT(held.is_attached(), true);
        EXPECT(held.rebind().code(), TRIPLINE_OK);
        EXPECT(held.heartbeat().code(), TRIPLINE_OK);
    });
    other.join();
    EXPECT(held.heartbeat().code(), TRIPLINE_ERR_THREAD);
    EXPECT(held.rebind().code(), TRIPLINE_OK);
}

void leaving(client held, const target &btc) {
#ifdef __cpp_exceptions
    try {
        const client doomed = std::move(held);
        throw doomed.may_send(btc);
    } catch (bool may_send) {
        EXPECT(may_send, false);
    }
#else
    EXPECT(held.detach().code(), TRIPLINE_OK);
    EXPECT(held.detach().code(), TRIPLINE_OK);
#endif
    says_it_is_not_attached(held, btc);
}

} // namespace

int main(int count, char **arguments) {
    if (count != 2) return 2;
    client none;
    says_it_is_not_attached(none, target{});
    client held = attaching(arguments[1]);
    if (!held.is_attached()) return 1;
    const auto unknown = held.look_up("main", "ETH-PERP");
    EXPECT(unknown.code(), TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
    EXPECT(held.gate(*unknown), tripline::gate::halted);
    const target btc = *held.look_up("main", "BTC-PERP");
    EXPECT(held.describe(btc)->tick, 5);
    EXPECT(held.describe(*held.look_up("main")).code(), TRIPLINE_ERR_UNKNOWN_INSTRUMENT);
    moving(held, btc);
    in_another_thread(held, btc);
    publishing(held, btc);
    permitting(held, btc);
    requesting(held, btc);
    obeying(held, btc);
    ask_stand_in(held, btc, LEASE_ENDS);
    EXPECT(held.may_send(btc), false);
    EXPECT(permitted(held, btc, PASS).why(), tripline::reason::lease_expired);
    EXPECT(permitted(held, btc, PASS, tripline::intent::exit).answer(), tripline::verdict::exit_unverified);
    leaving(std::move(held), btc);
    says_it_is_not_attached(held, btc); // NOLINT: moved from
    std::printf("%d wrong answers\n", failures);
    return failures == 0 ? 0 : 1;
}
