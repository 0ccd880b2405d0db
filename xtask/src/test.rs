//! `cargo xtask test`: every check there is, and one closing line. Clippy runs beside the web
//! side's tools; tests run after, one kind at a time, so that none is disturbed.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::args::{Args, unknown};
use crate::r#gen::Generators;
use crate::process::{Captured, capture, cargo, is_there};
use crate::report::{self, Counts};
use crate::run::{build_server, captured};
use crate::steps::{Board, Finished, Note, Outcome, Step};
use crate::{boundaries, debian, examples, r#gen, python, web};

/// Lines of a failed step's output that are shown, from its end.
const SHOWN_LINES: usize = 400;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Rust,
    Web,
    Spec,
    E2e,
}

struct Options {
    strict: bool,
    install: bool,
    only: Option<Part>,
}

impl Options {
    fn has(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

/// Tests that run the real SDK, as a filter of nextest.
const NEED_NODE: &str = "binary(rig) & test(/^sdk::/)";

type Lane = Vec<Step<'static>>;

pub(crate) fn main(args: Args) -> Result<ExitCode, String> {
    let options = parse(args)?;
    let stages = plan(&options);
    let board = Board::new(stages.iter().flatten().map(Vec::len).sum());
    let finished: Vec<Finished> = stages.into_iter().flat_map(|lanes| board.run(lanes)).collect();
    let counts = conclude(&finished, options.strict);
    println!("{counts}");
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(mut args: Args) -> Result<Options, String> {
    let mut options = Options { strict: false, install: false, only: None };
    while let Some(word) = args.next() {
        match word.as_str() {
            "--strict" => options.strict = true,
            "--install" => options.install = true,
            "--only" => {
                options.only = Some(match args.value("--only")?.as_str() {
                    "rust" => Part::Rust,
                    "web" => Part::Web,
                    "spec" => Part::Spec,
                    "e2e" => Part::E2e,
                    other => return Err(format!("--only {other}: there are rust, web, spec and e2e")),
                });
            }
            other => return Err(unknown("test", other)),
        }
    }
    Ok(options)
}

/// The stages, one after the other; each is lanes that run side by side.
fn plan(options: &Options) -> Vec<Vec<Lane>> {
    let [mut lints, mut tools, mut rust, mut rest, mut browser]: [Lane; 5] = Default::default();
    if options.has(Part::Rust) {
        lints.push(Step::check("boundaries", |_| boundaries()));
        if is_there("cargo-deny") {
            lints.push(Step::check("cargo deny", deny));
        }
        lints.push(Step::check("fmt", |note| {
            captured(capture(cargo().args(["fmt", "--all", "--check", "--", "--color", "never"]), note))
        }));
        lints.push(Step::check("clippy", clippy));
        let install = options.install;
        rust.push(Step::check("what the Rust tests need", move |note| find_needs(install, note)));
        rust.push(Step::check("tools in Python", move |note| find_python(install, note)));
        rust.push(Step::gate("build the Rust tests", build_tests));
        rust.push(Step::check("Rust tests", rust_tests));
        rust.push(Step::check("Rust examples in docs", doc_tests));
    }
    if options.has(Part::Spec) {
        // A failed build of the tests is their step's to say; this one then says it again, and why.
        let generators = if options.has(Part::Rust) { Generators::Built } else { Generators::ToBuild };
        rest.push(Step::check("generated files are fresh", move |_| generated(generators)));
    }
    // The rigs run the real SDK, too.
    let web = options.has(Part::Web) || options.has(Part::E2e) || options.has(Part::Rust);
    if web {
        tools.push(Step::gate("npm packages", |note| match web::missing() {
            Some(why) => Outcome::Skipped(why),
            None => captured(web::install(note)),
        }));
    }
    if options.has(Part::Web) {
        tools.push(Step::check("types of the SDK", |note| captured(web::script("check", "web/sdk", note))));
        tools
            .push(Step::check("types of the client", |note| captured(web::script("check", "web/app", note))));
        tools.push(Step::check("types of the browser tests", |note| {
            captured(web::script("check", "e2e", note))
        }));
        tools.push(Step::check("biome", |note| {
            captured(capture(web::tool("biome", ".").args(["check", "web", "e2e", "examples"]), note))
        }));
        rest.push(Step::check("SDK tests", |note| vitest("web/sdk", note)));
        rest.push(Step::check("client tests", |note| vitest("web/app", note)));
    }
    if web {
        tools.push(Step::gate("build the web client", |note| captured(web::build(note))));
        tools.push(Step::check("size of the client", |note| captured(web::script("size", "web/app", note))));
    }
    if options.has(Part::Web) {
        // With the SDK as it was built, which is how an app has it.
        tools.push(Step::check("types of the Django example's page", |note| {
            captured(web::script("check", "examples/django", note))
        }));
    }
    if options.has(Part::E2e) {
        let install = options.install;
        browser.push(Step::gate("build the server", |note| captured(capture(&mut build_server(), note))));
        browser.push(Step::gate("Chromium", move |note| find_chromium(install, note)));
        browser.push(Step::check("browser tests", browser_tests));
        browser.push(Step::gate("what the examples need", move |note| find_examples(install, note)));
        browser.push(Step::check("examples, as their READMEs say", example_tests));
    }
    vec![vec![lints, tools], vec![rust], vec![rest], vec![browser]]
}

/// Shows what failed and what was skipped, and adds it all up.
fn conclude(finished: &[Finished], strict: bool) -> Counts {
    let mut sum = Counts::default();
    for Finished { name, outcome } in finished {
        match outcome {
            Outcome::Passed(counts) => sum += *counts,
            Outcome::Failed(counts, output) => {
                sum += *counts;
                println!("\n{name} FAILED:");
                show(output);
            }
            Outcome::Skipped(why) => {
                println!("\n{name} SKIPPED: {why}");
                sum += Counts { skipped: u64::from(!strict), failed: u64::from(strict), passed: 0 };
            }
        }
    }
    println!();
    sum
}

/// A runner's own closing lines must not be taken for ours: every line is indented behind a bar.
fn show(output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    let hidden = lines.len().saturating_sub(SHOWN_LINES);
    if hidden > 0 {
        println!("  | ({hidden} lines before)");
    }
    for line in &lines[hidden..] {
        println!("  | {line}");
    }
}

fn boundaries() -> Outcome {
    match boundaries::violations() {
        Ok(found) if found.is_empty() => Outcome::Passed(Counts::ONE),
        Ok(found) => Outcome::Failed(Counts::ONE_FAILED, found.join("\n")),
        Err(why) => Outcome::Failed(Counts::ONE_FAILED, why),
    }
}

/// What "boundaries" holds of `deny.toml` it holds everywhere; this knows the rest of it.
fn deny(note: &Note<'_>) -> Outcome {
    captured(capture(cargo().args(["deny", "check", "bans", "licenses", "sources"]), note))
}

fn clippy(note: &Note<'_>) -> Outcome {
    captured(capture(
        cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
        note,
    ))
}

fn has_nextest() -> bool {
    is_there("cargo-nextest")
}

fn build_tests(note: &Note<'_>) -> Outcome {
    let mut build = cargo();
    if has_nextest() {
        build.args(["nextest", "run", "--workspace", "--no-run"]);
    } else {
        build.args(["test", "--workspace", "--no-run", "--lib", "--bins", "--tests"]);
    }
    captured(capture(&mut build, note))
}

fn rust_tests(note: &Note<'_>) -> Outcome {
    let mut run = cargo();
    if has_nextest() {
        run.args(["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"]);
        // Their step has said that they are left out.
        let mut without: Vec<&str> = debian::missing().iter().map(|need| need.tests).collect();
        if web::missing().is_some() {
            without.push(NEED_NODE);
        }
        if let Some(python) = python::found() {
            run.env("ZAS_PYTHON", python);
        }
        if !without.is_empty() {
            run.args(["--filterset", &format!("not ({})", without.join(" | "))]);
        }
        return counted(capture(&mut run, note), report::nextest);
    }
    println!("cargo-nextest is not installed: `cargo test` runs the same tests, one binary at a time");
    run.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    counted(capture(&mut run, note), report::libtest)
}

fn doc_tests(note: &Note<'_>) -> Outcome {
    let mut run = cargo();
    run.args(["test", "--workspace", "--doc", "--no-fail-fast"]);
    counted(capture(&mut run, note), report::libtest)
}

fn generated(generators: Generators) -> Outcome {
    match r#gen::stale(generators) {
        Ok(stale) if stale.is_empty() => Outcome::Passed(Counts::ONE),
        Ok(stale) => Outcome::Failed(Counts::ONE_FAILED, r#gen::say_stale(&stale)),
        Err(why) => Outcome::Failed(Counts::ONE_FAILED, why),
    }
}

fn vitest(folder: &str, note: &Note<'_>) -> Outcome {
    let report = report_file(&folder.replace('/', "-"));
    let mut run = web::tool("vitest", folder);
    run.args(["run", "--reporter=default", "--reporter=json"])
        .arg(format!("--outputFile.json={}", report.display()));
    reported(&mut run, &report, report::vitest, note)
}

fn find_needs(install: bool, note: &Note<'_>) -> Outcome {
    let missing = debian::missing();
    if missing.is_empty() {
        return Outcome::Passed(Counts::default());
    }
    if install && debian::may_install() {
        return captured(debian::install(&missing, note));
    }
    Outcome::Skipped(debian::say(&missing))
}

fn find_python(install: bool, note: &Note<'_>) -> Outcome {
    if python::found().is_some() {
        return Outcome::Passed(Counts::default());
    }
    if install {
        return captured(python::install(note));
    }
    Outcome::Skipped(python::say())
}

fn find_chromium(install: bool, note: &Note<'_>) -> Outcome {
    if debian::chromium().is_some() {
        return Outcome::Passed(Counts::default());
    }
    if install && debian::may_install() {
        return captured(debian::install_chromium(note));
    }
    Outcome::Skipped("Chromium is not here; Debian's package \"chromium\" has it".into())
}

fn find_examples(install: bool, note: &Note<'_>) -> Outcome {
    if examples::ready() {
        return Outcome::Passed(Counts::default());
    }
    if install {
        return captured(examples::prepare(note));
    }
    Outcome::Skipped(examples::say())
}

fn browser_tests(note: &Note<'_>) -> Outcome {
    playwright("e2e", &["phone", "tablet", "desktop"], note)
}

fn example_tests(note: &Note<'_>) -> Outcome {
    playwright("examples", &["examples"], note)
}

/// Runs projects of `e2e/playwright.config.ts`.
fn playwright(name: &str, projects: &[&str], note: &Note<'_>) -> Outcome {
    let Some(browser) = debian::chromium() else {
        return Outcome::Failed(Counts::ONE_FAILED, "Chromium was installed and is not there".into());
    };
    if !web::built().join("index.html").is_file() {
        return Outcome::Skipped("the web client is not built".into());
    }
    let report = report_file(name);
    let mut run = web::tool("playwright", "e2e");
    run.args(["test", "--reporter=list,json"])
        .args(projects.iter().map(|project| format!("--project={project}")))
        .env("PLAYWRIGHT_JSON_OUTPUT_FILE", &report)
        .env("ZAS_BIN", crate::built("quick", "zas"))
        .env("ZAS_WEB_DIR", web::built())
        .env("ZAS_CHROMIUM", browser);
    reported(&mut run, &report, report::playwright, note)
}

/// Where a runner of the web side writes its report; the one of the last run is removed.
fn report_file(name: &str) -> PathBuf {
    let folder = crate::root().join("target/xtask");
    let file = folder.join(format!("{name}.json"));
    let _ = fs::create_dir_all(&folder);
    let _ = fs::remove_file(&file);
    file
}

fn reported(
    run: &mut Command,
    report: &PathBuf,
    counts: impl Fn(&str) -> Option<Counts>,
    note: &Note<'_>,
) -> Outcome {
    let done = capture(run, note);
    let json = fs::read_to_string(report).unwrap_or_default();
    counted_in(done, counts(&json))
}

fn counted(done: Captured, counts: impl Fn(&str) -> Option<Counts>) -> Outcome {
    let counts = counts(&done.text);
    counted_in(done, counts)
}

/// A runner that fails without a failed test (it did not compile, it crashed) counts as one that failed.
fn counted_in(done: Captured, counts: Option<Counts>) -> Outcome {
    match counts {
        Some(counts) if done.ok && counts.failed == 0 => Outcome::Passed(counts),
        Some(counts) => {
            let failed = counts.failed.max(1);
            Outcome::Failed(Counts { failed, ..counts }, done.text)
        }
        None => Outcome::Failed(Counts::ONE_FAILED, done.text + "(no count of tests in its report)\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_fails_when_strict() {
        let finished = [
            Finished { name: "a", outcome: Outcome::Passed(Counts { passed: 3, failed: 0, skipped: 1 }) },
            Finished { name: "b", outcome: Outcome::Skipped("no browser".into()) },
        ];
        assert_eq!(conclude(&finished, false), Counts { passed: 3, failed: 0, skipped: 2 });
        assert_eq!(conclude(&finished, true), Counts { passed: 3, failed: 1, skipped: 1 });
    }

    #[test]
    fn a_runner_that_crashed_has_failed_whatever_it_counted() {
        let crashed = || Captured { ok: false, text: String::new() };
        for counts in [None, Some(Counts::ONE)] {
            assert!(
                matches!(counted_in(crashed(), counts), Outcome::Failed(counts, _) if counts.failed == 1)
            );
        }
    }

    #[test]
    fn each_part_is_in_the_plan_and_can_be_asked_for_alone() {
        let steps = |only| {
            let options = Options { strict: false, install: false, only };
            plan(&options).iter().flatten().map(Vec::len).sum::<usize>()
        };
        let alone: Vec<usize> = [Part::Rust, Part::Web, Part::Spec, Part::E2e]
            .into_iter()
            .map(|part| steps(Some(part)))
            .collect();
        assert!(alone.iter().all(|&count| count > 0 && count < steps(None)), "{alone:?}");
    }
}
