/**
 * How far everyone is. Others' positions and one's own are max-merged; one's own advances are
 * gathered and sent as one signal, and sent again after a reconnect until the server names them.
 */
import type { Advance, Position, RoomId, UserId } from "../protocol.gen.js";
import { DELIVERED_DEBOUNCE_MS, READ_DEBOUNCE_MS } from "./limits.js";

interface Own {
  delivered: number;
  read: number;
  sentDelivered: number;
  sentRead: number;
  due?: number;
}

export class Positions {
  private readonly rooms = new Map<RoomId, Map<UserId, Position>>();
  private readonly own = new Map<RoomId, Own>();

  constructor(private readonly me: UserId) {}

  /** Takes in what the server says; whether anything advanced. */
  merge(room: RoomId, positions: readonly Position[]): boolean {
    const known = this.rooms.get(room) ?? new Map<UserId, Position>();
    this.rooms.set(room, known);
    let advanced = false;
    for (const position of positions) {
      const old = known.get(position.user);
      const delivered = !old || position.delivered > old.delivered;
      const read = !old || position.read > old.read;
      if (!delivered && !read) continue;
      advanced = true;
      known.set(position.user, {
        user: position.user,
        delivered: delivered ? position.delivered : old.delivered,
        delivered_at: delivered ? position.delivered_at : old.delivered_at,
        read: read ? position.read : old.read,
        read_at: read ? position.read_at : old.read_at,
      });
    }
    return advanced;
  }

  of(room: RoomId): readonly Position[] {
    return [...(this.rooms.get(room)?.values() ?? [])];
  }

  /** How far oneself has read, on any device. */
  read(room: RoomId): number {
    return Math.max(this.rooms.get(room)?.get(this.me)?.read ?? 0, this.own.get(room)?.read ?? 0);
  }

  delivered(room: RoomId): number {
    const position = this.rooms.get(room)?.get(this.me);
    return Math.max(position?.delivered ?? 0, position?.read ?? 0, this.own.get(room)?.delivered ?? 0);
  }

  /** How far all of `others` are; 0 where one is not known, and where there is nobody else. */
  everyone(room: RoomId, others: readonly UserId[]): { delivered: number; read: number } {
    const known = this.rooms.get(room);
    let [delivered, read] = others.length > 0 ? [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] : [0, 0];
    for (const user of others) {
      const position = known?.get(user);
      delivered = Math.min(delivered, Math.max(position?.delivered ?? 0, position?.read ?? 0));
      read = Math.min(read, position?.read ?? 0);
    }
    return { delivered, read };
  }

  /** Everything up to `seq` was seen; whether that is news. */
  markRead(now: number, room: RoomId, seq: number): boolean {
    if (seq <= this.read(room)) return false;
    const own = this.mine(room);
    own.read = seq;
    own.delivered = Math.max(own.delivered, seq);
    own.due = Math.min(own.due ?? Number.MAX_SAFE_INTEGER, now + READ_DEBOUNCE_MS);
    return true;
  }

  /** Everything up to `seq` reached this device. */
  markDelivered(now: number, room: RoomId, seq: number): void {
    if (seq <= this.delivered(room)) return;
    const own = this.mine(room);
    own.delivered = seq;
    own.due ??= now + DELIVERED_DEBOUNCE_MS;
  }

  /** What is due to be said by now. */
  due(now: number): Advance[] {
    const advances: Advance[] = [];
    for (const [room, own] of this.own) {
      if (own.due === undefined || own.due > now) continue;
      own.due = undefined;
      if (own.delivered <= own.sentDelivered && own.read <= own.sentRead) continue;
      [own.sentDelivered, own.sentRead] = [own.delivered, own.read];
      advances.push({ room, delivered: own.delivered, read: own.read });
    }
    return advances;
  }

  /** A new connection: what the server has not named is said again, since signals may be lost. */
  repeat(now: number): void {
    for (const [room, own] of this.own) {
      const known = this.rooms.get(room)?.get(this.me);
      const [delivered, read] = [known?.delivered ?? 0, known?.read ?? 0];
      if (own.delivered <= Math.max(delivered, read) && own.read <= read) continue;
      [own.sentDelivered, own.sentRead] = [delivered, read];
      own.due ??= now;
    }
  }

  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const { due } of this.own.values()) if (due !== undefined) next = Math.min(next ?? due, due);
    return next;
  }

  /** The room is left, or its history is another. */
  forget(room: RoomId): void {
    this.rooms.delete(room);
    this.own.delete(room);
  }

  private mine(room: RoomId): Own {
    const own = this.own.get(room) ?? { delivered: 0, read: 0, sentDelivered: 0, sentRead: 0 };
    this.own.set(room, own);
    return own;
  }
}
