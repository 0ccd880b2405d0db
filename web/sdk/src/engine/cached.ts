import type { Event as LogEvent, LogHead, Me, Position, Room, User } from "../protocol.gen.js";

/** A room in the cache: its summary, and of its log `floor..=upto` whole (nothing when `floor > upto`). */
export interface CachedRoom {
  room: Room;
  positions: Position[];
  epoch: number;
  floor: number;
  upto: number;
  events: LogEvent[];
  moreBefore: boolean;
}

/** What a reload paints before the network answers. */
export interface Snapshot {
  me: Me;
  own: LogHead;
  users: User[];
  rooms: CachedRoom[];
}
