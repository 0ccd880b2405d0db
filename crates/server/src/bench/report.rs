//! Figures, and how they are shown: a table for people, JSON for programs.

use std::fmt;

use serde::Serialize;

/// What a figure has to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// At most this, in the figure's unit.
    AtMost(f64),
    /// At least this, in the figure's unit.
    AtLeast(f64),
    /// At least this share of the bare loop's.
    ShareAtLeast(f64),
    /// At most this many times the bare loop's.
    TimesAtMost(f64),
}

/// One thing measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Its name, for programs.
    pub name: String,
    /// What it is.
    pub what: String,
    /// Its value: the median, where it was measured in rounds.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// The same of the bare loop, in the same run.
    pub bare: Option<f64>,
    /// The first by the second.
    pub ratio: Option<f64>,
    /// The lowest and highest of the rounds.
    pub spread: Option<(f64, f64)>,
    /// What it has to be.
    pub budget: Option<Budget>,
    /// Whether it is.
    pub met: Option<bool>,
}

impl Figure {
    pub(super) fn new(name: &str, what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        let (bare, ratio, spread, budget, met) = (None, None, None, None, None);
        Self { name: name.to_owned(), what: what.into(), value, unit, bare, ratio, spread, budget, met }
    }

    pub(super) fn beside(self, bare: f64) -> Self {
        let ratio = (bare > 0.0).then(|| self.value / bare);
        Self { bare: Some(bare), ratio, ..self }
    }

    pub(super) fn between(self, spread: (f64, f64)) -> Self {
        Self { spread: Some(spread), ..self }
    }

    pub(super) fn budget(self, budget: Budget) -> Self {
        let met = match budget {
            Budget::AtMost(most) => Some(self.value <= most),
            Budget::AtLeast(least) => Some(self.value >= least),
            Budget::ShareAtLeast(share) => self.ratio.map(|ratio| ratio >= share),
            Budget::TimesAtMost(times) => self.ratio.map(|ratio| ratio <= times),
        };
        Self { budget: Some(budget), met, ..self }
    }
}

/// Deliveries over all runs.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Audited {
    /// Messages sent.
    pub sent: u64,
    /// Of those, acked.
    pub acked: u64,
    /// Of those, refused.
    pub refused: u64,
    /// Deliveries made.
    pub delivered: u64,
    /// Deliveries lost, doubled or out of order.
    pub violations: u64,
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The program.
    pub version: &'static str,
    /// How it was built.
    pub build: &'static str,
    /// Processors it could use.
    pub cores: usize,
    /// Whether server and generator had a core each.
    pub apart: bool,
    /// Limits that were raised for it.
    pub raised: Vec<&'static str>,
    /// What was measured.
    pub figures: Vec<Figure>,
    /// The audit.
    pub audit: Audited,
    /// How long it took, in seconds.
    pub took_s: f64,
}

fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<56} {:>10} {:>10} {:>7}  budget", "", "zas", "bare loop", "ratio")?;
        for figure in &self.figures {
            let bare = figure.bare.map(number).unwrap_or_default();
            let ratio = figure.ratio.map(number).unwrap_or_default();
            let budget = match figure.budget {
                None => String::new(),
                Some(Budget::AtMost(most)) => format!("≤ {}", number(most)),
                Some(Budget::AtLeast(least)) => format!("≥ {}", number(least)),
                Some(Budget::ShareAtLeast(share)) => format!("ratio ≥ {}", number(share)),
                Some(Budget::TimesAtMost(times)) => format!("ratio ≤ {}", number(times)),
            };
            let mark = match figure.met {
                Some(true) => "✓",
                Some(false) => "✗",
                None => "",
            };
            let what = format!("{} [{}]", figure.what, figure.unit);
            let line =
                format!("{what:<56} {:>10} {bare:>10} {ratio:>7}  {budget} {mark}", number(figure.value));
            writeln!(f, "{}", line.trim_end())?;
        }
        let Audited { sent, acked, refused, delivered, violations } = self.audit;
        writeln!(
            f,
            "\nAudit: {violations} violations in {delivered} deliveries ({acked} of {sent} messages acked, {refused} refused)"
        )?;
        let cores = if self.apart { "server and generator on a core each" } else { "one core for both" };
        write!(
            f,
            "zas {} ({}), {} cores, {cores}, {:.0} s; limits raised: {}",
            self.version,
            self.build,
            self.cores,
            self.took_s,
            self.raised.join(", ")
        )
    }
}

/// The middle of some values, and the ends.
pub(super) fn middle(values: &[f64]) -> (f64, (f64, f64)) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ends = (sorted.first().copied().unwrap_or(0.0), sorted.last().copied().unwrap_or(0.0));
    (sorted.get(sorted.len() / 2).copied().unwrap_or(0.0), ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_met_or_not_by_value_or_by_ratio() {
        let figure = |value| Figure::new("x", "x", value, "ms").beside(100.0);
        assert_eq!(figure(60.0).budget(Budget::ShareAtLeast(0.6)).met, Some(true));
        assert_eq!(figure(59.0).budget(Budget::ShareAtLeast(0.6)).met, Some(false));
        assert_eq!(figure(150.0).budget(Budget::TimesAtMost(1.5)).met, Some(true));
        assert_eq!(figure(9.1).budget(Budget::AtMost(9.0)).met, Some(false));
        assert_eq!(figure(9.1).budget(Budget::AtLeast(9.0)).met, Some(true));
        assert_eq!(Figure::new("x", "x", 1.0, "").budget(Budget::ShareAtLeast(0.6)).met, None);
    }

    #[test]
    fn the_middle_of_rounds_is_their_median() {
        assert_eq!(middle(&[3.0, 1.0, 2.0]), (2.0, (1.0, 3.0)));
    }
}
