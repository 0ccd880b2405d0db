/** The client an app holds: sessions come and go in it, readers of its views stay. */
import { Account } from "./account.js";
import type {
  ClientOptions,
  ConnectionView,
  DeviceView,
  Draft,
  PresenceView,
  Readable,
  RoomView,
  RowKey,
  Session,
  TimelineView,
  ZasClient,
} from "./api.js";
import { Auth } from "./drivers/auth.js";
import { now } from "./drivers/clock.js";
import { Files } from "./drivers/files.js";
import { Api } from "./drivers/http.js";
import type { Media } from "./drivers/media.js";
import { type Names, namesFor } from "./drivers/names.js";
import { Network } from "./drivers/network.js";
import { backoff } from "./engine/backoff.js";
import { same } from "./engine/same.js";
import { millis } from "./engine/views.js";
import { wellFormed } from "./engine/wellFormed.js";
import { isOffline, isSignedOut, ZasFailure } from "./errors.js";
import {
  type Ack,
  type Attachment,
  type Command,
  type Device,
  type DeviceId,
  type Devices,
  type ErrorCode,
  type FileId,
  type Found,
  type Prefs,
  RETRY,
  type Reaction,
  type RoomId,
  type TxnId,
  type Uploaded,
  type UserId,
} from "./protocol.gen.js";
import { Topics } from "./topics.js";

/** A command that finds no answer is asked again so often, under its own name. */
const COMMAND_TRIES = 3;
/** How often the figures of the traffic are looked at, in milliseconds. */
const TRAFFIC_MS = 1_000;

const NOBODY: PresenceView = { online: false, lastSeen: 0 };
const UNKNOWN: Session = { state: "unknown" };

/** A client for one account on one server. Call `start()` once it is wanted; nothing is touched before. */
export function createClient(options: ClientOptions = {}): ZasClient {
  return new Client(options);
}

/** A command before it has its name. */
type Unnamed = Command extends infer C ? (C extends Command ? Omit<C, "txn_id"> : never) : never;

class Client implements ZasClient {
  private readonly topics = new Topics();
  private readonly network: Network;
  private readonly auth: Auth;
  private readonly api: Api;
  private readonly names: Names;
  private readonly files: Files;
  private media?: Media;
  private readonly incoming = new Set<Parameters<ZasClient["onIncoming"]>[0]>();
  private account?: Account;
  private here: Session = UNKNOWN;
  private seenConnection: ConnectionView = { state: "connecting", waiting: 0, attempt: 0 };
  private seenTraffic = { requestsPerMinute: 0, framesPerMinute: 0 };
  /** Settings that were chosen here and are on their way. */
  private chosen?: Prefs;
  private started = false;

  readonly session: Readable<Session> = this.readable("session", () => this.readSession());
  readonly connection: Readable<ConnectionView> = this.readable("connection", () => this.readConnection(), [
    "waiting",
  ]);
  readonly rooms: Readable<readonly RoomView[] | undefined> = this.readable("rooms", () =>
    this.account?.views.rooms(),
  );
  readonly traffic: ZasClient["traffic"] = {
    get: () => this.readTraffic(),
    subscribe: (listener) => {
      const timer = setInterval(listener, TRAFFIC_MS);
      return () => clearInterval(timer);
    },
  };

  constructor(options: ClientOptions) {
    const server = options.url?.replace(/\/+$/, "") ?? "";
    const origin = server || (typeof location === "undefined" ? "" : location.origin);
    this.names = namesFor(origin, options.profile);
    this.network = new Network(server);
    this.auth = new Auth(
      this.network,
      this.names.client,
      options.auth ?? { kind: "cookie" },
      options.profile,
    );
    this.auth.onOther = (user) => void this.enter(user);
    this.api = new Api(this.network, this.auth);
    this.files = new Files(this.api, (file) => this.topics.tell([`file:${file}`], "once"));
  }

  room(id: RoomId): Readable<RoomView | undefined> {
    return this.readable(`room:${id}`, () => this.account?.views.room(id));
  }

  timeline(id: RoomId): Readable<TimelineView> {
    return this.readable(`timeline:${id}`, () => this.account?.views.timeline(id) ?? cold(id));
  }

  row(room: RoomId, key: RowKey): ReturnType<ZasClient["row"]> {
    const { get, subscribe } = this.readable(`row:${room}:${key}`, () => this.account?.views.row(room, key));
    return {
      get,
      subscribe: (listener) => {
        const row = get();
        const quote = row?.type === "message" ? row.replyTo : undefined;
        // Fetched when somebody shows it, and not for all the rows there are.
        if (quote && !quote.unavailable && quote.sender === undefined)
          this.account?.chatInput({ type: "seek", room, key });
        return subscribe(listener);
      },
    };
  }

  user(id: UserId): ReturnType<ZasClient["user"]> {
    return this.readable(`user:${id}`, () => this.account?.chat.users.get(id));
  }

  presence(id: UserId): Readable<PresenceView> {
    return this.readable(`presence:${id}`, () => this.account?.views.presence(id) ?? NOBODY);
  }

  stages(key: RowKey): ReturnType<ZasClient["stages"]> {
    return this.readable(`stages:${key}`, () => this.account?.chat.stages(key));
  }

  fileUrl(file: FileId): Readable<string | undefined> {
    return this.readable(`file:${file}`, () => this.files.url(file));
  }

  mediaUrl(file: FileId): ReturnType<ZasClient["mediaUrl"]> {
    return this.readable(`media:${file}`, () => {
      if (!this.media) void this.loadMedia().then(() => this.topics.tell([`media:${file}`], "once"));
      return this.media?.url(file);
    });
  }

  renewMedia(file: FileId): void {
    this.media?.renew(file);
  }

  async start(): Promise<void> {
    if (this.started) return;
    this.started = true;
    this.listen("addEventListener");
    const { options, remembered } = this.auth;
    if (options.kind === "external") return this.startUnknown();
    await this.auth.leave();
    if (remembered) return this.enter(remembered.user);
    // A cookie outlives the page's storage: browsers empty that of pages long unused.
    if (options.kind === "cookie") return this.startUnknown();
    this.become({ state: "signed_out" });
  }

  stop(): void {
    if (!this.started) return;
    this.started = false;
    this.listen("removeEventListener");
    this.account?.stop();
    this.account = undefined;
    this.files.clear();
    this.media = undefined;
    this.become(UNKNOWN);
  }

  async register(form: Parameters<ZasClient["register"]>[0]): Promise<void> {
    const { displayName: display_name, ...rest } = form;
    await this.signInBy("register", { ...rest, display_name });
  }

  async signIn(form: { login: string; password: string }): Promise<void> {
    await this.signInBy("login", form);
  }

  async signOut({ discard }: { discard: boolean }): Promise<void> {
    const { account } = this;
    if (!account) return;
    account.leave();
    await this.exit(undefined, true, discard);
    await this.auth.signOut();
  }

  async changePassword({ current, next }: { current: string; next: string }): Promise<void> {
    await this.api.call("POST", "/v1/auth/password", { body: { current, new: next } });
  }

  async devices(signal?: AbortSignal): Promise<readonly DeviceView[]> {
    const { devices } = await this.api.json<Devices>("GET", "/v1/me/devices", signal ? { signal } : {});
    return devices.map(shownDevice).sort((a, b) => Number(b.current) - Number(a.current));
  }

  async signOutDevice(device: DeviceId): Promise<void> {
    try {
      await this.api.call("DELETE", `/v1/me/devices/${device}`);
    } catch (error) {
      if (!(error instanceof ZasFailure) || error.code !== "not_found") throw error;
    }
  }

  async signOutOthers(): Promise<void> {
    await this.api.call("DELETE", "/v1/me/devices");
  }

  send(room: RoomId, what: string | Draft): RowKey | undefined {
    return this.account?.send(room, typeof what === "string" ? { text: what } : what);
  }

  async edit(room: RoomId, key: RowKey, text: string): Promise<void> {
    const next = wellFormed(text.trim());
    if (next === "") throw new ZasFailure("text_blank", "nothing is left of the text");
    await this.signedIn.change(room, key, { do: "edit", text: next });
  }

  async delete(room: RoomId, key: RowKey): Promise<void> {
    await this.signedIn.change(room, key, { do: "delete" });
  }

  async react(room: RoomId, key: RowKey, reaction: Reaction | null): Promise<void> {
    await this.signedIn.change(room, key, reaction === null ? { do: "react" } : { do: "react", reaction });
  }

  async upload(file: Blob, { name, signal }: { name: string; signal?: AbortSignal }): Promise<Attachment> {
    return (await this.loadMedia()).upload(file, wellFormed(name), signal);
  }

  retry(key: RowKey): void {
    this.account?.resettle("retry", txnOf(key));
  }

  discard(key: RowKey): string | undefined {
    const { account } = this;
    const text = account?.chat.outbox.get(txnOf(key))?.text;
    account?.resettle("discard", txnOf(key));
    return account?.chat.outbox.get(txnOf(key)) ? undefined : text;
  }

  painted(key: RowKey): void {
    this.account?.chatInput({ type: "painted", key });
  }

  open(room: RoomId): () => void {
    const { account } = this;
    account?.chatInput({ type: "open", room });
    let open = true;
    return () => {
      if (open) account?.chatInput({ type: "close", room });
      open = false;
    };
  }

  async loadOlder(room: RoomId): Promise<void> {
    this.account?.chatInput({ type: "older", room });
    await this.account?.fetching(`older:${room}`);
  }

  markRead(room: RoomId, seq: number): void {
    this.account?.chatInput({ type: "read", room, seq });
  }

  typing(room: RoomId, on: boolean): void {
    this.account?.chatInput({ type: "typing", room, on });
  }

  receipts(room: RoomId, seq: number): ReturnType<ZasClient["receipts"]> {
    return this.account?.views.receipts(room, seq) ?? [];
  }

  async searchUsers(query: string, signal?: AbortSignal): Promise<Found["users"]> {
    const call = signal ? { signal } : {};
    return (await this.api.json<Found>("GET", `/v1/users?q=${encodeURIComponent(query)}`, call)).users;
  }

  openPrivate(user: UserId): Promise<RoomId> {
    return this.enterRoom({ type: "open_private", user });
  }

  createGroup(name: string, members: UserId[]): Promise<RoomId> {
    return this.enterRoom({ type: "create_group", name, members });
  }

  async renameRoom(room: RoomId, name: string): Promise<void> {
    await this.command({ type: "rename_room", room, name });
  }

  async setRoomProfile(room: RoomId, profile: Parameters<ZasClient["setRoomProfile"]>[1]): Promise<void> {
    await this.command({ type: "set_room_profile", room, profile });
  }

  async uploadRoomAvatar(image: Blob): Promise<FileId> {
    return (await this.api.json<Uploaded>("POST", "/v1/rooms/avatar", { bytes: image })).file;
  }

  async addMember(room: RoomId, user: UserId): Promise<void> {
    await this.command({ type: "add_member", room, user });
  }

  async removeMember(room: RoomId, user: UserId): Promise<void> {
    await this.command({ type: "remove_member", room, user });
  }

  async setRole(room: RoomId, user: UserId, role: RoomView["myRole"]): Promise<void> {
    await this.command({ type: "set_role", room, user, role });
  }

  async leaveRoom(room: RoomId): Promise<void> {
    await this.command({ type: "leave_room", room });
  }

  async setProfile(profile: Parameters<ZasClient["setProfile"]>[0]): Promise<void> {
    await this.command({ type: "set_profile", profile });
  }

  async uploadAvatar(image: Blob): Promise<FileId> {
    return (await this.api.json<Uploaded>("POST", "/v1/me/avatar", { bytes: image })).file;
  }

  async setPrefs(prefs: Prefs): Promise<void> {
    this.chosen = prefs;
    this.topics.tell(["session"], "once");
    try {
      const { seq } = await this.command({ type: "set_prefs", prefs });
      // Until the event comes, they are shown as chosen.
      await this.account?.reached(seq);
    } finally {
      if (this.chosen === prefs) this.chosen = undefined;
      this.topics.tell(["session"], "once");
    }
  }

  async setRoomPrefs(room: RoomId, prefs: RoomView["prefs"]): Promise<void> {
    await this.command({ type: "set_room_prefs", room, prefs });
  }

  onIncoming(listener: Parameters<ZasClient["onIncoming"]>[0]): () => void {
    this.incoming.add(listener);
    return () => this.incoming.delete(listener);
  }

  simulate(network: Parameters<ZasClient["simulate"]>[0]): void {
    this.network.simulate(network);
    if (network.offline) this.account?.refreshStatus();
    else this.account?.wake();
  }

  private readable<T>(topic: string, get: () => T, more: string[] = []): Readable<T> {
    return {
      get,
      subscribe: (listener) => {
        const leave = [topic, ...more].map((name) => this.topics.subscribe(name, listener));
        return () => {
          for (const end of leave) end();
        };
      },
    };
  }

  private readSession(): Session {
    const { account, here } = this;
    const me = account?.chat.me;
    if (!account || !me) return here;
    const shown: Session = {
      state: "signed_in",
      me: this.chosen ? { ...me, prefs: this.chosen } : me,
      device: account.device,
    };
    if (!same(here, shown)) this.here = shown;
    return this.here;
  }

  private readConnection(): ConnectionView {
    const nobody: ConnectionView = this.network.offline
      ? { state: "offline", waiting: 0 }
      : { state: "connecting", waiting: 0, attempt: 0 };
    const view = this.account?.connectionView() ?? nobody;
    if (!same(view, this.seenConnection)) this.seenConnection = view;
    return this.seenConnection;
  }

  private readTraffic() {
    const next = { requestsPerMinute: this.network.budget.rate(now()), framesPerMinute: this.network.frames };
    if (!same(next, this.seenTraffic)) this.seenTraffic = next;
    return this.seenTraffic;
  }

  private become(session: Session): void {
    this.here = session;
    this.topics.tellAll();
  }

  private async enter(user: UserId): Promise<void> {
    this.account?.stop();
    this.auth.user = user;
    const account = new Account(
      user,
      this.names.account(user),
      this.network,
      this.auth,
      this.api,
      this.topics,
      {
        incoming: (message) => {
          for (const listener of this.incoming) listener(message);
        },
        signedOut: (reason, here) => void this.exit(reason, here, false),
      },
    );
    this.account = account;
    this.topics.tellAll();
    await account.start();
  }

  /** Goes on with whose session the browser's cookie is of, or the embedding app's token. */
  private async startUnknown(): Promise<void> {
    for (let failures = 0; this.started && !this.account; failures++) {
      try {
        await this.auth.refresh();
        const { user } = this.auth;
        if (!this.started || this.account || user === undefined) return;
        return await this.enter(user);
      } catch (error) {
        if (this.account) return;
        // Nobody is signed in; of an app with its own accounts that is any answer but none.
        if (isSignedOut(error) || !(error instanceof ZasFailure || isOffline(error))) {
          return this.become({ state: "signed_out" });
        }
        if (!isOffline(error)) this.become({ state: "signed_out", reason: "internal" });
        await new Promise((resolve) => setTimeout(resolve, backoff(failures, Math.random())));
      }
    }
  }

  private async signInBy(path: "login" | "register", form: Record<string, string>): Promise<void> {
    const { me, device } = await this.auth.signIn(path, form);
    this.here = { state: "signed_in", me, device };
    await this.enter(me.user.id);
  }

  /** The session is over. What waits stays in the journal for its author, unless `discard`. */
  private async exit(reason: ErrorCode | undefined, here: boolean, discard: boolean): Promise<void> {
    const { account } = this;
    if (!account) return;
    this.account = undefined;
    this.chosen = undefined;
    if (here) {
      if (discard) await account.journal.wipe();
      await account.cache.wipe();
    }
    account.stop();
    this.files.clear();
    this.media = undefined;
    if (reason !== undefined) this.auth.forget();
    else this.auth.lock();
    this.become(reason === undefined ? { state: "signed_out" } : { state: "signed_out", reason });
  }

  /** Settles with the room known, so that it can be shown at once. */
  private async enterRoom(command: Unnamed): Promise<RoomId> {
    const { room } = await this.command(command);
    const { account } = this;
    if (account && !account.chat.rooms.has(room)) {
      account.chatInput({ type: "fetch", room });
      await account.fetching(`room:${room}`).catch(() => {});
    }
    return room;
  }

  private async loadMedia(): Promise<Media> {
    const { Media } = await import("./drivers/media.js");
    const { server } = this.network;
    this.media ??= new Media(this.api, server, (file) => this.topics.tell([`media:${file}`], "once"));
    return this.media;
  }

  private get signedIn(): Account {
    if (!this.account) throw new ZasFailure("unauthenticated", "nobody is signed in");
    return this.account;
  }

  private async command(unnamed: Unnamed): Promise<Ack> {
    const body = { ...wellFormed(unnamed), txn_id: this.signedIn.mintTxn() };
    for (let failures = 1; ; failures++) {
      try {
        return await this.api.json<Ack>("POST", "/v1/commands", { body });
      } catch (error) {
        const known = error instanceof ZasFailure && error.code !== "offline" ? RETRY[error.code] : "later";
        if (known !== "later" || failures === COMMAND_TRIES || this.network.offline) throw error;
        const pause = error instanceof ZasFailure ? error.retryAfterMs : undefined;
        await new Promise((resolve) => setTimeout(resolve, pause ?? backoff(failures, Math.random())));
      }
    }
  }

  private readonly wake = () => {
    if (document.visibilityState === "visible") this.account?.wake();
  };

  private readonly lost = () => this.account?.wake();

  private readonly hide = () => void this.account?.cache.save();

  private listen(how: "addEventListener" | "removeEventListener"): void {
    if (typeof window === "undefined") return;
    document[how]("visibilitychange", this.wake);
    window[how]("pageshow", this.wake);
    window[how]("online", this.wake);
    window[how]("offline", this.lost);
    window[how]("pagehide", this.hide);
  }
}

function shownDevice({ id, name, current, created_at, last_used_at }: Device): DeviceView {
  return { id, name, current, signedInAt: millis(created_at), lastUsedAt: millis(last_used_at) };
}

function cold(room: RoomId): TimelineView {
  const known = COLD.get(room) ?? { room, keys: [], moreBefore: false, phase: "cold", head: 0 };
  COLD.set(room, known);
  return known;
}

/** Timelines of which nothing is known, by room, so that they stay the same. */
const COLD = new Map<RoomId, TimelineView>();

function txnOf(key: RowKey): TxnId {
  return key.slice(key.indexOf("/") + 1);
}
