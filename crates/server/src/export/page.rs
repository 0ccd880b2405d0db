//! The pages of an export: plain HTML that any browser opens, now and in ten years. Nothing in them runs or is
//! fetched from elsewhere, and whatever somebody wrote is text.

use std::fmt::Write as _;

use zas_protocol::{Attachment, Language, Media, MessageId, Micros, Reaction, RoomId, UserId};

use super::folder::time;

/// A room in the list of them.
pub(super) struct Room {
    pub(super) id: RoomId,
    pub(super) name: String,
    pub(super) messages: u64,
    pub(super) last: Micros,
}

/// A message to show.
pub(super) struct Line {
    pub(super) id: MessageId,
    pub(super) sender: Option<UserId>,
    pub(super) name: String,
    pub(super) text: String,
    pub(super) at: Micros,
    pub(super) edited: bool,
    pub(super) deleted: bool,
    pub(super) reply_to: Option<MessageId>,
    /// With where it is.
    pub(super) file: Option<(Attachment, String)>,
    pub(super) reactions: Vec<Reaction>,
}

/// What a page says itself.
struct Words {
    code: &'static str,
    conversations: &'static str,
    messages: &'static str,
    edited: &'static str,
    deleted: &'static str,
    answer: &'static str,
    back: &'static str,
}

const fn words(language: Language) -> Words {
    match language {
        Language::Es => Words {
            code: "es",
            conversations: "Conversaciones",
            messages: "mensajes",
            edited: "editado",
            deleted: "Mensaje eliminado",
            answer: "en respuesta",
            back: "Todas las conversaciones",
        },
        Language::En => Words {
            code: "en",
            conversations: "Conversations",
            messages: "messages",
            edited: "edited",
            deleted: "Deleted message",
            answer: "in reply",
            back: "All conversations",
        },
    }
}

const STYLE: &str = "<style>
:root{color-scheme:light dark;--ground:#fbf8f4;--card:#fff;--mine:#ffdcb8;--ink:#241c18;--faint:#6d625b;--line:#e8e0d8}
@media(prefers-color-scheme:dark){:root{--ground:#171412;--card:#25201d;--mine:#5a3413;--ink:#f4ede7;--faint:#b3a79f;--line:#3a332e}}
body{margin:0 auto;max-width:46rem;padding:1.5rem 1rem 4rem;background:var(--ground);color:var(--ink);font:1rem/1.45 system-ui,sans-serif}
a{color:inherit}h1{font-size:1.5rem;line-height:1.2}
article{background:var(--card);border:1px solid var(--line);border-radius:1rem;margin:.5rem 3rem .5rem 0;padding:.6rem .9rem;overflow-wrap:anywhere}
article.mine{background:var(--mine);margin:.5rem 0 .5rem 3rem}
article p{margin:.2rem 0;white-space:pre-wrap}small,.gone{color:var(--faint)}
img,video{max-width:100%;border-radius:.6rem;display:block;margin:.3rem 0}audio{width:100%}
li{margin:.6rem 0}ul{list-style:none;padding:0}
</style>";

pub(super) const END: &str = "</main></body></html>\n";

/// Text as text, wherever it is put.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // What would turn the line around it, also beyond the message.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => out.push(c),
        }
    }
    out
}

fn head(title: &str, words: &Words) -> String {
    format!(
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         img-src 'self' file: https:; media-src 'self' file: https:\">\
         <title>{}</title>{STYLE}</head><body><main>",
        words.code,
        escaped(title)
    )
}

/// The list of rooms.
pub(super) fn index(rooms: &[Room], language: Language) -> String {
    let words = words(language);
    let mut page = head(words.conversations, &words);
    // Writing to a String cannot fail.
    let _ = write!(page, "<h1>{}</h1><ul>", words.conversations);
    for room in rooms {
        let _ = write!(
            page,
            "<li><a href=\"rooms/{}.html\">{}</a><br><small>{} {} · {}</small></li>",
            room.id,
            escaped(&room.name),
            room.messages,
            words.messages,
            shown(room.last)
        );
    }
    page + "</ul>" + END
}

/// How a room's page begins.
pub(super) fn begin(name: &str, language: Language) -> String {
    let words = words(language);
    let head = head(name, &words);
    format!(
        "{head}<p><small><a href=\"../index.html\">{}</a></small></p><h1>{}</h1>",
        words.back,
        escaped(name)
    )
}

/// A message; on the other side where it is the reader's.
pub(super) fn message(line: &Line, reader: Option<UserId>, language: Language) -> String {
    let words = words(language);
    let side = if reader.is_some() && line.sender == reader { " class=\"mine\"" } else { "" };
    let mut html = format!("<article id=\"m{}\"{side}><strong>{}</strong> ", line.id, escaped(&line.name));
    let _ = write!(html, "<small>{}", shown(line.at));
    if line.edited {
        let _ = write!(html, " · {}", words.edited);
    }
    if let Some(of) = line.reply_to {
        let _ = write!(html, " · <a href=\"#m{of}\">{}</a>", words.answer);
    }
    html.push_str("</small>");
    if line.deleted {
        let _ = write!(html, "<p class=\"gone\">{}</p>", words.deleted);
    } else if !line.text.is_empty() {
        let _ = write!(html, "<p>{}</p>", escaped(&line.text));
    }
    if let Some((attachment, at)) = &line.file {
        let (name, at) = (escaped(&attachment.name), escaped(at));
        let _ = match attachment.media {
            Media::Image => {
                write!(html, "<a href=\"{at}\"><img src=\"{at}\" alt=\"{name}\" loading=\"lazy\"></a>")
            }
            Media::Video => write!(html, "<video src=\"{at}\" controls preload=\"none\"></video>"),
            Media::Audio => write!(html, "<audio src=\"{at}\" controls preload=\"none\"></audio>"),
            Media::File => write!(html, "<p><a href=\"{at}\">{name}</a></p>"),
        };
    }
    if !line.reactions.is_empty() {
        let all: Vec<&str> = line.reactions.iter().map(|reaction| emoji(*reaction)).collect();
        let _ = write!(html, "<small>{}</small>", all.join(" "));
    }
    html + "</article>\n"
}

/// A time without what nobody reads.
fn shown(at: Micros) -> String {
    let whole = time(at);
    whole.get(..16).map_or_else(|| whole.clone(), |minute| format!("{} UTC", minute.replace('T', " ")))
}

const fn emoji(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Like => "👍",
        Reaction::Love => "❤️",
        Reaction::Laugh => "😂",
        Reaction::Wow => "😮",
        Reaction::Sad => "😢",
        Reaction::Angry => "😠",
        Reaction::Fire => "🔥",
        Reaction::Golazo => "⚽",
        Reaction::Dislike => "👎",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line {
            id: MessageId(uuid::Uuid::nil()),
            sender: None,
            name: "<b>Ana</b>".to_owned(),
            text: text.to_owned(),
            at: 1_700_000_000_000_000,
            edited: true,
            deleted: false,
            reply_to: None,
            file: None,
            reactions: vec![Reaction::Golazo],
        }
    }

    #[test]
    fn whatever_was_written_is_text() {
        let html = message(&line("<script>alert(\"x\")</script>\u{202e} & 'y'"), None, Language::Es);
        assert!(
            html.contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;"),
            "{html}"
        );
        assert!(html.contains("&lt;b&gt;Ana&lt;/b&gt;") && !html.contains("<script"), "{html}");
        assert!(html.contains("2023-11-14 22:13 UTC · editado") && html.contains('⚽'), "{html}");
        assert!(begin("</title><script>", Language::En).matches("<script").count() == 0);
    }

    #[test]
    fn a_deleted_message_says_so_in_either_language() {
        let gone = Line { deleted: true, text: String::new(), ..line("") };
        assert!(message(&gone, None, Language::Es).contains("Mensaje eliminado"));
        assert!(message(&gone, None, Language::En).contains("Deleted message"));
    }
}
