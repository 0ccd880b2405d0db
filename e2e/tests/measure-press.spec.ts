/** What a key press costs its writer, on a machine six times slower. */
import type { Chat } from "../support/chat.ts";
import { arrive } from "../support/exchange.ts";
import { expect, test } from "../support/fixtures.ts";
import { often, record, spread } from "../support/measures.ts";
import { traced } from "../support/trace.ts";

/** How much slower the machine is made. */
const SLOWER = 6;
/** Messages that come in a second, while one writes. */
const A_SECOND = 20;

async function slowDown(chat: Chat, rate: number): Promise<void> {
  const devtools = await chat.page.context().newCDPSession(chat.page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate });
}

for (const size of often(1, 0) ? [100, 10_000, 100_000] : [10_000]) {
  test(`in a room of ${size} messages`, async ({ people, open, browser }, info) => {
    test.setTimeout(600_000);
    const [ana, luis] = await people("Ana", "Luis");
    const room = await ana.openPrivate(luis);
    await luis.fill(room, size, (n) => `mensaje ${n}. ${"bla ".repeat(n % 23)}`);
    const { seq } = await ana.send(room, "al día");
    await ana.read(room, seq);
    const chat = await open(ana, { room });
    await chat.live();
    await expect(chat.row("al día")).toBeVisible();
    await slowDown(chat, SLOWER);
    const where = `${size} messages, CPU ${SLOWER} times slower (ms)`;

    const painted: number[] = [];
    const count = often(100, 20);
    const trace = await traced(browser, async () => {
      for (let n = 1; n <= count; n++) {
        const sent = await chat.sendWatched(`rápido ${n}.`);
        expect(sent).toMatchObject({ inTask: true, inFrame: true });
        painted.push(sent.painted);
      }
    });
    const presses = trace.presses();
    expect(presses).toHaveLength(count);
    // The first is told apart: it has what happens once in a page's life.
    await record(info, `first Enter, work to the end of layout, ${where}`, { work: presses[0]?.work ?? 0 });
    const later = presses.slice(1);
    await record(info, `Enter, work to the end of layout, ${where}`, spread(later.map(({ work }) => work)));
    await record(
      info,
      `Enter to the end of layout by the clock, ${where}`,
      spread(later.map(({ laidOut }) => laidOut)),
    );
    await record(info, `Enter to the end of its frame, ${where}`, spread(painted.slice(1)));

    await chat.page.evaluate(() => [window.probes.longestTask(), window.probes.interactions()]);
    const seconds = often(15, 3);
    const busy = await traced(browser, async () => {
      const coming = arrive(luis, room, seconds * A_SECOND, A_SECOND);
      await chat.box.pressSequentially("escribo mientras llegan ".repeat(often(3, 1)), { delay: 120 });
      await coming;
      await expect(chat.row(`llega ${seconds * A_SECOND}.`)).toBeVisible();
    });
    const [longest, interactions] = await chat.page.evaluate(
      () => [window.probes.longestTask(), window.probes.interactions()] as const,
    );
    await record(info, `longest task while ${A_SECOND} messages a second come in, ${where}`, {
      work: busy.longestTask(),
      "by the clock": longest,
    });
    await record(info, `interaction to next paint meanwhile, ${where}`, spread(interactions));

    await chat.box.fill("");
    await chat.page.evaluate(() => window.probes.watchRows());
    await luis.send(room, "una sola");
    await expect(chat.row("una sola")).toBeVisible();
    const rows = await chat.page.evaluate(() => window.probes.changedRows());
    await record(info, `rows drawn for one new message, ${size} messages`, rows);
  });
}
