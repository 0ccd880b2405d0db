/** Every bound and interval of the engine by name; times in milliseconds. */

/** A send not acked in this time goes again by POST. */
export const ACK_MS = 2_000;
/** Own messages in flight at once in a room over a socket. */
export const IN_FLIGHT = 20;
/** The longest that a server's `retry_after_ms` is obeyed. */
export const HOLD_MAX_MS = 300_000;
/** Messages that may wait; beyond it `send` takes no more. */
export const OUTBOX_ENTRIES = 1_000;
/** Reconnects and retries: full jitter up to the base doubled per failure, at most the cap. */
export const BACKOFF_BASE_MS = 250;
export const BACKOFF_CAP_MS = 15_000;

/** A rung without its first frame after this long starts the next beside it. */
export const RUNG_PATIENCE_MS = 1_500;
/** Whatever hangs, every rung has been started by then. */
export const LADDER_MS = 1_900;
/** A rung without its first frame after this long is given up. */
export const TRIAL_MS = 10_000;
/** A higher rung is probed after this long, doubling up to the second. */
export const PROBE_MS = 30_000;
export const PROBE_CAP_MS = 300_000;
/** Nothing heard for this long: the connection is dead. */
export const DEAD_MS = 35_000;
/** When the page or the network comes back, a ping has this long to answer. */
export const WAKE_PING_MS = 2_000;
/** A token is renewed this long before it expires, or at four fifths of a shorter life. */
export const RENEW_MS = 60_000;
/** When a renewal gives nothing, the next try. */
export const RENEW_AGAIN_MS = 10_000;

/** A head that the server names ahead of its events is asked for after this long. */
export const HEAD_MS = 1_000;
/** Events that a gap repair fetches for; a longer one is a new page. */
export const GAP_EVENTS = 300;
/** Ranges held beyond a gap. */
export const ISLANDS = 64;
/** Events that the log of a room not on screen keeps, and down to how many it is cut. */
export const IDLE_EVENTS = 400;
export const IDLE_EVENTS_KEPT = 200;
/** Events of rooms not yet known, held until the room is fetched. */
export const ORPHANS = 200;
/** Resyncs in one go beyond which the whole state is fetched instead of each room. */
export const RESYNC_ROOMS = 3;
/** Bytes of a socket's first frame at most (`AUTH_FRAME_BYTES` in `crates/protocol/src/limits.rs`). */
export const FIRST_FRAME_BYTES = 4_096;
/** Unread messages are counted up to here. */
export const UNREAD_CAP = 1_000;

export const READ_DEBOUNCE_MS = 300;
export const DELIVERED_DEBOUNCE_MS = 500;
/** One sound at most in this long. */
export const SOUND_MS = 1_000;
/** A timeline that comes on screen with fewer rows asks for older ones at once. */
export const FIRST_ROWS = 30;
/** Own messages whose stages are remembered. */
export const STAGES = 500;

/** A leader that says nothing for this long has lost its place. */
export const CLAIM_MS = 500;

/** What the cache holds: events a room, and rooms with events. */
export const CACHED_EVENTS = 100;
export const CACHED_ROOMS = 30;

/** Messages of a room that are held only because others quote them. */
export const QUOTED = 200;
/** Characters of a quoted text. */
export const QUOTE_CHARS = 100;
/** Edits, deletions and reactions that wait for their answer, and of those how many are under way at once. */
export const CHANGES_WAITING = 200;
export const CHANGES_IN_FLIGHT = 6;
