//! The simulation can fail: each planted bug is caught within [`SEEDS`] seeds.

use zas_sim::{Bug, Plan, run_caught};

const SEEDS: u64 = 2_000;

fn is_caught(bug: Bug, promises: &[&str]) {
    let mut others = Vec::new();
    for seed in 0..SEEDS {
        if let Err(violation) = run_caught(&Plan::draw(seed), Some(bug)) {
            if promises.contains(&violation.promise()) {
                return;
            }
            others.push(violation.0);
        }
    }
    panic!("{bug:?} breaks none of {promises:?} in {SEEDS} seeds, but {others:?}");
}

macro_rules! planted {
    ($($name:ident: $bug:ident breaks $($promise:literal)|+;)*) => {
        $(#[test] fn $name() { is_caught(Bug::$bug, &[$($promise),+]); })*
    };
}

planted! {
    an_ack_before_the_commit_is_caught: AckBeforeCommit breaks "P1";
    a_fan_out_before_the_commit_is_caught: FanOutBeforeCommit breaks "P3";
    a_second_event_of_one_name_is_caught: NoDedupe breaks "P2";
    a_lost_commit_called_refused_is_caught: LostIsRefused breaks "P6";
    a_gap_between_nodes_is_caught: GapIgnored breaks "P8";
    a_tail_lost_between_nodes_is_caught: NoHeadCheck breaks "P8";
    a_page_that_begins_too_late_is_caught: CursorOffByOne breaks "P7" | "P8";
    a_page_that_shows_too_much_is_caught: MembershipIgnored breaks "P11";
    heads_read_before_subscribing_are_caught: SubscribedLate breaks "P8";
    an_overflow_forgotten_is_caught: OverflowForgotten breaks "P8";
    an_outbox_saved_too_late_is_caught: SavedAfterSending breaks "P10";
    an_order_not_said_is_caught: OrderNotSaid breaks "P5";
    a_restore_that_passes_for_the_same_history_is_caught: HistoryKept breaks "P3" | "P7" | "P8" | "P9";
    state_forgotten_when_a_mailbox_is_full_is_caught: StateForgotten breaks "P7";
    state_not_told_to_who_comes_back_is_caught: StateNotResumed breaks "P7";
    a_device_not_cut_off_is_caught: NotCutOff breaks "P12";
}
