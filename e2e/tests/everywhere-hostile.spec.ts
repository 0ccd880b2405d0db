import { Account, PASSWORD } from "../support/api.ts";
import { expect, test } from "../support/fixtures.ts";
import { faults, NAMES, TEXTS, watch } from "../support/hostile.ts";
import { shoot } from "../support/screens.ts";

test("whatever people call themselves and send, no script runs and everything stays in its place", async ({
  people,
  open,
  server,
}, info) => {
  test.setTimeout(240_000);
  const [ana] = await people("Ana");
  const rooms: [name: string, room: string][] = [];
  const others: Account[] = [];
  for (const [name, display_name] of Object.entries(NAMES)) {
    const other = await Account.register(server.url(), name);
    const profile = { display_name, bio: (TEXTS[name] ?? "").slice(0, 300) };
    await other.command({ type: "set_profile", profile });
    others.push(other);
    const room = await other.openPrivate(ana);
    await other.send(room, TEXTS[name] ?? "");
    rooms.push([name, room]);
  }
  const group = await ana.createGroup(NAMES.wide ?? "", ...others);
  for (const text of Object.values(TEXTS)) await others[0]?.send(group, text);
  for (const other of others) await other.send(group, `soy yo: ${NAMES.markup}`);
  for (const name of Object.values(NAMES)) await ana.command({ type: "rename_room", room: group, name });
  await ana.command({ type: "rename_room", room: group, name: NAMES.wide ?? "" });
  await ana.command({ type: "set_profile", profile: { display_name: NAMES.wide ?? "" } });
  const login = { login: ana.username, password: PASSWORD, device_name: NAMES.wide };
  await fetch(`${server.url()}/v1/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(login),
  });

  let told: string[] = [];
  const { page, list, rows } = await open(ana, {
    before: async (page) => {
      told = await watch(page);
    },
  });
  const check = async (what: string) => {
    if (!/-/.test(what) || what.endsWith("wide")) await shoot(page, `hostile-${what}-${info.project.name}`);
    expect.soft(await faults(page), what).toEqual([]);
    expect.soft(told.splice(0), what).toEqual([]);
  };
  /** Goes there without a load; whatever was shown is gone first. */
  const go = async (path: string) => {
    for (const to of ["/r", path]) {
      await page.evaluate((to) => history.pushState(null, "", to), to);
      if (to === "/r") await expect(rows).toHaveCount(0);
    }
  };
  await expect(list.getByRole("listitem")).toHaveCount(rooms.length + 1);
  await check("list");
  for (const [name, room] of rooms) {
    await go(`/r/${room}`);
    await expect(rows.first()).toBeVisible();
    await check(`room-${name}`);
    await go(`/r/${room}/info`);
    await expect(page.getByText(/^@/).first()).toBeVisible();
    await check(`info-${name}`);
  }
  await go(`/r/${group}`);
  await expect(rows.first()).toBeVisible();
  await check("group");
  await go(`/r/${group}/info`);
  await expect(
    page
      .getByText("Miembros")
      .or(page.getByText(/miembros/))
      .first(),
  ).toBeVisible();
  await check("members");
  await page
    .getByRole("button", { name: /^Opciones para/ })
    .first()
    .click();
  await page.getByRole("menuitem", { name: "Sacar del grupo" }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await check("remove");
  await go("/new");
  await page.getByPlaceholder(/Nombre o usuario/).fill(NAMES.wide ?? "");
  await expect(page.getByText(/^@wide/).first()).toBeVisible();
  await check("search");
  await go("/settings");
  await expect(page.getByText("Este dispositivo")).toBeVisible();
  await check("settings");
  await page.getByRole("button", { name: /^Cerrar sesión en W/ }).click();
  await check("device");
  await page.getByRole("dialog").getByRole("button", { name: "Cerrar sesión", exact: true }).click();
  await expect(page.getByRole("status").getByText(/Sesión cerrada en/)).toBeVisible();
  await check("toast");
});

test("what a person writes or pastes goes out as it is, half characters mended", async ({ people, open }) => {
  const [ana, luis] = await people("Ana", "Luis");
  const room = await ana.openPrivate(luis);
  const [a, l] = [await open(ana, { room }), await open(luis, { room })];
  await Promise.all([a.live(), l.live()]);
  await a.box.focus();
  // As a paste or an input method may leave it; the test's own way to type would mend it.
  await a.page.evaluate(() => document.execCommand("insertText", false, "media \ud83d pareja"));
  await a.sendWritten();
  await expect(a.tick("media", "Leído")).toBeVisible();
  await expect(l.row("media \ufffd pareja")).toBeVisible();
  for (const name of ["markup", "address", "hidden", "wide"]) await a.send(TEXTS[name] ?? "");
  await a.send("y la última");
  await expect(l.row("y la última")).toBeVisible();
  expect(await faults(a.page)).toEqual([]);
  expect(await faults(l.page)).toEqual([]);
});
