//! What an operator's dashboard reads: counters, gauges, and the time of each stage of a message.
//! Served in OpenMetrics text on the loopback listener (`metrics_listen`).

use std::fmt::Write as _;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The way the feed reaches a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rung {
    /// WebSocket.
    Socket,
    /// Server-sent events.
    Stream,
    /// Long-poll.
    Poll,
}

/// A part of a message's way through the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// From its arrival to the start of its commit.
    Queued,
    /// The transaction, durable at its end.
    Committed,
    /// From the commit to every local mailbox.
    FannedOut,
}

impl EncodeLabelValue for Rung {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(match self {
            Self::Socket => "socket",
            Self::Stream => "stream",
            Self::Poll => "poll",
        })
    }
}

impl EncodeLabelValue for Stage {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(match self {
            Self::Queued => "queued",
            Self::Committed => "committed",
            Self::FannedOut => "fanned_out",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RungLabel {
    rung: Rung,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

/// All metrics of a server.
pub struct Metrics {
    registry: Registry,
    connections: Family<RungLabel, Gauge>,
    stages: Family<StageLabel, Histogram>,
    commands: Family<OutcomeLabel, Counter>,
    batch: Histogram,
    overflows: Counter,
    upstream: Family<ClassLabel, Counter>,
    upstream_open: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let stages = Family::<StageLabel, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.000_05, 2.0, 18))
        });
        let mut metrics = Self {
            registry: Registry::with_prefix("zas"),
            connections: Family::default(),
            stages,
            commands: Family::default(),
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            overflows: Counter::default(),
            upstream: Family::default(),
            upstream_open: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("connections", "Open feeds by rung", metrics.connections.clone());
        registry.register("stage_seconds", "Time of each stage of a command", metrics.stages.clone());
        registry.register("commands", "Commands by outcome", metrics.commands.clone());
        registry.register("commit_commands", "Commands that shared a commit", metrics.batch.clone());
        registry.register(
            "mailbox_overflows",
            "Events a slow reader left to replay",
            metrics.overflows.clone(),
        );
        registry.register(
            "upstream_requests",
            "Requests passed on to the existing backend, by class of its answer or of its absence",
            metrics.upstream.clone(),
        );
        registry.register(
            "upstream_open",
            "Answers and sockets of the existing backend under way",
            metrics.upstream_open.clone(),
        );
        metrics
    }
}

impl Metrics {
    /// Counts a feed as open until the guard is dropped.
    #[must_use]
    pub fn open(&self, rung: Rung) -> Open {
        let gauge = self.connections.get_or_create(&RungLabel { rung }).clone();
        gauge.inc();
        Open(gauge)
    }

    /// Records how long a stage took.
    pub fn stage(&self, stage: Stage, took: Duration) {
        self.stages.get_or_create(&StageLabel { stage }).observe(took.as_secs_f64());
    }

    /// Counts a command's outcome: `ok`, or the name of the refusal.
    pub fn outcome(&self, outcome: &'static str) {
        self.commands.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Records how many commands shared a commit.
    #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52")]
    pub fn batch(&self, commands: usize) {
        self.batch.observe(commands as f64);
    }

    /// Counts an event that a full mailbox left to replay.
    pub fn overflow(&self) {
        self.overflows.inc();
    }

    /// Counts a request that was passed on, by class.
    pub fn upstream(&self, class: &'static str) {
        self.upstream.get_or_create(&ClassLabel { class }).inc();
    }

    /// Counts an answer of the existing backend as under way until the guard is dropped.
    #[must_use]
    pub fn upstream_open(&self) -> Open {
        self.upstream_open.inc();
        Open(self.upstream_open.clone())
    }

    /// The whole of it as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Something that is open; closing it is dropping this.
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_counts_while_it_is_open_and_stages_and_outcomes_have_their_labels() {
        let metrics = Metrics::default();
        let open = metrics.open(Rung::Socket);
        metrics.stage(Stage::Committed, Duration::from_millis(3));
        metrics.outcome("ok");
        assert!(metrics.text().contains("zas_connections{rung=\"socket\"} 1"));
        assert!(metrics.text().contains("zas_stage_seconds_count{stage=\"committed\"} 1"));
        assert!(metrics.text().contains("zas_commands_total{outcome=\"ok\"} 1"));
        drop(open);
        assert!(metrics.text().contains("zas_connections{rung=\"socket\"} 0"));
    }
}
