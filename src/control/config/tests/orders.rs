//! Breakers, buckets, queues, directives and executors: what is typed is what the engine gets.

use super::*;

#[test]
fn breakers_and_counts_are_what_was_typed() {
    let keys = "ack_timeout = \"2s\"\nauth = \"1 in 10s\"\nauth_repeated_actions = [\"cancel_increasing\"]\nliquidation = \"off\"\nvenue_codes = \"none\"\n\
                [account.breaker]\nrule = \"literal\"\nwindow = 100\nmin = 20\nlimit = \"3%\"\nconsecutive = 0\n\
                cooldown = \"2h\"\nhalf_open = { probes = 5 }";
    let config = load(&edited(&After("currency", keys)));
    let account = &config.limits.accounts[0];
    assert_eq!(account.ack_timeout, Nanos::from_secs(2));
    assert_eq!(
        account.auth,
        Some(CountLimits {
            count: 1,
            window: Nanos::from_secs(10),
            actions: Actions::empty(),
            repeated: Actions::CANCEL_INCREASING
        })
    );
    assert_eq!((account.liquidation, &account.venue_codes), (None, &VenueCodes::default()));
    let breaker = account.breaker.unwrap();
    assert_eq!((breaker.rule, breaker.limit), (BreakerRule::Literal { window: 100, min: 20 }, Bps(300)));
    assert_eq!((breaker.consecutive, breaker.smallest_window), (0, 20));
    let half_open = HalfOpenLimits { probes: 5, max_wait: Nanos::from_secs(60) };
    assert_eq!((breaker.half_open, breaker.metrics_only), (Some(half_open), false));
    // A cool-down above the default cap lifts it.
    let hours = Nanos::from_secs(7_200);
    assert_eq!((breaker.cooldown, breaker.cooldown_cap), (hours, hours));
    for (name, edit, off) in [
        ("account", After("currency", "breaker = \"off\""), "account[main].breaker"),
        ("book", After("capital", "breaker = \"off\""), "strategy[mm1].book[main].breaker"),
        (
            "consecutive",
            After("currency", "[account.breaker]\nconsecutive = 0"),
            "account[main].breaker.consecutive",
        ),
        (
            "metrics",
            After("currency", "[account.breaker]\nmetrics_only = true"),
            "account[main].breaker.metrics_only",
        ),
        (
            "actions of liquidation",
            After("currency", "liquidation_actions = []"),
            "account[main].liquidation_actions",
        ),
        ("codes of a venue without a map", Swap("\"binance\"", "\"kraken\""), "account[main].venue_codes"),
        ("codes", After("currency", "venue_codes = \"none\""), "account[main].venue_codes"),
        ("collar", After("settlement", "collar_bps = \"none\""), "instrument[BTC-PERP].collar_bps"),
        ("duplicates", After("uid", "duplicates = \"off\""), "strategy[mm1].duplicates"),
        ("maker", After("uid", "role = \"maker\""), "strategy[mm1].role"),
        ("actions", Add("actions = []"), "drawdown[drawdown.kill].actions"),
        (
            "equity source",
            After("capital", "equity_source = \"published\""),
            "strategy[mm1].book[main].equity_source",
        ),
        ("haircut", Add("[[rate]]\nbase = \"B\"\nquote = \"USDT\"\nhaircut_bps = 0"), "rate[B].haircut_bps"),
        ("band", Add("[[rate]]\nbase = \"B\"\nquote = \"USDT\"\nband_bps = \"none\""), "rate[B].band_bps"),
        ("rate source", Add("[[rate]]\nbase = \"B\"\nquote = \"USDT\""), "rate[B].source"),
        ("currency numbers", Add("[[rate]]\nbase = \"B\"\nquote = \"USDT\""), "rate[B]"),
    ] {
        let notes = load(&edited(&edit)).notes;
        assert!(notes.iter().any(|note| note.key == off), "{name}: {notes:?}");
    }
}

#[test]
fn reject_codes_follow_the_name_of_the_venue_unless_another_map_is_named() {
    let shipped = |name| super::super::venue_codes::shipped(name).unwrap();
    for (venue, keys, expected) in [
        ("binance", "", shipped("binance")),
        ("fix", "", shipped("fix")),
        ("bybit", "", shipped("bybit")),
        ("okx", "", shipped("okx")),
        ("ice", "", VenueCodes::default()),
        ("ice", "venue_codes = \"fix\"", shipped("fix")),
        ("binance", "venue_codes = \"none\"", VenueCodes::default()),
    ] {
        let text = GOOD.replace("\"binance\"", &format!("\"{venue}\"\n{keys}"));
        assert_eq!(load(&text).limits.accounts[0].venue_codes, expected, "{venue} {keys}");
    }
    assert_ne!(shipped("binance"), shipped("fix"));
}

#[test]
fn a_market_maker_repeats_itself_unless_its_table_says_otherwise() {
    for (keys, expected) in [
        ("role = \"taker\"", Some(DuplicateLimits::default())),
        ("role = \"maker\"", None),
        ("duplicates = \"off\"", None),
        ("role = \"maker\"\nduplicates = \"off\"", None),
        ("role = \"maker\"\n[strategy.duplicates]", Some(DuplicateLimits::default())),
        (
            "[strategy.duplicates]\ndeny = 2\ntrip = 2\nwindow = \"5s\"\ncooldown = \"1m\"",
            Some(DuplicateLimits {
                deny: 2,
                trip: 2,
                window: Nanos::from_secs(5),
                cooldown: Nanos::from_secs(60),
            }),
        ),
        // Denying from later on than it trips by default moves the trip.
        (
            "[strategy.duplicates]\ndeny = 25",
            Some(DuplicateLimits { deny: 25, trip: 25, ..DuplicateLimits::default() }),
        ),
    ] {
        let limits = load(&edited(&After("uid", keys))).limits;
        assert_eq!(limits.strategies[0].duplicates, expected, "{keys}");
    }
}

#[test]
fn a_bucket_that_starts_full_is_said_to_make_orders_wait_only_where_it_charges_them() {
    let waits = |costs: &str| {
        let bucket = "[[bucket]]\nid = 7\nname = \"b\"\nscope = \"venue:binance\"\nkind = \"sliding_log\"\nlimit = 300\n";
        let config = load(&format!("{GOOD}{bucket}window = \"10s\"\n{costs}"));
        let note = config.notes.iter().find(|note| note.key == "bucket[b].start").expect("a note");
        note.text.contains("new orders wait")
    };
    assert!(waits(""));
    assert!(waits("costs = { modify = 0, cancel = 0 }"));
    assert!(!waits("costs = { new = 0 }"));
}

#[test]
fn two_people_agree_where_two_approvers_are_named() {
    let read = |keys: &str| {
        let config = load(&format!("{GOOD}{keys}"));
        let is_noted = config.notes.iter().any(|note| note.key == "approval.approvers");
        (config.limits.approval.approvers, config.limits.approval.loss, is_noted)
    };
    assert_eq!(read(""), (vec![], Bps(200), true));
    assert_eq!(read("[approval]\napprovers = [7]\n"), (vec![7], Bps(200), true));
    let two = "[approval]\napprovers = [7, \"root\"]\nloss = \"1.5%\"\n";
    assert_eq!(read(two), (vec![7, 0], Bps(150), false));
}

#[test]
fn without_an_archive_check_says_what_is_not_noticed() {
    let notes = |keys: &str| {
        let config = load(&format!("{GOOD}{keys}"));
        let archive = config.notes.into_iter().filter(|note| note.key == "journal.archive");
        archive.map(|note| note.text).collect::<Vec<_>>()
    };
    for keys in ["", "[journal]\narchive = \"none\"\n"] {
        assert!(matches!(&notes(keys)[..], [note] if note.contains("a reboot is not noticed")), "{keys:?}");
    }
    let kept = notes("[journal]\narchive = \"/var/lib/tripline\"\nkeep = \"20GiB\"\n");
    assert_eq!(kept, Vec::<String>::new());
}

#[test]
fn buckets_are_what_was_typed_and_start_used() {
    let bucket = |keys: &str| format!("{GOOD}[[bucket]]\nid = 7\nname = \"b\"\n{keys}");
    let ms = Nanos::from_millis;
    for (keys, scope, kind, start_pct) in [
        (
            "scope = \"venue:binance\"\nkind = \"sliding_log\"\nlimit = 300\nwindow = \"60s\"",
            BucketScope::Venue(0),
            BucketKind::SlidingLog { limit: 300, window: ms(60_000) },
            100,
        ),
        (
            "scope = \"strategy:mm1\"\nkind = \"sliding_log\"\nlimit = 300\nwindow = \"60s 1ms\"",
            BucketScope::Strategy(0),
            BucketKind::SlidingLog { limit: 300, window: ms(60_001) },
            50,
        ),
        (
            "scope = \"book:mm1/main\"\nkind = \"gcra\"\ninterval = \"100ms\"\nburst = 8\nvenue_limit = 20\nvenue_window = \"1s\"",
            BucketScope::Book(0),
            BucketKind::Gcra { interval: ms(100), burst: 8 },
            100,
        ),
        (
            "scope = \"account:main\"\nkind = \"gcra\"\ninterval = \"1s\"\nburst = 61",
            BucketScope::Account(0),
            BucketKind::Gcra { interval: ms(1_000), burst: 61 },
            50,
        ),
        (
            "scope = \"instrument:main/BTC-PERP\"\nkind = \"fixed_aligned\"\nlimit = 2400\nwindow = \"1m\"\noffset = \"1s\"\nmargin = \"10%\"\nstart = \"30%\"",
            BucketScope::Instrument(0, 0),
            BucketKind::FixedAligned {
                limit: 2_400,
                window: ms(60_000),
                offset: ms(1_000),
                margin: Bps(1_000),
            },
            30,
        ),
    ] {
        let limits = load(&bucket(keys)).limits;
        let costs = ActionCosts::default();
        let name = Name::new("b").unwrap();
        let expected = BucketLimits { id: 7, name, scope, kind, costs, jitter: ms(200), start_pct };
        assert_eq!(limits.buckets, [expected], "{keys}");
    }
    let costs = "scope = \"account:main\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\"\ncosts = { new = 8, cancel = 0 }";
    assert_eq!(load(&bucket(costs)).limits.buckets[0].costs, ActionCosts { new: 8, modify: 1, cancel: 0 });
}

#[test]
fn a_permission_may_last_as_long_as_the_jitter_and_longer_where_nobody_counts() {
    let smooth = "[[bucket]]\nid = 1\nname = \"b\"\nscope = \"account:main\"\nkind = \"gcra\"\ninterval = \"1s\"\nburst = 8\njitter = \"0s\"\n";
    for (jitter, fits) in [("99ms 999us", false), ("100ms", true), ("100ms 1us", true)] {
        let counted = format!("{smooth}venue_limit = 20\nvenue_window = \"1s\"\n").replace("0s", jitter);
        assert_eq!(parse(&format!("{GOOD}{counted}"), "a.toml").is_ok(), fits, "{jitter}");
    }
    let notes = load(&format!("{GOOD}{smooth}")).notes;
    assert!(notes.iter().any(|note| note.text.contains("smooths only")), "{notes:?}");
}

#[test]
fn queues_and_directives_are_what_was_typed() {
    let text = format!(
        "{GOOD}[[venue]]\nname = \"binance\"\nqueue_capacity = 8\ndrop_mode = \"halt\"\nttl_new = \"1s\"\n\
         ttl_reduce = \"2s\"\nttl_modify = \"3s\"\nrecover_for = \"4s\"\n[permit]\nvalidity = \"50ms\"\n\
         [directives]\nack_timeout = \"1s\"\nattempts = 2\ntimeout = \"1s\"\n"
    );
    let limits = load(&text).limits;
    let s = Nanos::from_secs;
    let venue = VenueLimits {
        name: Name::new("binance").unwrap(),
        queue_capacity: 8,
        drop_mode: DropMode::Halt,
        ttl_new: s(1),
        ttl_reduce: s(2),
        ttl_modify: s(3),
        recover_for: s(4),
    };
    assert_eq!((limits.venues, limits.permit_validity), (vec![venue], Nanos::from_millis(50)));
    assert_eq!(limits.directives, DirectiveLimits { ack_timeout: s(1), attempts: 2, timeout: s(1) });
}

#[test]
fn flatten_needs_somebody_else_to_ask_and_is_told_where_only_the_owner_is() {
    let flatten = "actions = [\"cancel_all\", \"flatten\"]\n";
    let alone = GOOD.replace("uid = 1001", "uid = 1001\nexecutes = [\"main\"]") + flatten;
    let config = load(&alone);
    assert_eq!(config.limits.drawdowns[0].actions, Actions::CANCEL_ALL | Actions::FLATTEN);
    assert_eq!(config.limits.strategies[0].executes, [0]);
    assert!(config.notes.iter().any(|note| note.text.contains("when mm1 is dead")), "{:?}", config.notes);
    let other = "[[strategy]]\nname = \"desk\"\nexecutes = [\"main\"]\n[[strategy.book]]\naccount = \"main\"\n\
                 capital = 1\nmax_position = 1\nmax_order_qty = 1\nmax_order_notional = 1\n";
    let notes = load(&format!("{GOOD}{flatten}{other}")).notes;
    assert!(notes.iter().any(|note| note.text.contains("when desk is dead")), "{notes:?}");
}

/// The good configuration with a second account, on which mm1 has a book where `with_book`; mm1 executes for `accounts`.
fn two_accounts(accounts: &str, with_book: bool) -> String {
    let book = "[[strategy.book]]\naccount = \"b\"\ncapital = 1\nmax_position = 1\nmax_order_qty = 1\n\
                max_order_notional = 1\n";
    let other = "[[strategy]]\nname = \"two\"\n[[strategy.book]]\naccount = \"b\"\ncapital = 1\n\
                 max_position = 1\nmax_order_qty = 1\nmax_order_notional = 1\n";
    let guard = "[[drawdown]]\nname = \"b\"\nscope = \"account:b\"\nlimit = \"15%\"\n";
    let account = "[[account]]\nname = \"b\"\nvenue = \"fix\"\ncurrency = \"USDT\"\n[[instrument]]";
    let text = GOOD.replace("uid = 1001", &format!("uid = 1001\nexecutes = {accounts}"));
    let text = text.replace("[[instrument]]", account);
    let more = format!("{}{guard}[[drawdown]]", if with_book { book } else { other });
    text.replacen("[[drawdown]]", &more, 1)
}

#[test]
fn the_guard_of_a_strategy_flattens_on_every_account_it_trades() {
    let guard =
        "[[drawdown]]\nname = \"all\"\nscope = \"strategy:mm1\"\nlimit = \"15%\"\nactions = [\"flatten\"]\n";
    let problems = parse(&(two_accounts("[\"main\"]", true) + guard), "bad.toml").unwrap_err();
    let [problem] = problems.list() else { panic!("{problems}") };
    assert_eq!((problem.key.as_str(), problem.fault.code()), ("drawdown[all].actions", "no-executor"));
    assert!(problem.to_string().contains("account b,"), "{problem}");
    load(&(two_accounts("[\"main\", \"b\"]", true) + guard));
}

#[test]
fn an_executor_has_a_book_where_it_executes() {
    load(&two_accounts("[\"main\", \"b\"]", true));
    let problems = parse(&two_accounts("[\"main\", \"b\"]", false), "bad.toml").unwrap_err();
    let [problem] = problems.list() else { panic!("{problems}") };
    assert_eq!((problem.key.as_str(), problem.fault.code()), ("strategy[mm1].executes", "conflict"));
    assert!(problem.to_string().contains("[[strategy.book]]"), "{problem}");
}

#[test]
fn there_are_as_many_venues_and_buckets_as_the_engine_has_room_for() {
    let bucket = |id: usize| {
        format!(
            "[[bucket]]\nid = {id}\nname = \"b{id}\"\nscope = \"account:main\"\nkind = \"sliding_log\"\nlimit = 10\nwindow = \"1s\"\n"
        )
    };
    let buckets = |count| GOOD.to_owned() + &(1..=count).map(bucket).collect::<String>();
    assert_eq!(load(&buckets(Limits::MAX_BUCKETS)).limits.buckets.len(), Limits::MAX_BUCKETS);
    let problems = parse(&buckets(Limits::MAX_BUCKETS + 1), "bad.toml").unwrap_err();
    assert_eq!(problems.list()[0].fault.code(), "too-many", "{problems}");
    let account = |number: usize| {
        format!(
            "[[account]]\nname = \"a{number}\"\nvenue = \"v{number}\"\ncurrency = \"USDT\"\n\
             [[drawdown]]\nname = \"g{number}\"\nscope = \"account:a{number}\"\nlimit = \"1%\"\n"
        )
    };
    let book = |number: usize| {
        format!(
            "[[strategy.book]]\naccount = \"a{number}\"\ncapital = 1\nmax_position = 1\nmax_order_qty = 1\nmax_order_notional = 1\n"
        )
    };
    let venues = |count| {
        let (accounts, books): (String, String) =
            (1..count).map(|number| (account(number), book(number))).unzip();
        GOOD.replacen("[[drawdown]]", &format!("{books}[[drawdown]]"), 1) + &accounts
    };
    assert_eq!(load(&venues(Limits::MAX_VENUES)).limits.venues.len(), Limits::MAX_VENUES);
    let problems = parse(&venues(Limits::MAX_VENUES + 1), "bad.toml").unwrap_err();
    assert_eq!(problems.list()[0].fault.code(), "too-many", "{problems}");
}
