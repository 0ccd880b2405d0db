//! Imports into a Zas that people use by now, and what becomes of rooms that are closed.

use zas_protocol::{Command, Event, EventBody, ProfileChange, Reaction, RoomProfileChange};
use zas_server::import::ImportError;

use super::*;

/// Messages of plain text, with who said them.
pub(super) async fn plain(store: &Arc<dyn Store>, room: RoomId) -> Vec<(MessageId, UserId, Event)> {
    let events = store.log_after(room, 0, 1_000).await.unwrap();
    let said = |event: Event| match &event.body {
        EventBody::Message { message, attachment: None, erased: false, .. } => {
            Some((*message, event.sender?, event))
        }
        _ => None,
    };
    events.into_iter().filter_map(said).collect()
}

/// This description, and no picture.
fn described(text: &str) -> RoomProfileChange {
    RoomProfileChange { description: Some(text.to_owned()), avatar: Some(None) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_stops_where_people_write_here_and_takes_nothing_back_when_it_goes_on() {
    let (_server, url) = old::filled(&SMALL).await;
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    import_all(&store, &url).await;
    let room = RoomId(sample::room(0));
    let messages = plain(&store, room).await;
    let (edited, deleted, liked, untouched) = (&messages[0], &messages[1], &messages[2], &messages[3]);
    let members = store.roster(room).await.unwrap().unwrap().members;
    let owner = members.iter().find(|member| member.role == zas_protocol::Role::Owner).unwrap().user;
    let taken_out = members.iter().find(|member| member.user != owner).unwrap().user;
    let added = (0..SMALL.users).map(|n| UserId(sample::user(n)));
    let added = added.into_iter().find(|user| members.iter().all(|member| member.user != *user)).unwrap();
    let disabled = UserId(sample::user(9));

    // An import's own changes are none of people who write here.
    sample::does(&url, &[Did::Edits(untouched.0.0)]).await.unwrap();
    assert_eq!(import_all(&store, &url).await.changed, 1);
    assert_eq!(import_all(&store, &url).await.changed, 0);

    let text = "corregido aquí".to_owned();
    here(
        &store,
        vec![
            (edited.1, Command::EditMessage { txn_id: name(), room, message: edited.0, text }),
            (deleted.1, Command::DeleteMessage { txn_id: name(), room, message: deleted.0 }),
            (
                owner,
                Command::React { txn_id: name(), room, message: liked.0, reaction: Some(Reaction::Fire) },
            ),
            (owner, Command::text(name(), room, None, "dicho aquí".to_owned())),
            (owner, Command::RenameRoom { txn_id: name(), room, name: "Aquí".to_owned() }),
            (owner, Command::SetRoomProfile { txn_id: name(), room, profile: described("de aquí") }),
            (owner, Command::RemoveMember { txn_id: name(), room, user: taken_out }),
            (owner, Command::AddMember { txn_id: name(), room, user: added }),
        ],
    )
    .await;
    store.set_active(disabled, false).await.unwrap();
    let said = sample::message(900_000);
    let did = [
        Did::Says { room: room.0, by: owner.0, id: said },
        Did::Edits(edited.0.0),
        Did::Edits(deleted.0.0),
        Did::Reacts(liked.0.0, owner.0),
        Did::Edits(messages[4].0.0),
        Did::Reacts(messages[5].0.0, owner.0),
    ];
    sample::does(&url, &did).await.unwrap();

    for dry_run in [true, false] {
        let look = Options { dry_run, ..options(&url) };
        let stopped = import::run(&store, look, &Counted::default(), None::<Pending<()>>).await;
        assert!(matches!(&stopped, Err(ImportError::Live { rooms: 1 })), "{stopped:?}");
        assert!(stopped.unwrap_err().to_string().contains("--keep-changes"));
        assert_eq!(store.event_by_message(MessageId(said)).await.unwrap(), None, "nothing was done");
    }
    let go_on = Options { keep_changes: true, ..options(&url) };
    for new in [1, 0] {
        let report =
            import::run(&store, go_on.clone(), &Counted::default(), None::<Pending<()>>).await.unwrap();
        assert_eq!(report.differing().count(), 0, "{report}");
        assert_eq!((report.messages.new, report.kept), (new, 3), "{report}");
        assert_eq!(report.changed > 1, new == 1, "{report}");
    }
    let states = store.states(owner, room, &[edited.2.seq, deleted.2.seq, liked.2.seq]).await.unwrap();
    assert_eq!(states[0].text.as_deref(), Some("corregido aquí"));
    assert!(states[1].deleted_at.is_some());
    assert_eq!(states[2].mine, Some(Reaction::Fire));
    let shown = store.room(owner, room).await.unwrap().unwrap();
    assert_eq!((shown.name.as_deref(), shown.description.as_str()), (Some("Aquí"), "de aquí"));
    assert_eq!(shown.avatar, None);
    assert_eq!(store.member(room, taken_out).await.unwrap(), None);
    assert!(store.member(room, added).await.unwrap().is_some());
    let row = store.accounts(None, 100).await.unwrap();
    assert!(row.iter().any(|row| row.user.id == disabled && !row.active), "who was disabled here stays so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_rooms_come_with_nobody_in_them_and_open_again_with_all_that_was_said() {
    let (_server, url) = old::filled(&SMALL).await;
    let (group, private, later_group, later_private) =
        (sample::room(3), sample::room(1), sample::room(6), sample::room(2));
    sample::does(&url, &[Did::Closes(group), Did::Closes(private)]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    let report = import_all(&store, &url).await;
    agrees(&report, &SMALL, None);
    let people = [UserId(sample::user(1)), UserId(sample::user(2))];
    for room in [group, private] {
        let roster = store.roster(RoomId(room)).await.unwrap().unwrap();
        assert!(roster.members.is_empty() && roster.head > 10, "{roster:?}");
    }
    // The pair of the closed room may write to each other in one of their own.
    here(&store, vec![(people[0], Command::OpenPrivate { txn_id: name(), user: people[1] })]).await;
    let again = import_all(&store, &url).await;
    assert_eq!((again.rooms.new, again.changed), (0, 0), "{again}");

    let did = [Did::Opens(group), Did::Opens(private), Did::Closes(later_group), Did::Closes(later_private)];
    sample::does(&url, &did).await.unwrap();
    let report = import_all(&store, &url).await;
    assert_eq!(report.differing().count(), 0, "{report}");
    for room in [group, private].map(RoomId) {
        let roster = store.roster(room).await.unwrap().unwrap();
        let owners = roster.members.iter().filter(|member| member.role == zas_protocol::Role::Owner).count();
        assert_eq!(owners, 1, "{roster:?}");
        let user = roster.members[0].user;
        let sees = store.page(user, room, PageAt::After(0), 10_000).await.unwrap().unwrap();
        assert_eq!(sees.events.len() as u64, roster.head, "all of it");
    }
    assert!(store.roster(RoomId(later_group)).await.unwrap().unwrap().members.is_empty());
    assert_eq!(store.roster(RoomId(later_private)).await.unwrap().unwrap().members.len(), 2);
    assert_eq!(report.left.get("chat_rooms: it was closed since, and stays open here"), Some(&1), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_member_muted_or_blocked_is_silent_here() {
    let (_server, url) = old::filled(&SMALL).await;
    let room = sample::room(1);
    let [muted, blocked] = [sample::user(1), sample::user(2)];
    sample::does(&url, &[Did::Mutes(room, muted), Did::Blocks(room, blocked)]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    let report = import_all(&store, &url).await;
    let what = "chat_participants: it is blocked there; here it is only muted and quiet";
    assert_eq!(report.left.get(what), Some(&1), "{report}");
    for (user, silent) in [(muted, (true, false)), (blocked, (true, true))] {
        let shown = store.room(UserId(user), RoomId(room)).await.unwrap().unwrap();
        assert_eq!((shown.prefs.muted, shown.prefs.quiet), silent, "{shown:?}");
        let other = store.room(UserId(user), RoomId(sample::room(2))).await.unwrap();
        assert!(other.is_none_or(|room| !room.prefs.muted), "in this room alone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_picture_comes_for_whoever_has_not_changed_what_they_are_here() {
    let (_server, url) = old::filled(&SMALL).await;
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    import_all(&store, &url).await;
    // One had a picture and one had none; a third goes by another name here.
    let [had, had_none, renamed] = [0, 1, 5].map(|n| UserId(sample::user(n)));
    let profile = ProfileChange { display_name: Some("Aquí".to_owned()), ..ProfileChange::default() };
    here(&store, vec![(renamed, Command::SetProfile { txn_id: name(), profile })]).await;
    sample::does(&url, &[had, had_none, renamed].map(|user| Did::Pictures(user.0))).await.unwrap();
    for changed in [2, 0] {
        assert_eq!(import_all(&store, &url).await.changed, changed);
        for (user, path) in [(had, "otra"), (had_none, "otra"), (renamed, "5")] {
            let shown = store.user(user).await.unwrap().unwrap().user.avatar.unwrap();
            let address = store.file_origin(shown).await.unwrap();
            assert_eq!(address, Some(format!("/media/avatars/{path}.jpg")));
        }
    }
}
