//! The engine against a naive oracle: equity, position, realised profit, peak and state after every event.
//!
//! A failure prints the shrunk history and the seed; `cargo test --no-default-features --test engine_oracle` replays
//! the committed regressions first.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use support::desk::*;
use support::oracle::{Guard, Happened, Instrument, Judge, Oracle, What, whole};
use tripline::engine::limits::{Anchor, Basis, Currency, DrawdownLimits, RateLimits};
use tripline::model::event::{CommandVerb, FlowKind};
use tripline::model::{Bps, Event, Flags, Lots, Money, Nanos, Scope, Ticks};

/// Instrument, its price around which things happen, and a scale for quantities.
const DOLLARS: [(u16, i64, i64); 3] = [(PLAIN, 100, 10), (PERP, 1_000_000, 100), (SPOT, 10_000, 10_000)];
/// A book kept in dollars that also trades what settles in coins.
const MIXED: [(u16, i64, i64); 3] = [(PLAIN, 100, 10), (SPOT, 10_000, 10_000), (INVERSE, 50_000, 50_000)];
const COINS: [(u16, i64, i64); 1] = [(INVERSE, 50_000, 50_000)];

fn what(markets: &'static [(u16, i64, i64)]) -> impl Strategy<Value = What> {
    let market = prop::sample::select(markets);
    let price = 70_i64..130;
    let qty = prop_oneof![-30_i64..-1, 1_i64..30];
    let fill = (
        market.clone(),
        1_u64..12,
        qty,
        price.clone(),
        prop::option::of(-3_000_000_i64..9_000_000),
        any::<bool>(),
    )
        .prop_map(|((instrument, px, size), exec, qty, share, fee, flag)| What::Fill {
            instrument,
            exec,
            qty: qty * size / 10,
            px: px * share / 100 + i64::from(share == 77),
            fee,
            in_base: flag && instrument == SPOT && fee.is_some(),
            in_other: flag && instrument == PLAIN && fee.is_some() && has_other(markets),
        });
    let total = (market.clone(), 1_u64..3, 1_i64..40, price.clone(), 0_i64..1_000).prop_map(
        |((instrument, ..), order, qty, share, fee)| What::Total {
            instrument: if instrument == INVERSE { INVERSE } else { PLAIN },
            order,
            qty,
            cost: i128::from(qty * share) * 1_000_000_007,
            fee,
        },
    );
    let fee = (market.clone(), 1_u64..12, any::<bool>(), 0_i64..50_000_000)
        .prop_map(|((instrument, ..), exec, sells, fee)| What::Fee { instrument, exec, sells, fee });
    let funding = (1_u64..9, -60_i128..40)
        .prop_map(|(id, amount)| What::Funding { id, amount: amount * 1_000_000_000 / 3 });
    let flow = (1_u64..9, prop_oneof![-4_000_i128..-1, 1_i128..4_000])
        .prop_map(|(id, amount)| What::Flow { id, amount: amount * 1_000_000_000 / 7 });
    let mark = (market, price)
        .prop_map(|((instrument, px, _), share)| What::Mark { instrument, px: px * share / 100 });
    prop_oneof![
        6 => fill,
        2 => total,
        1 => fee,
        1 => funding,
        2 => flow,
        8 => mark,
        1 => Just(What::Roll),
        2 => any::<bool>().prop_map(|rebase| What::Reset { rebase }),
    ]
}

/// Whether a book of these markets holds another currency than its own.
fn has_other(markets: &[(u16, i64, i64)]) -> bool {
    markets.len() > 1 && markets.iter().any(|market| market.0 == INVERSE)
}

/// What happens to a book of several currencies: all of the above, and what only happens there.
fn mixed() -> impl Strategy<Value = What> {
    let e9 = 1_000_000_000;
    let rate = (5_i64..15, 0_i64..2)
        .prop_map(move |(bid, spread)| What::Rate { bid: bid * e9 + bid, ask: (bid + spread) * e9 + bid });
    let pay =
        (20_u64..29, -9_i128..9).prop_map(|(id, amount)| What::Pay { id, amount: amount * 999_999_999 });
    let bring = (20_u64..29, prop_oneof![-300_i128..-1, 1_i128..300])
        .prop_map(|(id, amount)| What::Bring { id, amount: amount * 1_000_000_000 / 7 });
    let settle = (prop::sample::select(&MIXED[..]), 1_u64..4, 70_i64..130)
        .prop_map(|((instrument, px, _), id, share)| What::Settle { instrument, id, px: px * share / 100 });
    prop_oneof![12 => what(&MIXED), 3 => rate, 1 => pay, 1 => bring, 1 => settle]
}

fn guard() -> impl Strategy<Value = Guard> {
    let basis = prop_oneof![3 => Just(Basis::Equity), 1 => Just(Basis::Realised)];
    let anchor = prop_oneof![
        prop::sample::select(&[Anchor::Trailing, Anchor::Static, Anchor::Session][..]),
        (1_u64..9_000).prop_map(|millis| Anchor::Rolling(ms(millis))),
    ];
    let limits = prop_oneof![
        (100_i128..3_000).prop_map(|bps| (Some(bps), None)),
        (10_i128..500).prop_map(|abs| (None, Some(abs * 1_000_000_000))),
        (100_i128..3_000, 10_i128..500).prop_map(|(bps, abs)| (Some(bps), Some(abs * 1_000_000_000))),
    ];
    let jump = prop_oneof![1 => Just(None), 1 => (50_i128..2_000).prop_map(Some)];
    (basis, anchor, limits, 1_usize..5, jump).prop_map(
        |(basis, anchor, (limit_bps, limit_abs), peak_n, jump_bps)| {
            let jump_bps = jump_bps.filter(|_| basis == Basis::Equity);
            Guard { basis, anchor, limit_bps, limit_abs, peak_n, jump_bps }
        },
    )
}

fn tell(desk: &mut Desk, book: u16, step: usize, what: &What) {
    match *what {
        What::Fill { instrument, exec, qty, px, fee, in_base, in_other } => {
            let ccy = if in_base { COIN } else { u16::from(in_other) * BTC };
            desk.fill_at(book, instrument, exec, qty, px, fee.unwrap_or(UNKNOWN_FEE), ccy, 0);
        }
        What::Total { instrument, order, qty, cost, fee } => {
            let order = id(order + 100 * u64::from(instrument));
            let event = Event::FillCum { order, cum_qty: Lots(qty), cum_cost: Money(cost), cum_fee: fee };
            desk.say(book, instrument, Flags::empty(), event);
        }
        What::Fee { instrument, exec, sells, fee } => {
            let flags = if sells { Flags::SELL } else { Flags::empty() };
            desk.say(book, instrument, flags, Event::FeeAdjust { order: 0, exec, fee, ccy: 0, exec_high: 0 });
        }
        What::Funding { id, amount } => desk.funding(book, id, amount),
        What::Flow { id, amount } => desk.flow(book, id, amount, FlowKind::Transfer),
        What::Pay { id: number, amount } => {
            let event = Event::Funding { id: id(number), amount: Money(amount), ccy: BTC, t_venue: 0 };
            desk.say(book, PLAIN, Flags::empty(), event);
        }
        What::Bring { id: number, amount } => {
            let (amount, kind) = (Money(amount), FlowKind::Transfer);
            let event = Event::Flow { id: id(number), amount, ccy: BTC, kind, t_venue: 0 };
            desk.say(book, PLAIN, Flags::empty(), event);
        }
        What::Settle { instrument, id: number, px } => {
            let event = Event::Settle { id: id(number), px: Ticks(px), qty: Lots(0), kind: 0, t_venue: 0 };
            desk.say(book, instrument, Flags::empty(), event);
        }
        What::Rate { bid, ask } => {
            desk.sequence += 1;
            let sequence = desk.sequence;
            let event = Event::Fx { base: BTC, quote: USD, bid, ask, sequence, t_venue: 0 };
            desk.say(book, PLAIN, Flags::empty(), event);
        }
        What::Mark { instrument, px } => desk.mark(book, instrument, px),
        What::Roll => desk.sidecar(Event::Roll { session: step as u64 + 1, clock: 0 }),
        What::Reset { rebase } => {
            let scope = Scope::Book(book);
            let nonce = desk.engine.cause_rows().find(|row| row.guard == 64).map_or(0, |row| row.nonce);
            desk.command(CommandVerb::Reset, scope, 64, nonce, rebase);
        }
    }
}

fn compare(book: u16, capital: i128, markets: &[(u16, i64, i64)], guard: Guard, acts: &[(u64, What)]) {
    let mut limits = limits(
        0,
        vec![DrawdownLimits {
            scope: Scope::Book(book),
            basis: guard.basis,
            anchor: guard.anchor,
            limit: guard.limit_bps.map(|bps| Bps(bps as u32)),
            limit_abs: guard.limit_abs.map(Money),
            peak_n: guard.peak_n as u8,
            jump: guard.jump_bps.map(|bps| Bps(bps as u32)),
            untrusted_t: Nanos::from_secs(1_000_000),
            ..drawdown("kill")
        }],
    );
    limits.books[usize::from(book)].capital = Money(capital);
    limits.instruments.iter_mut().for_each(|instrument| instrument.mark_age = Nanos::from_secs(1_000_000));
    if has_other(markets) {
        let currency = |id| Currency { id, code: name("CCY") };
        let (base, quote, age) = (currency(BTC), currency(USD), Nanos::from_secs(1_000_000));
        limits.rates.push(RateLimits { base, quote, haircut: Bps(50), age, band: None, source: None });
    }
    let specification = BTreeMap::from([
        (
            PLAIN,
            Instrument { inverse: false, foreign: false, price_decimals: 0, qty_decimals: 0, multiplier: 1 },
        ),
        (
            PERP,
            Instrument { inverse: false, foreign: false, price_decimals: 4, qty_decimals: 1, multiplier: 1 },
        ),
        (
            SPOT,
            Instrument { inverse: false, foreign: false, price_decimals: 2, qty_decimals: 3, multiplier: 1 },
        ),
        (
            INVERSE,
            Instrument {
                inverse: true,
                foreign: has_other(markets),
                price_decimals: 0,
                qty_decimals: 0,
                multiplier: 100,
            },
        ),
    ]);
    let instruments =
        specification.into_iter().filter(|(id, _)| markets.iter().any(|market| market.0 == *id));
    let oracle = Oracle { instruments: instruments.collect(), capital, guard };
    let mut desk = Desk::new(limits);
    let start = desk.now.0 / 1_000_000;
    let mut history: Vec<Happened> = Vec::new();
    let mut before = oracle.read(&history);
    let mut judge = Judge::new(&oracle, &before, start);
    for (step, (gap, what)) in acts.iter().enumerate() {
        // A fee of an execution nobody knows halts for another reason, which the oracle does not follow.
        if let What::Fee { instrument, exec, sells, .. } = *what {
            let is_known = history.iter().any(|happened| {
                matches!(happened.what, What::Fill { instrument: i, exec: e, qty, .. }
                    if (i, e, qty < 0) == (instrument, exec, sells))
            });
            if !is_known {
                continue;
            }
        }
        let at_ms = history.last().map_or(start, |last| last.at_ms) + gap;
        desk.advance(ms(at_ms));
        tell(&mut desk, book, step, what);
        history.push(Happened { at_ms, what: what.clone() });
        let reading = oracle.read(&history);
        judge.step(&history[history.len() - 1], &before, &reading);
        let verdict = judge.verdict();
        for (&instrument, &q) in &reading.positions {
            assert_eq!(desk.engine.position(book, instrument), q, "position, step {step}");
        }
        let row = desk.engine.book_row(book).unwrap();
        let e9 = |amount: Money| whole(amount.0) / whole(E9);
        assert_eq!(e9(row.equity), reading.equity, "equity, step {step}");
        assert_eq!(e9(row.equity) - e9(row.unrealised), reading.realised, "realised, step {step}");
        let guard = desk.engine.guard_row(0).unwrap();
        assert_eq!(guard.armed.then(|| e9(guard.peak)), verdict.peak, "peak, step {step}: {what:?}");
        assert_eq!(desk.state(book), verdict.state, "state, step {step}: {what:?}");
        before = reading;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn linear_and_spot_books_agree_with_the_oracle(
        guard in guard(),
        capital in prop_oneof![4 => 500_i128..6_000, 1 => Just(0_i128)],
        acts in prop::collection::vec((0_u64..700, what(&DOLLARS)), 1..40),
    ) {
        compare(0, capital * E9, &DOLLARS, guard, &acts);
    }

    #[test]
    fn books_of_several_currencies_agree_with_the_oracle(
        guard in guard(),
        capital in prop_oneof![4 => 500_i128..6_000, 1 => Just(0_i128)],
        acts in prop::collection::vec((0_u64..700, mixed()), 1..40),
    ) {
        compare(0, capital * E9, &MIXED, guard, &acts);
    }

    #[test]
    fn inverse_books_agree_with_the_oracle(
        guard in guard(),
        capital in 200_i128..3_000,
        acts in prop::collection::vec((0_u64..700, what(&COINS)), 1..40),
    ) {
        compare(2, capital * E9, &COINS, guard, &acts);
    }
}
