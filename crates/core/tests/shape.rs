//! What form a command must have: limits at −1, at and +1; that doing it twice changes nothing;
//! and that no input panics.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

use proptest::prelude::*;
use uuid::Uuid;
use zas_core::shape;
use zas_protocol::{
    Command, ErrorCode, FileId, Limits, MessageId, MessageLabel, Prefs, ProfileChange, RoomId, RoomPrefs,
    RoomProfileChange, TxnId, UserId,
};

const MAX: usize = 4_000;

fn send(text: &str) -> Command {
    Command::text(txn("t1"), room(), None, text.to_owned())
}

fn txn(name: &str) -> TxnId {
    TxnId::new(name).unwrap()
}

fn room() -> RoomId {
    RoomId(Uuid::from_u128(7))
}

fn normalized(mut command: Command) -> Result<Command, ErrorCode> {
    shape::normalize(&mut command, &Limits::default()).map(|()| command)
}

#[test]
fn a_text_may_have_the_limit_in_scalar_values_and_not_one_more() {
    for c in ["a", "ñ", "漢", "🙂"] {
        for n in [MAX - 1, MAX] {
            let text = c.repeat(n);
            assert_eq!(shape::text(&text, MAX), Ok(text.clone()), "{c} × {n}");
        }
        assert_eq!(shape::text(&c.repeat(MAX + 1), MAX), Err(ErrorCode::TextTooLong));
    }
    let padded = format!("  {}\n", "a".repeat(MAX));
    assert_eq!(shape::text(&padded, MAX).map(|text| text.len()), Ok(MAX), "the limit is for what is stored");
}

#[test]
fn a_text_that_shows_nothing_is_blank() {
    let blanks = ["", " ", "\n\t\r\n", "\u{a0}\u{2003}\u{3000}", "\u{200b}", " \u{feff}\u{2060} ", "\0\u{7}"];
    for blank in blanks.into_iter().chain(["\u{200d}\u{200c}", "\u{3164}", "\u{2800}", "\u{fe0f}"]) {
        assert_eq!(shape::text(blank, MAX), Err(ErrorCode::TextBlank), "{blank:?}");
        assert_eq!(shape::name(blank), Err(ErrorCode::NameInvalid), "{blank:?}");
        assert_eq!(shape::bio(blank).as_deref(), Ok(""), "{blank:?}");
        assert_eq!(shape::device_name(blank), "", "{blank:?}");
    }
}

#[test]
fn control_characters_are_dropped_and_line_ends_are_one() {
    assert_eq!(shape::text("a\0b\u{7}\u{1b}[31mc", MAX).as_deref(), Ok("ab[31mc"));
    assert_eq!(shape::text("a\r\nb\rc\nd\te", MAX).as_deref(), Ok("a\nb\nc\nd\te"));
    assert_eq!(shape::text("\0 a \0", MAX).as_deref(), Ok("a"));
    assert_eq!(shape::text("\u{202b}שלום", MAX).as_deref(), Ok("\u{202b}שלום"), "a text may run both ways");
}

#[test]
fn a_character_carries_eight_marks_and_not_nine() {
    for n in [7, 8] {
        let text = format!("e{}!", "\u{301}".repeat(n));
        assert_eq!(shape::text(&text, MAX), Ok(text.clone()), "{n}");
    }
    let nine = format!("e{}", "\u{301}".repeat(9));
    assert_eq!(shape::text(&nine, MAX), Err(ErrorCode::BadRequest));
    assert_eq!(shape::bio(&format!("x{}", "\u{335}".repeat(9))), Err(ErrorCode::BadRequest));
    assert_eq!(shape::name(&format!("x{}", "\u{335}".repeat(9))), Err(ErrorCode::NameInvalid));
    let two = format!("a{0}b{0}", "\u{335}".repeat(8));
    assert_eq!(shape::text(&two, MAX), Ok(two.clone()), "each character has its own");
}

#[test]
fn a_name_has_1_to_60_characters_on_one_line_and_nothing_hidden() {
    for n in [1, 59, 60] {
        assert_eq!(shape::name(&"ñ".repeat(n)), Ok("ñ".repeat(n)));
    }
    assert_eq!(shape::name(&"ñ".repeat(61)), Err(ErrorCode::NameInvalid));
    assert_eq!(shape::name("  Ana \n\t María ").as_deref(), Ok("Ana María"));
    assert_eq!(shape::name("nimda\u{202e}\u{200b}\u{2066}").as_deref(), Ok("nimda"));
    assert_eq!(shape::name("Jose\u{301}").as_deref(), Ok("José"), "NFC");
    assert_eq!(shape::name("👩\u{200d}🚀").as_deref(), Ok("👩\u{200d}🚀"), "what joins stays");
    assert_eq!(shape::device_name(&"x".repeat(61)), "x".repeat(60));
}

#[test]
fn a_bio_has_at_most_300_characters_and_may_be_cleared() {
    for n in [0, 299, 300] {
        assert_eq!(shape::bio(&"b".repeat(n)), Ok("b".repeat(n)));
    }
    assert_eq!(shape::bio(&"b".repeat(301)), Err(ErrorCode::TextTooLong));
    assert_eq!(shape::bio("one\r\ntwo").as_deref(), Ok("one\ntwo"));
}

#[test]
fn a_username_is_3_to_30_of_its_alphabet_in_lower_case() {
    for ok in ["abc", "A_1", &"x".repeat(29), &"x".repeat(30)] {
        assert_eq!(shape::username(ok), Ok(ok.to_lowercase()));
    }
    for bad in ["", "ab", &"x".repeat(31), "año", "a b", "a-b", "a.b", "ab\0", "аbc"] {
        assert_eq!(shape::username(bad), Err(ErrorCode::UsernameInvalid), "{bad:?}");
    }
}

#[test]
fn usernames_that_look_alike_have_one_skeleton() {
    let pairs = [
        ("paul", "pau1"),
        ("paul", "paui"),
        ("bob", "b0b"),
        ("ana_maria", "anamaria"),
        ("mario", "rnario"),
        ("mario", "r_nario"),
        ("walter", "vvalter"),
        ("wv", "vw"),
        ("Ana", "ana"),
    ];
    for (a, b) in pairs {
        assert_eq!(shape::skeleton(a), shape::skeleton(b), "{a} {b}");
    }
    for (a, b) in [("ana", "anna"), ("bob", "rob"), ("user1", "user2"), ("nora", "mora")] {
        assert_ne!(shape::skeleton(a), shape::skeleton(b), "{a} {b}");
    }
}

#[test]
fn an_email_has_one_form_and_254_bytes() {
    assert_eq!(shape::email(" Ana.Ruiz+zas@Example.COM ").as_deref(), Ok("ana.ruiz+zas@example.com"));
    let address =
        |bytes: usize| format!("a@{}.com", vec!["b".repeat(60); 4].join(".") + &"c".repeat(bytes - 249));
    for n in [253, 254] {
        assert_eq!(address(n).len(), n);
        assert!(shape::email(&address(n)).is_ok(), "{n}");
    }
    assert_eq!(shape::email(&address(255)), Err(ErrorCode::EmailInvalid));
    assert!(shape::email(&format!("{}@b.com", "a".repeat(64))).is_ok());
    assert!(shape::email(&format!("{}@b.com", "a".repeat(65))).is_err());
    for bad in [
        "",
        "a",
        "@b.com",
        "a@",
        "a@b",
        "a@.com",
        "a@b..com",
        "a b@c.com",
        "a@b@c.com",
        "a@-b.com",
        "a@b.com\0",
    ] {
        assert_eq!(shape::email(bad), Err(ErrorCode::EmailInvalid), "{bad:?}");
    }
}

#[test]
fn a_password_has_8_to_256_characters_of_any_kind() {
    for n in [8, 9, 255, 256] {
        assert_eq!(shape::password(&"🔑".repeat(n)), Ok(()), "{n}");
    }
    for n in [0, 7, 257, 100_000] {
        assert_eq!(shape::password(&"🔑".repeat(n)), Err(ErrorCode::PasswordInvalid), "{n}");
    }
}

#[test]
fn each_command_is_checked() {
    let (txn_id, room) = (txn("t1"), room());
    let user = UserId(Uuid::from_u128(1));
    let group = |name: &str, n: usize| Command::CreateGroup {
        txn_id: txn_id.clone(),
        name: name.to_owned(),
        members: vec![user; n],
        profile: None,
    };
    let profile = |profile| Command::SetProfile { txn_id: txn_id.clone(), profile };
    let prefs = |prefs| Command::SetPrefs { txn_id: txn_id.clone(), prefs };
    let room_prefs = |prefs| Command::SetRoomPrefs { txn_id: txn_id.clone(), room, prefs };
    let named = |name: &str| Some(name.to_owned());

    assert_eq!(normalized(send(" hola ")), Ok(send("hola")));
    assert_eq!(normalized(send(" ")), Err(ErrorCode::TextBlank));
    let after_itself = Command::text(txn_id.clone(), room, Some(txn_id.clone()), "x".to_owned());
    assert_eq!(normalized(after_itself), Err(ErrorCode::BadRequest));

    assert_eq!(normalized(group(" Familia ", 2)), Ok(group("Familia", 2)));
    assert_eq!(normalized(group("", 2)), Err(ErrorCode::NameInvalid));
    assert_eq!(normalized(group("x", 0)), Err(ErrorCode::BadRequest));
    assert!(normalized(group("x", 1_000)).is_ok());
    assert_eq!(normalized(group("x", 1_001)), Err(ErrorCode::RoomFull));
    let rename = Command::RenameRoom { txn_id: txn_id.clone(), room, name: "\u{202e}".to_owned() };
    assert_eq!(normalized(rename), Err(ErrorCode::NameInvalid));

    let room_profile = |profile| Command::SetRoomProfile { txn_id: txn_id.clone(), room, profile };
    let describes = |description: &str| RoomProfileChange {
        description: named(description),
        ..RoomProfileChange::default()
    };
    assert_eq!(normalized(room_profile(describes(" a\r\nb\u{202e} "))), Ok(room_profile(describes("a\nb"))));
    assert_eq!(normalized(room_profile(describes("\u{200b} "))), Ok(room_profile(describes(""))));
    assert!(normalized(room_profile(describes(&"ñ".repeat(500)))).is_ok());
    let long = describes(&"ñ".repeat(501));
    assert_eq!(normalized(room_profile(long.clone())), Err(ErrorCode::TextTooLong));
    let no_picture = RoomProfileChange { avatar: Some(None), ..RoomProfileChange::default() };
    assert!(normalized(room_profile(no_picture)).is_ok());
    assert_eq!(normalized(room_profile(RoomProfileChange::default())), Err(ErrorCode::BadRequest));
    let described = |profile| Command::CreateGroup {
        txn_id: txn_id.clone(),
        name: "x".to_owned(),
        members: vec![user],
        profile: Some(profile),
    };
    assert_eq!(normalized(described(describes(" a "))), Ok(described(describes("a"))));
    assert_eq!(normalized(described(long)), Err(ErrorCode::TextTooLong));

    let change = ProfileChange { display_name: named(" Ana "), bio: named(" "), avatar: None };
    let stored = ProfileChange { display_name: named("Ana"), bio: named(""), avatar: None };
    assert_eq!(normalized(profile(change)), Ok(profile(stored)));
    let picture = ProfileChange { avatar: Some(FileId(Uuid::from_u128(1))), ..ProfileChange::default() };
    assert!(normalized(profile(picture)).is_ok());
    assert_eq!(normalized(profile(ProfileChange::default())), Err(ErrorCode::BadRequest));
    let nameless = ProfileChange { display_name: named(""), ..ProfileChange::default() };
    assert_eq!(normalized(profile(nameless)), Err(ErrorCode::NameInvalid));

    for volume in [0, 99, 100] {
        assert!(normalized(prefs(Prefs { volume, ..Prefs::default() })).is_ok());
    }
    let odd = [
        Prefs { volume: 101, ..Prefs::default() },
        Prefs { language: named("fr"), ..Prefs::default() },
        Prefs { theme: named("pink"), ..Prefs::default() },
    ];
    for odd in odd {
        assert_eq!(normalized(prefs(odd.clone())), Err(ErrorCode::BadRequest), "{odd:?}");
    }
    for color in RoomPrefs::COLORS {
        assert!(normalized(room_prefs(RoomPrefs { color: named(color), ..RoomPrefs::default() })).is_ok());
    }
    // Looks of other clients are kept as they are, an empty one is none.
    let full = "ñ".repeat(RoomPrefs::LOOK_CHARS);
    let kept = RoomPrefs { color: named("#A1B2C3"), background: Some(full.clone()), ..RoomPrefs::default() };
    assert_eq!(normalized(room_prefs(kept.clone())), Ok(room_prefs(kept)));
    let blank = RoomPrefs { background: named(" "), nickname: named("\u{202e}"), ..RoomPrefs::default() };
    assert_eq!(normalized(room_prefs(blank)), Ok(room_prefs(RoomPrefs::default())));
    let long = RoomPrefs { other_color: Some(full + "x"), ..RoomPrefs::default() };
    assert_eq!(normalized(room_prefs(long)), Err(ErrorCode::BadRequest));
    let nickname = |name: &str| room_prefs(RoomPrefs { nickname: named(name), ..RoomPrefs::default() });
    assert_eq!(normalized(nickname(" Tito ")), Ok(nickname("Tito")));
    assert_eq!(normalized(nickname(&"x".repeat(61))), Err(ErrorCode::NameInvalid));

    let edit = |text: &str| Command::EditMessage {
        txn_id: txn_id.clone(),
        room,
        message: MessageId(Uuid::from_u128(1)),
        text: text.to_owned(),
    };
    assert_eq!(normalized(edit(" hola\r\n")), Ok(edit("hola")));
    assert_eq!(normalized(edit(" ")), Err(ErrorCode::TextBlank));
    let file = Some(FileId(Uuid::from_u128(1)));
    let carry = |text: &str, attachment, label| Command::Send {
        txn_id: txn_id.clone(),
        room,
        after: None,
        text: text.to_owned(),
        reply_to: None,
        attachment,
        label,
    };
    assert_eq!(normalized(carry(" ", file, None)), Ok(carry("", file, None)), "a file needs no words");
    let emoji = carry("😀", None, Some(MessageLabel::Emoji));
    assert_eq!(normalized(emoji.clone()), Ok(emoji));
    let system = carry("a", None, Some(MessageLabel::System));
    assert_eq!(normalized(system), Err(ErrorCode::BadRequest), "nobody speaks as the service");
}

#[test]
fn a_file_is_called_by_the_end_of_its_path_without_what_misleads() {
    let called = |input: &str| shape::file_name(input);
    for (input, name) in [
        ("foto de ana.jpg", "foto de ana.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\playa.png", "playa.png"),
        ("a\r\nset-cookie: x.txt", "a set-cookie: x.txt"),
        ("foto\u{202e}gnp.exe", "fotognp.exe"),
        ("nin\u{303}o.txt", "niño.txt"),
        ("  .oculto. ", "oculto"),
        ("\u{0}\u{7f}", ""),
        ("..", ""),
        ("/", ""),
        ("", ""),
        ("\u{200b}", ""),
    ] {
        assert_eq!(called(input), name, "{input:?}");
    }
    assert_eq!(called(&format!("z{}.txt", "\u{335}".repeat(20))), format!("z{}.txt", "\u{335}".repeat(8)));
}

#[test]
fn a_file_s_name_has_255_bytes_and_keeps_its_ending() {
    for (bytes, kept) in [(254, 254), (255, 255), (256, 255), (300, 255), (5_000, 255)] {
        let name = shape::file_name(&format!("{}.jpeg", "x".repeat(bytes - 5)));
        assert_eq!((name.len(), name.ends_with("x.jpeg")), (kept, true), "{bytes}");
        // A character is kept whole or not at all.
        let name = shape::file_name(&format!("{}.jpeg", "😀".repeat(bytes / 4)));
        assert!(name.len() <= 255 && name.trim_end_matches(".jpeg").chars().all(|c| c == '😀'), "{name}");
    }
    assert_eq!(shape::file_name(&format!("a.{}", "x".repeat(300))).len(), 255, "an ending is not that long");
}

/// Text as people and attackers write it: letters, blanks, marks, controls, what is hidden.
fn any_text() -> impl Strategy<Value = String> {
    let c = prop_oneof![
        4 => any::<char>(),
        4 => prop::sample::select(vec![' ', '\n', '\r', '\t', 'a', 'Z', '0', '_', '@', '.']),
        2 => prop::sample::select(vec!['\u{301}', '\u{335}', '\u{200d}', '\u{202e}', '\u{feff}', '\u{2003}']),
        1 => (0_u8..32).prop_map(char::from),
        1 => prop::sample::select(vec!['\u{1100}', '\u{1161}', '\u{11a8}', '\u{3b1}', '\u{345}', '\u{fb1d}']),
    ];
    prop::collection::vec(c, 0..80).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn what_is_stored_stays_as_it_is(input in any_text()) {
        if let Ok(text) = shape::text(&input, MAX) {
            prop_assert_eq!(shape::text(&text, MAX), Ok(text.clone()));
            prop_assert!(text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
            prop_assert_eq!(text.trim(), &text);
        }
        if let Ok(name) = shape::name(&input) {
            prop_assert_eq!(shape::name(&name), Ok(name.clone()));
            prop_assert!((1..=60).contains(&name.chars().count()));
            prop_assert!(!name.chars().any(char::is_control));
        }
        if let Ok(bio) = shape::bio(&input) {
            prop_assert_eq!(shape::bio(&bio), Ok(bio.clone()));
        }
        if let Ok(email) = shape::email(&input) {
            prop_assert_eq!(shape::email(&email), Ok(email.clone()));
        }
        let file = shape::file_name(&input);
        prop_assert_eq!(&shape::file_name(&file), &file);
        prop_assert!(file.len() <= 255 && !file.contains(['/', '\\']) && !file.chars().any(char::is_control));
        let device = shape::device_name(&input);
        prop_assert_eq!(&shape::device_name(&device), &device);
    }

    #[test]
    fn a_skeleton_is_its_own(name in "[A-Za-z0-9_]{3,30}") {
        let skeleton = shape::skeleton(&name);
        prop_assert_eq!(shape::skeleton(&skeleton), skeleton.clone());
        prop_assert_eq!(shape::skeleton(&name.to_uppercase()), skeleton);
    }
}
