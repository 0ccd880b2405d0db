//! Writes transcripts of simulated runs into `target/transcripts`, where the SDK's tests find them and
//! give its engine the same (`web/sdk/test/engine/transcripts.test.ts`).

use std::fs;
use std::path::Path;

use zas_sim::{Plan, world};

const SEEDS: u64 = 100;

#[test]
fn what_engines_are_given_is_written_down_for_the_other_engine() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/transcripts");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for transcripts");
    let (first, count) = (zas_tally::seed(0), zas_tally::amount(SEEDS));
    for seed in first..first + count {
        let transcript = world::record(&Plan::draw(seed), seed as usize)
            .unwrap_or_else(|violation| panic!("seed {seed}: {}", violation.0));
        for (room, held) in &transcript.end.rooms {
            let (arrived, delivered) = (held.arrived, held.delivered);
            assert!(delivered >= arrived, "seed {seed}: {arrived} of {room} arrived, {delivered} is said");
        }
        let json = serde_json::to_string(&transcript).expect("a transcript is JSON");
        fs::write(folder.join(format!("{seed}.json")), json).expect("a transcript is written");
    }
    zas_tally::tried("P7", "devices of simulated runs, written down for the other engine", count);
}
