/** What a reload paints before the network answers. */
import type { Event as LogEvent, LogHead, Me, MessageState, Position, Room, User } from "../protocol.gen.js";
import type { RoomFacts } from "./facts.js";
import { CACHED_EVENTS } from "./limits.js";
import type { Timeline } from "./timeline.js";

/** A room in the cache: its summary, and of its log `floor..=upto` whole (nothing when `floor > upto`). */
export interface CachedRoom {
  room: Room;
  positions: Position[];
  epoch: number;
  floor: number;
  upto: number;
  events: LogEvent[];
  /** What those messages of it are now that have changed. */
  states: MessageState[];
  moreBefore: boolean;
}

export interface Snapshot {
  me: Me;
  own: LogHead;
  users: User[];
  rooms: CachedRoom[];
}

/** The room as the cache keeps it, with its newest events if `events`. */
export function cachedRoom(
  facts: RoomFacts,
  { log, changes, moreBefore }: Timeline,
  positions: readonly Position[],
  events: boolean,
): CachedRoom {
  const kept: LogEvent[] = [];
  let seq = log.upto;
  // From the newest down, since a room on screen may hold thousands.
  for (; events && seq >= log.floor && kept.length < CACHED_EVENTS; seq--) {
    const event = log.events.get(seq);
    if (event) kept.push(event);
  }
  kept.reverse();
  const whole = events && seq < log.floor;
  const floor = whole ? log.floor : (kept[0]?.seq ?? log.upto + 1);
  return {
    room: facts.snapshot(),
    positions: [...positions],
    epoch: log.epoch,
    floor,
    upto: log.upto,
    events: kept,
    states: changes.statesOf(floor, log.upto),
    moreBefore: floor > log.floor || moreBefore,
  };
}
