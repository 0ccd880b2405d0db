/// <reference types="vite/types/importMeta.d.ts" />
/**
 * Plays transcripts of the simulation: this engine is given what the Rust one was given in a run with
 * faults, and must end where that one did. `spec/transcripts/README.md` says the format.
 */
import { describe, expect, test } from "vitest";
import { Chat, type ChatEffect, type ChatInput, type Cursor } from "../../src/engine/chat.js";
import type { Link, StoredEntry } from "../../src/engine/outbox.js";
import { Views } from "../../src/engine/views.js";
import type { Ack, LogHead, Nack, RoomId, ServerFrame, TxnId } from "../../src/protocol.gen.js";
import { type Log, Reader } from "./reader.js";

type What =
  | { type: "heads"; heads: Record<RoomId, number> }
  | { type: "state"; logs: LogHead[] }
  | { type: "link"; link: Link; cursor: Cursor }
  | { type: "frame"; frame: ServerFrame }
  | { type: "posted"; ack?: Ack; nack?: Nack }
  | { type: "post_lost"; txn_id: TxnId }
  | { type: "compose"; room: RoomId; txn_id: TxnId; text: string }
  | { type: "reload"; cleared: boolean }
  | { type: "token" };

interface Transcript {
  seed: number;
  me: string;
  steps: (What & { at: number })[];
  logs: Record<RoomId, Log>;
  end: {
    rooms: Record<RoomId, { from: number; messages: [seq: number, key: string][]; arrived: number }>;
    cursor: Cursor;
    failed: Record<RoomId, TxnId[]>;
    journal: TxnId[];
  };
}

/** An answer takes so long. */
const ANSWER_MS = 40;
/** After the last step all is answered for so long. */
const AFTERWARDS_MS = 120_000;

class Player {
  chat: Chat;
  readonly journal = new Map<TxnId, StoredEntry>();
  /** Messages in the order in which they first left. */
  readonly sent = new Set<TxnId>();
  private readonly reader: Reader;
  private readonly composed = new Map<TxnId, RoomId>();
  private readonly posts = new Map<TxnId, number>();
  private answers: { at: number; lives: number; give: (now: number) => void }[] = [];
  private lives = 0;
  private live = false;
  private now = 0;
  private asked = 0;
  private stateAttempt = 0;

  constructor(private readonly transcript: Transcript) {
    this.reader = new Reader(transcript.me, transcript.logs);
    this.chat = this.begin();
  }

  play(): void {
    for (const step of this.transcript.steps) {
      this.pass(step.at);
      this.step(step);
    }
    this.pass(this.now + AFTERWARDS_MS);
  }

  private begin(): Chat {
    this.chat = new Chat(this.transcript.me);
    this.input({ type: "lead", on: true });
    return this.chat;
  }

  private step(given: What): void {
    switch (given.type) {
      case "heads":
        this.reader.heads(given.heads);
        break;
      case "state":
        this.input({ type: "start" });
        this.input({
          type: "fetched",
          key: "state",
          attempt: this.stateAttempt,
          body: this.reader.state(given.logs),
        });
        break;
      case "link":
        this.live = false;
        this.input({ type: "link", link: given.link });
        if (given.link !== "none") this.replay(given.cursor);
        break;
      case "frame":
        this.hear(given.frame);
        if (given.frame.type === "synced") this.live = true;
        break;
      case "posted":
        if (given.ack) this.hear({ type: "ack", ...given.ack });
        if (given.nack) this.hear({ type: "nack", ...given.nack });
        break;
      case "post_lost":
        this.lost(given.txn_id);
        break;
      case "compose": {
        const { room, txn_id: txn, text } = given;
        this.composed.set(txn, room);
        this.input({ type: "compose", room, body: { text }, txn, wall: this.now });
        break;
      }
      case "token":
        this.input({ type: "outbox", input: { type: "token" } });
        break;
      case "reload":
        this.reload(given.cleared);
    }
  }

  /** The server goes on from the cursor that it is told: here it is another than in the run. */
  private replay(upto: Cursor): void {
    const held = Object.entries(this.chat.hello().cursor).sort(([room]) =>
      room === this.transcript.me ? -1 : 1,
    );
    for (const [room, [, seq]] of held)
      for (const frame of this.reader.between(room, seq + 1, upto[room]?.[1] ?? 0)) this.hear(frame);
  }

  /** A new page, with what was kept, as JSON keeps it. */
  private reload(cleared: boolean): void {
    if (cleared) this.journal.clear();
    const rooms = [...this.chat.rooms.keys()].map((id) => this.chat.cached(id, true));
    const meta = this.chat.cachedMeta();
    const snapshot = meta && JSON.parse(JSON.stringify({ ...meta, rooms }));
    const entries = JSON.parse(JSON.stringify([...this.journal.values()]));
    this.lives++;
    this.live = false;
    this.begin();
    this.input({ type: "outbox", input: { type: "restore", entries } });
    if (snapshot && !cleared) this.input({ type: "restore", snapshot });
  }

  /** Lets time pass, and what is due happen. */
  private pass(until: number): void {
    for (let turn = 0; ; turn++) {
      if (turn > 20_000) throw new Error("something is due again and again");
      const due = Math.max(this.now, this.chat.nextDeadline() ?? Infinity);
      const next = Math.min(due, ...this.answers.map(({ at }) => at));
      if (next > until) break;
      this.now = next;
      const ready = this.answers.filter(({ at }) => at <= next);
      this.answers = this.answers.filter(({ at }) => at > next);
      for (const { lives, give } of ready) if (lives === this.lives) give(next);
      this.input({ type: "tick" });
    }
    this.now = Math.max(this.now, until);
  }

  private input(input: ChatInput): void {
    for (const effect of this.chat.handle(this.now, input, 0.5)) this.perform(effect);
  }

  private hear(frame: ServerFrame): void {
    this.input({ type: "frame", frame, live: this.live });
  }

  private lost(txn: TxnId): void {
    const attempt = this.posts.get(txn) ?? 0;
    this.input({ type: "outbox", input: { type: "unreachable", txn, attempt } });
  }

  private later(give: () => void): void {
    this.answers.push({ at: this.now + ANSWER_MS, lives: this.lives, give });
  }

  private perform(effect: ChatEffect): void {
    if (effect.do === "keep") this.journal.set(effect.entry.txn, effect.entry);
    else if (effect.do === "forget") this.journal.delete(effect.txn);
    else if (effect.do === "frame" || effect.do === "post") {
      const txn = effect.command.txn_id;
      expect(this.journal.has(txn), `${txn} is kept before it leaves`).toBe(true);
      this.sent.add(txn);
      if (effect.do === "frame") return;
      this.posts.set(txn, effect.attempt);
      // Its own POSTs find what the run has stored by then, or get lost.
      this.later(() => {
        const ack = this.reader.ack(txn);
        if (ack) this.hear({ type: "ack", ...ack });
        else this.lost(txn);
      });
    } else if (effect.do === "fetch") this.fetch(effect);
  }

  private fetch({ key, path, attempt }: Extract<ChatEffect, { do: "fetch" }>): void {
    if (key === "state") this.stateAttempt = attempt;
    const fails = ++this.asked % 5 === 0;
    this.later(() => {
      const body = fails ? undefined : this.reader.get(path);
      if (body) this.input({ type: "fetched", key, attempt, body: JSON.parse(JSON.stringify(body)) });
      else this.input({ type: "unfetched", key, attempt, code: fails ? "overloaded" : "not_found" });
    });
  }

  /** The messages of a room that are shown as stored, from some place on, and those shown as failed. */
  shown(room: RoomId, from: number) {
    const views = new Views(this.chat);
    const stored: [seq: number, key: string][] = [];
    const failed: TxnId[] = [];
    for (const key of views.timeline(room).keys) {
      const row = views.row(room, key);
      if (row?.type !== "message") continue;
      const { delivery, txnId } = row;
      if (delivery.state === "failed" && txnId !== undefined) failed.push(txnId);
      else if (delivery.state !== "stored") throw new Error(`${key} is ${delivery.state} in the end`);
      else if (delivery.seq >= from) stored.push([delivery.seq, key]);
    }
    return { stored, failed };
  }

  /** Messages in the order in which they were composed and first left, by room. */
  orders(): [composed: TxnId[], sent: TxnId[]][] {
    return [...new Set(this.composed.values())].map((room) => {
      const composed = [...this.composed].filter(([txn, to]) => to === room && this.sent.has(txn));
      return [composed.map(([txn]) => txn), [...this.sent].filter((txn) => this.composed.get(txn) === room)];
    });
  }
}

const files = import.meta.glob<Transcript>(
  ["../../../../spec/transcripts/*.json", "../../../../target/transcripts/*.json"],
  { import: "default" },
);

test("there are transcripts", () => {
  expect(Object.keys(files).length).toBeGreaterThanOrEqual(3);
});

describe("given what the Rust engine was given, this one ends where that one did", () => {
  test.each(Object.entries(files))("%s", async (_file, load) => {
    const transcript = await load();
    const { end } = transcript;
    const player = new Player(transcript);
    player.play();
    const { chat } = player;
    expect(chat.outbox.waiting).toBe(0);
    expect(chat.hello().cursor).toEqual(end.cursor);
    for (const [room, held] of Object.entries(end.rooms)) {
      const from = Math.max(held.from, chat.timelines.get(room)?.log.floor ?? 0);
      const { stored, failed } = player.shown(room, from);
      expect(stored).toEqual(held.messages.filter(([seq]) => seq >= from));
      expect(failed).toEqual(end.failed[room] ?? []);
      expect(chat.positions.delivered(room)).toBeGreaterThanOrEqual(held.arrived);
    }
    expect([...player.journal.keys()].sort()).toEqual([...end.journal].sort());
    for (const [composed, sent] of player.orders()) expect(sent).toEqual(composed);
  });
});
