/** What was being written in each room, kept on this device until it is sent. */
import type { RoomId, UserId } from "@zas/client";

const name = (me: UserId, room: RoomId) => `zas:ui:draft:${me}:${room}`;

/** The room's draft; empty when there is none or storage is denied. */
export function readDraft(me: UserId, room: RoomId): string {
  try {
    return localStorage.getItem(name(me, room)) ?? "";
  } catch {
    return "";
  }
}

/** Keeps a draft; an empty one is forgotten. */
export function keepDraft(me: UserId, room: RoomId, text: string): void {
  try {
    if (text === "") localStorage.removeItem(name(me, room));
    else localStorage.setItem(name(me, room), text);
  } catch {
    // Storage is full or denied: the draft lives as long as the page.
  }
}
