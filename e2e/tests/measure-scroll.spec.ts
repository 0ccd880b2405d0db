/** Scrolling through a long room on a machine four times slower; only the full measure, since filling it takes a while. */
import { expect, test } from "../support/fixtures.ts";
import { often, record } from "../support/measures.ts";
import { traced } from "../support/trace.ts";

const SLOWER = 4;
const SIZE = 100_000;
/** How far a frame goes: a flick of 5,000 px a second. */
const PX = 80;
/** What a frame may take. */
const FRAME_MS = 16.7;

if (often(1, 0))
  test(`scrolling up in a room of ${SIZE} messages`, async ({ people, open, browser }, info) => {
    test.setTimeout(900_000);
    const [ana, luis] = await people("Ana", "Luis");
    const room = await ana.openPrivate(luis);
    await luis.fill(room, SIZE, (n) => `mensaje ${n}. ${"bla ".repeat(n % 23)}`);
    const { seq } = await ana.send(room, "al día");
    await ana.read(room, seq);
    const chat = await open(ana, { room });
    await chat.live();
    await expect(chat.row("al día")).toBeVisible();
    const devtools = await chat.page.context().newCDPSession(chat.page);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    await chat.messages.hover();
    const trace = await traced(browser, async () => {
      for (let turn = 0; turn < 600; turn++) {
        await chat.page.mouse.wheel(0, -PX);
        await chat.page.evaluate(() => new Promise(requestAnimationFrame));
      }
    });
    const frames = trace.frames();
    const late = frames.filter((work) => work > FRAME_MS).length;
    await record(info, `scrolling, ${SIZE} messages, CPU ${SLOWER} times slower`, {
      frames: frames.length,
      "share over 16.7 ms (%)": (100 * late) / frames.length,
      "longest (ms)": Math.max(...frames),
    });
  });
