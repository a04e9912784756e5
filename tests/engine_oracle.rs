//! The engine against a naive oracle: equity, position, realised profit, peak and state after every event.
//!
//! A failure prints the shrunk history and the seed; `cargo test --no-default-features --test engine_oracle` replays
//! the committed regressions first.

mod support;

use proptest::prelude::*;
use support::book_trial::{COINS, DOLLARS, MIXED, Market, Setup, Trial, has_other};
use support::desk::*;
use support::oracle::{Guard, What};
use tripline::engine::limits::{Anchor, Basis};

fn what(markets: &'static [Market]) -> impl Strategy<Value = What> {
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
    let bust = (market.clone(), 1_u64..12, any::<bool>())
        .prop_map(|((instrument, ..), exec, sells)| What::Bust { instrument, exec, sells });
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
        1 => bust,
        1 => Just(What::Restart),
        1 => funding,
        2 => flow,
        8 => mark,
        1 => Just(What::Roll),
        2 => any::<bool>().prop_map(|rebase| What::Reset { rebase }),
    ]
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

fn compare(book: u16, capital: i128, markets: &'static [Market], guard: Guard, acts: &[(u64, What)]) {
    let setup = Setup { book, capital, markets, guard };
    let oracle = setup.oracle();
    let mut trial = Trial::new(setup, &oracle);
    for (step, (gap, what)) in acts.iter().enumerate() {
        let agreed = trial.step(*gap, what).and_then(|()| trial.reread());
        agreed.unwrap_or_else(|why| panic!("{why}, step {step}: {what:?}"));
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
