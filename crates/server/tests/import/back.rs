//! What goes back into the old tables besides messages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use zas_protocol::{FileId, Limits, Position, ProfileChange, Role, RoomPrefs, RoomProfileChange};
use zas_server::auth::keys::Keys;
use zas_server::export;
use zas_server::files::Files;
use zas_store::django::{Django, OldMember, OldUser, id};

use super::*;

async fn export(
    store: &Arc<dyn Store>,
    files: &Files,
    url: &str,
    media: Option<&Path>,
) -> export::django::Report {
    let options = export::django::Options {
        to: url.to_owned(),
        media_dir: media.map(Path::to_owned),
        media: "/media/".to_owned(),
        message_chars: Limits::default().message_chars,
    };
    export::django::run(&**store, files, options).await.unwrap()
}

/// A chat that moved in, and where its files go.
async fn moved_in(folder: &tempfile::TempDir) -> (Mariadb, String, Arc<dyn Store>, Arc<Files>) {
    let (server, url) = old::filled(&SMALL).await;
    let store = sqlite(folder);
    import_all(&store, &url).await;
    let files = Files::open(folder.path(), &Keys::random(), Limits::default()).unwrap();
    (server, url, store, Arc::new(files))
}

async fn person(url: &str, user: UserId) -> OldUser {
    let users = Django::open(url).await.unwrap().users().await.unwrap();
    users.into_iter().find(|old| id(&old.key) == Some(user.0)).unwrap()
}

async fn member(url: &str, room: RoomId, user: UserId) -> OldMember {
    let members = Django::open(url).await.unwrap().members().await.unwrap();
    let is_it = |member: &OldMember| id(&member.room) == Some(room.0) && id(&member.user) == Some(user.0);
    members.into_iter().find(is_it).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_roles_and_settings_that_were_changed_here_go_back_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url, store, files) = moved_in(&folder).await;
    let media = folder.path().join("media");
    let untouched = export(&store, &files, &url, Some(&media)).await;
    assert_eq!(untouched, export::django::Report::default(), "what came is there as it was");

    let room = RoomId(sample::room(0));
    let roster = store.roster(room).await.unwrap().unwrap().members;
    let owner = roster.iter().find(|member| member.role == Role::Owner).unwrap().user;
    let others: Vec<UserId> = roster.iter().map(|member| member.user).filter(|&user| user != owner).collect();
    let mut picture = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(6, 4).write_to(&mut picture, image::ImageFormat::Png).unwrap();
    let avatar = files
        .put_avatar(&*store, owner, zas_store::FileKind::Avatar, picture.into_inner().into(), clock::now())
        .await;
    let avatar: FileId = avatar.unwrap();
    let profile = |display_name: Option<&str>, avatar| Command::SetProfile {
        txn_id: name(),
        profile: ProfileChange { display_name: display_name.map(str::to_owned), avatar, bio: None },
    };
    let silent =
        RoomPrefs { color: Some("rose".to_owned()), muted: true, quiet: true, ..RoomPrefs::default() };
    let before = [member(&url, room, owner).await, member(&url, room, others[1]).await];
    here(
        &store,
        vec![
            (owner, profile(Some("Dueña"), None)),
            (owner, profile(None, Some(avatar))),
            (owner, Command::SetRole { txn_id: name(), room, user: others[0], role: Role::Owner }),
            (others[0], Command::SetRoomPrefs { txn_id: name(), room, prefs: silent }),
        ],
    )
    .await;
    let report = export(&store, &files, &url, Some(&media)).await;
    assert_eq!((report.profiles, report.settings, report.files), (1, 3, 1), "{report}");
    let changed = person(&url, owner).await;
    assert_eq!(changed.display_name.as_deref(), Some("Dueña"));
    let path = changed.avatar.unwrap();
    assert!(path.starts_with("zas/") && !std::fs::read(media.join(&path)).unwrap().is_empty(), "{path}");
    assert_eq!(member(&url, room, others[0]).await.role.as_deref(), Some("owner"));
    assert_eq!(
        member(&url, room, owner).await,
        OldMember { role: Some("admin".to_owned()), ..before[0].clone() }
    );
    let looks = member(&url, room, others[0]).await;
    assert_eq!((looks.color.as_deref(), looks.sound, looks.notifications), (Some("rose"), false, false));
    assert_eq!(member(&url, room, others[1]).await, before[1], "who changed nothing is as they were");

    let again = export(&store, &files, &url, Some(&media)).await;
    assert_eq!((again.profiles, again.settings, again.files), (0, 0, 0), "{again}");
    here(
        &store,
        vec![(others[0], Command::SetRoomPrefs { txn_id: name(), room, prefs: RoomPrefs::default() })],
    )
    .await;
    assert_eq!(export(&store, &files, &url, Some(&media)).await.settings, 1);
    let looks = member(&url, room, others[0]).await;
    assert_eq!((looks.color.as_deref(), looks.sound, looks.notifications), (Some(""), true, true));
}

/// A group's picture, uploaded by somebody.
async fn picture(store: &Arc<dyn Store>, files: &Files, by: UserId, width: u32) -> FileId {
    let mut picture = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(width, 4).write_to(&mut picture, image::ImageFormat::Png).unwrap();
    let kind = zas_store::FileKind::RoomAvatar;
    files.put_avatar(&**store, by, kind, picture.into_inner().into(), clock::now()).await.unwrap()
}

/// Where a room's picture is there.
async fn shown(url: &str, room: RoomId) -> String {
    Django::open(url).await.unwrap().room_avatar(&room.0.simple().to_string()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picture_that_a_group_got_here_goes_back_and_one_that_came_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url, store, files) = moved_in(&folder).await;
    let media = folder.path().join("media");
    let wears = |room, avatar| Command::SetRoomProfile {
        txn_id: name(),
        room,
        profile: RoomProfileChange { avatar: Some(avatar), description: None },
    };
    let mut came = None;
    for n in 0..SMALL.rooms {
        let room = RoomId(sample::room(n));
        let path = shown(&url, room).await;
        if !path.is_empty() {
            came = Some((room, path));
            break;
        }
    }
    let (came, path) = came.unwrap();
    let owner = async |room| {
        let members = store.roster(room).await.unwrap().unwrap().members;
        members.iter().find(|member| member.role == Role::Owner).unwrap().user
    };
    let by = owner(came).await;
    let [first, last, new] = [
        picture(&store, &files, by, 5).await,
        picture(&store, &files, by, 6).await,
        picture(&store, &files, by, 7).await,
    ];
    assert_eq!(export(&store, &files, &url, Some(&media)).await, export::django::Report::default());
    assert_eq!(shown(&url, came).await, path);

    let other = UserId((0..).map(sample::user).find(|&user| user != by.0).unwrap());
    let create = Command::CreateGroup {
        txn_id: name(),
        name: "Los del viernes".to_owned(),
        members: vec![other],
        profile: Some(RoomProfileChange { avatar: Some(Some(new)), description: None }),
    };
    here(&store, vec![(by, wears(came, Some(first))), (by, wears(came, Some(last))), (by, create)]).await;
    let rooms = store.rooms(by).await.unwrap();
    let made = rooms.iter().find(|room| room.name.as_deref() == Some("Los del viernes")).unwrap().id;
    let without = export(&store, &files, &url, None).await;
    assert_eq!((without.files, without.files_left), (0, 2), "{without}");
    assert_eq!(shown(&url, came).await, path, "better the old one than none");
    for copied in [2, 0] {
        let report = export(&store, &files, &url, Some(&media)).await;
        assert_eq!((report.files, report.settings), (copied, copied), "{report}");
    }
    assert_eq!(shown(&url, came).await, format!("zas/{last}.jpg"));
    assert_eq!(shown(&url, made).await, format!("zas/{new}.jpg"));
    assert!(media.join(format!("zas/{new}.jpg")).is_file());
    assert!(!media.join(format!("zas/{first}.jpg")).exists(), "what nobody sees any more");

    here(&store, vec![(by, wears(came, None))]).await;
    for changed in [1, 0] {
        assert_eq!(export(&store, &files, &url, Some(&media)).await.settings, changed);
        assert_eq!(shown(&url, came).await, "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_left_out_once_is_added_later() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url, store, files) = moved_in(&folder).await;
    let media = folder.path().join("media");
    let (room, by) = (RoomId(sample::room(1)), UserId(sample::user(1)));
    let sent = futures_util::stream::iter([Ok("los acuerdos".into())]);
    let row = files.put_attachment(&store, by, "acta.txt", sent, clock::now()).await.unwrap();
    let send = Command::Send {
        txn_id: name(),
        room,
        after: None,
        text: String::new(),
        reply_to: None,
        attachment: Some(row.id),
        label: None,
    };
    here(&store, vec![(by, send)]).await;
    let head = store.roster(room).await.unwrap().unwrap().head;
    let said = store.log_after(room, head - 1, 1).await.unwrap()[0].body.message().unwrap();
    let file = async || {
        let key = said.0.simple().to_string();
        Django::open(&url).await.unwrap().messages(&[&key]).await.unwrap()[0].file.clone()
    };
    for _without in 0..2 {
        let report = export(&store, &files, &url, None).await;
        assert_eq!((report.files, report.files_left), (0, 1), "{report}");
        assert_eq!(file().await, None);
    }
    let report = export(&store, &files, &url, Some(&media)).await;
    assert_eq!((report.messages, report.files, report.files_left), (0, 1, 0), "{report}");
    let path = file().await.unwrap();
    let copied = media.join(path.strip_prefix("/media/").unwrap());
    assert_eq!(std::fs::read(copied).unwrap(), b"los acuerdos");
    assert_eq!(export(&store, &files, &url, Some(&media)).await.files, 0);
}

/// Who has read which messages of a room there.
async fn reads(url: &str, room: RoomId) -> BTreeSet<(MessageId, UserId)> {
    let reads = Django::open(url).await.unwrap().reads_of(&[&room.0.simple().to_string()]).await.unwrap();
    reads
        .iter()
        .map(|read| (MessageId(id(&read.message).unwrap()), UserId(id(&read.user).unwrap())))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_was_read_here_is_noted_as_read_there() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url, store, files) = moved_in(&folder).await;
    let room = RoomId(sample::room(1));
    let [by, reader] = [1, 2].map(|n| UserId(sample::user(n)));
    let before = reads(&url, room).await;
    let events = store.log_after(room, 0, 1_000).await.unwrap();
    let place: BTreeMap<MessageId, Seq> =
        events.iter().filter_map(|event| Some((event.body.message()?, event.seq))).collect();
    let had_read = before.iter().filter(|(_, user)| *user == reader).map(|(message, _)| place[message]).max();
    assert!(had_read.unwrap() > 10, "{had_read:?}");
    let text = "léelo".to_owned();
    here(&store, vec![(by, Command::text(name(), room, None, text))]).await;
    assert_eq!(export(&store, &files, &url, None).await.reads, 0, "nobody has read anything here");

    let head = store.roster(room).await.unwrap().unwrap().head;
    let at = clock::now();
    let position = Position { user: reader, delivered: head, read: head, delivered_at: at, read_at: at };
    store.put_positions(vec![(room, position)]).await.unwrap();
    let report = export(&store, &files, &url, None).await;
    let after = reads(&url, room).await;
    let new: BTreeSet<_> = after.difference(&before).copied().collect();
    let events = store.log_after(room, had_read.unwrap(), 1_000).await.unwrap();
    let read_here: BTreeSet<_> = events
        .iter()
        .filter(|event| event.sender != Some(reader))
        .filter_map(|event| Some((event.body.message()?, reader)))
        .collect();
    assert_eq!(new, read_here);
    assert_eq!(report.reads, new.len() as u64, "{report}");
    assert_eq!(member(&url, room, reader).await.last_read_at, Some(at));
    assert_eq!(member(&url, room, by).await.last_read_at, None, "who read nothing here");
    assert_eq!(export(&store, &files, &url, None).await.reads, 0);
}
