//! How long a rung lives without a word.

use std::time::Duration;

use crate::doctor::{Finding, bad, good, mind};

/// Clients ping sockets, and the server streams, every 20 s, and a poll is held for 25 s: a silence of
/// this long is the longest that the way has to bear.
pub(super) const LONGEST: Duration = Duration::from_secs(25);
/// The usual time between two pings of a client.
pub(super) const PING: Duration = Duration::from_secs(20);

/// What became of a connection that was left alone.
pub(super) struct Quiet {
    /// Which.
    pub(super) rung: &'static str,
    /// For how long it lived.
    pub(super) lived: Duration,
    /// Whether something on the way ended it.
    pub(super) cut: bool,
}

/// One finding for all: they are cut by the same thing.
pub(super) fn judge(quiets: &[Quiet]) -> Option<Finding> {
    let longest = whole_seconds(quiets.iter().map(|quiet| quiet.lived).max()?);
    let (cut, live): (Vec<&Quiet>, Vec<&Quiet>) = quiets.iter().partition(|quiet| quiet.cut);
    let names = |quiets: &[&Quiet]| quiets.iter().map(|quiet| quiet.rung).collect::<Vec<_>>().join(", ");
    let Some(first) = cut.iter().map(|quiet| quiet.lived).min() else {
        let how = if longest > LONGEST.as_secs() {
            format!("{} s without a word, then pinged every {} s", LONGEST.as_secs(), PING.as_secs())
        } else {
            "without a word".to_owned()
        };
        return Some(good("idle", format!("not cut in {longest} s, {how}: {}", names(&live))));
    };
    if first < PING {
        return Some(bad(
            "idle",
            format!(
                "cut after {} s without a word: {}. Zas may be silent for {} s. nginx: proxy_read_timeout 90s; \
                 proxy_send_timeout 90s; HAProxy: timeout tunnel 90s; a load balancer: its idle timeout",
                whole_seconds(first),
                names(&cut),
                LONGEST.as_secs()
            ),
        ));
    }
    Some(mind(
        "idle",
        format!(
            "cut after {} s: {}. Clients come back by themselves; let connections live longer, if you can (nginx: \
             proxy_read_timeout 90s)",
            whole_seconds(first),
            names(&cut)
        ),
    ))
}

/// To the nearest: the last word was heard a little before one began to listen.
fn whole_seconds(time: Duration) -> u64 {
    (time + Duration::from_millis(500)).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn judged(quiets: &[(&'static str, u64, bool)]) -> Option<(Verdict, String)> {
        let quiets: Vec<Quiet> = quiets
            .iter()
            .map(|&(rung, seconds, cut)| Quiet { rung, lived: Duration::from_secs(seconds), cut })
            .collect();
        judge(&quiets).map(|finding| (finding.verdict, finding.text))
    }

    #[test]
    fn a_cut_before_the_next_ping_is_bad_and_a_later_one_to_be_minded() {
        assert_eq!(judged(&[]), None);
        let (verdict, text) = judged(&[("socket", 25, false), ("poll", 25, false)]).unwrap();
        assert_eq!(
            (verdict, text.as_str()),
            (Verdict::Good, "not cut in 25 s, without a word: socket, poll")
        );
        let (verdict, text) = judged(&[("socket", 60, false)]).unwrap();
        assert!(
            verdict == Verdict::Good && text.contains("25 s without a word, then pinged every 20 s"),
            "{text}"
        );
        let (verdict, text) =
            judged(&[("socket", 19, true), ("stream", 25, false), ("poll", 20, true)]).unwrap();
        assert!(
            verdict == Verdict::Bad && text.starts_with("cut after 19 s without a word: socket, poll."),
            "{text}"
        );
        let (verdict, text) = judged(&[("socket", 20, true)]).unwrap();
        assert!(verdict == Verdict::Mind && text.starts_with("cut after 20 s: socket."), "{text}");
    }
}
