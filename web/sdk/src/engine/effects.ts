/** What the chat asks to be done, gathered while one input is handled. */
import type { RowKey } from "../api.js";
import type { ErrorCode, RoomId, Signal, UserId } from "../protocol.gen.js";
import type { OutboxEffect } from "./outbox.js";
import type { PendingEffect } from "./pending.js";
import type { Fetch } from "./wanted.js";

export type ChatEffect =
  | Exclude<OutboxEffect, { do: "entry" | "left" }>
  | Exclude<PendingEffect, { do: "shown" }>
  | { do: "signals"; signals: Signal[] }
  | ({ do: "fetch" } & Fetch)
  /** A fetch ended; `failed` says why it gave nothing. */
  | { do: "settled"; key: string; failed?: ErrorCode | "offline" }
  | { do: "sound"; message: { room: RoomId; key: RowKey; sender: UserId; text: string } }
  /** Views that changed, by topic. */
  | { do: "changed"; topics: ReadonlySet<string> };

export class Effects {
  /** What the cache does not hold yet: rooms, and `""` for all else. */
  readonly unsaved = new Set<RoomId>();
  private list: ChatEffect[] = [];
  private topics = new Set<string>();

  push(effect: ChatEffect): void {
    this.list.push(effect);
  }

  touch(...topics: string[]): void {
    for (const topic of topics) this.topics.add(topic);
  }

  /** The room's summary changed, and so may its place in the list. */
  room(room: RoomId): void {
    this.touch("rooms", `room:${room}`);
    this.unsaved.add(room);
  }

  timeline(room: RoomId): void {
    this.touch(`timeline:${room}`);
  }

  row(room: RoomId, key: RowKey): void {
    this.touch(`row:${room}:${key}`);
  }

  /** Hands everything over, the changed views last. */
  take(): ChatEffect[] {
    const { list, topics } = this;
    if (topics.size > 0) list.push({ do: "changed", topics });
    this.list = [];
    this.topics = new Set();
    return list;
  }
}
