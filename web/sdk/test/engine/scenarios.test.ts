/// <reference types="vite/types/importMeta.d.ts" />
/** Runs `spec/scenarios`, the traces that this engine and the Rust one both follow; their README says the format. */
import { describe, expect, test } from "vitest";
import type { Rung } from "../../src/api.js";
import { Chat, type ChatEffect, type ChatInput } from "../../src/engine/chat.js";
import { Connection, type ConnectionEffect, type ConnectionInput } from "../../src/engine/connection.js";
import type { StoredEntry } from "../../src/engine/outbox.js";
import { Views } from "../../src/engine/views.js";
import type {
  Ack,
  Command,
  LogHead,
  Nack,
  Page,
  Room,
  RoomId,
  RoomState,
  ServerFrame,
  State,
  TxnId,
  User,
  UserId,
} from "../../src/protocol.gen.js";

type Cursor = Record<RoomId, [epoch: number, seq: number]>;

type Given =
  | { type: "follow"; logs: LogHead[] }
  | { type: "connect" | "disconnect" | "reload" | "token_refreshed" | "tick" }
  | { type: "compose"; command: Extract<Command, { type: "send" }> }
  | { type: "frame"; frame: ServerFrame }
  | { type: "posted"; ack?: Ack; nack?: Nack }
  | { type: "post_lost" | "retry" | "discard"; txn_id: TxnId }
  | { type: "older"; room: RoomId }
  | { type: "fetched"; room: RoomId; page?: Page; error?: "later" | "not_found" };

interface Step {
  name: string;
  now: number;
  input: Given;
  expect?: {
    frames?: Command[];
    posts?: Command[];
    fetches?: unknown[];
    needs_token?: boolean;
    hello?: Cursor;
    cursor?: Cursor;
    rows?: Record<RoomId, unknown[]>;
  };
}

interface Scenario {
  title: string;
  me: UserId;
  rung?: "socket" | "stream";
  steps: Step[];
}

const JITTER = 0.5;
const OTHER = "00000000-0000-7000-8000-00000000000b";

/** One engine with what `account.ts` and its drivers do for it. */
class Rig {
  chat: Chat;
  views: Views;
  done = nothing();
  private connection = new Connection();
  private trial = 0;
  private readonly journal = new Map<TxnId, StoredEntry>();
  private readonly reads = new Map<RoomId, { key: string; attempt: number }>();
  private readonly posts = new Map<TxnId, number>();

  constructor(
    private readonly me: UserId,
    private readonly rung: Rung,
  ) {
    this.chat = new Chat(me);
    this.views = new Views(this.chat);
    this.input(0, { type: "lead", on: true });
  }

  run(now: number, given: Given): void {
    this.done = nothing();
    switch (given.type) {
      case "follow":
        this.input(now, { type: "start" });
        return this.input(now, { type: "fetched", key: "state", attempt: 1, body: this.state(given.logs) });
      case "connect":
        this.connect(now, { type: "start" });
        this.connect(now, { type: "wake" });
        this.hear(now, {
          type: "welcome",
          user: this.me,
          device: this.me,
          node: "a",
          now: 0,
          ping_ms: 20_000,
          expires_at: 3_600_000_000,
        });
        return this.hear(now, { type: "synced" });
      case "disconnect":
        return this.connect(now, { type: "closed", id: this.trial, code: 1006, reason: "cut" });
      case "reload":
        return this.reload(now);
      case "compose": {
        const { room, text, txn_id } = given.command;
        return this.input(now, { type: "compose", room, body: { text }, txn: txn_id, wall: now });
      }
      case "frame":
        return this.hear(now, given.frame);
      case "posted": {
        const frame = given.ack
          ? { type: "ack" as const, ...given.ack }
          : given.nack && { type: "nack" as const, ...given.nack };
        if (frame) this.input(now, { type: "frame", frame, live: this.connection.state.is === "live" });
        return;
      }
      case "post_lost": {
        const attempt = this.posts.get(given.txn_id) ?? 0;
        return this.input(now, {
          type: "outbox",
          input: { type: "unreachable", txn: given.txn_id, attempt },
        });
      }
      case "fetched":
        return this.fetched(now, given);
      case "token_refreshed":
        this.connect(now, { type: "token", lifeMs: 3_600_000 });
        return this.input(now, { type: "outbox", input: { type: "token" } });
      case "retry":
      case "discard":
        return this.input(now, { type: "outbox", input: { type: given.type, txn: given.txn_id } });
      case "older":
        return this.input(now, given);
      case "tick":
        this.connect(now, { type: "tick" });
        return this.input(now, { type: "tick" });
    }
  }

  rows(room: RoomId): unknown[] {
    return this.views.timeline(room).keys.map((key) => {
      const row = this.views.row(room, key);
      if (row?.type !== "message") return { state: "stored", seq: row?.seq };
      const { txnId: txn_id, text, delivery, editedAt, deletedAt, reactions, mine } = row;
      const now = {
        ...(editedAt !== undefined && { edited: editedAt }),
        ...(deletedAt !== undefined && { deleted: true }),
        ...(reactions && { reactions }),
        ...(mine && { mine }),
      };
      const rest =
        delivery.state === "stored"
          ? { seq: delivery.seq }
          : delivery.state === "failed"
            ? { code: delivery.code }
            : {};
      return { txn_id, state: delivery.state, text, ...rest, ...now };
    });
  }

  private input(now: number, input: ChatInput): void {
    for (const effect of this.chat.handle(now, input, JITTER)) this.perform(effect);
  }

  private perform(effect: ChatEffect): void {
    const { done } = this;
    if (effect.do === "frame") done.frames.push(effect.command);
    else if (effect.do === "keep") this.journal.set(effect.entry.txn, effect.entry);
    else if (effect.do === "forget") this.journal.delete(effect.txn);
    else if (effect.do === "unauthenticated") done.needs_token = true;
    else if (effect.do === "changed") this.views.touch(effect.topics);
    else if (effect.do === "post") {
      this.posts.set(effect.command.txn_id, effect.attempt);
      done.posts.push(effect.command);
    } else if (effect.do === "fetch") {
      const { key, path, attempt } = effect;
      const room = /^(?:room|gap|older):(.*)/.exec(key)?.[1];
      if (room === undefined) return;
      this.reads.set(room, { key, attempt });
      const [, side, seq] = /(after|before)=(\d+)/.exec(path) ?? [];
      done.fetches.push(side === undefined ? { room, newest: true } : { room, [side]: Number(seq) });
    }
  }

  private connect(now: number, input: ConnectionInput): void {
    for (const effect of this.connection.handle(now, input, JITTER)) this.conduct(now, effect);
  }

  private conduct(now: number, effect: ConnectionEffect): void {
    if (effect.do === "open" && effect.rung === this.rung) {
      this.trial = effect.id;
      this.done.hello = this.chat.hello().cursor;
    } else if (effect.do === "open") {
      this.connect(now, { type: "closed", id: effect.id, code: 1006, reason: "not in this scenario" });
    } else if (effect.do === "refresh") this.done.needs_token = true;
    else if (effect.do === "link") {
      const link = effect.rung === undefined ? "none" : effect.rung === "socket" ? "socket" : "http";
      this.input(now, { type: "link", link });
    }
  }

  private hear(now: number, frame: ServerFrame): void {
    const live = this.connection.state.is === "live";
    this.connect(now, { type: "frame", id: this.trial, frame });
    this.input(now, { type: "frame", frame, live });
  }

  /** What was saved, as JSON keeps it. */
  private reload(now: number): void {
    const rooms = [...this.chat.rooms.keys()].map((id) => this.chat.cached(id, true));
    const snapshot = JSON.parse(JSON.stringify({ ...this.chat.cachedMeta(), rooms }));
    const entries = JSON.parse(JSON.stringify([...this.journal.values()]));
    this.connection = new Connection();
    this.chat = new Chat(this.me);
    this.views = new Views(this.chat);
    this.input(now, { type: "lead", on: true });
    this.input(now, { type: "outbox", input: { type: "restore", entries } });
    this.input(now, { type: "restore", snapshot });
  }

  private fetched(now: number, { room, page, error }: Extract<Given, { type: "fetched" }>): void {
    const { key, attempt } = this.reads.get(room) ?? { key: "", attempt: 0 };
    if (!page) {
      const code = error === "later" ? "overloaded" : "not_found";
      return this.input(now, { type: "unfetched", key, attempt, code });
    }
    const state: RoomState = {
      room: this.room({ room, epoch: page.epoch, head: page.head }),
      page,
      users: [],
      presence: [],
    };
    this.input(now, { type: "fetched", key, attempt, body: key.startsWith("room:") ? state : page });
  }

  private state(logs: readonly LogHead[]): State {
    const own_log = logs.find(({ room }) => room === this.me) ?? { room: this.me, epoch: 0, head: 0 };
    const rooms = logs.filter((log) => log !== own_log).map((log) => this.room(log));
    const user: User = { id: this.me, username: "ana", display_name: "Ana", bio: "", profile_rev: 1 };
    const me = { user, email: "", admin: false, prefs: {} } as State["me"];
    return { me, own_log, rooms, users: [user], presence: [] } as unknown as State;
  }

  private room({ room, epoch, head }: LogHead): Room {
    const members = [this.me, OTHER].map((user) => ({ user, role: "member" as const }));
    const prefs = { muted: false } as Room["prefs"];
    return {
      id: room,
      kind: "group",
      name: "",
      epoch,
      head,
      from: 1,
      last_at: 0,
      members,
      unread: 0,
      positions: [],
      prefs,
    };
  }
}

function nothing() {
  return {
    frames: [] as Command[],
    posts: [] as Command[],
    fetches: [] as unknown[],
    needs_token: false,
    hello: undefined as Cursor | undefined,
  };
}

const files = import.meta.glob<Scenario>("../../../../spec/scenarios/*.json", {
  eager: true,
  import: "default",
});

test("the scenarios are there", () => {
  expect(Object.keys(files).length).toBeGreaterThanOrEqual(18);
});

describe.each(Object.entries(files))("%s", (_file, { title, me, rung, steps }) => {
  test(title, () => {
    const rig = new Rig(me, rung ?? "socket");
    for (const { name, now, input, expect: wanted = {} } of steps) {
      const at = `at ${now}: ${name}`;
      rig.run(now, input);
      const { hello, ...done } = rig.done;
      const { frames = [], posts = [], fetches = [], needs_token = false } = wanted;
      expect(done, at).toEqual({ frames, posts, fetches, needs_token });
      if (wanted.hello) expect(hello, at).toEqual(wanted.hello);
      if (wanted.cursor) expect(rig.chat.hello().cursor, at).toEqual(wanted.cursor);
      for (const [room, rows] of Object.entries(wanted.rows ?? {})) expect(rig.rows(room), at).toEqual(rows);
    }
  });
});
