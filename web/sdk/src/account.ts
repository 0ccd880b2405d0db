/**
 * One signed-in person in one tab: joins the machines of `engine/` with the drivers of `drivers/`.
 * Every input goes through {@link Account.chatInput} or {@link Account.connect}, every effect through
 * one `switch`; rules belong in the machines.
 */
import type { ConnectionView, Draft, RowKey } from "./api.js";
import { Changing } from "./changing.js";
import type { Auth } from "./drivers/auth.js";
import { Cache } from "./drivers/cache.js";
import type { Carrier, CarrierEvents, Opening } from "./drivers/carrier.js";
import { Alarm, now, wall } from "./drivers/clock.js";
import { type Database, openDatabase } from "./drivers/database.js";
import type { Api } from "./drivers/http.js";
import { Journal } from "./drivers/journal.js";
import type { Network } from "./drivers/network.js";
import { openPoll } from "./drivers/poll.js";
import { Signals } from "./drivers/signals.js";
import { openSocket } from "./drivers/socket.js";
import { openStream } from "./drivers/stream.js";
import { Tabs } from "./drivers/tabs.js";
import { backoff } from "./engine/backoff.js";
import { Chat, type ChatEffect, type ChatInput, type Cursor } from "./engine/chat.js";
import { Connection, type ConnectionEffect, type ConnectionInput, RUNGS } from "./engine/connection.js";
import { type Body, type StoredEntry, stored } from "./engine/outbox.js";
import type { Deed } from "./engine/pending.js";
import { TxnMint } from "./engine/txn.js";
import { Views } from "./engine/views.js";
import { wellFormed } from "./engine/wellFormed.js";
import { isOffline, isSignedOut, ZasFailure } from "./errors.js";
import type {
  Ack,
  Command,
  DeviceId,
  ErrorCode,
  RoomId,
  ServerFrame,
  Signal,
  State,
  TxnId,
  UserId,
} from "./protocol.gen.js";
import type { Topics } from "./topics.js";

/** The connection as the leader tells it to the other tabs; each counts for itself what waits. */
export type Status = ConnectionView extends infer View
  ? View extends unknown
    ? Omit<View, "waiting">
    : never
  : never;

type TabMessage =
  | { type: "frame"; frame: ServerFrame; live: boolean }
  /** With the leader's cursor while it is live. */
  | { type: "status"; status: Status; cursor?: Cursor }
  /** "I am new here." */
  | { type: "hello" }
  | { type: "composed"; entry: StoredEntry }
  | { type: "retry" | "discard"; txn: TxnId }
  | { type: "signals"; signals: Signal[] }
  | { type: "signed_out"; reason?: ErrorCode };

/** What the account asks of the client that holds it. */
export interface AccountEvents {
  incoming(message: Extract<ChatEffect, { do: "sound" }>["message"]): void;
  /** The session is over: the server says so, or another tab signed out. */
  signedOut(reason: ErrorCode | undefined, here: boolean): void;
}

const OPENERS: Record<(typeof RUNGS)[number], (opening: Opening, on: CarrierEvents) => Carrier> = {
  socket: openSocket,
  stream: openStream,
  poll: openPoll,
};

export class Account {
  readonly chat: Chat;
  readonly views: Views;
  readonly journal: Journal;
  readonly cache: Cache;
  device: DeviceId;
  private readonly database: Promise<Database | undefined>;
  private readonly connection = new Connection();
  private readonly carriers = new Map<number, Carrier>();
  private readonly tabs: Tabs<TabMessage>;
  private readonly signals: Signals;
  private readonly changing: Changing;
  private readonly mint = new TxnMint();
  private readonly alarm = new Alarm(() => this.tick());
  private readonly settled = new Map<string, Set<(failed?: ErrorCode | "offline") => void>>();
  private status: Status = { state: "connecting", attempt: 0 };
  private renewals = 0;
  private renewTimer?: ReturnType<typeof setTimeout>;
  private authorized = false;
  private stopped = false;

  constructor(
    readonly id: UserId,
    name: string,
    private readonly network: Network,
    private readonly auth: Auth,
    private readonly api: Api,
    private readonly topics: Topics,
    private readonly on: AccountEvents,
  ) {
    this.device = auth.remembered?.device ?? "";
    this.chat = new Chat(id);
    this.views = new Views(this.chat);
    this.database = openDatabase(name);
    this.journal = new Journal(name, this.database);
    this.cache = new Cache(this.database, this.chat);
    this.signals = new Signals(network, (signals) => api.call("POST", "/v1/signals", { body: { signals } }));
    this.changing = new Changing(
      api,
      (input) => this.chatInput(input),
      (failure) => this.refused(failure),
    );
    this.tabs = new Tabs<TabMessage>(name, {
      lead: (on) => this.lead(on),
      message: (message) => this.told(message),
    });
  }

  async start(): Promise<void> {
    // The tabs first: what is acked while the journal is read is not brought back by it.
    this.tabs.start();
    if (!this.tabs.leads) this.tabs.ask({ type: "hello" });
    if (this.auth.token === undefined) void this.renew();
    const [snapshot] = await Promise.all([this.cache.load(), this.recover()]);
    if (this.stopped) return;
    if (snapshot?.me.user.id === this.id) this.chatInput({ type: "restore", snapshot });
    if (this.auth.token !== undefined) this.authorize();
  }

  /** Ends everything here; what waits stays in the journal. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.renewTimer);
    this.connect({ type: "stop" });
    this.tabs.stop();
    this.signals.drop();
    this.changing.stop();
    this.alarm.set(undefined);
    void this.cache.save().then(async () => (await this.database)?.close());
    this.cache.stop();
  }

  /** Signs out in all tabs. */
  leave(): void {
    this.tabs.say({ type: "signed_out" });
  }

  /** The page or the network is back. */
  wake(): void {
    if (this.stopped) return;
    if (!this.authorized || this.renewTimer !== undefined) void this.renew();
    this.connect({ type: "wake" });
    this.chatInput({ type: "wake" });
    this.refreshStatus();
  }

  /** The network changed for better or worse. */
  refreshStatus(): void {
    this.topics.tell(["connection"], "once");
  }

  connectionView(): ConnectionView {
    const { waiting } = this.chat.outbox;
    const up = this.status.state === "live" || this.status.state === "syncing";
    return this.network.offline && !up ? { state: "offline", waiting } : { ...this.status, waiting };
  }

  send(room: RoomId, draft: Draft): RowKey | undefined {
    const body = this.body(room, draft);
    if ((body.text === "" && !body.attachment) || this.chat.outbox.full) return undefined;
    const txn = this.mintTxn();
    this.chatInput({ type: "compose", room, body, txn, wall: wall() });
    const composed = this.chat.outbox.get(txn);
    const entry = composed && stored(composed);
    if (!entry) return undefined;
    queueMicrotask(() => {
      if (this.tabs.leads) this.tabs.say({ type: "composed", entry });
      else this.tabs.ask({ type: "composed", entry });
    });
    return `${this.id}/${txn}`;
  }

  /** Rejects with `not_found` where the row is no stored message. */
  async change(room: RoomId, key: RowKey, deed: Deed): Promise<void> {
    const event = this.chat.timelines.get(room)?.event(key);
    if (event?.kind !== "message" || event.message === "")
      throw new ZasFailure("not_found", "no stored message of that room");
    if (this.chat.pending.full) throw new ZasFailure("overloaded", "too many changes wait for an answer");
    await this.changing.make(room, key, deed, this.mintTxn(), wall());
  }

  private body(room: RoomId, { text, replyTo, attachment, label }: Draft): Body {
    const event = replyTo === undefined ? undefined : this.chat.timelines.get(room)?.event(replyTo);
    const answered =
      event?.kind === "message" && event.message !== ""
        ? { message: event.message, of: event.seq }
        : undefined;
    return {
      text: wellFormed(text.trim()),
      ...(answered && { replyTo: answered }),
      ...(attachment && { attachment }),
      ...(label && { label }),
    };
  }

  /** Asks the leader's outbox as well as one's own. */
  resettle(type: "retry" | "discard", txn: TxnId): void {
    this.chatInput({ type: "outbox", input: { type, txn } });
    if (this.tabs.leads) this.tabs.say({ type, txn });
    else this.tabs.ask({ type, txn });
  }

  mintTxn(): TxnId {
    return this.mint.mint(wall(), crypto.getRandomValues(new Uint8Array(10)));
  }

  chatInput(input: ChatInput): void {
    if (this.stopped) return;
    for (const effect of this.chat.handle(now(), input, Math.random())) {
      // The screen first: what was composed is on it before the network is told, in the same task.
      const sends = effect.do === "frame" || effect.do === "post" || effect.do === "change";
      if ((input.type === "compose" || input.type === "change") && sends)
        queueMicrotask(() => this.perform(effect, input.type));
      else this.perform(effect, input.type);
    }
    this.cache.touch();
    this.arm();
  }

  /** Resolves when one's own log is known up to there. */
  async reached(seq: number): Promise<void> {
    while (!this.stopped && (this.chat.cachedMeta()?.own.head ?? 0) < seq) {
      await new Promise<void>((resolve) => {
        const leave = this.topics.subscribe("session", () => {
          leave();
          resolve();
        });
      });
    }
  }

  /** Resolves when the fetch of that key has ended; at once if none is under way. */
  async fetching(key: string): Promise<void> {
    if (!this.chat.wanted.has(key)) return;
    await new Promise<void>((resolve, reject) => {
      const done = (failed?: ErrorCode | "offline") =>
        failed === undefined ? resolve() : reject(new ZasFailure(failed, `no answer for ${key}`));
      this.settled.set(key, (this.settled.get(key) ?? new Set()).add(done));
    });
  }

  private perform(effect: ChatEffect, cause: ChatInput["type"]): void {
    switch (effect.do) {
      case "frame":
        this.carrier?.send?.(effect.command);
        break;
      case "post":
        void this.post(effect.command, effect.attempt);
        break;
      case "change":
        void this.changing.post(effect.command, effect.attempt);
        break;
      case "decided":
        this.changing.decided(effect.txn, effect.code);
        break;
      case "keep":
        this.journal.keep(effect.entry);
        break;
      case "forget":
        this.journal.forget(effect.txn);
        break;
      case "unauthenticated":
        if (effect.revoked) this.on.signedOut("revoked", true);
        else void this.renew();
        break;
      case "signals":
        this.say(effect.signals);
        break;
      case "fetch":
        void this.fetch(effect.key, effect.path, effect.attempt);
        break;
      case "settled": {
        const waiting = this.settled.get(effect.key) ?? [];
        this.settled.delete(effect.key);
        for (const done of waiting) done(effect.failed);
        break;
      }
      case "sound":
        this.on.incoming(effect.message);
        break;
      case "changed":
        this.views.touch(effect.topics);
        this.tell(effect.topics, cause);
        break;
    }
  }

  /** A message is drawn at once by its own row; lists and counts follow in a task of their own. */
  private tell(topics: ReadonlySet<string>, cause: ChatInput["type"]): void {
    if (cause === "fetched") return this.topics.tell(topics, "frame");
    if (cause !== "compose" && cause !== "change" && cause !== "frame" && cause !== "read")
      return this.topics.tell(topics, "once");
    const [rows, others]: [string[], string[]] = [[], []];
    for (const topic of topics) (/^(row|timeline):/.test(topic) ? rows : others).push(topic);
    this.topics.tell(rows, cause === "frame" ? "frame" : "once");
    this.topics.tell(others, "painted");
  }

  private async recover(): Promise<void> {
    const entries = await this.journal.read();
    for (const { txn } of entries) this.mint.follow(txn);
    if (entries.length > 0) this.chatInput({ type: "outbox", input: { type: "restore", entries } });
  }

  private async fetch(key: string, path: string, attempt: number): Promise<void> {
    try {
      const body = key === "state" ? await this.state() : await this.api.json<unknown>("GET", path);
      this.chatInput({ type: "fetched", key, attempt, body });
      if (key === "state") this.settleConnection();
    } catch (error) {
      if (isSignedOut(error)) return this.refused(error);
      const code = error instanceof ZasFailure ? error.code : "offline";
      this.chatInput({ type: "unfetched", key, attempt, code });
    }
  }

  private state(): Promise<State> {
    const state = this.auth.takeState();
    return state ? Promise.resolve(state) : this.api.json<State>("GET", "/v1/state");
  }

  private async post(command: Command, attempt: number): Promise<void> {
    const txn = command.txn_id;
    try {
      const ack = await this.api.json<Ack>("POST", "/v1/commands", { body: command });
      this.answered({ type: "ack", ...ack });
    } catch (error) {
      if (!(error instanceof ZasFailure) || error.code === "offline") {
        this.chatInput({ type: "outbox", input: { type: "unreachable", txn, attempt } });
      } else {
        const nack: ServerFrame = { type: "nack", txn_id: txn, code: error.code };
        this.answered(
          error.retryAfterMs === undefined ? nack : { ...nack, retry_after_ms: error.retryAfterMs },
        );
      }
    }
  }

  private answered(frame: ServerFrame): void {
    const live = this.connection.state.is === "live";
    this.tabs.say({ type: "frame", frame, live });
    this.chatInput({ type: "frame", frame, live });
  }

  private say(signals: Signal[]): void {
    if (!this.tabs.leads) return this.tabs.say({ type: "signals", signals });
    const { carrier } = this;
    if (carrier?.send) for (const signal of signals) carrier.send(signal);
    else if (carrier) this.signals.say(signals);
  }

  /** Gets a fresh token, for as long as it takes. */
  private async renew(): Promise<void> {
    clearTimeout(this.renewTimer);
    this.renewTimer = undefined;
    try {
      const lifeMs = await this.auth.refresh();
      if (this.stopped) return;
      this.renewals = 0;
      this.connect({ type: "token", lifeMs });
      this.authorize();
      this.chatInput({ type: "outbox", input: { type: "token" } });
    } catch (error) {
      if (this.stopped) return;
      if (isSignedOut(error)) this.refused(error);
      else if (this.auth.options.kind === "external" && !isOffline(error))
        this.connect({ type: "auth_lost" });
      else this.renewTimer ??= setTimeout(() => void this.renew(), backoff(++this.renewals, Math.random()));
    }
  }

  private refused(failure: ZasFailure): void {
    if (this.auth.options.kind === "external") this.connect({ type: "auth_lost" });
    else this.on.signedOut(failure.code === "revoked" ? "revoked" : "unauthenticated", true);
  }

  /** A token is there: the first state is asked for, and the connection opens. */
  private authorize(): void {
    if (!this.authorized) {
      this.authorized = true;
      this.chatInput({ type: "start" });
    }
    this.settleConnection();
  }

  /** One connection a browser: it opens where this tab leads and there is something to go on from. */
  private settleConnection(): void {
    if (this.stopped || !this.tabs.leads) return;
    if (this.authorized && this.chat.ready) this.connect({ type: "start" });
  }

  private lead(on: boolean): void {
    if (this.stopped) return;
    this.chatInput({ type: "lead", on });
    if (!on) return this.connect({ type: "stop" });
    // What other tabs composed and nobody sent yet.
    void this.recover();
    this.settleConnection();
  }

  private get carrier(): Carrier | undefined {
    const { state } = this.connection;
    return "trial" in state ? this.carriers.get(state.trial.id) : undefined;
  }

  private connect(input: ConnectionInput): void {
    for (const effect of this.connection.handle(now(), input, Math.random())) this.conduct(effect);
    if (!this.stopped) this.arm();
  }

  private conduct(effect: ConnectionEffect): void {
    switch (effect.do) {
      case "open":
        this.carriers.set(effect.id, OPENERS[effect.rung](this.opening, this.hearing(effect.id)));
        break;
      case "close":
        this.carriers.get(effect.id)?.close();
        this.carriers.delete(effect.id);
        break;
      case "ping":
        this.carriers.get(effect.id)?.send?.({ type: "ping", n: effect.n });
        break;
      case "refresh":
        void this.renew();
        break;
      case "present_token":
        this.carriers.get(effect.id)?.send?.({ type: "refresh", token: this.auth.token ?? "" });
        break;
      case "link":
        if (effect.rung !== "stream" && effect.rung !== "poll") this.signals.drop();
        this.chatInput({
          type: "link",
          link: effect.rung === undefined ? "none" : effect.rung === "socket" ? "socket" : "http",
        });
        break;
      case "changed":
        this.tellStatus();
        break;
    }
  }

  private get opening(): Opening {
    return {
      network: this.network,
      token: () => this.auth.token ?? "",
      hello: () => this.chat.hello(),
      signals: () => this.signals.take(),
    };
  }

  private hearing(id: number): CarrierEvents {
    return {
      frame: (frame) => {
        const live = this.connection.state.is === "live";
        this.connect({ type: "frame", id, frame });
        const { state } = this.connection;
        if (!("trial" in state) || state.trial.id !== id) return;
        if (frame.type === "welcome") this.device = frame.device;
        if (frame.type !== "pong" && frame.type !== "drain") this.tabs.say({ type: "frame", frame, live });
        this.chatInput({ type: "frame", frame, live });
      },
      polled: () => this.connect({ type: "polled", id }),
      heard: () => this.connect({ type: "heard", id }),
      closed: (code, reason) => {
        this.carriers.delete(id);
        this.connect({ type: "closed", id, code, reason });
        if (this.connection.state.is === "needs_auth" && this.auth.options.kind !== "external") {
          this.on.signedOut("revoked", true);
        }
      },
    };
  }

  private tellStatus(): void {
    if (!this.tabs.leads) return;
    this.status = statusOf(this.connection);
    const { status } = this;
    const live = status.state === "live";
    this.tabs.say(
      live ? { type: "status", status, cursor: this.chat.hello().cursor } : { type: "status", status },
    );
    this.topics.tell(["connection"], "once");
  }

  /** Another tab says something. */
  private told(message: TabMessage): void {
    switch (message.type) {
      case "frame":
        if (!this.tabs.leads) this.chatInput(message);
        break;
      case "status":
        if (this.tabs.leads) break;
        this.status = message.status;
        if (message.cursor) this.chatInput({ type: "peer", cursor: message.cursor });
        this.topics.tell(["connection"], "once");
        break;
      case "hello":
        if (this.tabs.leads) this.tellStatus();
        break;
      case "composed":
        this.mint.follow(message.entry.txn);
        this.chatInput({ type: "outbox", input: { type: "restore", entries: [message.entry] } });
        break;
      case "retry":
      case "discard":
        this.chatInput({ type: "outbox", input: message });
        break;
      case "signals":
        if (this.tabs.leads) this.say(message.signals);
        break;
      case "signed_out":
        this.on.signedOut(message.reason, false);
        break;
    }
  }

  private tick(): void {
    this.connect({ type: "tick" });
    this.chatInput({ type: "tick" });
  }

  private arm(): void {
    const due = [this.connection.nextDeadline(), this.chat.nextDeadline()].filter((at) => at !== undefined);
    this.alarm.set(due.length > 0 ? Math.min(...due) : undefined);
  }
}

function statusOf({ state, reasons }: Connection): Status {
  switch (state.is) {
    case "idle":
    case "authenticating":
      return { state: "connecting", attempt: "attempt" in state ? state.attempt : 0 };
    case "connecting":
      return { state: "connecting", attempt: state.attempt };
    case "waiting":
      return { state: "connecting", attempt: state.attempt, retryAt: wall() + state.until - now() };
    case "syncing":
      return { state: "syncing", rung: state.trial.rung };
    case "live": {
      const { rung } = state.trial;
      const above = RUNGS.slice(0, RUNGS.indexOf(rung)).flatMap((higher) => {
        const reason = reasons.get(higher);
        return reason === undefined ? [] : [`${higher}: ${reason}`];
      });
      return above.length > 0 ? { state: "live", rung, lower: above.join("; ") } : { state: "live", rung };
    }
    case "needs_auth":
      return { state: "needs_auth" };
    case "closed":
      return { state: "closed", reason: state.reason };
  }
}
