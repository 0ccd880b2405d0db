//! `zas bench`, tiny: that it measures, audits and reports. What it measures is for people to read.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use serde_json::Value;
use support::process::zas;

#[test]
fn a_tiny_bench_reports_every_figure_and_delivers_every_message_once() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    let mut bench = zas(folder.path());
    bench.current_dir(folder.path()).args(["bench", "--quick", "--scale", "0.02", "--json"]).arg(&json);
    let done = bench.output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    let names: Vec<&str> =
        report["figures"].as_array().unwrap().iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    for name in [
        "ack_idle_p50",
        "ack_load_p99",
        "messages_a_second",
        "cpu_a_message",
        "idle_kib",
        "restart",
        "catch_up",
        "cpu_many_stored",
    ] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    for figure in report["figures"].as_array().unwrap() {
        assert!(figure["value"].as_f64().unwrap() >= 0.0, "{figure}");
    }
    let audit = &report["audit"];
    assert!(audit["delivered"].as_u64().unwrap() > 100, "{audit}");
    assert_eq!(audit["violations"], 0, "{audit}");
    assert_eq!(audit["acked"], audit["sent"], "{audit}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["bench.json"], "databases of the bench are gone");
}
