//! 500 seeds a run, in shards so that the test runner spreads them over cores; a soak begins elsewhere
//! and runs more. `ZAS_SIM_SEED=n` runs that one alone.

use zas_sim::seen::WHAT;
use zas_sim::{Plan, Seen, check_seed, run_caught};

const SHARDS: u64 = 10;
const SEEDS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn shard(shard: u64) {
    if let Some(seed) = number("ZAS_SIM_SEED") {
        if shard == 0 {
            check_seed(seed).unwrap_or_else(|failure| panic!("{failure}"));
        }
        return;
    }
    let first = zas_tally::seed(0);
    let seeds = (first + shard..first + zas_tally::amount(SEEDS)).step_by(SHARDS as usize);
    let count = seeds.clone().count() as u64;
    for seed in seeds {
        check_seed(seed).unwrap_or_else(|failure| panic!("{failure}"));
    }
    zas_tally::tried("P7", "simulated runs of clients, nodes and faults (P1 to P12)", count);
}

macro_rules! shards {
    ($($name:ident = $n:literal),*) => {
        $(#[test] fn $name() { shard($n); })*
    };
}

shards! {
    promises_hold_0 = 0, promises_hold_1 = 1, promises_hold_2 = 2, promises_hold_3 = 3, promises_hold_4 = 4,
    promises_hold_5 = 5, promises_hold_6 = 6, promises_hold_7 = 7, promises_hold_8 = 8, promises_hold_9 = 9
}

#[test]
fn a_seed_means_the_same_each_time() {
    for seed in [3, 14] {
        let plan = Plan::draw(seed);
        assert_eq!(run_caught(&plan, None), run_caught(&plan, None));
        let json = serde_json::to_string(&plan).expect("a plan is JSON");
        assert_eq!(serde_json::from_str::<Plan>(&json).expect("a plan"), plan);
    }
}

#[test]
fn the_runs_reach_what_they_are_for() {
    let mut sum = Seen::default();
    for seed in 0..300 {
        if let Ok(seen) = run_caught(&Plan::draw(seed), None) {
            sum.add(&seen);
        }
    }
    for what in WHAT {
        assert!(sum.times(what) > 0, "no run had {what}: {sum:?}");
    }
}
