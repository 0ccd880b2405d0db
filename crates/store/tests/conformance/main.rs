//! What every engine does, whatever is behind it. Each case runs on each engine.
//!
//! To add an engine: its [`world::Backend`] and its line below. To add a case: a function beside
//! the others, and its name in the list.

#![allow(clippy::unwrap_used, reason = "a test fails where an answer is not what it should be")]

mod accounts;
mod changes;
mod commands;
mod failures;
mod foreign;
mod import;
mod logs;
mod members;
mod paging;
mod profiles;
mod projection;
mod world;

macro_rules! engine {
    ($name:ident) => {
        engine! { $name:
            accounts::an_account_has_its_own_log,
            accounts::names_and_emails_are_unique,
            accounts::a_login_is_a_username_or_an_email,
            accounts::account_settings_change_and_absence_is_told,
            accounts::a_password_is_replaced_only_while_it_is_the_one_known,
            accounts::search_ranks_usernames_then_names_then_words,
            accounts::search_takes_wildcards_as_they_are,
            accounts::a_refresh_token_rotates_replays_for_a_while_and_reuse_signs_out,
            accounts::a_disabled_account_refreshes_nothing,
            accounts::devices_are_listed_and_revoked,
            accounts::last_seen_never_goes_back,
            accounts::accounts_are_listed_in_pages_disabled_ones_too,
            accounts::files_are_kept_and_an_avatar_must_be_ones_own,
            changes::an_edit_is_an_event_and_pages_say_what_the_message_is_now,
            changes::a_deleted_message_keeps_its_place_and_loses_its_text_everywhere,
            changes::a_person_has_one_reaction_and_counts_follow,
            changes::only_who_sees_a_message_reacts_and_only_its_author_changes_it,
            changes::an_answer_names_the_place_of_what_it_answers,
            changes::a_file_is_carried_by_one_message_and_goes_with_it,
            changes::changes_of_one_batch_see_each_other,
            commands::the_same_command_again_gets_the_same_answer,
            commands::the_same_name_for_something_else_is_a_conflict_naming_the_first,
            commands::a_refused_command_does_not_use_its_name_up,
            commands::another_person_may_use_the_same_name,
            commands::a_message_waits_for_the_one_before_it,
            commands::a_batch_answers_in_order_and_each_sees_those_before,
            commands::two_who_open_at_once_get_one_room,
            commands::a_disabled_account_changes_nothing,
            commands::settings_and_profile_are_kept,
            failures::a_bad_row_undoes_its_batch_and_its_neighbours_pass_alone,
            failures::all_is_there_after_reopening,
            failures::a_closed_store_says_so,
            foreign::a_subject_is_one_account_however_often_and_at_once_it_is_asked_for,
            foreign::an_account_that_is_there_becomes_the_subjects,
            foreign::names_that_are_taken_make_way_and_who_has_no_email_is_not_found_by_one,
            foreign::a_sign_out_of_foreign_tokens_is_remembered_and_never_goes_back,
            foreign::keys_are_kept_by_name_and_forgotten,
            foreign::a_webhook_begins_at_the_ends_and_keeps_its_places,
            foreign::a_roster_names_who_is_in_now,
            foreign::the_server_does_what_an_owner_may_and_passes_an_owners_role_on,
            foreign::a_log_is_read_above_a_place_whoever_may_see_it,
            import::an_account_is_brought_once_and_follows_until_it_is_changed_here,
            import::a_room_moves_in_with_all_that_became_of_its_messages,
            logs::concurrent_writers_leave_no_gap_and_what_was_acked_is_below_what_is_sent_after,
            logs::times_rise_within_a_room_though_the_clock_goes_back,
            logs::any_text_comes_back_as_it_was,
            logs::a_message_is_found_by_its_id,
            logs::bulk_goes_on_at_the_head_or_not_at_all,
            logs::positions_only_ever_advance,
            members::unread_are_others_messages_above_the_read_position,
            members::unread_are_counted_up_to_the_cap,
            members::a_large_group_shows_ones_own_position_alone,
            members::a_list_of_rooms_names_oneself_alone_in_a_large_group,
            members::peers_share_a_small_room,
            members::roles_decide_who_may_do_what,
            members::the_owners_role_passes_on_when_they_leave,
            members::a_person_is_in_so_many_rooms_and_no_more,
            members::heads_name_every_room_and_the_own_log,
            paging::pages_meet_without_gap_or_overlap_both_ways,
            paging::a_page_around_a_place_holds_it,
            paging::edges_are_covered_and_empty,
            paging::who_joins_later_sees_from_there_on,
            paging::what_happened_between_two_stays_is_skipped,
            paging::who_is_not_in_reads_nothing,
            paging::messages_are_counted_and_paged_within_ones_stays,
            paging::a_time_finds_the_last_place_not_later,
            profiles::a_group_shows_itself_as_who_may_rename_it_says,
            profiles::a_picture_is_one_groups_alone_and_goes_with_the_next,
            profiles::a_group_is_made_with_its_profile_or_not_at_all,
            projection::state_before_and_events_make_state_after,
        }
    };
    ($name:ident: $($module:ident::$case:ident,)+) => {
        mod $name {
            use crate::world::{World, $name::Engine};
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    crate::$module::$case(World::new(Engine::default()).await).await;
                }
            )+
        }
    };
}

engine!(memory);
engine!(sqlite);
engine!(mariadb);
