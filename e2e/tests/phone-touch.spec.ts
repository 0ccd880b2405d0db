import { expect, test } from "../support/fixtures.ts";

test("one pane: the list, a chat over it, and back", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  await luis.send(await ana.openPrivate(luis), "tócame");
  const chat = await open(ana);
  await chat.live();
  await chat.list.getByText("tócame").tap();
  await expect(chat.row("tócame")).toBeVisible();
  await chat.send("tocado");
  await expect(chat.tick("tocado", "Enviado")).toBeVisible();
  await chat.page.getByRole("button", { name: "Volver" }).tap();
  await expect(chat.list.getByText("tocado")).toBeInViewport();
  await expect(chat.box).not.toBeInViewport();
});

test("on a touch screen Enter is a new line, and what is written is 16 px and above the keyboard", async ({
  people,
  open,
}) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await open(ana, { room: await ana.openPrivate(luis) });
  await chat.live();
  await chat.box.fill("una línea");
  await chat.box.press("Enter");
  await expect(chat.box).toHaveValue("una línea\n");
  expect(
    await chat.box.evaluate((box) => Number.parseFloat(getComputedStyle(box).fontSize)),
  ).toBeGreaterThanOrEqual(16);
  // A keyboard takes half of the screen: the box and the newest message stay in view.
  for (let n = 1; n <= 30; n++) await ana.send((chat.page.url().split("/r/")[1] ?? "").trim(), `fila ${n}.`);
  await expect(chat.row("fila 30.")).toBeInViewport();
  await chat.page.setViewportSize({ width: 390, height: 420 });
  await expect(chat.box).toBeInViewport();
  await expect(chat.row("fila 30.")).toBeInViewport();
});

test("what is to be pressed is at least 44 px", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const chat = await open(ana, { room: await ana.openPrivate(luis) });
  await chat.box.fill("x");
  const buttons = chat.page.locator("main").getByRole("button").filter({ visible: true });
  const small: string[] = [];
  for (const button of await buttons.all()) {
    const box = await button.boundingBox();
    if (box && (box.width < 43.5 || box.height < 43.5))
      small.push(`${await button.getAttribute("aria-label")} ${box.width}×${box.height}`);
  }
  expect(small).toEqual([]);
});
