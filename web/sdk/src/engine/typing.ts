/** Who types where: others' notices expire, one's own are thinned. */
import { LIMITS, type RoomId, type UserId } from "../protocol.gen.js";

export class Typing {
  private readonly others = new Map<RoomId, Map<UserId, number>>();
  private readonly said = new Map<RoomId, number>();

  /** A key was pressed (`on`), or the text is empty. Whether to say so. */
  say(now: number, room: RoomId, on: boolean): boolean {
    const last = this.said.get(room);
    if (!on) return this.said.delete(room) && now < (last ?? 0) + LIMITS.TYPING_TTL_MS;
    if (last !== undefined && now < last + LIMITS.TYPING_EVERY_MS) return false;
    this.said.set(room, now);
    return true;
  }

  /** A message ends typing by itself on every side, so nothing needs to be said. */
  sent(room: RoomId): void {
    this.said.delete(room);
  }

  /** Somebody types, or stopped; whether that changes who is shown. */
  hear(now: number, room: RoomId, user: UserId, on: boolean): boolean {
    const users = this.others.get(room) ?? new Map<UserId, number>();
    this.others.set(room, users);
    if (!on) return users.delete(user);
    const news = !users.has(user);
    users.set(user, now + LIMITS.TYPING_TTL_MS);
    return news;
  }

  of(room: RoomId): UserId[] {
    return [...(this.others.get(room)?.keys() ?? [])];
  }

  /** Ends what has expired; the rooms that changed. */
  expire(now: number): RoomId[] {
    const changed: RoomId[] = [];
    for (const [room, users] of this.others) {
      const before = users.size;
      for (const [user, until] of users) if (until <= now) users.delete(user);
      if (users.size < before) changed.push(room);
      if (users.size === 0) this.others.delete(room);
    }
    return changed;
  }

  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const users of this.others.values())
      for (const until of users.values()) next = Math.min(next ?? until, until);
    return next;
  }
}
