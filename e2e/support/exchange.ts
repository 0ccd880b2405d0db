/** Messages from one browser to another, and the ways there. */
import { expect, type Page } from "@playwright/test";
import type { Account } from "./api.ts";
import type { Chat } from "./chat.ts";

export const SOCKET = /\/v1\/ws/;
export const FEED = "**/v1/feed";

export const blockSocket = (page: Page) => page.routeWebSocket(SOCKET, (socket) => socket.close());
/** The handshake passes and then nothing does: some proxies are like that. */
export const muteSocket = (page: Page) => page.routeWebSocket(SOCKET, () => {});
/** A proxy that hands a stream over when it has ended: never. */
export const bufferStreams = (page: Page) =>
  page.route(FEED, (route) =>
    route.request().headers().accept?.includes("text/event-stream") ? undefined : route.continue(),
  );
/** Leaves only the poll. */
export const onlyPolls = async (page: Page) => {
  await blockSocket(page);
  await bufferStreams(page);
};

/** `count` messages at even distances, however long each takes. */
export async function arrive(from: Account, room: string, count: number, aSecond: number): Promise<void> {
  const began = performance.now();
  for (let n = 1; n <= count; n++) {
    await new Promise((due) => setTimeout(due, began + (n * 1_000) / aSecond - performance.now()));
    await from.send(room, `llega ${n}.`);
  }
}

/** `count` messages from one to the other, each sent when the one before has come: how long each took, in ms. */
export async function exchange(from: Chat, to: Chat, word: string, count = 10): Promise<number[]> {
  const took: number[] = [];
  for (let n = 1; n <= count; n++) {
    const text = `${word} ${n}.`;
    const appears = to.appears(text);
    const sent = await from.sendWatched(text);
    took.push((await appears) - sent.at);
  }
  await expect(to.row(`${word} ${count}.`)).toHaveCount(1);
  return took;
}
