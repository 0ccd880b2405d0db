//! Messages after they are sent: edited, deleted, answered, reacted to, and the files they carry.

use uuid::Uuid;
use zas_protocol::{
    Command, ErrorCode, Event, EventBody, FileId, Media, MessageId, MessageLabel, MessageState, Reaction,
    ReactionCount, RoomId, Seq, UserId,
};
use zas_store::{FileKind, FileRow, PageAt};

use crate::world::World;

fn edit(world: &World, room: RoomId, message: MessageId, text: &str) -> Command {
    Command::EditMessage { txn_id: world.txn(), room, message, text: text.to_owned() }
}

fn delete(world: &World, room: RoomId, message: MessageId) -> Command {
    Command::DeleteMessage { txn_id: world.txn(), room, message }
}

fn react(world: &World, room: RoomId, message: MessageId, reaction: Option<Reaction>) -> Command {
    Command::React { txn_id: world.txn(), room, message, reaction }
}

async fn newest(world: &World, user: UserId, room: RoomId) -> Vec<MessageState> {
    world.page(user, room, PageAt::Newest, 100).await.states
}

async fn event(world: &World, user: UserId, room: RoomId, seq: Seq) -> Event {
    world.store.visible(user, room, &[seq]).await.unwrap().unwrap().remove(0)
}

fn counts(state: &MessageState) -> Vec<(Reaction, u32)> {
    state.reactions.iter().map(|&ReactionCount { reaction, count }| (reaction, count)).collect()
}

pub(crate) async fn an_edit_is_an_event_and_pages_say_what_the_message_is_now(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let sent = world.send(ana, room, "hoal").await;
    let message = sent.message.unwrap();
    let decided = world.ok(ana, edit(&world, room, message, "hola")).await;
    assert_eq!((decided.ack.seq, decided.ack.message), (sent.seq + 1, None));
    let body = EventBody::MessageEdited { message, of: sent.seq, text: "hola".to_owned(), erased: false };
    assert_eq!(event(&world, luis, room, decided.ack.seq).await.body, body);
    assert_eq!(
        event(&world, luis, room, sent.seq).await.body,
        EventBody::text(message, "hoal".to_owned()),
        "a place never means another event"
    );
    world.ok(ana, edit(&world, room, message, "¡hola!")).await;
    let state = newest(&world, luis, room).await.remove(0);
    assert_eq!((state.message, state.of, state.rev), (message, sent.seq, sent.seq + 2));
    assert_eq!(state.text.as_deref(), Some("¡hola!"));
    let at = event(&world, luis, room, state.rev).await.at;
    assert_eq!((state.edited_at, state.deleted_at), (Some(at), None));
    // Also on a page that holds the message and none of its edits, and in the list of rooms.
    let page = world.page(luis, room, PageAt::Before(sent.seq + 1), 10).await;
    assert_eq!(page.states, std::slice::from_ref(&state));
    assert_eq!(world.page(luis, room, PageAt::After(sent.seq), 10).await.states, []);
    assert_eq!(world.room(luis, room).await.last_state, Some(state.clone()));
    assert_eq!(world.store.rooms(luis).await.unwrap()[0].last_state, Some(state.clone()));
    assert_eq!(world.store.states(luis, room, &[sent.seq, 1, sent.seq]).await.unwrap(), [state]);
}

pub(crate) async fn a_deleted_message_keeps_its_place_and_loses_its_text_everywhere(mut world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let send = world.message(room, "secreto");
    let sent = world.ok(ana, send.clone()).await.ack;
    let message = sent.message.unwrap();
    for text in ["secretos", "secreto tres"] {
        world.ok(ana, edit(&world, room, message, text)).await;
    }
    world.ok(luis, react(&world, room, message, Some(Reaction::Wow))).await;
    world.ok(ana, delete(&world, room, message)).await;
    for reopened in [false, true] {
        if reopened {
            world.reopen().await;
        }
        let log = world.events(luis, room).await;
        let json = serde_json::to_string(&log).unwrap();
        assert!(!json.contains("secreto"), "{json}");
        let kinds: Vec<&str> = log.iter().map(|event| event.body.kind()).collect();
        let expected = ["room_created", "message", "message_edited", "message_edited", "reaction_changed"];
        assert_eq!(kinds, [&expected[..], &["message_deleted"]].concat());
        assert_eq!(log[1].txn_id.as_ref(), Some(send.txn_id()));
        let state = newest(&world, luis, room).await.remove(0);
        assert_eq!((state.rev, state.text, state.deleted_at), (6, None, Some(log[5].at)));
        assert_eq!((state.edited_at, state.reactions, state.mine), (None, Vec::new(), None));
        assert_eq!(world.store.reacted(room, &[sent.seq]).await.unwrap(), []);
    }
    // The name still stands for what was sent, and for nothing else.
    assert_eq!(world.ok(ana, send.clone()).await.ack, sent);
    let other = Command::text(send.txn_id().clone(), room, None, "otra".to_owned());
    assert_eq!(world.refused(ana, other).await, ErrorCode::TxnConflict);
    // Deleting it again is no fault, and nothing else can be done to it.
    let again = world.ok(ana, delete(&world, room, message)).await;
    assert_eq!((again.ack.seq, again.writes.len()), (6, 0));
    assert_eq!(world.refused(ana, edit(&world, room, message, "a")).await, ErrorCode::NotFound);
    let like = react(&world, room, message, Some(Reaction::Like));
    assert_eq!(world.refused(luis, like).await, ErrorCode::NotFound);
}

pub(crate) async fn a_person_has_one_reaction_and_counts_follow(world: World) {
    let (ana, luis, eva) = (world.user("ana").await, world.user("luis").await, world.user("eva").await);
    let room = world.group(&[ana, luis, eva]).await;
    let sent = world.send(ana, room, "gol").await;
    let message = sent.message.unwrap();
    let of = sent.seq;
    for (who, reaction) in [
        (luis, Some(Reaction::Like)),
        (eva, Some(Reaction::Golazo)),
        (luis, Some(Reaction::Golazo)),
        (ana, Some(Reaction::Love)),
        (ana, None),
    ] {
        world.ok(who, react(&world, room, message, reaction)).await;
    }
    let seen = newest(&world, luis, room).await.remove(0);
    assert_eq!((counts(&seen), seen.mine), (vec![(Reaction::Golazo, 2)], Some(Reaction::Golazo)));
    assert_eq!(newest(&world, ana, room).await[0].mine, None);
    let changed = event(&world, ana, room, of + 3).await.body;
    let (reaction, was) = (Some(Reaction::Golazo), Some(Reaction::Like));
    assert_eq!(changed, EventBody::ReactionChanged { message, of, reaction, was });
    let reacted = world.store.reacted(room, &[of]).await.unwrap();
    let who: Vec<_> = reacted.iter().map(|reacted| (reacted.of, reacted.user, reacted.reaction)).collect();
    assert_eq!(who, [(of, eva, Reaction::Golazo), (of, luis, Reaction::Golazo)]);
    // What is so already is no event, and its name stays free.
    let again = world.ok(luis, react(&world, room, message, Some(Reaction::Golazo))).await;
    assert_eq!((again.ack.seq, again.writes.len()), (seen.rev, 0));
    let nothing = world.ok(ana, react(&world, room, message, None)).await;
    assert_eq!(nothing.writes.len(), 0);
}

pub(crate) async fn only_who_sees_a_message_reacts_and_only_its_author_changes_it(world: World) {
    let (ana, luis, eva) = (world.user("ana").await, world.user("luis").await, world.user("eva").await);
    let room = world.group(&[ana, luis]).await;
    let other = world.private(ana, eva).await;
    let early = world.send(luis, room, "antes").await.message.unwrap();
    world.add(ana, room, eva).await;
    let seen = world.send(luis, room, "dentro").await.message.unwrap();
    let like = |message| react(&world, room, message, Some(Reaction::Like));
    // Who came later does not see it; its id alone opens nothing, in no room.
    assert_eq!(world.refused(eva, like(early)).await, ErrorCode::NotFound);
    let elsewhere = react(&world, other, early, Some(Reaction::Like));
    assert_eq!(world.refused(ana, elsewhere).await, ErrorCode::NotFound);
    world.ok(eva, like(seen)).await;
    // The owner of the group neither edits nor deletes what others said.
    assert_eq!(world.refused(ana, edit(&world, room, seen, "a")).await, ErrorCode::Forbidden);
    assert_eq!(world.refused(ana, delete(&world, room, seen)).await, ErrorCode::Forbidden);
    world.remove(ana, room, eva).await;
    assert_eq!(world.refused(eva, like(seen)).await, ErrorCode::NotFound);
    world.add(ana, room, eva).await;
    world.ok(eva, react(&world, room, seen, Some(Reaction::Sad))).await;
    let between = world.store.visible(eva, room, &[2, 4, 100]).await.unwrap().unwrap();
    assert_eq!(between.iter().map(|event| event.seq).collect::<Vec<_>>(), [4]);
    world.remove(ana, room, luis).await;
    assert_eq!(world.refused(luis, delete(&world, room, seen)).await, ErrorCode::NotFound);
    assert_eq!(world.store.visible(luis, room, &[2]).await.unwrap(), None);
    let nothing = MessageId(Uuid::nil());
    assert_eq!(world.refused(ana, like(nothing)).await, ErrorCode::NotFound);
}

pub(crate) async fn an_answer_names_the_place_of_what_it_answers(world: World) {
    let (ana, luis, eva) = (world.user("ana").await, world.user("luis").await, world.user("eva").await);
    let room = world.group(&[ana, luis]).await;
    let first = world.send(ana, room, "¿vienes?").await;
    world.add(ana, room, eva).await;
    let answer = |to: MessageId| Command::Send {
        txn_id: world.txn(),
        room,
        after: None,
        text: "😀".to_owned(),
        reply_to: Some(to),
        attachment: None,
        label: Some(MessageLabel::Emoji),
    };
    let sent = world.ok(luis, answer(first.message.unwrap())).await.ack;
    let EventBody::Message { reply_to, label, .. } = event(&world, eva, room, sent.seq).await.body else {
        panic!("an answer is a message");
    };
    assert_eq!(reply_to.map(|reply| (reply.message, reply.of)), Some((first.message.unwrap(), first.seq)));
    assert_eq!(label, Some(MessageLabel::Emoji));
    assert_eq!(world.refused(eva, answer(first.message.unwrap())).await, ErrorCode::NotFound);
    let elsewhere = world.private(ana, luis).await;
    let other = world.send(ana, elsewhere, "otra").await.message.unwrap();
    assert_eq!(world.refused(ana, answer(other)).await, ErrorCode::NotFound);
    // A retry with another quote is another message.
    let one = answer(first.message.unwrap());
    world.ok(luis, one.clone()).await;
    let Command::Send { txn_id, room, text, .. } = one else { unreachable!() };
    assert_eq!(world.refused(luis, Command::text(txn_id, room, None, text)).await, ErrorCode::TxnConflict);
}

pub(crate) async fn a_file_is_carried_by_one_message_and_goes_with_it(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let upload = async |n: u128, kind, bytes| {
        let file = FileRow {
            id: FileId(Uuid::from_u128(n)),
            user: ana,
            kind,
            name: "año.png".to_owned(),
            media_type: "image/png".to_owned(),
            bytes,
            width: 64,
            height: 48,
            at: world.now(),
            message: None,
        };
        world.store.put_file(file.clone()).await.unwrap();
        file
    };
    let photo = upload(1, FileKind::Attachment, 1_000).await;
    let unused = upload(2, FileKind::Attachment, 20).await;
    let avatar = upload(3, FileKind::Avatar, 300).await;
    let carry = |file: FileId, text: &str| Command::Send {
        txn_id: world.txn(),
        room,
        after: None,
        text: text.to_owned(),
        reply_to: None,
        attachment: Some(file),
        label: None,
    };
    assert_eq!(world.refused(luis, carry(photo.id, "")).await, ErrorCode::NotFound);
    assert_eq!(world.refused(ana, carry(avatar.id, "")).await, ErrorCode::NotFound);
    let sent = world.ok(ana, carry(photo.id, "")).await.ack;
    let EventBody::Message { attachment: Some(attachment), .. } =
        event(&world, luis, room, sent.seq).await.body
    else {
        panic!("it carries the file");
    };
    assert_eq!((attachment.file, attachment.media, attachment.bytes), (photo.id, Media::Image, 1_000));
    assert_eq!((attachment.width, attachment.height, &*attachment.name), (64, 48, "año.png"));
    let stored = world.store.file(photo.id).await.unwrap().unwrap();
    assert_eq!(stored.message, Some((room, sent.seq)));
    assert_eq!(world.refused(ana, carry(photo.id, "otra vez")).await, ErrorCode::NotFound);
    let profile = zas_protocol::ProfileChange { avatar: Some(unused.id), ..Default::default() };
    let wear = Command::SetProfile { txn_id: world.txn(), profile };
    assert_eq!(world.refused(ana, wear).await, ErrorCode::NotFound);
    let message = sent.message.unwrap();
    assert_eq!(world.refused(ana, edit(&world, room, message, "a")).await, ErrorCode::Forbidden);

    assert_eq!(world.store.file_bytes(ana).await.unwrap(), 1_020);
    assert_eq!(world.store.forget_files(0, 10).await.unwrap(), []);
    world.ok(ana, delete(&world, room, message)).await;
    assert_eq!(world.store.file(photo.id).await.unwrap(), None, "nobody fetches it any more");
    assert_eq!(world.store.file_bytes(ana).await.unwrap(), 20);
    assert_eq!(world.store.forget_files(0, 10).await.unwrap(), [photo.id]);
    assert_eq!(world.store.forget_files(unused.at, 10).await.unwrap(), []);
    assert_eq!(world.store.forget_files(unused.at + 1, 10).await.unwrap(), [unused.id]);
    assert_eq!(world.store.file(avatar.id).await.unwrap(), Some(avatar));
}

/// A batch whose commands change one message one after the other.
pub(crate) async fn changes_of_one_batch_see_each_other(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let message = world.send(ana, room, "uno").await.message.unwrap();
    let like = Some(Reaction::Like);
    let batch = [
        (luis, react(&world, room, message, like)),
        (luis, react(&world, room, message, Some(Reaction::Sad))),
        (ana, edit(&world, room, message, "dos")),
        (ana, delete(&world, room, message)),
        (luis, react(&world, room, message, like)),
        (ana, delete(&world, room, message)),
    ];
    let batch = batch.map(|(user, command)| zas_core::ledger::Submission { user, command });
    let outcomes = world.store.commit(batch.to_vec(), world.now()).await.unwrap();
    let seqs: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.as_ref().map(|decided| decided.ack.seq).map_err(|refusal| refusal.code))
        .collect();
    assert_eq!(seqs, [Ok(3), Ok(4), Ok(5), Ok(6), Err(ErrorCode::NotFound), Ok(6)]);
    let states = newest(&world, luis, room).await;
    assert_eq!((states.len(), states[0].rev, states[0].mine), (1, 6, None));
    let json = serde_json::to_string(&world.events(luis, room).await).unwrap();
    assert!(!json.contains("uno") && !json.contains("dos"), "{json}");
}
