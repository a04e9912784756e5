/*
 * A strategy that does what it is told, a line at a time, and answers each with one: `ok`, or a verdict as
 * "<verdict> <reason> <number> measured <n> limit <n> scope <n>". obedient.py is the same in Python; tests/denials.rs
 * says what to do and what is to come back.
 */
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "tripline.hpp"

namespace {

constexpr std::uint64_t PATIENCE_NS = 30'000'000'000;

[[noreturn]] void give_up(const std::string &what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::_Exit(1); /* no goodbye */
}

template <class T> T must(tripline::result<T> result) {
    if (!result) give_up(std::string(result.message()) + ": " + result.detail());
    return *std::move(result);
}

struct terms {
    tripline::order_type type = tripline::order_type::limit;
    tripline::intent intent = tripline::intent::open;
    std::int64_t expiry = 0;
    std::uint64_t group = 0, list_count = 0;
};

class strategy {
public:
    explicit strategy(tripline::client client) : client_(std::move(client)) {}

    /* Does one line; what there is to answer. */
    std::string obey(std::istringstream &words) {
        std::string verb;
        words >> verb;
        if (verb == "at") return at(words);
        if (verb == "ask") return ask(words);
        if (verb == "modify") return modify(words);
        if (verb == "request") return request(words);
        if (verb == "wait") return told(*must(client_.wait(asked_.at(id(words)), PATIENCE_NS)));
        if (verb == "cancel") return told(must(client_.permit(target_.order_cancel(id(words)), PATIENCE_NS)));
        if (verb == "mark") return tell(target_.mark(number(words), ++sequence_));
        if (verb == "fill") return fill(words);
        if (verb == "reject") return reject(words);
        if (verb == "event") return event(words);
        if (verb == "snapshot") return snapshot(words);
        give_up("what is " + verb + "?");
    }

private:
    static std::int64_t number(std::istringstream &words) {
        std::int64_t value = 0;
        if (!(words >> value)) give_up("a number is missing");
        return value;
    }
    static std::uint64_t id(std::istringstream &words) { return static_cast<std::uint64_t>(number(words)); }
    static tripline::side side(std::istringstream &words) {
        std::string text;
        words >> text;
        return text == "sell" ? tripline::side::sell : tripline::side::buy;
    }

    static terms rest(std::istringstream &words) {
        terms known;
        for (std::string word; words >> word;) {
            if (word == "market") known.type = tripline::order_type::market;
            else if (word == "reduce") known.intent = tripline::intent::reduce;
            else if (word == "exit") known.intent = tripline::intent::exit;
            else if (word == "expiry") known.expiry = number(words);
            else if (word == "group") known.group = id(words);
            else if (word == "list") known.list_count = id(words);
            else give_up("what is " + word + "?");
        }
        return known;
    }

    static std::string told(const tripline::message &verdict) {
        std::ostringstream text;
        text << tripline_verdict_name(verdict.c.state) << ' ' << (verdict.c.reason ? verdict.why_text() : "NONE") << ' '
             << verdict.c.reason;
        if (!verdict.may_send())
            text << " measured " << verdict.c.measured << " limit " << verdict.c.limit << " scope " << verdict.c.scope;
        return text.str();
    }

    /* Publishes, and waits until the sidecar has applied it. */
    std::string tell(const tripline_event &event) {
        must(client_.publish(event));
        return settled();
    }
    std::string settled() {
        for (;;) {
            const auto here = must(client_.positions());
            if (here.applied == here.next) return "ok";
            must_void(client_.heartbeat());
        }
    }
    static void must_void(const tripline::result<void> &result) {
        if (!result) give_up(result.message());
    }

    std::string at(std::istringstream &words) {
        std::string account, instrument;
        words >> account >> instrument;
        target_ = must(client_.look_up(account.c_str(), instrument == "-" ? nullptr : instrument.c_str()));
        return "ok";
    }

    /* ORDER SIDE QTY PX, then what else it has; what of it does not fit into the ORDER_NEW is told in `more`. */
    tripline_event order(std::istringstream &words, tripline_event &more) const {
        const std::uint64_t order = id(words);
        const tripline::side on = side(words);
        const std::int64_t qty = number(words), px = number(words);
        const terms known = rest(words);
        const auto tif = known.expiry == 0 ? tripline::tif::gtc : tripline::tif::gtd;
        more = of_words(known.expiry == 0 ? 0 : TRIPLINE_EVENT_ORDER_EXT, order, 0,
                        static_cast<std::uint64_t>(known.expiry));
        tripline_event event = target_.order_new(on, order, px, qty, tripline::attrs(known.type, tif, known.intent),
                                                 known.expiry == 0 ? 0 : TRIPLINE_FLAG_MORE);
        event.e = known.group | known.list_count << 48;
        return event;
    }

    std::string ask(std::istringstream &words) {
        tripline_event more{};
        const tripline_event event = order(words, more);
        if (more.kind == 0) return told(must(client_.permit(event, PATIENCE_NS)));
        const std::uint64_t position = must(client_.request(event));
        must(client_.publish(more));
        return told(*must(client_.wait(position, PATIENCE_NS)));
    }

    std::string modify(std::istringstream &words) {
        const std::uint64_t order = id(words);
        const tripline::side on = side(words);
        const std::int64_t qty = number(words), px = number(words);
        const std::uint64_t attrs =
            tripline::attrs(tripline::order_type::limit, tripline::tif::gtc, tripline::intent::open);
        return told(must(client_.permit(target_.order_modify(on, order, px, qty, attrs), PATIENCE_NS)));
    }

    /* Asks and does not wait; what it was answered stays where it is. */
    std::string request(std::istringstream &words) {
        tripline_event more{};
        const tripline_event event = order(words, more);
        asked_[event.a] = must(client_.request(event));
        return settled();
    }

    std::string fill(std::istringstream &words) {
        const std::uint64_t order = id(words);
        const tripline::side on = side(words);
        const std::int64_t qty = number(words), px = number(words);
        return tell(target_.fill(on, order, ++sequence_, px, qty, 0));
    }

    std::string reject(std::istringstream &words) {
        const std::uint64_t order = id(words);
        const auto why = static_cast<tripline::reject>(number(words));
        return tell(target_.order_reject(order, why, tripline::action::new_order, 0));
    }

    tripline_event of_words(std::uint8_t kind, std::uint64_t a, std::uint64_t b, std::uint64_t c) const {
        return {kind, 0, 0, target_.c.handle, a, b, c, 0, 0};
    }

    std::string event(std::istringstream &words) {
        const auto kind = static_cast<std::uint8_t>(number(words));
        tripline_event event = of_words(kind, 0, 0, 0);
        for (std::uint64_t *word : {&event.a, &event.b, &event.c, &event.d, &event.e}) *word = id(words);
        return tell(event);
    }

    /* SNAP_BEGIN, one row, SNAP_END: the number, what it is of, and the row's kind and words from b on. */
    std::string snapshot(std::istringstream &words) {
        const std::uint64_t number_of = id(words), what = id(words), before = must(client_.positions()).next;
        tripline_event row = of_words(static_cast<std::uint8_t>(number(words)), number_of, 0, 0);
        for (std::uint64_t *word : {&row.b, &row.c, &row.d, &row.e}) *word = id(words);
        const tripline_event whole[] = {of_words(TRIPLINE_EVENT_SNAP_BEGIN, number_of, what, before), row,
                                        of_words(TRIPLINE_EVENT_SNAP_END, number_of, 1, before)};
        must(client_.publish(whole));
        return settled();
    }

    tripline::client client_;
    tripline::target target_;
    std::map<std::uint64_t, std::uint64_t> asked_; /* lane positions of requests by order */
    std::uint64_t sequence_ = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
};

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) give_up("usage: strategy RUNTIME_DIR STRATEGY");
    strategy told(must(tripline::client::attach(argv[2], argv[1])));
    std::cout << "attached" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::cout << told.obey(words) << std::endl;
    }
}
