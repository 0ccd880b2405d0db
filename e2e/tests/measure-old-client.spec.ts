/** The old app's page on this server: its bubble, the other one's by socket and by polls, and what it asks. */
import type { Chat } from "../support/chat.ts";
import { often, record, spread } from "../support/measures.ts";
import { blockOldSocket, expect, test } from "../support/oldClient.ts";

/** `every`: how often it asks, in ms. */
const WAYS = [
  { way: "its socket", page: "improved", before: undefined, every: 0, messages: often(200, 20) },
  { way: "its polls", page: "improved", before: blockOldSocket, every: 2_000, messages: often(100, 12) },
  {
    way: "polls of all, as it was",
    page: "polling",
    before: undefined,
    every: 500,
    messages: often(100, 12),
  },
] as const;

for (const { way, page, before, every, messages } of WAYS) {
  test(`an old page to another, by ${way}`, async ({ people, openOld }, info) => {
    test.setTimeout(900_000);
    const [ana, luis] = await people("Ana", "Luis");
    const chat = await ana.openPrivate(luis);
    await luis.send(chat, "lo último.");
    const opening = { chat, page, mended: true, ...(before && { before }) };
    const [a, l] = [await openOld(ana, opening), await openOld(luis, opening)];
    if (way === "its socket") {
      for (const old of [a, l]) await expect(old.page.getByText("Conectado")).toBeVisible();
    }
    await expect(l.row("lo último.")).toHaveCount(1);
    const [painted, seen]: [number[], number[]] = [[], []];
    for (let n = 1; n <= messages; n++) {
      // One now and then, at any moment between two polls: the one after an answer has begun.
      if (every > 0) await a.page.waitForTimeout(every + ((n * 1_234) % every));
      const text = `ida ${n}.`;
      const appears = l.appears(text);
      const sent = page === "polling" ? await sendPolled(a, text) : await a.sendWatched(text);
      painted.push(sent.painted);
      seen.push((await appears) - sent.at);
    }
    await record(info, `old page: Enter to its own bubble, by ${way} (ms)`, spread(painted));
    await record(info, `old page: Enter to the other old page, by ${way} (ms)`, spread(seen));
  });
}

/** Sends from the page that shows its own message once the server has it. */
async function sendPolled(from: Chat, text: string): Promise<{ at: number; painted: number }> {
  const shown = from.messages.evaluate(
    (list, text) =>
      new Promise<number>((done) => {
        const observer = new MutationObserver(() => {
          if (!list.textContent?.includes(text)) return;
          observer.disconnect();
          done(performance.timeOrigin + performance.now());
        });
        observer.observe(list, { subtree: true, childList: true });
      }),
    text,
  );
  const key = from.page.evaluate(() => window.probes.nextKey());
  await from.send(text);
  const at = await key;
  return { at, painted: (await shown) - at };
}

for (const [way, page, before] of [
  ["its socket up", "improved", undefined],
  ["its socket blocked", "improved", blockOldSocket],
  ["polls of all, as it was", "polling", undefined],
] as const) {
  test(`an idle old page, ${way}`, async ({ people, openOld }, info) => {
    test.setTimeout(240_000);
    const [ana, luis] = await people("Ana", "Luis");
    const chat = await ana.openPrivate(luis);
    await luis.send(chat, "lo último.");
    const a = await openOld(ana, { chat, page, ...(before && { before }) });
    await expect(a.row("lo último.")).toHaveCount(1);
    if (way === "its socket up") await expect(a.page.getByText("Conectado")).toBeVisible();
    // A page on another origin asks whether it may before it asks: seen by the browser's own tools alone.
    const devtools = await a.page.context().newCDPSession(a.page);
    await devtools.send("Network.enable");
    let preflights = 0;
    devtools.on("Network.requestWillBeSent", ({ type }) => {
      if (type === "Preflight") preflights++;
    });
    const seconds = often(60, 15);
    const asked = a.requests.length;
    // Not a wait for something to happen: nothing is to happen, for this long.
    await a.page.waitForTimeout(seconds * 1_000);
    const aMinute = 60 / seconds;
    await record(info, `old page: requests a minute, idle, ${way}`, {
      requests: (a.requests.length - asked) * aMinute,
      preflights: preflights * aMinute,
    });
  });
}
