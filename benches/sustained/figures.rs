//! What was measured, and how it is told: tables for people, one JSON document for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::evidence::Share;
use super::scene::Reach;
use super::trial::Trial;

const SCHEMA: &str = "tripline.bench.sustained/1";
/// The hot log counts as what is waited for when the loop had no room in it at so many looks.
const OFTEN: f64 = 0.2;

/// Everything a run found.
pub(crate) struct Figures {
    cpus: usize,
    core_cpu: usize,
    seconds: u64,
    rate: Option<u64>,
    disk: String,
    trials: Vec<Trial>,
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

impl Trial {
    /// Records applied in the median second.
    pub(crate) fn median(&self) -> f64 {
        median(&self.rates)
    }

    fn worst(&self) -> f64 {
        self.rates.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn of_run(&self, nanos: u64) -> f64 {
        nanos as f64 / (self.seconds * 1e9)
    }

    /// Part of the loop's processor that went into records; it spins through the rest.
    fn looping(&self) -> Option<f64> {
        self.record_ns.map(|nanos| nanos * self.records as f64 / (self.seconds * 1e9))
    }

    fn thread(&self, share: Share) -> String {
        let (ran, waited) = (self.of_run(share.ran), self.of_run(share.waited));
        format!("{} of a processor, {} waiting for one", percent(ran), percent(waited))
    }

    /// What everything else waits for, and from what that is seen.
    fn bottleneck(&self) -> String {
        let looping =
            self.looping().map_or("loop not measured".into(), |part| format!("loop {}", percent(part)));
        let shadow = self.thread(self.threads.shadow);
        if self.reach != Reach::Rules && self.log_full >= OFTEN {
            return format!(
                "shadow thread: it has {shadow}; at {} of the looks the loop found no room in the hot log; {looping}",
                percent(self.log_full)
            );
        }
        if self.lane_full >= 0.5 {
            return format!(
                "{looping}: producers find their lanes full {} of the time",
                percent(self.lane_full)
            );
        }
        format!(
            "producers: they have {}, and find their lanes full {} of the time; {looping}",
            self.thread(self.threads.producers),
            percent(self.lane_full)
        )
    }
}

impl Figures {
    pub(crate) fn new(
        (cpus, core_cpu): (usize, usize),
        seconds: u64,
        rate: Option<u64>,
        disk: String,
    ) -> Self {
        Self { cpus, core_cpu, seconds, rate, disk, trials: Vec::new() }
    }

    pub(crate) fn add(&mut self, trial: Trial) {
        self.trials.push(trial);
    }

    /// The tables.
    pub(crate) fn to_table(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _infallible = self.write_table(&mut text);
        text
    }

    fn write_table(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "{} processors, core spinning on cpu {}, everything else on the rest; {} s each, {}; archive on {}",
            self.cpus,
            self.core_cpu,
            self.seconds,
            self.rate.map_or("as many as are taken".into(), |rate| format!("{rate} events/s offered")),
            self.disk
        )?;
        writeln!(
            text,
            "{:<16}{:>10}{:>10}{:>9}{:>7}{:>11}{:>8}{:>8}{:>8}{:>12}{:>10}{:>7}",
            "",
            "events/s",
            "worst s",
            "loop ns",
            "busy",
            "shadow ns",
            "runs",
            "waits",
            "disk",
            "lanes full",
            "log full",
            "wraps"
        )?;
        for trial in &self.trials {
            let name = format!("{} x {}", trial.lanes, trial.reach.name());
            let threads = &trial.threads;
            writeln!(
                text,
                "{name:<16}{:>10.0}{:>10.0}{:>9}{:>7}{:>11.0}{:>8}{:>8}{:>8}{:>12}{:>10}{:>7.0}",
                trial.median(),
                trial.worst(),
                trial.record_ns.map_or("-".into(), |nanos| format!("{nanos:.0}")),
                trial.looping().map_or("-".into(), percent),
                threads.shadow.ran as f64 / trial.records.max(1) as f64,
                percent(trial.of_run(threads.shadow.ran)),
                percent(trial.of_run(threads.shadow.waited)),
                percent(trial.of_run(threads.archiver.ran)),
                percent(trial.lane_full),
                percent(trial.log_full),
                trial.wraps,
            )?;
        }
        self.trials.iter().try_for_each(|trial| Self::write_trial(trial, text))
    }

    fn write_trial(trial: &Trial, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\n{} x {}", trial.lanes, trial.reach.name())?;
        writeln!(text, "  bottleneck: {}", trial.bottleneck())?;
        writeln!(
            text,
            "  right: {} fills as published, equity of every book, nothing refused or repeated",
            trial.fills
        )?;
        for (name, share) in [("standby", trial.threads.standby), ("producers", trial.threads.producers)] {
            writeln!(text, "  {name}: {}", trial.thread(share))?;
        }
        let worst_stall_ms = trial.worst_stall_ns as f64 / 1e6;
        writeln!(
            text,
            "  gates: closed {} times, {:.1} ms in all; the loop stalled {} times, {worst_stall_ms:.1} ms at worst{}",
            trial.closures,
            trial.closed_ns as f64 / 1e6,
            trial.stalls,
            if trial.causes.is_empty() { String::new() } else { format!("; {}", trial.causes.join(", ")) }
        )?;
        if let Some(archived) = &trial.archived {
            let held = &archived.held;
            writeln!(
                text,
                "  on disk: {:.0} entries/s, {:.1} MB/s; {:.1} ms behind at worst; at the end {} of {} entries, {} bytes, \
                 {} gaps, all checked\n  archiver thread: {}",
                archived.rate,
                archived.rate * held.bytes as f64 / held.entries.max(1) as f64 / 1e6,
                archived.worst_lag_ns as f64 / 1e6,
                held.entries,
                archived.written,
                held.bytes,
                held.gaps,
                trial.thread(trial.threads.archiver)
            )?;
        }
        Ok(())
    }

    /// The document.
    pub(crate) fn to_json(&self) -> Value {
        let trials: Vec<Value> = self.trials.iter().map(Self::trial_json).collect();
        json!({
            "schema": SCHEMA,
            "cpus": self.cpus,
            "core_cpu": self.core_cpu,
            "seconds": self.seconds,
            "offered_per_second": self.rate,
            "disk": self.disk,
            "trials": trials,
        })
    }

    fn trial_json(trial: &Trial) -> Value {
        let share =
            |share: Share| json!({"ran": trial.of_run(share.ran), "waited": trial.of_run(share.waited)});
        let threads = &trial.threads;
        json!({
            "reach": trial.reach.name(),
            "lanes": trial.lanes,
            "events_per_second": trial.median(),
            "worst_second": trial.worst(),
            "record_ns": trial.record_ns,
            "records": trial.records,
            "fills": trial.fills,
            "loop_busy": trial.looping(),
            "loop": share(threads.looping),
            "shadow": share(threads.shadow),
            "archiver": share(threads.archiver),
            "standby": share(threads.standby),
            "producers": share(threads.producers),
            "lane_full": trial.lane_full,
            "log_full": trial.log_full,
            "wraps": trial.wraps,
            "gate_closures": trial.closures,
            "gate_closed_ns": trial.closed_ns,
            "stalls": trial.stalls,
            "worst_stall_ns": trial.worst_stall_ns,
            "causes": trial.causes,
            "archived": trial.archived.as_ref().map(|archived| json!({
                "entries_per_second": archived.rate,
                "worst_lag_ns": archived.worst_lag_ns,
                "bytes": archived.held.bytes,
                "entries": archived.held.entries,
                "entries_written": archived.written,
                "gaps": archived.held.gaps,
            })),
            "bottleneck": trial.bottleneck(),
        })
    }
}
