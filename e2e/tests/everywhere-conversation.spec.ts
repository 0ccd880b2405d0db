import { expect, test } from "../support/fixtures.ts";
import { record, spread } from "../support/measures.ts";

test("a bubble is there before the task of the key press ends, and the box is empty and keeps the focus", async ({
  people,
  open,
}, info) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await open(ana, { room: await ana.openPrivate(luis) });
  await chat.live();
  const painted: number[] = [];
  for (let n = 1; n <= 20; n++) {
    const sent = await chat.sendWatched(`mensaje ${n}.`);
    expect(sent).toMatchObject({ inTask: true, inFrame: true });
    await expect(chat.box).toHaveValue("");
    await expect(chat.box).toBeFocused();
    painted.push(sent.painted);
  }
  await expect(chat.row("mensaje")).toHaveCount(20);
  await record(info, "key press to end of the frame with the bubble (ms)", spread(painted));
});

test("the other person sees it, and its tick goes to read when they look", async ({ people, open }, info) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const [a, l] = [await open(ana, { room }), await open(luis, { room })];
  await Promise.all([a.live(), l.live()]);
  const seen: number[] = [];
  for (let n = 1; n <= 10; n++) {
    const text = `¿me ves? ${n}.`;
    const appears = l.appears(text);
    const sent = await a.sendWatched(text);
    seen.push((await appears) - sent.at);
  }
  await l.page.bringToFront();
  await expect(a.tick("¿me ves? 10.", "Leído")).toBeVisible();
  await expect(l.row("¿me ves?")).toHaveCount(10);
  await record(info, "key press to the other browser's document, by socket (ms)", spread(seen));
});

test("one who is not looking has it delivered, not read", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const [l, a] = [await open(luis), await open(ana, { room })];
  await Promise.all([a.live(), l.live()]);
  await a.send("luego lo lees");
  await expect(a.tick("luego lo lees", "Entregado")).toBeVisible();
  await expect(l.list.getByText("luego lo lees")).toBeVisible();
  await expect(l.list.getByText("1", { exact: true })).toBeVisible();
});

test("typing shows at the other end, and ends with the message", async ({ people, open }, info) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const [a, l] = [await open(ana, { room }), await open(luis, { room })];
  await Promise.all([a.live(), l.live()]);
  const appears = l.appears("escribiendo…");
  const pressed = await a.page.evaluate(() => performance.timeOrigin + performance.now());
  await a.box.pressSequentially("h");
  await record(info, "first key to typing at the other end (ms)", { ms: (await appears) - pressed });
  await expect(l.page.getByText("escribiendo…").first()).toBeVisible();
  await a.send("hola");
  await expect(l.row("hola")).toBeVisible();
  await expect(l.page.getByText("escribiendo…")).toHaveCount(0);
});

test("text is sent trimmed, and blanks are not sent at all", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const chat = await open(ana, { room });
  await chat.live();
  await chat.box.fill("   \n ");
  await expect(chat.sendButton).toBeDisabled();
  await chat.send("  con aire  ");
  await expect(chat.tick("con aire", "Enviado")).toBeVisible();
  const other = await open(luis);
  await expect(other.list.getByText("con aire", { exact: true })).toBeVisible();
});

test("hostile text is text", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const texts = [
    "<img src=x onerror=document.title='mal'>",
    "[x](javascript:alert(1)) &amp; &lt;b&gt;",
    "𝕫𝕒𝕤 👩‍👩‍👧‍👦 ‮odilbup",
  ];
  for (const text of texts) await luis.send(room, text);
  const chat = await open(ana, { room });
  for (const text of texts) await expect(chat.row(text)).toBeVisible();
  await expect(chat.messages.locator("img[src], a[href^='javascript']")).toHaveCount(0);
  await expect(chat.page).not.toHaveTitle("mal");
});
