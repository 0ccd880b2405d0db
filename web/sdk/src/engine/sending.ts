/**
 * The way of one's own messages: the outbox, the rows that show what it holds, and how long each
 * stage took.
 */
import type { RowKey, Stages } from "../api.js";
import type { Ack, RoomId, TxnId, UserId } from "../protocol.gen.js";
import type { Effects } from "./effects.js";
import { STAGES } from "./limits.js";
import { type Body, bodyOf, Outbox, type OutboxInput } from "./outbox.js";
import type { Timeline } from "./timeline.js";

interface Measured {
  stages: Stages;
  /** `now` at the key press. */
  start: number;
}

export class Sending {
  readonly outbox = new Outbox();
  private readonly measured = new Map<RowKey, Measured>();

  constructor(
    private readonly me: UserId,
    private readonly timelines: ReadonlyMap<RoomId, Timeline>,
    private readonly effects: Effects,
    /** How far all the others in a room are. */
    private readonly everyone: (room: RoomId) => { delivered: number; read: number },
  ) {}

  compose(now: number, room: RoomId, body: Body, txn: TxnId, wall: number): void {
    this.measured.set(`${this.me}/${txn}`, { stages: { sentAt: wall }, start: now });
    for (const oldest of this.measured.keys()) {
      if (this.measured.size <= STAGES) break;
      this.measured.delete(oldest);
    }
    this.handle(now, { type: "compose", entry: { txn, room, ...bodyOf(body), at: wall } });
  }

  handle(now: number, input: OutboxInput, entropy = 0): void {
    const rooms = new Set<RoomId>();
    for (const effect of this.outbox.handle(now, input, entropy)) {
      if (effect.do !== "entry" && effect.do !== "left") {
        this.effects.push(effect);
        continue;
      }
      const { room, txn, state } = effect.entry;
      const key = `${this.me}/${txn}`;
      if (state.is === "acked") this.acked(now, room, key, state.ack.seq);
      this.effects.row(room, key);
      rooms.add(room);
    }
    for (const room of rooms) this.show(now, room);
    if (rooms.size > 0) this.effects.touch("waiting");
  }

  ack(now: number, ack: Ack): void {
    const epoch = this.timelines.get(ack.room)?.log.epoch;
    this.handle(now, { type: "ack", ack: epoch === undefined ? ack : { ...ack, epoch } });
  }

  /** Shows a room's entries as they now are; those that its log holds need no entry any more. */
  show(now: number, room: RoomId): void {
    const timeline = this.timelines.get(room);
    const acked = this.outbox.of(room).some(({ state }) => state.is === "acked");
    if (timeline && acked) {
      const { epoch, cursor, state } = timeline.log;
      const covered = { type: "covered", room, epoch, upto: cursor?.[1] ?? 0 } as const;
      this.handle(now, state === "parted" ? { type: "parted", room } : covered);
    }
    timeline?.setEntries(this.outbox.of(room));
    this.effects.room(room);
    this.effects.timeline(room);
  }

  stages(key: RowKey): Stages | undefined {
    return this.measured.get(key)?.stages;
  }

  /** A message of this session has reached a stage; the first time counts. */
  measure(now: number, key: RowKey, stage: "painted" | "acked" | "delivered" | "read"): void {
    const measured = this.measured.get(key);
    if (!measured || measured.stages[stage] !== undefined) return;
    measured.stages = { ...measured.stages, [stage]: Math.round((now - measured.start) * 10) / 10 };
    this.effects.touch(`stages:${key}`);
  }

  private acked(now: number, room: RoomId, key: RowKey, seq: number): void {
    this.measure(now, key, "acked");
    const everyone = this.everyone(room);
    for (const stage of ["delivered", "read"] as const)
      if (everyone[stage] >= seq) this.measure(now, key, stage);
  }
}
