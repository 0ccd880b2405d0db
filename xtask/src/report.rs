//! How many tests ran, read from what each runner reports. To add a runner: a function here from
//! its report to [`Counts`], with a test on a real report.

use serde_json::Value;

/// Tests by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// A check that is one test, and passed.
    pub(crate) const ONE: Self = Self { passed: 1, failed: 0, skipped: 0 };
    /// A check that is one test, and failed.
    pub(crate) const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };

    pub(crate) const fn total(self) -> u64 {
        self.passed + self.failed + self.skipped
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The closing line, in the one form that machines read.
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// From nextest's closing line: `Summary [ 1.2s] 12 tests run: 10 passed (1 slow), 2 failed, 1 skipped`.
/// What timed out or could not start counts as failed.
pub(crate) fn nextest(text: &str) -> Option<Counts> {
    let line = text.lines().rev().find(|line| line.trim_start().starts_with("Summary ["))?;
    let (_, parts) = line.split_once(" run: ")?;
    let mut counts = Counts::default();
    for part in parts.split(", ") {
        let mut words = part.split_whitespace();
        let number: u64 = words.next()?.parse().ok()?;
        match words.next()? {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            _ => counts.failed += number,
        }
    }
    Some(counts)
}

/// From the lines `test result: ok. 5 passed; 0 failed; 1 ignored; …` that libtest ends each binary with.
pub(crate) fn libtest(text: &str) -> Option<Counts> {
    let mut counts: Option<Counts> = None;
    for line in text.lines().filter(|line| line.starts_with("test result:")) {
        let sum = counts.get_or_insert_default();
        for part in line.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) =
                (words.next().and_then(|word| word.parse::<u64>().ok()), words.next())
            else {
                continue;
            };
            match what {
                "passed" => sum.passed += number,
                "failed" => sum.failed += number,
                "ignored" => sum.skipped += number,
                _ => {}
            }
        }
    }
    counts
}

/// From Vitest's JSON report. A file that does not load has no tests: it counts as one that failed.
pub(crate) fn vitest(json: &str) -> Option<Counts> {
    let report: Value = serde_json::from_str(json).ok()?;
    let number = |name: &str| report.get(name).and_then(Value::as_u64);
    let files = report.get("testResults")?.as_array()?;
    let unloaded = files.iter().filter(|file| {
        file.get("status").and_then(Value::as_str) == Some("failed")
            && file.get("assertionResults").and_then(Value::as_array).is_none_or(Vec::is_empty)
    });
    Some(Counts {
        passed: number("numPassedTests")?,
        failed: number("numFailedTests")? + unloaded.count() as u64,
        skipped: number("numPendingTests").unwrap_or(0) + number("numTodoTests").unwrap_or(0),
    })
}

/// From Playwright's JSON report. A test that passed only when tried again is a failure.
pub(crate) fn playwright(json: &str) -> Option<Counts> {
    let report: Value = serde_json::from_str(json).ok()?;
    let stats = report.get("stats")?;
    let number = |name: &str| stats.get(name).and_then(Value::as_u64);
    let errors = report.get("errors").and_then(Value::as_array).map_or(0, Vec::len) as u64;
    Some(Counts {
        passed: number("expected")?,
        failed: number("unexpected")? + number("flaky").unwrap_or(0) + errors,
        skipped: number("skipped").unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn nextest_is_read_from_its_summary() {
        let text = "        PASS [   0.004s] zas-core rate::tests::x\n────\n     \
                    Summary [   1.204s] 13/14 tests run: 9 passed (1 slow), 3 failed, 1 timed out, 2 skipped\n";
        assert_eq!(nextest(text), Some(counts(9, 4, 2)));
        let one = "     Summary [   0.004s] 1 test run: 1 passed, 0 skipped\n";
        assert_eq!(nextest(one), Some(counts(1, 0, 0)));
        assert_eq!(nextest("error: could not compile"), None);
    }

    #[test]
    fn libtest_is_summed_over_its_binaries() {
        let text = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                    test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.5s\n";
        assert_eq!(libtest(text), Some(counts(7, 1, 1)));
        assert_eq!(libtest("error: aborting"), None);
    }

    #[test]
    fn a_vitest_file_that_does_not_load_has_failed() {
        let json = r#"{"numPassedTests":3,"numFailedTests":1,"numPendingTests":1,"numTodoTests":0,"testResults":[
            {"status":"failed","assertionResults":[]},
            {"status":"failed","assertionResults":[{"status":"failed"}]},
            {"status":"passed","assertionResults":[{"status":"passed"}]}]}"#;
        assert_eq!(vitest(json), Some(counts(3, 2, 1)));
        assert_eq!(vitest(""), None);
    }

    #[test]
    fn a_flaky_browser_test_has_failed() {
        let json = r#"{"errors":[],"stats":{"expected":4,"unexpected":1,"flaky":1,"skipped":2}}"#;
        assert_eq!(playwright(json), Some(counts(4, 2, 2)));
    }

    #[test]
    fn the_closing_line_is_plain() {
        let mut sum = counts(1, 0, 2);
        sum += counts(2, 0, 0);
        assert_eq!(sum.to_string(), "3 passed, 0 failed, 2 skipped");
    }
}
