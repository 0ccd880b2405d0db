//! `cargo xtask planted`: bugs planted in the real code, one after the other, each of which a named test
//! must notice. It shows that the tests can fail.
//!
//! A bug is a patch in `xtask/planted`. Above the diff it says what is wrong in one line, then
//! `Promise: P1`, then `Caught by: PACKAGE TARGET NAME`: a package of the workspace with `lib` or a test
//! target, or a folder of the web side with a test file; and a part of the test's name. Patches are
//! applied to a copy of the tree in `target/planted`, so nothing of a bug is ever near a real build. A
//! patch that does not apply any more fails, and so does a test that is red before its bug is planted.
//!
//! To add one: break the code, `git diff > xtask/planted/what-is-wrong.patch`, put the code back, write
//! the lines above the diff, and run `cargo xtask planted --only what-is-wrong`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::args::{Args, unknown};
use crate::process::{Captured, capture_quietly, cargo, is_there};
use crate::report;

/// Where a test is: a package and its target, or a folder of the web side and its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Test {
    package: String,
    target: String,
    name: String,
}

/// A bug to plant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bug {
    name: String,
    wrong: String,
    promise: String,
    caught_by: Test,
    patch: PathBuf,
}

pub(crate) fn main(mut args: Args) -> Result<ExitCode, String> {
    let mut only = None;
    while let Some(word) = args.next() {
        match word.as_str() {
            "--only" => only = Some(args.value("--only")?),
            other => return Err(unknown("planted", other)),
        }
    }
    if !is_there("cargo-nextest") {
        return Err("this needs cargo-nextest, which runs one test by its name: \
                    cargo install cargo-nextest"
            .into());
    }
    let mut bugs = bugs(&crate::root().join("xtask/planted"))?;
    bugs.retain(|bug| only.as_ref().is_none_or(|only| bug.name.contains(only.as_str())));
    let tree = Tree::of(&crate::root())?;

    let began = Instant::now();
    let tests: BTreeSet<&Test> = bugs.iter().map(|bug| &bug.caught_by).collect();
    for test in &tests {
        let ran = tree.run(test)?;
        if ran != Ran::Passed {
            return Err(format!("without any bug, {test} {}", ran.say()));
        }
    }
    println!("{} tests pass without a bug, {} s", tests.len(), began.elapsed().as_secs());

    let mut missed = 0;
    for bug in &bugs {
        let began = Instant::now();
        tree.renew()?;
        apply(&bug.patch, &tree.folder, false)?;
        let ran = tree.run(&bug.caught_by)?;
        let caught = matches!(ran, Ran::Failed(_));
        missed += usize::from(!caught);
        let how = if caught { "caught by" } else { "NOT CAUGHT by" };
        println!(
            "{:28} {:4} {how} {}, {} s",
            bug.name,
            bug.promise,
            bug.caught_by,
            began.elapsed().as_secs()
        );
        if !caught {
            println!("  {}; the test {}", bug.wrong, ran.say());
        }
    }
    tree.renew()?;
    println!("{} bugs planted, {missed} not caught", bugs.len());
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} \"{}\"", self.package, self.target, self.name)
    }
}

/// How a test ended.
#[derive(Debug, PartialEq, Eq)]
enum Ran {
    Passed,
    Failed(u64),
    /// It was not built, not found, or not counted; with what was said.
    Not(String),
}

impl Ran {
    fn of(done: Captured, counts: Option<report::Counts>) -> Self {
        match counts {
            Some(counts) if counts.failed > 0 => Self::Failed(counts.failed),
            Some(counts) if counts.passed > 0 && done.ok => Self::Passed,
            _ => Self::Not(done.text),
        }
    }

    fn say(&self) -> String {
        match self {
            Self::Passed => "passes".to_owned(),
            Self::Failed(count) => format!("fails ({count})"),
            Self::Not(said) => format!("did not run:\n{said}"),
        }
    }
}

fn bugs(folder: &Path) -> Result<Vec<Bug>, String> {
    let say = |why: io::Error| format!("{}: {why}", folder.display());
    let mut patches = Vec::new();
    for entry in fs::read_dir(folder).map_err(say)? {
        let path = entry.map_err(say)?.path();
        patches.extend(path.extension().is_some_and(|it| it == "patch").then_some(path));
    }
    let mut bugs = patches.iter().map(|patch| read(patch)).collect::<Result<Vec<_>, _>>()?;
    // Those of one test together: less is built anew.
    bugs.sort_by(|a, b| (&a.caught_by, &a.name).cmp(&(&b.caught_by, &b.name)));
    Ok(bugs)
}

fn read(patch: &Path) -> Result<Bug, String> {
    let text = fs::read_to_string(patch).map_err(|why| format!("{}: {why}", patch.display()))?;
    parse(patch, &text).ok_or_else(|| {
        format!("{}: it begins with what is wrong, then \"Promise:\" and \"Caught by:\"", patch.display())
    })
}

fn parse(patch: &Path, text: &str) -> Option<Bug> {
    let head: Vec<&str> = text.lines().take_while(|line| !line.starts_with("diff ")).collect();
    let field = |name: &str| head.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let mut test = field("Caught by:")?.splitn(3, ' ').map(str::to_owned);
    let wrong = head.first().filter(|line| !line.is_empty() && !line.contains(':'))?;
    Some(Bug {
        name: patch.file_stem()?.to_string_lossy().into_owned(),
        wrong: (*wrong).to_owned(),
        promise: field("Promise:")?.to_owned(),
        caught_by: Test { package: test.next()?, target: test.next()?, name: test.next()? },
        patch: patch.to_owned(),
    })
}

/// Applies a patch, or (`check`) sees whether it would.
fn apply(patch: &Path, folder: &Path, check: bool) -> Result<(), String> {
    let mut git = Command::new("git");
    git.current_dir(folder).args(["apply", "--whitespace=nowarn"]);
    if check {
        git.arg("--check");
    } else if let Some(above) = folder.parent() {
        // The copy lies inside the checkout, to which git would hold the paths otherwise.
        git.env("GIT_CEILING_DIRECTORIES", above);
    }
    let done = capture_quietly(git.arg(patch));
    if done.ok { Ok(()) } else { Err(format!("{} is stale:\n{}", patch.display(), done.text)) }
}

/// A copy of the checkout.
struct Tree {
    source: PathBuf,
    folder: PathBuf,
}

impl Tree {
    fn of(source: &Path) -> Result<Self, String> {
        let tree = Self { source: source.to_owned(), folder: source.join("target/planted/tree") };
        tree.renew()?;
        for place in ["node_modules", "web/app/node_modules"] {
            let (here, there) = (tree.folder.join(place), source.join(place));
            if there.is_dir() && !here.exists() {
                std::os::unix::fs::symlink(&there, &here).map_err(|why| format!("{place}: {why}"))?;
            }
        }
        Ok(tree)
    }

    /// Makes the copy what the checkout is, touching only what differs, so that little is built anew.
    fn renew(&self) -> Result<(), String> {
        let mut git = Command::new("git");
        git.current_dir(&self.source).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = git.output().map_err(|why| format!("git did not start: {why}"))?;
        for path in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
            copy(&self.source.join(path), &self.folder.join(path)).map_err(|why| format!("{path}: {why}"))?;
        }
        Ok(())
    }

    fn run(&self, test: &Test) -> Result<Ran, String> {
        if test.package.starts_with("web/") { self.vitest(test) } else { Ok(self.nextest(test)) }
    }

    fn nextest(&self, test: &Test) -> Ran {
        let mut run = cargo();
        run.current_dir(&self.folder).args(["nextest", "run", "-p", &test.package]);
        match test.target.as_str() {
            "lib" => run.arg("--lib"),
            target => run.args(["--test", target]),
        };
        run.arg("--target-dir").arg(self.folder.with_file_name("build"));
        run.arg(&test.name);
        let done = capture_quietly(&mut run);
        let counts = report::nextest(&done.text);
        Ran::of(done, counts)
    }

    fn vitest(&self, test: &Test) -> Result<Ran, String> {
        let report = self.folder.with_file_name("vitest.json");
        let _ = fs::remove_file(&report);
        let mut run = Command::new(self.source.join("node_modules/.bin/vitest"));
        run.current_dir(self.folder.join(&test.package)).args(["run", &test.target, "-t", &test.name]);
        run.arg("--reporter=json").arg(format!("--outputFile.json={}", report.display()));
        let done = capture_quietly(&mut run);
        let json = fs::read_to_string(&report).unwrap_or_default();
        let counts = report::vitest(&json);
        Ok(Ran::of(done, counts))
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let bytes = match fs::read(from) {
        Ok(bytes) => bytes,
        // Listed, and removed since.
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            return fs::remove_file(to).or_else(|why| match why.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(why),
            });
        }
        Err(why) => return Err(why),
    };
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_says_what_is_wrong_and_who_must_notice() {
        let text = "An ack goes out before its commit\nPromise: P1\n\
                    Caught by: web/sdk test/engine/outbox.test.ts an ack ends it\n\ndiff --git a/x b/x\n";
        let bug = parse(Path::new("planted/early-ack.patch"), text).expect("a whole head");
        assert_eq!((bug.name.as_str(), bug.promise.as_str()), ("early-ack", "P1"));
        assert_eq!(bug.caught_by.name, "an ack ends it");
        assert_eq!(parse(Path::new("x.patch"), "Promise: P1\nCaught by: a b c\n"), None);
        assert_eq!(parse(Path::new("x.patch"), "It is wrong\nPromise: P1\nCaught by: a b\n"), None);
    }

    #[test]
    fn every_planted_bug_still_fits_the_code() {
        let bugs = bugs(&crate::root().join("xtask/planted")).expect("every patch has its head");
        assert!(bugs.len() >= 8, "{} bugs", bugs.len());
        let stale: Vec<String> =
            bugs.iter().filter_map(|bug| apply(&bug.patch, &crate::root(), true).err()).collect();
        assert!(stale.is_empty(), "{}", stale.join("\n"));
    }

    #[test]
    fn only_a_test_that_failed_has_caught_anything() {
        let done = |ok| Captured { ok, text: "error: could not compile".to_owned() };
        let counts = |passed, failed| Some(report::Counts { passed, failed, skipped: 0 });
        assert_eq!(Ran::of(done(false), counts(0, 1)), Ran::Failed(1));
        assert_eq!(Ran::of(done(true), counts(2, 0)), Ran::Passed);
        assert!(matches!(Ran::of(done(false), None), Ran::Not(_)));
        assert!(matches!(Ran::of(done(true), counts(0, 0)), Ran::Not(_)));
    }
}
