/**
 * What is known of rooms and people: the server's summaries, carried on by the events that follow
 * them. A summary taken at `seq` holds all events up to it, so each event counts once.
 */
import type {
  FileId,
  Event as LogEvent,
  Member,
  MessageState,
  Room,
  RoomId,
  RoomPrefs,
  UserId,
} from "../protocol.gen.js";
import { UNREAD_CAP } from "./limits.js";
import { applied, erased, isChange, isDeleted, type MessageEvent, unchanged } from "./message.js";

export class RoomFacts {
  members: readonly Member[];
  /** Members that are not named: of a large group only oneself is, until it is opened. */
  more: number;
  name?: string;
  description: string;
  avatar?: FileId;
  prefs: RoomPrefs;
  lastAt: number;
  last?: MessageEvent;
  /** What that message is now, where it has changed. */
  lastState?: MessageState;
  /** Others' messages above `countedFrom`, as far as they were counted. */
  unread: number;
  /** All events up to here are in these facts. */
  seq: number;

  constructor(private room: Room) {
    this.members = room.members;
    this.more = room.more_members ?? 0;
    this.name = room.name;
    this.description = room.description ?? "";
    this.avatar = room.avatar;
    this.prefs = room.prefs;
    this.lastAt = room.last_at;
    this.unread = room.unread;
    this.seq = room.head;
    if (room.last?.kind === "message") this.last = room.last;
    if (room.last_state) this.lastState = room.last_state;
  }

  get id(): RoomId {
    return this.room.id;
  }

  get kind(): "private" | "group" {
    return this.room.kind === "private" ? "private" : "group";
  }

  get epoch(): number {
    return this.room.epoch;
  }

  get from(): number {
    return this.room.from;
  }

  /** Takes a newer summary; an older one says nothing new. */
  renew(room: Room): void {
    if (room.epoch === this.epoch && room.head < this.seq) return;
    const ahead = room.epoch === this.epoch && this.last && this.last.seq > room.head ? this.last : undefined;
    const { members, more, lastState } = this;
    const same = room.epoch === this.epoch && room.head === this.seq;
    this.lastState = undefined;
    Object.assign(this, new RoomFacts(room));
    // A summary in a list may name fewer than are known already.
    if (same && more === 0) Object.assign(this, { members, more });
    if (ahead) [this.last, this.lastState] = [ahead, lastState];
  }

  /** Takes the next event of the room. */
  apply(event: LogEvent, me: UserId, readUpTo: number): void {
    if (event.kind === "message" && event.seq > (this.last?.seq ?? 0))
      [this.last, this.lastState] = [event, undefined];
    else if (isChange(event) && event.of === this.last?.seq) {
      this.lastState = applied(this.lastState ?? unchanged(this.last), event, me);
      if (isDeleted(this.last, this.lastState)) this.last = erased(this.last) as MessageEvent;
    }
    this.lastAt = Math.max(this.lastAt, event.at);
    if (event.seq <= this.seq) return;
    this.seq = event.seq;
    switch (event.kind) {
      case "message":
        if (event.sender !== me && event.seq > readUpTo) this.unread = Math.min(UNREAD_CAP, this.unread + 1);
        break;
      case "room_renamed":
        this.name = event.name;
        break;
      case "room_profile_changed": {
        const { description, avatar } = event.profile;
        if (description !== undefined) this.description = description;
        if (avatar !== undefined) this.avatar = avatar ?? undefined;
        break;
      }
      case "member_added":
        this.members = [...this.without(event.user), { user: event.user, role: "member" }];
        break;
      case "member_removed": {
        const left = this.without(event.user);
        if (left.length === this.members.length) this.more = Math.max(0, this.more - 1);
        this.members = left;
        break;
      }
      case "role_changed":
        this.members = this.members.map((member) =>
          member.user === event.user ? { user: member.user, role: event.role } : member,
        );
        break;
      default:
        break;
    }
  }

  /** What the cache keeps: the summary as it now is. */
  snapshot(): Room {
    const { members, more, description, prefs, unread, seq } = this;
    const room: Room = {
      ...this.room,
      members: [...members],
      more_members: more,
      description,
      prefs,
      unread,
      head: seq,
      last_at: this.lastAt,
    };
    if (this.name !== undefined) room.name = this.name;
    if (this.avatar !== undefined) room.avatar = this.avatar;
    else delete room.avatar;
    if (this.last) room.last = this.last;
    if (this.lastState) room.last_state = this.lastState;
    else delete room.last_state;
    return room;
  }

  private without(user: UserId): Member[] {
    return this.members.filter((member) => member.user !== user);
  }
}
