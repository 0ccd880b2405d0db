/** How soon the other end has it, on each rung; what an idle page asks; how much script it loads. */
import { gzipSync } from "node:zlib";
import type { Page } from "@playwright/test";
import type { Chat } from "../support/chat.ts";
import { blockSocket, exchange, onlyPolls } from "../support/exchange.ts";
import { expect, test } from "../support/fixtures.ts";
import { often, record, spread } from "../support/measures.ts";

const RUNGS = [
  { rung: "socket", before: async (_: Page) => {}, live: "En vivo", messages: often(200, 20) },
  { rung: "stream", before: blockSocket, live: "En vivo, por streaming", messages: often(100, 15) },
  // More would be a sustained talk, in which a poll gathers.
  { rung: "poll", before: onlyPolls, live: "Por consultas", messages: 10 },
] as const;

/** From the first key in an empty box to "escribiendo…" at the other end, in ms. */
async function typing(from: Chat, to: Chat): Promise<number> {
  const header = to.page.locator(".conversation-header");
  await expect(header.getByText("escribiendo…")).toHaveCount(0);
  const appears = to.appears("escribiendo…");
  const key = from.page.evaluate(() => window.probes.nextKey());
  await from.box.press("h");
  const took = (await appears) - (await key);
  await from.box.fill("");
  await expect(header.getByText("escribiendo…")).toHaveCount(0);
  return took;
}

for (const { rung, before, live, messages } of RUNGS) {
  test(`to another person by ${rung}`, async ({ people, open }, info) => {
    const [ana, luis] = await people("Ana", "Luis");
    const room = await ana.openPrivate(luis);
    const [a, l] = [await open(ana, { room }), await open(luis, { room, before })];
    await Promise.all([a.live(), l.live(live)]);
    const typed: number[] = [];
    for (let n = 0; n < (rung === "poll" ? 1 : often(20, 3)); n++) typed.push(await typing(a, l));
    await record(info, `first key to "escribiendo…" at the other end, by ${rung} (ms)`, spread(typed));
    const took = await exchange(a, l, "ida", messages);
    await record(info, `Enter to the other browser, by ${rung} (ms)`, spread(took));
  });
}

test("to one's own other device", async ({ people, open }, info) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const [one, other] = [await open(ana, { room }), await open(ana, { room })];
  await Promise.all([one.live(), other.live()]);
  const took = await exchange(one, other, "mía", often(200, 20));
  await record(info, "Enter to one's own other device, by socket (ms)", spread(took));
});

test("the script of a first visit", async ({ open, server }, info) => {
  const { page } = await open(undefined, { path: "/" });
  await expect(page.getByRole("button", { name: "Entrar", exact: true })).toBeVisible();
  const html = await (await fetch(server.url())).text();
  const files = [...html.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map(([, path]) => path);
  let bytes = 0;
  for (const path of files) {
    const script = await (await fetch(`${server.url()}${path}`)).arrayBuffer();
    bytes += gzipSync(new Uint8Array(script), { level: 9 }).length;
  }
  await record(info, "script of a first visit, gzip (KiB)", { KiB: bytes / 1024, files: files.length });
});

test("an idle page by socket", async ({ people, open }, info) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const chat = await open(ana, { room, before: (page) => page.clock.install() });
  await chat.live();
  await chat.page.clock.runFor(5_000);
  const before = chat.requests.length;
  await chat.page.clock.runFor(30_000);
  await record(info, "requests a minute, idle, by socket", { requests: (chat.requests.length - before) * 2 });
});

if (often(1, 0))
  test("an idle page by poll", async ({ people, open }, info) => {
    test.setTimeout(240_000);
    const [ana, luis] = await people("Ana", "Luis");
    const room = await ana.openPrivate(luis);
    const chat = await open(ana, { room, before: onlyPolls });
    await chat.live("Por consultas");
    await chat.page.waitForTimeout(30_000);
    const before = chat.requests.length;
    await chat.page.waitForTimeout(120_000);
    await record(info, "requests a minute, idle, by poll", { requests: (chat.requests.length - before) / 2 });
  });
