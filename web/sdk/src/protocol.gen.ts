// Generated from crates/protocol by `cargo xtask gen`; a test keeps it fresh.

export type UserId = string;
export type RoomId = string;
export type MessageId = string;
export type DeviceId = string;
export type FileId = string;
export type TxnId = string;
export type Cursor = Record<RoomId, [epoch: number, seq: number]>;
/**
 * The message that another one answers. What it says now is asked of its place.
 */
export type ReplyTo = { 
/**
 * Which.
 */
message: MessageId, 
/**
 * Its place in the same log.
 */
of: number, };
/**
 * What a message is besides its text, where who sent it says so.
 */
export type MessageLabel = "emoji" | "system" | "story_reply";
/**
 * How a file is shown.
 */
export type Media = "image" | "video" | "audio" | "file";
/**
 * A file that a message carries; its bytes are at `GET /v1/files/{file}`.
 */
export type Attachment = { 
/**
 * Which.
 */
file: FileId, 
/**
 * What its sender's computer called it; shown, never trusted.
 */
name: string, 
/**
 * How it is shown.
 */
media: Media, 
/**
 * As sniffed, never as claimed.
 */
media_type: string, 
/**
 * Its size.
 */
bytes: number, 
/**
 * Of an image, in pixels, so that its place is kept before it is there; 0 where not known.
 */
width?: number, 
/**
 * Likewise.
 */
height?: number, };
/**
 * What a person thinks of a message; one each. The names are those of the old contract.
 */
export type Reaction = "like" | "love" | "laugh" | "wow" | "sad" | "angry" | "fire" | "golazo" | "dislike";
/**
 * How often a message has a reaction.
 */
export type ReactionCount = { 
/**
 * Which.
 */
reaction: Reaction, 
/**
 * How many people, at least 1.
 */
count: number, };
/**
 * What a message is now, where that is not what its event says: comes with the pages that hold
 * the event, whose later changes lie elsewhere in the log.
 */
export type MessageState = { 
/**
 * Which.
 */
message: MessageId, 
/**
 * Its place.
 */
of: number, 
/**
 * The place of the last event that changed it. Who holds this state has heard of all changes
 * up to there, and of none above.
 */
rev: number, 
/**
 * Its text, if edited.
 */
text?: string, 
/**
 * When it was last edited, in microseconds.
 */
edited_at?: number, 
/**
 * When it was deleted, in microseconds.
 */
deleted_at?: number, 
/**
 * How often each reaction that it has, in the order of [`Reaction::ALL`].
 */
reactions?: Array<ReactionCount>, 
/**
 * The reader's own reaction.
 */
mine?: Reaction, };
/**
 * What a member may do in a group. Order is rank: a later one may do all an earlier one may.
 */
export type Role = "member" | "admin" | "owner";
/**
 * How one person wants one room to look and sound, on all their devices.
 */
export type RoomPrefs = { 
/**
 * Colour of one's own bubbles: a name (see [`RoomPrefs::COLORS`]), `#rrggbb`, or what another
 * client of the room knows; one who does not know it shows the product's own, as for `None`.
 */
color?: string, 
/**
 * Colour of the others' bubbles, likewise.
 */
other_color?: string, 
/**
 * Background, likewise (see [`RoomPrefs::BACKGROUNDS`]).
 */
background?: string, 
/**
 * What one calls the other person of a private room.
 */
nickname?: string, 
/**
 * No sound from this room.
 */
muted: boolean, 
/**
 * No notifications from this room.
 */
quiet?: boolean, };
/**
 * How one person wants the client to be, on all their devices.
 */
export type Prefs = { 
/**
 * `es`, `en`, or `None` for the browser's.
 */
language?: string, 
/**
 * `light`, `dark`, or `None` for the system's.
 */
theme?: string, 
/**
 * Whether sounds play.
 */
sounds: boolean, 
/**
 * 0–100.
 */
volume: number, };
/**
 * A change of one's profile: a field that is absent stays; an empty text clears it.
 */
export type ProfileChange = { 
/**
 * 1–60 characters.
 */
display_name?: string, 
/**
 * At most 300 characters.
 */
bio?: string, 
/**
 * A file of one's own, uploaded before by `POST /v1/me/avatar`.
 */
avatar?: FileId, };
/**
 * A change of how a group shows itself, besides its name: a field that is absent stays; an empty text clears it.
 */
export type RoomProfileChange = { 
/**
 * At most 500 characters.
 */
description?: string, 
/**
 * A file of one's own, uploaded before by `POST /v1/rooms/avatar`, and of no other room; `null` takes
 * the picture away.
 */
avatar?: FileId | null, };
/**
 * A changing command. Every one carries the `txn_id` that makes a retry harmless.
 */
export type Command = { "type": "send", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Where to.
 */
room: RoomId, 
/**
 * The sender's message before this one in the room that is not finally refused; while
 * it is not stored the answer is `retry_in_order`.
 */
after?: TxnId, 
/**
 * 1–4,000 characters, not blank; stored trimmed. With an attachment it may be empty.
 */
text: string, 
/**
 * The message of this room that it answers, one that its sender can see.
 */
reply_to?: MessageId, 
/**
 * A file of one's own, uploaded before by `POST /v1/files`, and of no other message.
 */
attachment?: FileId, 
/**
 * What it is besides its text; nobody sends `system`.
 */
label?: MessageLabel, } | { "type": "edit_message", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Where.
 */
room: RoomId, 
/**
 * Which.
 */
message: MessageId, 
/**
 * As of `send`.
 */
text: string, } | { "type": "delete_message", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Where.
 */
room: RoomId, 
/**
 * Which.
 */
message: MessageId, } | { "type": "react", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Where.
 */
room: RoomId, 
/**
 * Which.
 */
message: MessageId, 
/**
 * What; absent takes it back.
 */
reaction?: Reaction, } | { "type": "open_private", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * The other.
 */
user: UserId, } | { "type": "create_group", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * 1–60 characters.
 */
name: string, 
/**
 * The others, at least one.
 */
members: Array<UserId>, 
/**
 * How else it shows itself.
 */
profile?: RoomProfileChange, } | { "type": "rename_room", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Which.
 */
room: RoomId, 
/**
 * 1–60 characters.
 */
name: string, } | { "type": "set_room_profile", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Which.
 */
room: RoomId, 
/**
 * What changes.
 */
profile: RoomProfileChange, } | { "type": "add_member", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Which.
 */
room: RoomId, 
/**
 * Who.
 */
user: UserId, } | { "type": "remove_member", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Which.
 */
room: RoomId, 
/**
 * Who.
 */
user: UserId, } | { "type": "set_role", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Which.
 */
room: RoomId, 
/**
 * Who.
 */
user: UserId, 
/**
 * What they become.
 */
role: Role, } | { "type": "leave_room", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Which.
 */
room: RoomId, } | { "type": "set_profile", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * What changes.
 */
profile: ProfileChange, } | { "type": "set_prefs", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * The whole of it.
 */
prefs: Prefs, } | { "type": "set_room_prefs", 
/**
 * Its name.
 */
txn_id: TxnId, 
/**
 * Which.
 */
room: RoomId, 
/**
 * The whole of it.
 */
prefs: RoomPrefs, };
/**
 * Why something was refused.
 */
export type ErrorCode = "bad_request" | "text_blank" | "text_too_long" | "name_invalid" | "username_invalid" | "username_taken" | "email_invalid" | "email_taken" | "password_invalid" | "bad_credentials" | "image_invalid" | "too_large" | "quota_exceeded" | "unauthenticated" | "revoked" | "forbidden" | "not_found" | "method_not_allowed" | "txn_conflict" | "room_full" | "too_many_rooms" | "already_member" | "retry_in_order" | "rate_limited" | "unknown" | "overloaded" | "draining" | "storage_full" | "upstream_unreachable" | "upstream_timeout" | "upstream_loop" | "internal";
/**
 * The body of every refused request.
 */
export type ErrorBody = { 
/**
 * Why.
 */
code: ErrorCode, 
/**
 * The sentence, in the language asked for.
 */
message: string, 
/**
 * Not before this long, in milliseconds.
 */
retry_after_ms?: number, 
/**
 * What to quote when asking for help.
 */
request_id: string, 
/**
 * For [`ErrorCode::TxnConflict`]: what the name already stands for.
 */
first?: Ack, };
/**
 * What a room is.
 */
export type RoomKind = "private" | "group" | "self";
/**
 * What happened, by `kind`.
 */
export type EventBody = { "kind": "message", 
/**
 * The message's own id.
 */
message: MessageId, 
/**
 * Plain text; empty where the attachment says it all.
 */
text: string, 
/**
 * What it answers.
 */
reply_to?: ReplyTo, 
/**
 * The file that it carries.
 */
attachment?: Attachment, 
/**
 * What it is besides its text.
 */
label?: MessageLabel, 
/**
 * Deleted: its text and file are gone, here and everywhere.
 */
erased?: boolean, } | { "kind": "message_edited", 
/**
 * Which.
 */
message: MessageId, 
/**
 * Its place in this log.
 */
of: number, 
/**
 * The new text.
 */
text: string, 
/**
 * The message was deleted since: this text is gone too.
 */
erased?: boolean, } | { "kind": "message_deleted", 
/**
 * Which.
 */
message: MessageId, 
/**
 * Its place in this log.
 */
of: number, } | { "kind": "reaction_changed", 
/**
 * Which.
 */
message: MessageId, 
/**
 * Its place in this log.
 */
of: number, 
/**
 * What it is now; absent for none.
 */
reaction?: Reaction, 
/**
 * What it was before; absent for none.
 */
was?: Reaction, } | { "kind": "room_created", 
/**
 * Private or group.
 */
room_kind: RoomKind, 
/**
 * A group's name.
 */
name?: string, 
/**
 * Everyone, the maker first.
 */
members: Array<UserId>, } | { "kind": "room_renamed", 
/**
 * The new one.
 */
name: string, } | { "kind": "room_profile_changed", 
/**
 * What changed.
 */
profile: RoomProfileChange, } | { "kind": "member_added", 
/**
 * Who.
 */
user: UserId, } | { "kind": "member_removed", 
/**
 * Who.
 */
user: UserId, } | { "kind": "role_changed", 
/**
 * Who.
 */
user: UserId, 
/**
 * What they are now.
 */
role: Role, } | { "kind": "joined", 
/**
 * The room.
 */
joined: RoomId, 
/**
 * The first `seq` one may see there.
 */
from: number, } | { "kind": "left", 
/**
 * The room.
 */
left: RoomId, 
/**
 * The last `seq` one may see there.
 */
at_seq: number, } | { "kind": "profile_changed", 
/**
 * What changed.
 */
profile: ProfileChange, } | { "kind": "prefs_changed", 
/**
 * All of them.
 */
prefs: Prefs, } | { "kind": "room_prefs_changed", 
/**
 * Which room.
 */
about: RoomId, 
/**
 * All of them.
 */
prefs: RoomPrefs, };
/**
 * One entry of a log. Its place `(room, seq)` never means another event.
 */
export type Event = { 
/**
 * Whose log.
 */
room: RoomId, 
/**
 * Its place: gapless from 1, in commit order.
 */
seq: number, 
/**
 * When, in microseconds since 1970; strictly increasing in a room.
 */
at: number, 
/**
 * Who caused it; absent where nobody did.
 */
sender?: UserId, 
/**
 * The sender's name for the command; absent on what a command caused besides.
 */
txn_id?: TxnId, } & ({ "kind": "message", 
/**
 * The message's own id.
 */
message: MessageId, 
/**
 * Plain text; empty where the attachment says it all.
 */
text: string, 
/**
 * What it answers.
 */
reply_to?: ReplyTo, 
/**
 * The file that it carries.
 */
attachment?: Attachment, 
/**
 * What it is besides its text.
 */
label?: MessageLabel, 
/**
 * Deleted: its text and file are gone, here and everywhere.
 */
erased?: boolean, } | { "kind": "message_edited", 
/**
 * Which.
 */
message: MessageId, 
/**
 * Its place in this log.
 */
of: number, 
/**
 * The new text.
 */
text: string, 
/**
 * The message was deleted since: this text is gone too.
 */
erased?: boolean, } | { "kind": "message_deleted", 
/**
 * Which.
 */
message: MessageId, 
/**
 * Its place in this log.
 */
of: number, } | { "kind": "reaction_changed", 
/**
 * Which.
 */
message: MessageId, 
/**
 * Its place in this log.
 */
of: number, 
/**
 * What it is now; absent for none.
 */
reaction?: Reaction, 
/**
 * What it was before; absent for none.
 */
was?: Reaction, } | { "kind": "room_created", 
/**
 * Private or group.
 */
room_kind: RoomKind, 
/**
 * A group's name.
 */
name?: string, 
/**
 * Everyone, the maker first.
 */
members: Array<UserId>, } | { "kind": "room_renamed", 
/**
 * The new one.
 */
name: string, } | { "kind": "room_profile_changed", 
/**
 * What changed.
 */
profile: RoomProfileChange, } | { "kind": "member_added", 
/**
 * Who.
 */
user: UserId, } | { "kind": "member_removed", 
/**
 * Who.
 */
user: UserId, } | { "kind": "role_changed", 
/**
 * Who.
 */
user: UserId, 
/**
 * What they are now.
 */
role: Role, } | { "kind": "joined", 
/**
 * The room.
 */
joined: RoomId, 
/**
 * The first `seq` one may see there.
 */
from: number, } | { "kind": "left", 
/**
 * The room.
 */
left: RoomId, 
/**
 * The last `seq` one may see there.
 */
at_seq: number, } | { "kind": "profile_changed", 
/**
 * What changed.
 */
profile: ProfileChange, } | { "kind": "prefs_changed", 
/**
 * All of them.
 */
prefs: Prefs, } | { "kind": "room_prefs_changed", 
/**
 * Which room.
 */
about: RoomId, 
/**
 * All of them.
 */
prefs: RoomPrefs, });
/**
 * The last presence, typing and positions a client has heard. Revisions of another node, or of
 * this one before it restarted, mean nothing to it: then all of it is sent.
 */
export type Seen = { 
/**
 * Whose revisions these are (`welcome.node`).
 */
node: string, 
/**
 * The highest `rev` heard.
 */
rev: number, };
/**
 * The first frame of a connection: who, and what it already has.
 */
export type Hello = { 
/**
 * An access token. Over HTTP it travels in the `Authorization` header and is absent here.
 */
token?: string, 
/**
 * What the client has. On a socket it may be left out where it would make the frame larger
 * than a first frame may be; a [`Resume`] follows then.
 */
cursor?: Record<string, [number, number]>, 
/**
 * The state it has heard.
 */
seen?: Seen, };
/**
 * The second frame after a [`Hello`] without a cursor; may be as large as any frame.
 */
export type Resume = { 
/**
 * What the client has.
 */
cursor: Record<string, [number, number]>, };
/**
 * How far a member of a room is: everything up to `delivered` arrived, up to `read` was seen.
 */
export type Position = { 
/**
 * Whose.
 */
user: UserId, 
/**
 * The last event that reached a device of theirs.
 */
delivered: number, 
/**
 * The last event they saw.
 */
read: number, 
/**
 * When `delivered` last advanced, in microseconds.
 */
delivered_at: number, 
/**
 * When `read` last advanced, in microseconds.
 */
read_at: number, };
/**
 * How far oneself is in a room; each only ever advances.
 */
export type Advance = { 
/**
 * Which room.
 */
room: RoomId, 
/**
 * The last event that reached this device.
 */
delivered: number, 
/**
 * The last event that was seen; implies `delivered`.
 */
read: number, };
/**
 * What a client says in passing: never stored as an event, never acked, dropped under load.
 */
export type Signal = { "type": "typing", 
/**
 * Where.
 */
room: RoomId, 
/**
 * Whether.
 */
on: boolean, } | { "type": "positions", 
/**
 * How far, for each room that changed.
 */
advances: Array<Advance>, };
/**
 * A fresh access token for a connection that lives.
 */
export type Refresh = { 
/**
 * The token.
 */
token: string, };
/**
 * "Are you there."
 */
export type Ping = { 
/**
 * Comes back in the `pong`.
 */
n: number, };
/**
 * A command is stored; the same for every retry of it.
 */
export type Ack = { 
/**
 * The command's name.
 */
txn_id: TxnId, 
/**
 * The log its event is in.
 */
room: RoomId, 
/**
 * The event's place.
 */
seq: number, 
/**
 * The event's time.
 */
at: number, 
/**
 * The message it became, if it is one.
 */
message?: MessageId, };
/**
 * A command is not stored by this attempt; `code` says whether to try again (see
 * [`ErrorCode::retry`]).
 */
export type Nack = { 
/**
 * The command's name.
 */
txn_id: TxnId, 
/**
 * Why.
 */
code: ErrorCode, 
/**
 * Not before this long, in milliseconds.
 */
retry_after_ms?: number, 
/**
 * For [`ErrorCode::TxnConflict`]: what the name already stands for.
 */
first?: Ack, };
/**
 * Whether a person is there.
 */
export type Presence = { 
/**
 * Who.
 */
user: UserId, 
/**
 * Whether a device of theirs is connected.
 */
online: boolean, 
/**
 * When one last was, in microseconds; 0 for never.
 */
last_seen: number, 
/**
 * Their profile's version: a client that holds an older one asks `GET /v1/users/{id}`.
 */
profile_rev: number, };
/**
 * A frame that the server sends.
 */
export type ServerFrame = { "type": "welcome", 
/**
 * Whom the token names.
 */
user: UserId, 
/**
 * The device the token belongs to.
 */
device: DeviceId, 
/**
 * Whose revisions `rev` are (see [`Seen`]).
 */
node: string, 
/**
 * The server's clock, in microseconds.
 */
now: number, 
/**
 * How often the client pings, in milliseconds.
 */
ping_ms: number, 
/**
 * When the token expires, in microseconds.
 */
expires_at: number, } | { "type": "synced", } | { "type": "event" } & Event | { "type": "skip", 
/**
 * Which room.
 */
room: RoomId, 
/**
 * First.
 */
from: number, 
/**
 * Last.
 */
to: number, } | { "type": "resync", 
/**
 * Which room.
 */
room: RoomId, 
/**
 * Its history.
 */
epoch: number, 
/**
 * Its last place; the feed goes on after it.
 */
head: number, } | { "type": "ack" } & Ack | { "type": "nack" } & Nack | { "type": "typing", 
/**
 * Where.
 */
room: RoomId, 
/**
 * Who.
 */
user: UserId, 
/**
 * Whether.
 */
on: boolean, 
/**
 * Its revision.
 */
rev: number, } | { "type": "positions", 
/**
 * Where.
 */
room: RoomId, 
/**
 * How far; in a large group only one's own.
 */
of: Array<Position>, 
/**
 * Its revision.
 */
rev: number, } | { "type": "presence", 
/**
 * Who.
 */
of: Array<Presence>, 
/**
 * Its revision.
 */
rev: number, } | { "type": "heads", 
/**
 * Where each stands.
 */
heads: Record<string, number>, } | { "type": "pong", 
/**
 * The ping's.
 */
n: number, } | { "type": "drain", 
/**
 * How long to wait, in milliseconds.
 */
delay_ms: number, } | { "type": "error", 
/**
 * Why.
 */
code: ErrorCode, 
/**
 * Not before this long, in milliseconds.
 */
retry_after_ms?: number, };
/**
 * A person, as anyone signed in sees them.
 */
export type User = { 
/**
 * Who.
 */
id: UserId, 
/**
 * Lower-case, unique.
 */
username: string, 
/**
 * What they are called.
 */
display_name: string, 
/**
 * About themselves; may be empty.
 */
bio: string, 
/**
 * Their picture (`GET /v1/files/{id}`).
 */
avatar?: FileId, 
/**
 * Rises by one with each change of the profile.
 */
profile_rev: number, };
/**
 * Oneself.
 */
export type Me = { 
/**
 * As others see one.
 */
user: User, 
/**
 * For oneself alone.
 */
email: string, 
/**
 * Whether one administers the server.
 */
admin: boolean, 
/**
 * Settings for all devices.
 */
prefs: Prefs, };
/**
 * `POST /v1/auth/register`.
 */
export type Register = { 
/**
 * 3–30 of `[A-Za-z0-9_]`, stored lower-case.
 */
username: string, 
/**
 * Unique, stored lower-case.
 */
email: string, 
/**
 * Defaults to the username.
 */
display_name: string, 
/**
 * 8–256 characters.
 */
password: string, 
/**
 * What this device is called in the list of devices.
 */
device_name: string, };
/**
 * `POST /v1/auth/login`.
 */
export type Login = { 
/**
 * Username or email.
 */
login: string, 
/**
 * The password.
 */
password: string, 
/**
 * What this device is called in the list of devices.
 */
device_name: string, };
/**
 * `POST /v1/auth/refresh`. The web client sends none: its cookie holds the token.
 */
export type RefreshRequest = { 
/**
 * The refresh token.
 */
refresh?: string, };
/**
 * `POST /v1/auth/password`: every other device is signed out.
 */
export type ChangePassword = { 
/**
 * The one in force.
 */
current: string, 
/**
 * The next one, 8–256 characters.
 */
new: string, };
/**
 * What a sign-in gives. The access token lives an hour; the refresh token a week, and once used
 * it is dead (for 60 s it gives the same successor again).
 */
export type Tokens = { 
/**
 * Names the user on every request (`Authorization: Bearer`).
 */
access: string, 
/**
 * When it expires, in microseconds.
 */
expires_at: number, 
/**
 * Absent when it went into the cookie (`X-Zas-Cookie: 1` asked for that).
 */
refresh?: string, 
/**
 * The device.
 */
device: DeviceId, 
/**
 * Whose they are.
 */
me: Me, };
/**
 * A device that is signed in.
 */
export type Device = { 
/**
 * Which.
 */
id: DeviceId, 
/**
 * What it is called; may be empty.
 */
name: string, 
/**
 * When it signed in, in microseconds.
 */
created_at: number, 
/**
 * When it last refreshed its tokens, in microseconds.
 */
last_used_at: number, 
/**
 * Whether it is the one that asks.
 */
current: boolean, };
/**
 * `GET /v1/me/devices`: one's devices that are signed in, last used first.
 */
export type Devices = { 
/**
 * All of them.
 */
devices: Array<Device>, };
/**
 * A member of a room.
 */
export type Member = { 
/**
 * Who.
 */
user: UserId, 
/**
 * What they may do.
 */
role: Role, };
/**
 * A room as one member sees it.
 */
export type Room = { 
/**
 * Which.
 */
id: RoomId, 
/**
 * What it is.
 */
kind: RoomKind, 
/**
 * A group's name; a private room is called by its other member.
 */
name?: string, 
/**
 * What a group says of itself; absent where that is nothing.
 */
description?: string, 
/**
 * A group's picture (`GET /v1/files/{id}`), for those who are in it.
 */
avatar?: FileId, 
/**
 * Which history `head` belongs to.
 */
epoch: number, 
/**
 * The last place of its log.
 */
head: number, 
/**
 * The first place that this member may see.
 */
from: number, 
/**
 * When something last happened, in microseconds.
 */
last_at: number, 
/**
 * Who is in it; oneself first, then by joining. Everyone, but in a list of rooms: there it is
 * oneself alone of a large group ([`crate::limits::SMALL_GROUP`]), so that the list has a limit.
 */
members: Array<Member>, 
/**
 * How many more are in it than `members` names.
 */
more_members?: number, 
/**
 * The last message that this member may see.
 */
last?: Event, 
/**
 * What that message is now, where it has changed.
 */
last_state?: MessageState, 
/**
 * Others' messages above one's read position, counted up to 1,000.
 */
unread: number, 
/**
 * Members' positions; in a large group one's own alone.
 */
positions: Array<Position>, 
/**
 * One's own settings for it.
 */
prefs: RoomPrefs, };
/**
 * `GET /v1/state`: all that a client needs to draw its first screen and open its feed.
 */
export type State = { 
/**
 * Oneself.
 */
me: Me, 
/**
 * One's own log: where to go on from.
 */
own_log: LogHead, 
/**
 * One's rooms, newest activity first.
 */
rooms: Array<Room>, 
/**
 * Everyone that the rooms name.
 */
users: Array<User>, 
/**
 * Who of them is there.
 */
presence: Array<Presence>, 
/**
 * What a client needs to know of the server.
 */
server: ServerInfo, };
/**
 * Where a log stands.
 */
export type LogHead = { 
/**
 * The room.
 */
room: RoomId, 
/**
 * Its history.
 */
epoch: number, 
/**
 * Its last place.
 */
head: number, };
/**
 * What a client needs to know of the server.
 */
export type ServerInfo = { 
/**
 * The product's version.
 */
version: string, 
/**
 * [`crate::frame::PROTOCOL_VERSION`].
 */
protocol: number, 
/**
 * Characters of a message.
 */
message_chars: number, 
/**
 * The server's clock, in microseconds.
 */
now: number, };
/**
 * `GET /v1/me/connection`: how one's request reached the server, for `zas doctor` to tell whether
 * what stands before it says all that it should.
 */
export type Connection = { 
/**
 * The address that limits count against: the peer's, or what a trusted proxy says.
 */
address: string, 
/**
 * Whether that address is in `trusted_proxies`, so that it may itself name any other.
 */
address_trusted: boolean, 
/**
 * Whether the peer is in `trusted_proxies`.
 */
peer_trusted: boolean, 
/**
 * Whether the request names an address itself (`X-Forwarded-For`), believed or not.
 */
forwarded: boolean, 
/**
 * Whether a cookie set here would be for https alone.
 */
secure: boolean, 
/**
 * The server's clock, in microseconds.
 */
now: number, };
/**
 * `GET /v1/rooms/{id}`: a room, its newest page of history, and the people they name.
 */
export type RoomState = { 
/**
 * The room.
 */
room: Room, 
/**
 * Its newest page.
 */
page: Page, 
/**
 * Everyone they name.
 */
users: Array<User>, 
/**
 * Who of them is there.
 */
presence: Array<Presence>, };
/**
 * A stretch of a log, oldest first: each `seq` of `from..=to` is an event or in a skip, so that
 * a page without events still moves a client on.
 */
export type Page = { 
/**
 * Which room.
 */
room: RoomId, 
/**
 * Its history.
 */
epoch: number, 
/**
 * Its last place when this was read.
 */
head: number, 
/**
 * The first `seq` covered; greater than `to` when nothing is.
 */
from: number, 
/**
 * The last `seq` covered.
 */
to: number, 
/**
 * What of it this person may see.
 */
events: Array<Event>, 
/**
 * Stretches `[from, to]` that hold nothing for them.
 */
skips: Array<[number, number]>, 
/**
 * What those messages of it are now that have changed, by place.
 */
states?: Array<MessageState>, 
/**
 * Whether there is anything for them below `from`.
 */
more_before: boolean, };
/**
 * `GET /v1/rooms/{id}/events`: which page. At most one of the three; none is the newest.
 */
export type PageQuery = { 
/**
 * Events below this `seq`.
 */
before: number | null, 
/**
 * Events above this `seq`.
 */
after: number | null, 
/**
 * Events on both sides of this `seq`, and it.
 */
around: number | null, 
/**
 * 1–100; 50 unless said.
 */
limit: number | null, };
/**
 * `GET /v1/users?q=`: people by username or display name, not oneself.
 */
export type Found = { 
/**
 * At most 20, the best first.
 */
users: Array<User>, };
/**
 * `POST /v1/signals`, for clients without a socket; answered 204.
 */
export type Signals = { 
/**
 * What to say.
 */
signals: Array<Signal>, };
/**
 * `POST /v1/feed`: the feed without a socket. `Accept: text/event-stream` makes it a stream of
 * frames; otherwise it is a long-poll answered by [`Polled`].
 */
export type FeedRequest = { 
/**
 * How long a poll may be held, in milliseconds; 25,000 unless said, 0 answers at once.
 */
wait_ms?: number, 
/**
 * How long to gather more after the first frame, in milliseconds, at most 2,000.
 */
gather_ms?: number, 
/**
 * How long what needs no hurry waits for something that does, in milliseconds, at most
 * 10,000: typing, positions, presence, and the echo of what this device sent by request while
 * the poll was held. As `gather_ms` unless said.
 */
linger_ms?: number, 
/**
 * What to say on the way.
 */
signals?: Array<Signal>, 
/**
 * An access token. Over HTTP it travels in the `Authorization` header and is absent here.
 */
token?: string, 
/**
 * What the client has. On a socket it may be left out where it would make the frame larger
 * than a first frame may be; a [`Resume`] follows then.
 */
cursor?: Record<string, [number, number]>, 
/**
 * The state it has heard.
 */
seen?: Seen, };
/**
 * A long-poll's answer: the frames, `welcome` first. The client's next cursor is its own, after
 * applying them.
 */
export type Polled = { 
/**
 * What happened.
 */
frames: Array<ServerFrame>, };
/**
 * `POST /v1/me/avatar` and `POST /v1/rooms/avatar` (the image as the body): the stored file, to name in
 * `set_profile` or `set_room_profile`.
 */
export type Uploaded = { 
/**
 * The file.
 */
file: FileId, };
/**
 * The query of `POST /v1/files`.
 */
export type UploadQuery = { 
/**
 * What the file is called. Shown and never trusted: at most 255 bytes are kept of what follows the
 * last separator of a path; one of which nothing shows is named by its type.
 */
name: string | null, };
/**
 * `POST /v1/files` (the file as the body): what is stored, to name in a `send`. It is forgotten after a
 * day in which no message carries it.
 */
export type UploadedFile = { 
/**
 * As a message will carry it. An image has no metadata any more, so that its size is not the one
 * that was sent.
 */
attachment: Attachment, };
/**
 * `GET /v1/files/{file}/address`: where who asked fetches a file without showing a token, for an
 * `<img>` or a `<video>`. Whether they may is asked again at each fetch.
 */
export type FileAddress = { 
/**
 * Relative to the server's own, beginning with `/`. The same within the hour.
 */
address: string, 
/**
 * Until when, in microseconds since 1970: an hour at least.
 */
expires_at: number, };
/**
 * `GET /v1/rooms/{room}/messages/{message}`: one message, and who thinks what of it.
 */
export type Message = { 
/**
 * As it was sent.
 */
event: Event, 
/**
 * What it is now, where it has changed.
 */
state?: MessageState, 
/**
 * Everyone's reactions, the oldest first; at most as many as a group has members.
 */
reactions: Array<Reacted>, 
/**
 * Everyone that it names.
 */
users: Array<User>, };
/**
 * What somebody thinks of a message.
 */
export type Reacted = { 
/**
 * The place of the message.
 */
of: number, 
/**
 * Who.
 */
user: UserId, 
/**
 * What.
 */
reaction: Reaction, 
/**
 * Since when, in microseconds.
 */
at: number, };
export type ClientFrame =
  | ({ type: "hello" } & Hello)
  | ({ type: "resume" } & Resume)
  | ({ type: "refresh" } & Refresh)
  | ({ type: "ping" } & Ping)
  | Command
  | Signal;

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "zas.v1.json";

export const REACTIONS = ["like", "love", "laugh", "wow", "sad", "angry", "fire", "golazo", "dislike"] as const;

export const RETRY = {
  bad_request: "never",
  text_blank: "never",
  text_too_long: "never",
  name_invalid: "never",
  username_invalid: "never",
  username_taken: "never",
  email_invalid: "never",
  email_taken: "never",
  password_invalid: "never",
  bad_credentials: "never",
  image_invalid: "never",
  too_large: "never",
  quota_exceeded: "never",
  unauthenticated: "refreshed",
  revoked: "never",
  forbidden: "never",
  not_found: "never",
  method_not_allowed: "never",
  txn_conflict: "never",
  room_full: "never",
  too_many_rooms: "never",
  already_member: "never",
  retry_in_order: "in_order",
  rate_limited: "later",
  unknown: "later",
  overloaded: "later",
  draining: "later",
  storage_full: "later",
  upstream_unreachable: "later",
  upstream_timeout: "later",
  upstream_loop: "never",
  internal: "later",
} as const;

export const CLOSE = {
  drain: 4000,
  silent: 4001,
  slow_consumer: 4002,
  token_expired: 4003,
  replaced: 4004,
  internal: 4005,
  overloaded: 4006,
  unauthenticated: 4500,
  revoked: 4501,
  frame_too_large: 4502,
  protocol_violation: 4503,
  origin_not_allowed: 4504,
} as const;

export const LIMITS = {
  TYPING_EVERY_MS: 3000,
  TYPING_TTL_MS: 6000,
  FRAME_BYTES: 65536,
  NAME_CHARS: 60,
  BIO_CHARS: 300,
  DESCRIPTION_CHARS: 500,
  PAGE_EVENTS: 100,
} as const;
