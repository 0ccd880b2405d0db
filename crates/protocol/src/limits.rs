//! Every bound of the system by name, with the default that `promises.md` fixes.
//!
//! A bound that an operator may move is a field of [`Limits`]; one that shapes the wire is a
//! constant. To add one: a field here, its default below, the check where the input enters, and a
//! test at limit − 1, limit and limit + 1 with its row in `crates/server/tests/limits`.

use serde::{Deserialize, Serialize};

/// The largest socket frame a client may send, in bytes.
pub const FRAME_BYTES: usize = 64 * 1024;
/// The largest first frame, before its sender is known, in bytes.
pub const AUTH_FRAME_BYTES: usize = 4 * 1024;
/// All that a socket may send before its sender is known, in bytes: a first frame of the largest size
/// in a few fragments, with pings between.
pub const ANONYMOUS_SOCKET_BYTES: usize = 8 * 1024;
/// The largest JSON body of a request, in bytes.
pub const BODY_BYTES: usize = 256 * 1024;
/// The largest JSON body before its sender is known, in bytes.
pub const ANONYMOUS_BODY_BYTES: usize = 8 * 1024;
/// How deep JSON may nest, as [`depth`] counts.
pub const JSON_DEPTH: usize = 32;
/// Combining marks that one character may carry.
pub const COMBINING_MARKS: usize = 8;
/// Characters of a room's or person's display name.
pub const NAME_CHARS: usize = 60;
/// Characters of a person's bio.
pub const BIO_CHARS: usize = 300;
/// Characters of a group's description.
pub const DESCRIPTION_CHARS: usize = 500;
/// Bytes of a file's name.
pub const FILE_NAME_BYTES: usize = 255;
/// Members of a group.
pub const GROUP_MEMBERS: usize = 1_000;
/// Rooms that one person may be in.
pub const ROOMS_PER_USER: usize = 2_000;
/// Events of one history page.
pub const PAGE_EVENTS: u32 = 100;
/// People of one search page.
pub const SEARCH_RESULTS: u32 = 20;
/// People of one request of the server-side API.
pub const SERVER_BATCH: usize = 100;
/// Unread messages are counted up to here; a client shows "99+" long before.
pub const UNREAD_CAP: u32 = 1_000;
/// A typing notice is sent at most this often, in milliseconds.
pub const TYPING_EVERY_MS: u64 = 3_000;
/// A typing notice ends by itself after this long, in milliseconds.
pub const TYPING_TTL_MS: u64 = 6_000;
/// Groups above this size hear position counts, not whose they are, and no presence.
pub const SMALL_GROUP: usize = 50;

/// Bounds an operator may move; times in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time for the handshake's or request's headers to arrive.
    pub header_timeout_ms: u64,
    /// All headers of a request together.
    pub header_bytes: usize,
    /// Time for a request's body to arrive, besides what its bytes take on the slowest line.
    pub body_timeout_ms: u64,
    /// Bytes a second of the slowest line on which a body may still come.
    pub body_bytes_per_second: u64,
    /// Time for the first frame to name its sender.
    pub auth_timeout_ms: u64,
    /// Sockets of one address that have not yet named their sender; more wait.
    pub anonymous_sockets_per_address: u32,
    /// Changing commands a minute for one user.
    pub commands_per_minute: u32,
    /// Changing commands at once for one user.
    pub commands_burst: u32,
    /// Reading requests a minute for one user.
    pub reads_per_minute: u32,
    /// Sign-in and registration attempts a minute for one address.
    pub sign_ins_per_minute: u32,
    /// Requests a minute with one key of the server-side API.
    pub server_requests_per_minute: u32,
    /// Files to send a minute for one user, besides all their bytes.
    pub uploads_per_minute: u32,
    /// Typing and position signals a minute for one user; more are dropped silently.
    pub signals_per_minute: u32,
    /// Heartbeat interval.
    pub ping_ms: u64,
    /// A connection is dead after this long without a byte.
    pub dead_ms: u64,
    /// A write that makes no progress for this long cuts the connection.
    pub write_stall_ms: u64,
    /// Frames waiting for one connection.
    pub queue_frames: usize,
    /// Bytes waiting for one connection.
    pub queue_bytes: usize,
    /// How long a long-poll is held.
    pub poll_ms: u64,
    /// Events in one long-poll answer.
    pub poll_events: usize,
    /// Long-polls held at once for one device.
    pub polls_per_device: usize,
    /// Characters of a message.
    pub message_chars: usize,
    /// Bytes of an uploaded avatar.
    pub avatar_bytes: usize,
    /// Bytes of an uploaded file.
    pub upload_bytes: u64,
    /// Bytes of all files that one user has in messages, or has uploaded to send.
    pub user_file_bytes: u64,
    /// Pixels of an uploaded image.
    pub image_pixels: u64,
    /// Connections of one user; one more closes the oldest.
    pub connections_per_user: usize,
    /// Events of one room that a resume replays; beyond it, `resync`.
    pub resume_room_events: u64,
    /// Events of all rooms that a resume replays; beyond it, `resync`.
    pub resume_events: u64,
    /// Between two times that an issuer is asked for its keys.
    pub jwks_refetch_ms: u64,
    /// Before a webhook that failed is tried again; after each failure twice as long, up to 600 times.
    pub webhook_retry_ms: u64,
    /// An event of this age that a webhook does not take is not tried again.
    pub webhook_give_up_ms: u64,
    /// Commands that wait for a commit; beyond it, 503 with `retry_after`.
    pub commit_queue: usize,
    /// Commands that share one commit.
    pub commit_batch: usize,
    /// Time for a connection to the existing backend, its TLS included.
    pub upstream_connect_ms: u64,
    /// Time for the existing backend to begin its answer, while nothing of the request is outstanding.
    pub upstream_answer_ms: u64,
    /// An answer or a socket of the existing backend is given up after this long without a byte, and so is
    /// a client that takes none of it.
    pub upstream_idle_ms: u64,
    /// All headers of an answer of the existing backend together.
    pub upstream_header_bytes: usize,
    /// Requests and sockets that the existing backend is busy with; beyond it, 503.
    pub upstream_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout_ms: 5_000,
            header_bytes: 16 * 1024,
            body_timeout_ms: 30_000,
            body_bytes_per_second: 32 * 1024,
            auth_timeout_ms: 5_000,
            anonymous_sockets_per_address: 64,
            commands_per_minute: 120,
            commands_burst: 40,
            reads_per_minute: 300,
            sign_ins_per_minute: 30,
            server_requests_per_minute: 600,
            uploads_per_minute: 60,
            signals_per_minute: 240,
            ping_ms: 20_000,
            dead_ms: 35_000,
            write_stall_ms: 10_000,
            queue_frames: 256,
            queue_bytes: 1024 * 1024,
            poll_ms: 25_000,
            poll_events: 100,
            polls_per_device: 2,
            message_chars: 4_000,
            avatar_bytes: 5 * 1024 * 1024,
            upload_bytes: 25 * 1024 * 1024,
            user_file_bytes: 1024 * 1024 * 1024,
            image_pixels: 40_000_000,
            connections_per_user: 10,
            resume_room_events: 1_000,
            resume_events: 10_000,
            jwks_refetch_ms: 30_000,
            webhook_retry_ms: 1_000,
            webhook_give_up_ms: 24 * 60 * 60 * 1_000,
            commit_queue: 4_096,
            commit_batch: 256,
            upstream_connect_ms: 5_000,
            upstream_answer_ms: 60_000,
            upstream_idle_ms: 300_000,
            upstream_header_bytes: 64 * 1024,
            upstream_requests: 4_096,
        }
    }
}

/// How deep brackets nest, those inside strings left out. Of broken JSON it is only an upper
/// bound, which is all that is asked.
#[must_use]
pub fn depth(json: &[u8]) -> usize {
    let (mut now, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in json {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_string = !in_string,
            (false, _, b'{' | b'[') => {
                now += 1;
                most = most.max(now);
            }
            (false, _, b'}' | b']') => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth(br#"{"a":[1,{"b":"[[[[\"[[["}]}"#), 3);
        assert_eq!(depth(b""), 0);
    }
}
