/** Finding a room by what a person types. */
import type { RoomView } from "@zas/client";

/** Lower case without marks, so that `jose` finds `José`. */
export const fold = (text: string): string =>
  text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** The rooms whose title holds every word of the query, in the order given. */
export function matchRooms(rooms: readonly RoomView[], query: string): readonly RoomView[] {
  const words = fold(query).split(/\s+/u).filter(Boolean);
  if (words.length === 0) return rooms;
  return rooms.filter((room) => {
    const title = fold(room.title);
    return words.every((word) => title.includes(word));
  });
}
