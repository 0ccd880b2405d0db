/** The app's addresses. `/` is the list too, but a server in demo mode answers it with the demo. */
import type { RoomId } from "@zas/client";

export const LIST = "/r";
export const NEW_CHAT = "/new";
export const NEW_GROUP = "/new/group";
export const SETTINGS = "/settings";
export const roomPath = (room: RoomId): string => `/r/${room}`;
export const infoPath = (room: RoomId): string => `/r/${room}/info`;

/** What the window shows: a screen over the list, or a room and whether its details are open. */
export interface Place {
  side?: "new" | "group" | "settings";
  room?: RoomId;
  info: boolean;
}

/** Reads an address; one that is unknown is the list. */
export function placeOf(path: string): Place {
  if (path === NEW_CHAT) return { side: "new", info: false };
  if (path === NEW_GROUP) return { side: "group", info: false };
  if (path === SETTINGS) return { side: "settings", info: false };
  const [, room, info] = /^\/r\/([^/]+)(\/info)?\/?$/.exec(path) ?? [];
  return room === undefined ? { info: false } : { room: decodeURIComponent(room), info: info !== undefined };
}

/** Where "back" leads; `undefined` from the list, which is the last. */
export function backFrom(place: Place): string | undefined {
  if (place.side === "group") return NEW_CHAT;
  if (place.side) return LIST;
  if (place.room === undefined) return undefined;
  return place.info ? roomPath(place.room) : LIST;
}
