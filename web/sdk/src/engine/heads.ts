/** Heads that the server names and that nothing has come up to yet: their events get a moment to come. */
import type { RoomId } from "../protocol.gen.js";
import { HEAD_MS } from "./limits.js";

export class Heads {
  private readonly heard = new Map<RoomId, { head: number; due: number }>();

  hear(now: number, room: RoomId, head: number): void {
    const known = this.heard.get(room);
    if (known) known.head = Math.max(known.head, head);
    else this.heard.set(room, { head, due: now + HEAD_MS });
  }

  /** Those whose moment is over. */
  due(now: number): [room: RoomId, head: number][] {
    const due = [...this.heard].filter(([, claim]) => claim.due <= now);
    for (const [room] of due) this.heard.delete(room);
    return due.map(([room, { head }]) => [room, head]);
  }

  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const { due } of this.heard.values()) next = Math.min(next ?? due, due);
    return next;
  }
}
