//! `cargo xtask soak`: the rigs, over and over with other seeds, and the table of what was tried.
//!
//! A rig is a test that says what it tries by `zas_tally`; here it is told to try more. A new one that
//! the filters of [`RIGS`] do not find gets its row there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::args::{Args, unknown};
use crate::process::{cargo, is_there};
use crate::python;

/// Where rigs are: the package, the target, and which of its tests, as a filter of nextest.
const RIGS: [(&str, &str, &str); 8] = [
    ("zas-sim", "--test=seeds", "binary(seeds)"),
    ("zas-store", "--lib", "package(zas-store) & test(/power|faults/)"),
    ("zas-server", "--test=rig", "binary(rig)"),
    ("zas-server", "--test=clock", "binary(clock)"),
    ("zas-server", "--test=backup", "binary(backup)"),
    ("zas-server", "--test=access", "binary(access)"),
    ("zas-server", "--test=accounts", "binary(accounts)"),
    ("zas-server", "--test=hostile", "binary(hostile)"),
];

struct Options {
    minutes: u64,
    times: u64,
    only: Option<String>,
}

pub(crate) fn main(args: Args) -> Result<ExitCode, String> {
    let options = parse(args)?;
    if !is_there("cargo-nextest") {
        return Err(
            "a soak needs cargo-nextest, which ends a test that hangs: cargo install cargo-nextest".into()
        );
    }
    let folder = crate::root().join("target/soak");
    let record = folder.join("record.jsonl");
    fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let _ = fs::remove_file(&record);

    let began = Instant::now();
    let until = Duration::from_secs(options.minutes * 60);
    let first = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
    let mut bad = Vec::new();
    let mut rounds = 0;
    while rounds == 0 || began.elapsed() < until {
        let seed = first + rounds;
        let well = round(&options, seed, &record)?;
        rounds += 1;
        if !well {
            bad.push(seed);
        }
        let minutes = began.elapsed().as_secs() / 60;
        println!("round {rounds}, {minutes} min: seed {seed} {}", if well { "held" } else { "FELL" });
    }
    let table = table(&fs::read_to_string(&record).unwrap_or_default());
    println!("\n{table}");
    println!(
        "{rounds} rounds in {} min, {} of them with a violation{}",
        began.elapsed().as_secs() / 60,
        bad.len(),
        if bad.is_empty() { String::new() } else { format!(": ZAS_SOAK_SEED={bad:?}") }
    );
    let page = folder.join("table.md");
    fs::write(&page, table).map_err(|why| format!("{}: {why}", page.display()))?;
    Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(mut args: Args) -> Result<Options, String> {
    let mut options = Options { minutes: 60, times: 5, only: None };
    let number = |word: String| word.parse().map_err(|_| format!("{word} is no number"));
    while let Some(word) = args.next() {
        match word.as_str() {
            "--minutes" => options.minutes = number(args.value("--minutes")?)?,
            "--times" => options.times = number(args.value("--times")?)?,
            "--only" => options.only = Some(args.value("--only")?),
            other => return Err(unknown("soak", other)),
        }
    }
    Ok(options)
}

/// Runs every rig once; whether all held. What a failing one says is on the screen.
fn round(options: &Options, seed: u64, record: &Path) -> Result<bool, String> {
    let mut run = cargo();
    run.args(["nextest", "run", "--profile", "soak", "--no-fail-fast", "--status-level", "fail"]);
    let mut filters = Vec::new();
    for (package, target, tests) in RIGS {
        run.args(["--package", package, target]);
        filters.push(format!("({tests})"));
    }
    run.args(["--filterset", &filters.join(" | ")]);
    if let Some(only) = &options.only {
        run.arg(only);
    }
    if let Some(python) = python::found() {
        run.env("ZAS_PYTHON", python);
    }
    run.env("ZAS_SOAK_TIMES", options.times.to_string())
        .env("ZAS_SOAK_SEED", seed.to_string())
        .env("ZAS_SOAK_RECORD", record)
        .env("NEXTEST_HIDE_PROGRESS_BAR", "1");
    run.status().map(|status| status.success()).map_err(|why| format!("cargo did not start: {why}"))
}

/// What was tried in all, by promise.
fn table(records: &str) -> String {
    let mut sums: BTreeMap<(u64, String, String), u64> = BTreeMap::new();
    for record in records.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
        let promise = text("promise");
        let number = promise.trim_start_matches('P').parse().unwrap_or(u64::MAX);
        *sums.entry((number, promise, text("what"))).or_default() += record["count"].as_u64().unwrap_or(0);
    }
    let mut table = String::from("| promise | tried | of what |\n|---|---:|---|\n");
    for ((_, promise, what), count) in sums {
        table.push_str(&format!("| {promise} | {count} | {what} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_added_up_by_promise_in_the_order_of_their_numbers() {
        let records = r#"{"promise":"P10","what":"kills","count":3}
{"promise":"P2","what":"cuts","count":5}
torn li
{"promise":"P10","what":"kills","count":4}"#;
        let rows: Vec<String> = table(records).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(rows, ["| P2 | 5 | cuts |", "| P10 | 7 | kills |"]);
    }

    #[test]
    fn an_hour_unless_said_otherwise() {
        let words = |words: &[&str]| parse(Args::new(words.iter().map(|word| (*word).to_owned())));
        assert_eq!(words(&[]).map(|options| options.minutes), Ok(60));
        assert_eq!(words(&["--minutes", "2"]).map(|options| options.minutes), Ok(2));
        assert!(words(&["--minutes", "soon"]).is_err() && words(&["--hours"]).is_err());
    }
}
