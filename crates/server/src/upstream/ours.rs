//! Which paths Zas answers itself. A path is ours if any reading of it is, whatever a server behind
//! makes of doubled slashes, dots and percents: otherwise one of its spellings would reach what the
//! backend still has at it, past our rules. Ours in another spelling than the router's is not there.

use crate::legacy;

/// What the native API and its operation need; each with all that is below.
const NATIVE: [&str; 3] = ["/v1", "/healthz", "/readyz"];

/// Whether a request's path is for Zas to answer. What is no path (`OPTIONS *`) is ours to refuse.
pub(super) fn is_ours(path: &str) -> bool {
    !path.starts_with('/') || is_listed(path.as_bytes()) || is_listed(&plain(path))
}

fn is_listed(path: &[u8]) -> bool {
    NATIVE.iter().chain(&legacy::BESIDE).any(|listed| {
        path.strip_prefix(listed.as_bytes()).is_some_and(|rest| rest.first().is_none_or(|&next| next == b'/'))
    })
}

/// The path without percents, however often they are encoded, and without empty segments and dots.
fn plain(path: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    for byte in path.bytes() {
        decoded.push(byte);
        while let [.., b'%', high, low] = decoded[..] {
            let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (Some(high), Some(low)) = (digit(high), digit(low)) else { break };
            decoded.truncate(decoded.len() - 3);
            decoded.push(high << 4 | low);
        }
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    segments.into_iter().fold(Vec::new(), |mut path, segment| {
        path.push(b'/');
        path.extend(segment);
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chat_s_paths_are_ours_in_every_spelling() {
        for path in [
            "/v1",
            "/v1/",
            "/v1/ws",
            "/healthz",
            "/readyz",
            "/api/messaging",
            "/api/messaging/",
            "/api/messaging/chats/1/messages/",
            "/ws/chat/1/",
            "/api/users/chat/ana/",
            "//api/messaging/chats",
            "/api//messaging/chats",
            "/./api/messaging",
            "/api/feed/../messaging/",
            "/api/messaging/../feed/",
            "/%61pi/messaging",
            "/api%2Fmessaging",
            "/api%252fmessaging",
            "/%2e%2e/api/messaging",
            "/%25252525252e/v1",
            "/api\\messaging",
            "/api/%5Cmessaging",
            "*",
            "",
        ] {
            assert!(is_ours(path), "{path}");
        }
    }

    #[test]
    fn what_only_begins_alike_is_passed_on() {
        for path in [
            "/",
            "/api/",
            "/api/auth/login/",
            "/api/users/search/",
            "/api/users/chats/",
            "/api/messaging2/",
            "/api/messaging-old",
            "/ws/chats/1/",
            "/ws/notifications/",
            "/v10/x",
            "/v1x",
            "/static/v1/app.js",
            "/old/api/messaging/",
            "/media/100%/a%zz.png",
            "/media/ñ/%C3%B1.png",
        ] {
            assert!(!is_ours(path), "{path}");
        }
    }

    #[test]
    fn a_path_full_of_percents_costs_no_more_than_its_length() {
        let dot = format!("%{}2e", "25".repeat(4_000));
        assert!(is_ours(&format!("/x/{dot}{dot}/v1")));
        assert!(!is_ours(&format!("/x/{dot}/v1")));
    }
}
