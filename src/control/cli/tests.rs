//! Commands against a real server.

use std::path::Path;

use clap::Parser;

use super::*;
use crate::control::server::tests::Rig;
use crate::model::Event;

/// What a command said, and how it ended.
struct Said {
    code: ExitCode,
    out: String,
    err: String,
}

/// Runs a command line; `typed` is what a person at the terminal answers, if there is one.
fn type_in(line: &[&str], typed: Option<&str>) -> Said {
    let cli = Cli::try_parse_from(["tripline"].iter().chain(line)).unwrap_or_else(|error| panic!("{error}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut answer = || Ok(typed.unwrap_or_default().to_owned());
    let ask: Option<&mut dyn FnMut() -> std::io::Result<String>> =
        if typed.is_some() { Some(&mut answer) } else { None };
    let code = run_on(&cli.command, &mut Terminal { out: &mut out, err: &mut err, ask, color: false });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: code.unwrap(), out: text(out), err: text(err) }
}

fn directory(rig: &Rig) -> &str {
    rig.directory.to_str().unwrap()
}

#[test]
fn status_is_one_screen_with_the_line_to_paste() {
    let rig = Rig::start();
    let said = type_in(&["status", "--runtime-dir", directory(&rig)], None);
    assert_eq!(said.code, ExitCode::Ok);
    for part in [
        "desk-1   HALTED PAPER since ",
        "(4m 11s)",
        "cause      DRAWDOWN 15.03 % >= 15.00 %  account:main  guard drawdown.kill",
        "account    main  equity 84970 USDT",
        "ticking 0.2 us ago  cpu 1  lanes 2/16  lease 250 ms",
        "lane       arb NOT ACKED",
        "degraded   NOT_ISOLATED",
        "reset      tripline reset --scope account:main --guard drawdown.kill --nonce 9f2c --runtime-dir /",
    ] {
        assert!(said.out.contains(part), "{part:?} in\n{}", said.out);
    }
    assert!(!said.out.contains('\x1b'));
    assert!(!said.out.contains("operator"), "its lane acknowledges nothing: {}", said.out);
}

#[test]
fn status_exits_by_state_only_when_asked() {
    let rig = Rig::start();
    let ask = |more: &[&str]| type_in(&[&["status", "--runtime-dir", directory(&rig)], more].concat(), None);
    assert_eq!(ask(&["--exit-code"]).code, ExitCode::Halted);
    let json = ask(&["--json"]);
    assert_eq!(json.code, ExitCode::Ok);
    assert!(json.out.starts_with("{\"schema\":\"tripline.status/1\""), "{}", json.out);
    *rig.page.lock().unwrap() = None;
    assert_eq!(ask(&["--exit-code"]).code, ExitCode::Stale);
}

#[test]
fn a_sidecar_that_is_not_there_is_unreachable_with_a_remedy() {
    for line in [
        &["status", "--runtime-dir", "/nonexistent"][..],
        &["halt", "firm", "--reason", "x", "--runtime-dir", "/nonexistent"],
        &[
            "reset",
            "--scope",
            "firm",
            "--guard",
            "g",
            "--reason",
            "x",
            "--nonce",
            "9f2c",
            "--runtime-dir",
            "/nonexistent",
        ],
    ] {
        let said = type_in(line, None);
        assert_eq!(said.code, ExitCode::Unreachable, "{line:?}");
        assert!(said.err.contains("--runtime-dir"), "{}", said.err);
    }
    let said = type_in(&["status", "--json", "--runtime-dir", "/nonexistent"], None);
    assert!(said.out.contains("\"schema\":\"tripline.error/1\"") && said.out.contains("\"exit_code\":6"));
}

#[test]
fn halting_never_asks() {
    let rig = Rig::start();
    let line = ["halt", "account:main", "--reason", "odd", "--runtime-dir", directory(&rig)];
    assert_eq!(type_in(&line, Some("no")).code, ExitCode::Ok);
    let wrong = ["halt", "account:mine", "--reason", "odd", "--runtime-dir", directory(&rig)];
    assert_eq!(type_in(&wrong, None).code, ExitCode::Usage);
}

#[test]
fn resetting_asks_unless_it_was_decided() {
    let rig = Rig::start();
    let plain = ["reset", "--scope", "account:main", "--guard", "drawdown.kill", "--reason", "reconciled"];
    let base = [&plain[..], &["--runtime-dir", directory(&rig)]].concat();
    let with = |more: &[&'static str], typed| type_in(&[&base[..], more].concat(), typed);
    for (name, more, typed, code) in [
        ("a person types the nonce", &[][..], Some("9f2c\n"), ExitCode::Ok),
        ("a person types something else", &[], Some("yes\n"), ExitCode::Failure),
        ("a person pasted an old nonce", &["--nonce", "9f2b"], Some("9f2b\n"), ExitCode::Conflict),
        ("a pasted nonce still has to be typed", &["--nonce", "9f2c"], Some("\n"), ExitCode::Failure),
        ("a person said --yes", &["--yes"], Some(""), ExitCode::Ok),
        ("a person said --yes to an old nonce", &["--yes", "--nonce", "9f2b"], Some(""), ExitCode::Conflict),
        ("a script says nothing", &[], None, ExitCode::Usage),
        ("a script names the nonce", &["--nonce", "9f2c"], None, ExitCode::Ok),
        ("a script names an old nonce", &["--nonce", "9f2b"], None, ExitCode::Conflict),
        ("a script says --yes but not to what", &["--yes"], None, ExitCode::Usage),
        ("a script says --yes to this halt", &["--yes", "--nonce", "9f2c"], None, ExitCode::Ok),
    ] {
        let said = with(more, typed);
        assert_eq!(said.code, code, "{name}: {}", said.err);
        if code == ExitCode::Usage {
            assert!(
                said.err.contains("--nonce") && said.err.contains("tripline status"),
                "{name}: {}",
                said.err
            );
        }
    }
    let asked = with(&[], Some("9f2c"));
    assert!(
        asked.err.contains("account:main is HALTED by drawdown.kill for 4m 11s: DRAWDOWN 15.03 %"),
        "{}",
        asked.err
    );
    let events = rig.events.lock().unwrap();
    let resets = events.iter().filter(|event| matches!(event, Event::Command { nonce: 0x9f2c, .. })).count();
    assert_eq!(resets, 5);
}

#[test]
fn a_reset_of_what_does_not_hold_is_a_conflict() {
    let rig = Rig::start();
    let line = ["reset", "--scope", "account:main", "--guard", "canary.session", "--reason", "x"];
    let line = [&line[..], &["--runtime-dir", directory(&rig)]].concat();
    for (more, typed) in [(&["--nonce", "9f2c"][..], None), (&["--yes"], Some("")), (&[], Some("9f2c"))] {
        let said = type_in(&[&line[..], more].concat(), typed);
        assert_eq!(said.code, ExitCode::Conflict, "{more:?}: {}", said.err);
    }
}

#[test]
fn check_lists_what_is_unlimited_or_every_problem() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tripline.toml");
    let example = example.to_str().unwrap();
    let said = type_in(&["check", "--config", example], None);
    assert_eq!(said.code, ExitCode::Ok);
    assert!(
        said.out.contains("note: clears by itself") && said.out.contains("ok: PAPER, 1 account"),
        "{}",
        said.out
    );
    let said = type_in(&["check", "--config", "/nonexistent.toml", "--json"], None);
    assert_eq!(said.code, ExitCode::Configuration);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&value["schema"], &value["ok"]), (&"tripline.check/1".into(), &false.into()));
    assert_eq!(value["problems"][0]["code"], "unreadable");
}

#[test]
fn version_names_the_abi() {
    assert!(type_in(&["version"], None).out.contains("abi 1"));
    assert!(type_in(&["version", "--json"], None).out.contains("\"schema\":\"tripline.version/1\""));
}
