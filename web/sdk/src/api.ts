/**
 * What the SDK shows an app: plain, immutable views. A view keeps its identity (`===`) until
 * something in it changes, so that `useSyncExternalStore` and `memo` render exactly the rows
 * that changed. Times are milliseconds since 1970 on this device's clock, but where a name ends in `At`
 * and says "server".
 */
import type {
  Attachment,
  DeviceId,
  ErrorCode,
  FileId,
  Me,
  MessageId,
  MessageLabel,
  Prefs,
  ProfileChange,
  Reaction,
  ReactionCount,
  Role,
  RoomId,
  RoomPrefs,
  RoomProfileChange,
  TxnId,
  User,
  UserId,
} from "./protocol.gen.js";

/** A row's identity from first paint for ever: `sender/txn_id`, or `room/seq` where none was given. */
export type RowKey = string;

/** How the feed arrives. */
export type Rung = "socket" | "stream" | "poll";

/** The connection, as an app shows it. */
export type ConnectionView =
  | { state: "offline"; waiting: number }
  | {
      state: "connecting";
      waiting: number;
      attempt: number /** When the next attempt is due. */;
      retryAt?: number;
    }
  | { state: "syncing"; waiting: number; rung: Rung }
  | {
      state: "live";
      waiting: number;
      rung: Rung /** Why a higher rung failed, for the curious. */;
      lower?: string;
    }
  | { state: "needs_auth"; waiting: number }
  | { state: "closed"; waiting: number; reason: string };
// `waiting` counts messages that are not yet acked.

/** Where one's own message is. A message of another is always `stored`. */
export type Delivery =
  | { state: "queued" | "in_flight"; since: number }
  | { state: "failed"; code: ErrorCode }
  | {
      state: "stored";
      seq: number /** The furthest that counts: in a group, everyone's. */;
      tick: "sent" | "delivered" | "read";
    };

/** What was measured for a message of one's own, in ms after the key press (`sentAt`, wall clock). */
export interface Stages {
  sentAt: number;
  painted?: number;
  acked?: number;
  delivered?: number;
  read?: number;
}

/** One row of a conversation. */
export type Row =
  | {
      type: "message";
      key: RowKey;
      sender: UserId;
      own: boolean;
      /** As it now is; empty where an attachment says it all, and of a deleted message. */
      text: string;
      /** Server's time once stored, else the device's at the key press. */
      at: number;
      seq?: number;
      txnId?: TxnId;
      delivery: Delivery;
      /** When it was last edited. */
      editedAt?: number;
      /** When it was deleted: nothing of what it said is left. */
      deletedAt?: number;
      /** How often it has each reaction, at least once. */
      reactions?: readonly ReactionCount[];
      /** One's own of these. */
      mine?: Reaction;
      replyTo?: Quote;
      attachment?: Attachment;
      label?: MessageLabel;
    }
  | {
      type: "notice";
      key: RowKey;
      at: number;
      seq: number;
      sender?: UserId;
      notice:
        | { kind: "created"; name?: string }
        | { kind: "renamed"; name: string }
        | { kind: "profile"; description: boolean; avatar: boolean } // which of them is another
        | { kind: "added" | "removed" | "left"; user: UserId }
        | { kind: "role"; user: UserId; role: Role };
    };

/** What a message answers, as that now is. Without `sender` it is on its way, or not to be had. */
export interface Quote {
  message: MessageId;
  /** Its row, where that is loaded. */
  key?: RowKey;
  sender?: UserId;
  /** Its first 100 characters. */
  text: string;
  attachment?: Attachment;
  deleted?: true;
  /** It is not there, or not for oneself. */
  unavailable?: true;
}

/** What is sent, where it is more than a text. */
export interface Draft {
  /** May be empty beside an attachment. */
  text: string;
  /** The row of the message that it answers, a stored one. */
  replyTo?: RowKey;
  /** As {@link ZasClient.upload} gave it. */
  attachment?: Attachment;
  label?: MessageLabel;
}

/** The order and extent of a conversation; the rows themselves are read one by one. */
export interface TimelineView {
  room: RoomId;
  /** Oldest first. Stored rows by `seq`, then what waits, in the order composed. */
  keys: readonly RowKey[];
  /** Whether older rows exist and are not loaded. */
  moreBefore: boolean;
  /** `cold`: nothing known yet; `loading`: older rows are on their way. */
  phase: "cold" | "ready" | "loading" | "failed";
  /** The first row after one's read position when the room was opened; stays until it is left. */
  firstUnread?: RowKey;
  /** The room's last place; rows are complete up to it from the oldest key loaded. */
  head: number;
}

export interface MemberView {
  user: UserId;
  role: Role;
}

/** A room in the list. */
export interface RoomView {
  id: RoomId;
  kind: "private" | "group";
  /** The group's name, or the other person's. */
  title: string;
  /** What a group says of itself; may be empty. */
  description: string;
  /** A group's picture. */
  avatar?: FileId;
  /** In a private room: the other. */
  other?: UserId;
  /** Who is in it; of a large group oneself alone, until the room is opened. */
  members: readonly MemberView[];
  memberCount: number;
  myRole: Role;
  unread: number;
  /** The newest message (own waiting ones included), for the preview. */
  last?: {
    text: string;
    sender: UserId;
    own: boolean;
    at: number;
    delivery: Delivery;
    deleted?: true;
    attachment?: Attachment;
  };
  /** When something last happened: the list's order, newest first. */
  at: number;
  prefs: RoomPrefs;
  /** Others who are typing now. */
  typing: readonly UserId[];
}

export interface PresenceView {
  online: boolean;
  /** Server's time; 0 for never. */
  lastSeen: number;
}

/** A browser or app where one is signed in (server's times). */
export interface DeviceView {
  id: DeviceId;
  /** Its browser and system; may be empty. */
  name: string;
  /** Whether it is this one. */
  current: boolean;
  signedInAt: number;
  /** When it last renewed its session, which one that is in use does every hour. */
  lastUsedAt: number;
}

/** The person that is signed in. */
export type Session =
  | { state: "unknown" }
  | { state: "signed_out"; reason?: ErrorCode }
  | { state: "signed_in"; me: Me; device: DeviceId };

/** What a failed call rejects with. */
export interface ZasError extends Error {
  code: ErrorCode | "offline";
  retryAfterMs?: number;
}

/** A value that changes: read it, or hear that it changed. */
export interface Readable<T> {
  get(): T;
  subscribe(listener: () => void): () => void;
}

/** The positions of a message's readers, for its info sheet (server's times). */
export interface Receipt {
  user: UserId;
  deliveredAt?: number;
  readAt?: number;
}

/**
 * One account on one server. All methods that change something return at once what the screen
 * needs; promises settle when the server has answered.
 */
export interface ZasClient {
  readonly session: Readable<Session>;
  readonly connection: Readable<ConnectionView>;
  /** Newest activity first. `undefined` until first known (from cache or server). */
  readonly rooms: Readable<readonly RoomView[] | undefined>;
  room(id: RoomId): Readable<RoomView | undefined>;
  timeline(id: RoomId): Readable<TimelineView>;
  row(room: RoomId, key: RowKey): Readable<Row | undefined>;
  user(id: UserId): Readable<User | undefined>;
  presence(id: UserId): Readable<PresenceView>;
  stages(key: RowKey): Readable<Stages | undefined>;

  /** Restores the session (cookie or stored token) and connects. */
  start(): Promise<void>;
  /** Releases everything; the outbox stays. */
  stop(): void;

  register(form: { username: string; email: string; displayName: string; password: string }): Promise<void>;
  signIn(form: { login: string; password: string }): Promise<void>;
  /** Signs out. `waiting` in the connection view says whether to ask first; with `discard` the outbox is wiped. */
  signOut(options: { discard: boolean }): Promise<void>;
  changePassword(form: { current: string; next: string }): Promise<void>;
  /** Where one is signed in: this device first, then the last used. */
  devices(signal?: AbortSignal): Promise<readonly DeviceView[]>;
  /** Signs another device out; its pages learn it at once. One that is gone already is no error. */
  signOutDevice(device: DeviceId): Promise<void>;
  signOutOthers(): Promise<void>;

  /** Sends; the row exists when this returns. A blank text without an attachment returns `undefined`. */
  send(room: RoomId, what: string | Draft): RowKey | undefined;
  /**
   * Change a stored message: shown at once, asked for until there is an answer, across any gap. They
   * resolve when it is stored, and reject when it is refused, by when it is undone. The same reaction
   * again changes nothing; `null` takes it back.
   */
  edit(room: RoomId, key: RowKey, text: string): Promise<void>;
  delete(room: RoomId, key: RowKey): Promise<void>;
  react(room: RoomId, key: RowKey, reaction: Reaction | null): Promise<void>;
  /** Stores a file that is to be sent. */
  upload(file: Blob, options: { name: string; signal?: AbortSignal }): Promise<Attachment>;
  retry(key: RowKey): void;
  /** Takes a failed or queued message back; returns its text. */
  discard(key: RowKey): string | undefined;
  /** Call in the frame after the row was drawn: its `painted` stage. */
  painted(key: RowKey): void;

  /** The room is on screen: fixes `firstUnread`, loads its newest page if needed. Call what it returns when it is left. */
  open(room: RoomId): () => void;
  loadOlder(room: RoomId): Promise<void>;
  /** The user sees everything up to here (visible and focused). */
  markRead(room: RoomId, seq: number): void;
  /** A key was pressed in the room's box; repeated calls are thinned. */
  typing(room: RoomId, on: boolean): void;
  receipts(room: RoomId, seq: number): readonly Receipt[];

  searchUsers(query: string, signal?: AbortSignal): Promise<User[]>;
  openPrivate(user: UserId): Promise<RoomId>;
  createGroup(name: string, members: UserId[]): Promise<RoomId>;
  renameRoom(room: RoomId, name: string): Promise<void>;
  /** Changes how a group shows itself besides its name; an `avatar` of `null` takes its picture away. */
  setRoomProfile(room: RoomId, profile: RoomProfileChange): Promise<void>;
  /** Stores a picture for {@link setRoomProfile}. */
  uploadRoomAvatar(image: Blob): Promise<FileId>;
  addMember(room: RoomId, user: UserId): Promise<void>;
  removeMember(room: RoomId, user: UserId): Promise<void>;
  setRole(room: RoomId, user: UserId, role: Role): Promise<void>;
  leaveRoom(room: RoomId): Promise<void>;
  setProfile(profile: ProfileChange): Promise<void>;
  uploadAvatar(image: Blob): Promise<FileId>;
  setPrefs(prefs: Prefs): Promise<void>;
  setRoomPrefs(room: RoomId, prefs: RoomPrefs): Promise<void>;
  /** An address to show a file at (a `blob:` one, fetched once, kept). */
  fileUrl(file: FileId): Readable<string | undefined>;
  /**
   * An address of an attachment for `img`, `video`, `audio` or a download: signed, and good for a while.
   * `failed` where there is none to be had.
   */
  mediaUrl(file: FileId): Readable<string | "failed" | undefined>;
  /** What is at its address cannot be loaded (any more): another one is asked for. */
  renewMedia(file: FileId): void;

  /** Messages that just came from others and deserve a sound: once, on one tab, none for a burst's rest, an echo, a resync, or a muted room. */
  onIncoming(
    listener: (message: { room: RoomId; key: RowKey; sender: UserId; text: string }) => void,
  ): () => void;
  /** Rungs held back by hand, for the demo and tests: `offline` cuts everything, `delayMs` is added each way. */
  simulate(network: {
    offline?: boolean;
    blockSocket?: boolean;
    blockStream?: boolean;
    delayMs?: number;
  }): void;
  /** Requests and frames this client made in the last minute. */
  readonly traffic: Readable<{ requestsPerMinute: number; framesPerMinute: number }>;
}

export interface ClientOptions {
  /** The server, e.g. `https://chat.example.com`; the page's own origin unless said. */
  url?: string;
  /**
   * `cookie`: the web client's way, refresh token in an HttpOnly cookie. `tokens`: kept in the given
   * storage. `external`: an app with its own accounts gives access tokens; it rejects with a `TypeError`, as
   * `fetch` does, where nobody answered, and with anything else where nobody is signed in any more. It may
   * be another person's than the last one: nothing of the one is shown to, or sent as, the other.
   */
  auth?:
    | { kind: "cookie" }
    | { kind: "tokens" }
    | { kind: "external"; getToken(options: { fresh: boolean }): Promise<string> };
  /** Keeps clients apart that share an origin (the demo's two phones). Part of every stored name, lock and channel. */
  profile?: string;
}
