/**
 * A small world under a virtual clock: a server, tabs that do with the engine what `account.ts` does,
 * and mail between them that a test delivers, loses or cuts off in any order. Storage is shared by the
 * tabs, as in a browser.
 */
import type { RowKey, Rung } from "../../src/api.js";
import { Chat, type ChatEffect, type ChatInput, type Cursor } from "../../src/engine/chat.js";
import { Connection, type ConnectionEffect, type ConnectionInput } from "../../src/engine/connection.js";
import { type StoredEntry, stored } from "../../src/engine/outbox.js";
import type { Answer, Deed } from "../../src/engine/pending.js";
import { TxnMint } from "../../src/engine/txn.js";
import { Views } from "../../src/engine/views.js";
import type { Command, ErrorCode, ServerFrame, Signal, TxnId } from "../../src/protocol.gen.js";
import { type Alter, ME, ROOM, type Send, Server } from "./server.js";

interface Mail {
  /** What is in one lane keeps its order. */
  lane: string;
  run(): void;
  /** Where it can be lost: what its sender sees then. */
  lost?(): void;
}

/** What a browser keeps when a page goes, as JSON. */
class Storage {
  readonly journal = new Map<TxnId, string>();
  snapshot?: string;
}

export class World {
  now = 0;
  readonly server = new Server();
  readonly storage = new Storage();
  readonly tabs: Tab[] = [];
  readonly blocked = new Set<Rung>();
  private mail: Mail[] = [];
  private letters = 0;

  constructor(tabs: number) {
    for (let index = 0; index < tabs; index++) this.tabs.push(new Tab(this, index));
    for (const tab of this.tabs) tab.start(tab.index === 0);
  }

  post(lane: string, run: () => void, lost?: () => void): void {
    this.mail.push(lost ? { lane, run, lost } : { lane, run });
  }

  /** A lane for one letter, which overtakes as it likes. */
  get lane(): string {
    return `letter ${++this.letters}`;
  }

  close(lane: string): void {
    this.mail = this.mail.filter((mail) => mail.lane !== lane);
  }

  /** Delivers, or loses, the next letter of one of the lanes that have any. */
  deliver(choice: number): void {
    this.take(this.mail, choice)?.run();
  }

  /** Whether there was one to lose. */
  lose(choice: number): boolean {
    const firsts = new Set<string>();
    const open = this.mail.filter(({ lane, lost }) => !firsts.has(lane) && firsts.add(lane) && lost);
    const mail = this.take(open, choice);
    mail?.lost?.();
    return mail !== undefined;
  }

  /** All requests under way end without an answer; what tabs said to each other arrives. */
  serverGone(): void {
    const { mail } = this;
    this.mail = [];
    for (const { lane, run, lost } of mail) {
      if (lost) lost();
      else if (lane.includes(" to ")) run();
    }
  }

  /** Lets time pass, and everybody do what is due. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let turn = 0; turn < 10_000; turn++) {
      const due = Math.min(...this.tabs.map((tab) => tab.nextDeadline()));
      if (due > until) break;
      this.now = Math.max(this.now, due);
      for (const tab of this.tabs) tab.tick();
      if (turn === 9_999) throw new Error("somebody is due again and again");
    }
    this.now = until;
  }

  /** All mail arrives, in turn, and so does the answer to it. */
  flush(): void {
    for (let letters = 0; this.mail.length > 0 && letters < 200; letters++) this.mail.shift()?.run();
  }

  private take(from: readonly Mail[], choice: number): Mail | undefined {
    const lanes = [...new Set(from.map(({ lane }) => lane))];
    const mail = from.find(({ lane }) => lane === lanes[choice % lanes.length]);
    if (mail) this.mail.splice(this.mail.indexOf(mail), 1);
    return mail;
  }
}

type TabMessage =
  | { type: "frame"; frame: ServerFrame; live: boolean }
  | { type: "live"; cursor: Cursor }
  | { type: "hello" }
  | { type: "composed"; entry: StoredEntry }
  | { type: "signals"; signals: Signal[] };

interface Carrier {
  send?(frame: Command | Signal): void;
  close(): void;
}

export class Tab {
  chat = new Chat(ME);
  views = new Views(this.chat);
  leads = false;
  sounds = 0;
  /** What became of each of one's own changes. */
  readonly decided = new Map<TxnId, ErrorCode | undefined>();
  private connection = new Connection();
  private mint = new TxnMint();
  private readonly carriers = new Map<number, Carrier>();
  private lives = 0;

  constructor(
    private readonly world: World,
    readonly index: number,
  ) {}

  /** The page loads, with what was kept. */
  start(leads: boolean): void {
    const { journal, snapshot } = this.world.storage;
    this.lives++;
    this.chat = new Chat(ME);
    this.views = new Views(this.chat);
    this.connection = new Connection();
    this.mint = new TxnMint();
    this.lead(leads);
    this.recover([...journal.values()]);
    if (snapshot !== undefined) this.input({ type: "restore", snapshot: JSON.parse(snapshot) });
    this.input({ type: "open", room: ROOM });
    this.input({ type: "start" });
    if (!leads) this.say({ type: "hello" });
  }

  reload(): void {
    this.hangUp();
    this.start(this.leads);
  }

  lead(on: boolean): void {
    this.leads = on;
    this.input({ type: "lead", on });
    if (!on) return this.connect({ type: "stop" });
    this.recover([...this.world.storage.journal.values()]);
    this.settle();
  }

  compose(text: string): TxnId {
    const random = Uint8Array.of(0, 0, this.index, this.lives, 0, 0, 0, 0, 0, 0);
    const txn = this.mint.mint(this.world.now, random);
    this.input({ type: "compose", room: ROOM, body: { text }, txn, wall: this.world.now });
    const composed = this.chat.outbox.get(txn);
    if (composed) this.say({ type: "composed", entry: stored(composed) });
    return txn;
  }

  /** Does something to a message, and wants to see it. */
  change(key: RowKey, deed: Deed): TxnId {
    const txn = this.mint.mint(this.world.now, Uint8Array.of(1, 0, this.index, this.lives, 0, 0, 0, 0, 0, 0));
    this.input({ type: "change", room: ROOM, key, deed, txn, wall: this.world.now });
    return txn;
  }

  input(input: ChatInput): void {
    for (const effect of this.chat.handle(this.world.now, input, 0.5)) this.perform(effect);
  }

  /** The network is gone, and says so. */
  cut(): void {
    for (const [id, carrier] of [...this.carriers]) {
      carrier.close();
      this.carriers.delete(id);
      this.connect({ type: "closed", id, code: 1006, reason: "cut" });
    }
  }

  save(): void {
    const meta = this.chat.cachedMeta();
    if (meta)
      this.world.storage.snapshot = JSON.stringify({ ...meta, rooms: [this.chat.cached(ROOM, true)] });
  }

  tick(): void {
    this.connect({ type: "tick" });
    this.input({ type: "tick" });
  }

  nextDeadline(): number {
    return Math.min(this.chat.nextDeadline() ?? Infinity, this.connection.nextDeadline() ?? Infinity);
  }

  private recover(entries: readonly string[]): void {
    const stored: StoredEntry[] = entries.map((text) => JSON.parse(text));
    for (const { txn } of stored) this.mint.follow(txn);
    this.input({ type: "outbox", input: { type: "restore", entries: stored } });
  }

  private hangUp(): void {
    for (const carrier of this.carriers.values()) carrier.close();
    this.carriers.clear();
  }

  private settle(): void {
    if (this.leads && this.chat.ready) this.connect({ type: "start" });
  }

  private perform(effect: ChatEffect): void {
    const { world } = this;
    if (effect.do === "frame") this.carrier?.send?.(effect.command);
    else if (effect.do === "keep") world.storage.journal.set(effect.entry.txn, JSON.stringify(effect.entry));
    else if (effect.do === "forget") world.storage.journal.delete(effect.txn);
    else if (effect.do === "changed") this.views.touch(effect.topics);
    else if (effect.do === "sound") this.sounds++;
    else if (effect.do === "signals") this.signal(effect.signals);
    else if (effect.do === "post") {
      const { command, attempt } = effect;
      this.ask(
        () => world.server.command(command as Send),
        (frame) => this.answered(frame),
        () => this.input({ type: "outbox", input: { type: "unreachable", txn: command.txn_id, attempt } }),
      );
    } else if (effect.do === "decided") this.decided.set(effect.txn, effect.code);
    else if (effect.do === "change") {
      const { command, attempt } = effect;
      const answered = (answer: Answer) =>
        this.input({ type: "answered", room: ROOM, txn: command.txn_id, attempt, answer });
      this.ask(
        () => world.server.altered(command as Alter),
        (frame) => answered(frame.type === "ack" ? { seq: frame.seq } : { code: frame.code }),
        () => answered({ code: "offline" }),
      );
    } else if (effect.do === "fetch") {
      const { key, path, attempt } = effect;
      this.ask(
        () => world.server.get(path) ?? null,
        (body) => {
          if (body === null) return this.input({ type: "unfetched", key, attempt, code: "not_found" });
          this.input({ type: "fetched", key, attempt, body });
          if (key === "state") this.settle();
        },
        () => this.input({ type: "unfetched", key, attempt, code: "offline" }),
      );
    }
  }

  /** A request: it may be lost on either way, and its answer finds this page or nobody. */
  private ask<T>(request: () => T, answered: (answer: T) => void, lost: () => void): void {
    const { world, lives } = this;
    const here = (act: () => void) => () => {
      if (this.lives === lives) act();
    };
    world.post(
      world.lane,
      () => {
        const answer = JSON.stringify(request());
        world.post(
          world.lane,
          here(() => answered(JSON.parse(answer))),
          here(lost),
        );
      },
      here(lost),
    );
  }

  private answered(frame: ServerFrame): void {
    const live = this.connection.state.is === "live";
    this.say({ type: "frame", frame, live });
    this.input({ type: "frame", frame, live });
  }

  private signal(signals: Signal[]): void {
    if (!this.leads) return this.say({ type: "signals", signals });
    for (const signal of signals) {
      if (this.carrier?.send) this.carrier.send(signal);
      else if (this.carrier) this.world.server.signal(signal);
    }
  }

  private say(message: TabMessage): void {
    const text = JSON.stringify(message);
    for (const tab of this.world.tabs)
      if (tab !== this) this.world.post(`${this.index} to ${tab.index}`, () => tab.told(JSON.parse(text)));
  }

  private told(message: TabMessage): void {
    if (message.type === "frame") {
      if (!this.leads) this.input(message);
    } else if (message.type === "live") {
      if (!this.leads) this.input({ type: "peer", cursor: message.cursor });
    } else if (message.type === "hello") {
      if (this.leads) this.tellStatus();
    } else if (message.type === "signals") {
      if (this.leads) this.signal(message.signals);
    } else {
      this.mint.follow(message.entry.txn);
      this.input({ type: "outbox", input: { type: "restore", entries: [message.entry] } });
    }
  }

  private get carrier(): Carrier | undefined {
    const { state } = this.connection;
    return "trial" in state ? this.carriers.get(state.trial.id) : undefined;
  }

  private connect(input: ConnectionInput): void {
    for (const effect of this.connection.handle(this.world.now, input, 0.5)) this.conduct(effect);
  }

  private conduct(effect: ConnectionEffect): void {
    if (effect.do === "open") this.open(effect.id, effect.rung);
    else if (effect.do === "close") {
      this.carriers.get(effect.id)?.close();
      this.carriers.delete(effect.id);
    } else if (effect.do === "link") {
      const link = effect.rung === undefined ? "none" : effect.rung === "socket" ? "socket" : "http";
      this.input({ type: "link", link });
    } else if (effect.do === "changed") this.tellStatus();
  }

  private tellStatus(): void {
    if (this.connection.state.is === "live") this.say({ type: "live", cursor: this.chat.hello().cursor });
  }

  private open(id: number, rung: Rung): void {
    const { world, lives } = this;
    const { server } = world;
    const [up, down] = [`${this.index}.${lives}.${id} up`, `${this.index}.${lives}.${id} down`];
    const tell = (frame: ServerFrame) => {
      const text = JSON.stringify(frame);
      world.post(down, () => this.hear(id, JSON.parse(text)));
    };
    const close = () => {
      server.listeners.delete(tell);
      world.close(up);
      world.close(down);
    };
    const begin = () => {
      const { cursor } = this.chat.hello();
      for (const frame of server.replay(cursor)) tell(frame);
      server.listeners.add(tell);
    };
    const poll = () => {
      const { cursor } = this.chat.hello();
      world.post(up, () => {
        for (const frame of server.replay(cursor)) if (frame.type !== "synced") tell(frame);
        world.post(down, () => {
          this.connect({ type: "polled", id });
          if (this.carriers.has(id)) poll();
        });
      });
    };
    this.carriers.set(id, { close });
    if (world.blocked.has(rung)) {
      world.post(up, () => {
        this.carriers.delete(id);
        this.connect({ type: "closed", id, code: 1006, reason: "blocked" });
      });
    } else if (rung === "poll") poll();
    else world.post(up, begin);
    if (rung !== "socket") return;
    const send = (frame: Command | Signal) =>
      world.post(up, () => {
        if (frame.type === "send") tell(server.command(frame));
        else if (frame.type === "positions") server.signal(frame);
      });
    this.carriers.set(id, { close, send });
  }

  private hear(id: number, frame: ServerFrame): void {
    const live = this.connection.state.is === "live";
    this.connect({ type: "frame", id, frame });
    const { state } = this.connection;
    if (!("trial" in state) || state.trial.id !== id) return;
    this.say({ type: "frame", frame, live });
    this.input({ type: "frame", frame, live });
  }
}
