//! What is checked before the store is asked: form alone, so that the answer never changes. Each
//! function returns what is stored.
//!
//! To add a command: its arm in [`normalize`]. To add a kind of text: a function here, with a
//! test at limit − 1, limit and limit + 1.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use zas_protocol::limits::{
    BIO_CHARS, COMBINING_MARKS, DESCRIPTION_CHARS, FILE_NAME_BYTES, GROUP_MEMBERS, NAME_CHARS,
};
use zas_protocol::{
    Command, ErrorCode, Limits, MessageLabel, Prefs, ProfileChange, RoomPrefs, RoomProfileChange,
};

/// Bytes of an email address (RFC 5321 §4.5.3.1.3).
pub const EMAIL_BYTES: usize = 254;
/// Bytes of an email address before its `@` (RFC 5321 §4.5.3.1.1).
pub const EMAIL_LOCAL_BYTES: usize = 64;

/// Bytes of a file name's ending that are kept when the name is cut.
const FILE_ENDING_BYTES: usize = 16;

/// Checks a command and puts its texts into the form that is stored. Doing it twice changes
/// nothing, so a retry has the fingerprint of the first try.
///
/// # Errors
/// The code to refuse with; the command is then worthless.
pub fn normalize(command: &mut Command, limits: &Limits) -> Result<(), ErrorCode> {
    match command {
        Command::Send { txn_id, after, text: body, attachment, label, .. } => {
            if after.as_ref() == Some(txn_id) || *label == Some(MessageLabel::System) {
                return Err(ErrorCode::BadRequest);
            }
            *body = match text(body, limits.message_chars) {
                Err(ErrorCode::TextBlank) if attachment.is_some() => String::new(),
                other => other?,
            };
        }
        Command::EditMessage { text: body, .. } => *body = text(body, limits.message_chars)?,
        Command::CreateGroup { name: called, members, profile, .. } => {
            *called = name(called)?;
            profile.as_mut().map(normalize_room_profile).transpose()?;
            match members.len() {
                0 => return Err(ErrorCode::BadRequest),
                n if n > GROUP_MEMBERS => return Err(ErrorCode::RoomFull),
                _ => {}
            }
        }
        Command::RenameRoom { name: called, .. } => *called = name(called)?,
        Command::SetRoomProfile { profile, .. } => normalize_room_profile(profile)?,
        Command::SetProfile { profile, .. } => normalize_profile(profile)?,
        Command::SetPrefs { prefs, .. } => check_prefs(prefs)?,
        Command::SetRoomPrefs { prefs, .. } => normalize_room_prefs(prefs)?,
        Command::DeleteMessage { .. }
        | Command::React { .. }
        | Command::OpenPrivate { .. }
        | Command::AddMember { .. }
        | Command::RemoveMember { .. }
        | Command::SetRole { .. }
        | Command::LeaveRoom { .. } => {}
    }
    Ok(())
}

/// A message's text: trimmed, line ends as `\n`, and without control characters but `\n` and
/// `\t`. Those are dropped, not refused: they come unseen with what people paste.
///
/// # Errors
/// [`ErrorCode::TextBlank`] when nothing shows; [`ErrorCode::TextTooLong`] above `max_chars`
/// Unicode scalar values; [`ErrorCode::BadRequest`] when a character carries more than
/// [`COMBINING_MARKS`] marks, which would write over the lines around it.
pub fn text(input: &str, max_chars: usize) -> Result<String, ErrorCode> {
    let text = multiline(input);
    if is_blank(&text) {
        return Err(ErrorCode::TextBlank);
    }
    within(text, max_chars, ErrorCode::TextTooLong)
}

/// What a person says about themselves; may be empty. NFC, as [`text`] else.
///
/// # Errors
/// [`ErrorCode::TextTooLong`], [`ErrorCode::BadRequest`] as for [`text`].
pub fn bio(input: &str) -> Result<String, ErrorCode> {
    about(input, BIO_CHARS)
}

/// What a group says of itself; may be empty. As [`bio`].
///
/// # Errors
/// As for [`bio`].
pub fn description(input: &str) -> Result<String, ErrorCode> {
    about(input, DESCRIPTION_CHARS)
}

fn about(input: &str, max_chars: usize) -> Result<String, ErrorCode> {
    let visible: String = multiline(input).chars().filter(|&c| !is_hidden(c)).nfc().collect();
    let about = visible.trim();
    if is_blank(about) {
        return Ok(String::new());
    }
    within(about.to_owned(), max_chars, ErrorCode::TextTooLong)
}

/// The name of a room or a person: NFC, one line, single spaces, nothing that reorders or hides
/// what is shown.
///
/// # Errors
/// [`ErrorCode::NameInvalid`] unless 1–60 characters show.
pub fn name(input: &str) -> Result<String, ErrorCode> {
    let name = one_line(input);
    if is_blank(&name) {
        return Err(ErrorCode::NameInvalid);
    }
    within(name, NAME_CHARS, ErrorCode::NameInvalid).map_err(|_| ErrorCode::NameInvalid)
}

/// What a device is called in the list of devices: as [`name`], but cut rather than refused, and
/// empty where nothing shows, since nobody types it.
#[must_use]
pub fn device_name(input: &str) -> String {
    let cut: String = one_line(input).chars().take(NAME_CHARS).collect();
    name(&cut).unwrap_or_default()
}

/// What a file is called: what follows the last separator of a path, as [`name`], without dots at its
/// ends. Too long, it is cut before its ending, since nobody types it either; empty where nothing shows.
#[must_use]
pub fn file_name(input: &str) -> String {
    // A longer one is cut in any case, and what is left of it is decided by its end.
    let tail = input.char_indices().nth_back(4 * FILE_NAME_BYTES).map_or(0, |(at, _)| at);
    let last = input[tail..].rsplit(['/', '\\']).next().unwrap_or_default();
    let mut marks = 0;
    let name: String = one_line(last)
        .chars()
        .filter(|&c| {
            marks = if is_combining_mark(c) { marks + 1 } else { 0 };
            marks <= COMBINING_MARKS
        })
        .collect();
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= FILE_ENDING_BYTES => (stem, &name[stem.len()..]),
        _ => (name, ""),
    };
    let room = FILE_NAME_BYTES - ending.len();
    let cut = (0..=stem.len().min(room)).rev().find(|&at| stem.is_char_boundary(at)).unwrap_or(0);
    let name = format!("{}{ending}", stem[..cut].trim_end_matches(|c: char| c == '.' || c.is_whitespace()));
    if is_blank(&name) { String::new() } else { name }
}

/// A username as stored: lower-case.
///
/// # Errors
/// [`ErrorCode::UsernameInvalid`] unless 3–30 of `[A-Za-z0-9_]`.
pub fn username(input: &str) -> Result<String, ErrorCode> {
    let ok = (3..=30).contains(&input.len())
        && input.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if ok { Ok(input.to_ascii_lowercase()) } else { Err(ErrorCode::UsernameInvalid) }
}

/// What a stored username looks like: two that a hurried reader takes for each other have the
/// same. Wide letters are spelled out (`m` as `rn`), so that every way to write them meets.
#[must_use]
pub fn skeleton(username: &str) -> String {
    let mut out = String::with_capacity(username.len());
    for c in username.chars() {
        match c.to_ascii_lowercase() {
            '_' => {}
            '0' => out.push('o'),
            '1' | 'i' => out.push('l'),
            'm' => out.push_str("rn"),
            'w' => out.push_str("vv"),
            other => out.push(other),
        }
    }
    out
}

/// An email address as stored: lower-case. Whether it works only a mail can tell, so little is
/// asked of it.
///
/// # Errors
/// [`ErrorCode::EmailInvalid`].
pub fn email(input: &str) -> Result<String, ErrorCode> {
    let email = input.trim().to_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let ok = email.len() <= EMAIL_BYTES
        && email.rsplit_once('@').is_some_and(|(local, domain)| {
            (1..=EMAIL_LOCAL_BYTES).contains(&local.len())
                && local.chars().all(|c| c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c))
                && domain.contains('.')
                && domain.split('.').all(label)
        });
    if ok { Ok(email) } else { Err(ErrorCode::EmailInvalid) }
}

/// Checks a password, which is stored as nothing but its hash, and never changed before.
///
/// # Errors
/// [`ErrorCode::PasswordInvalid`] unless 8–256 characters.
pub fn password(input: &str) -> Result<(), ErrorCode> {
    // The bytes first: counting the characters of a long one is work for nothing.
    let ok = input.len() <= 256 * 4 && (8..=256).contains(&input.chars().count());
    if ok { Ok(()) } else { Err(ErrorCode::PasswordInvalid) }
}

fn normalize_profile(profile: &mut ProfileChange) -> Result<(), ErrorCode> {
    if *profile == ProfileChange::default() {
        return Err(ErrorCode::BadRequest);
    }
    if let Some(called) = &mut profile.display_name {
        *called = name(called)?;
    }
    if let Some(about) = &mut profile.bio {
        *about = bio(about)?;
    }
    Ok(())
}

fn normalize_room_profile(profile: &mut RoomProfileChange) -> Result<(), ErrorCode> {
    if *profile == RoomProfileChange::default() {
        return Err(ErrorCode::BadRequest);
    }
    if let Some(about) = &mut profile.description {
        *about = description(about)?;
    }
    Ok(())
}

fn check_prefs(prefs: &Prefs) -> Result<(), ErrorCode> {
    let ok = one_of(prefs.language.as_deref(), &["es", "en"])
        && one_of(prefs.theme.as_deref(), &["light", "dark"])
        && prefs.volume <= 100;
    if ok { Ok(()) } else { Err(ErrorCode::BadRequest) }
}

/// A look that our own client does not know is kept for those that do; an empty one is none.
fn normalize_room_prefs(prefs: &mut RoomPrefs) -> Result<(), ErrorCode> {
    for look in [&mut prefs.color, &mut prefs.other_color, &mut prefs.background] {
        *look = look.take().map(|look| one_line(&look)).filter(|look| !look.is_empty());
        if look.as_ref().is_some_and(|look| look.chars().count() > RoomPrefs::LOOK_CHARS) {
            return Err(ErrorCode::BadRequest);
        }
    }
    prefs.nickname = match prefs.nickname.take() {
        Some(called) if is_blank(&one_line(&called)) => None,
        Some(called) => Some(name(&called)?),
        None => None,
    };
    Ok(())
}

fn one_of(value: Option<&str>, allowed: &[&str]) -> bool {
    value.is_none_or(|value| allowed.contains(&value))
}

/// Line ends as `\n`, no other control character but `\t`, trimmed.
fn multiline(input: &str) -> String {
    let input = input.trim();
    let mut out = String::with_capacity(input.len());
    let mut rest = input.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => {
                rest.next_if_eq(&'\n');
                out.push('\n');
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    // What was dropped may have shielded white space at an end.
    if out.trim().len() < out.len() { out.trim().to_owned() } else { out }
}

/// White space of any kind and length as one space, nothing hidden, NFC.
fn one_line(input: &str) -> String {
    let visible: String =
        input.chars().filter(|&c| c.is_whitespace() || !(c.is_control() || is_hidden(c))).nfc().collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ")
}

fn within(text: String, max_chars: usize, too_long: ErrorCode) -> Result<String, ErrorCode> {
    if text.chars().count() > max_chars {
        return Err(too_long);
    }
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if marks > COMBINING_MARKS {
            return Err(ErrorCode::BadRequest);
        }
    }
    Ok(text)
}

/// Whether nothing of it shows.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_zero_width(c))
}

/// What has no place in a name: it reorders what is around it (Unicode's `Bidi_Control`), or
/// shows nothing and joins nothing. U+200C and U+200D stay; scripts and emoji need them.
const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        | '\u{00AD}' | '\u{180E}' | '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{206A}'..='\u{206F}' | '\u{FEFF}'
    )
}

/// What shows nothing by itself: Unicode's `Default_Ignorable_Code_Point`, and the blank of
/// Braille.
const fn is_zero_width(c: char) -> bool {
    is_hidden(c)
        || matches!(
            c,
            '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200C}' | '\u{200D}' | '\u{2065}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
        )
}
