/** `examples/django`, run as its README says: Django owns the people, Zas hears of them by a signal. */
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";
import { Chat } from "../support/chat.ts";
import { OUTPUT } from "../support/measures.ts";
import { ROOT, Walk } from "../support/readme.ts";
import { check } from "../support/screens.ts";
import { freePort } from "../support/server.ts";

const PASSWORD = "correcto caballo";
const HOME = join(ROOT, "examples/django");

interface Site {
  url: string;
  django: string;
  walk: Walk;
}

interface Tools {
  /** A page of a browser of its own. */
  visit(path: string): Promise<Page>;
  /** Signs somebody up in Django, who has then the chat before them. */
  signUp(username: string, name: string): Promise<Chat>;
}

const test = base.extend<Tools, { site: Site }>({
  site: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern.
    async ({}, use) => {
      const [zas, django] = [await freePort(), await freePort()];
      const url = `http://127.0.0.1:${zas}`;
      // A copy, for the keys and the database that it makes; below this folder, for what builds the page.
      const folder = await mkdtemp(join(OUTPUT, "django-"));
      const made = /\/(\.venv|node_modules|static|db\.sqlite3|.*\.key|zas-data|__pycache__)$/;
      await cp(HOME, folder, { recursive: true, filter: (path) => path === HOME || !made.test(path) });
      await symlink(join(HOME, ".venv"), join(folder, ".venv"));
      const walk = await Walk.follow({
        name: "django",
        folder,
        env: { ZAS_LISTEN: `127.0.0.1:${zas}`, ZAS_URL: url },
        instead: { "127.0.0.1:8001": `127.0.0.1:${django}` },
        installs: {
          commands: /-m venv|pip install/,
          of: ["examples/django/requirements.txt"],
          stamp: ".venv/installed",
        },
        stay: [
          [/runserver/, `http://127.0.0.1:${django}/sign-in/`],
          [/zas serve/, `${url}/healthz`],
        ],
      });
      await use({ url, django: `http://127.0.0.1:${django}`, walk });
      await walk.stop();
      await rm(folder, { recursive: true, force: true });
    },
    { scope: "worker", timeout: 600_000 },
  ],

  visit: async ({ browser, site }, use) => {
    const errors: string[] = [];
    const close: (() => Promise<void>)[] = [];
    await use(async (path) => {
      const context = await browser.newContext();
      close.push(() => context.close());
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(error.stack ?? error.message));
      await page.goto(site.url + path);
      return page;
    });
    for (const end of close) await end();
    expect(errors, "errors that no one caught in a page").toEqual([]);
  },

  signUp: async ({ visit }, use) => {
    await use(async (username, name) => {
      const page = await visit("/sign-up/");
      await page.getByLabel("Usuario").fill(username);
      await page.getByLabel("Nombre").fill(name);
      await page.locator("input[name=password1]").fill(PASSWORD);
      await page.locator("input[name=password2]").fill(PASSWORD);
      await page.getByRole("button", { name: "Guardar" }).click();
      await expect(page.getByRole("navigation", { name: "Chats" })).toBeVisible();
      return new Chat(page, false);
    });
  },
});

test.describe.configure({ mode: "default" });

/** Opens the chat with somebody by their username. */
async function write(chat: Chat, to: string): Promise<void> {
  await chat.page.getByLabel("Escribir a").fill(to);
  await chat.page.getByRole("button", { name: "Abrir", exact: true }).click();
  await expect(chat.page.getByText("Conectado", { exact: true })).toBeVisible({ timeout: 45_000 });
}

const title = (chat: Chat) => chat.page.getByRole("heading", { level: 2 });

test("who signs up in Django is in Zas at once; two talk; a new name in Django is seen in the chat", async ({
  signUp,
}) => {
  const [a, l] = [await signUp("ana", "Ana García"), await signUp("luis", "Luis")];
  await write(a, "luis");
  await expect(title(a)).toHaveText("Luis");
  await a.send("hola, vecino");
  await l.page.getByRole("button", { name: /^Ana García/ }).click();
  await expect(l.row("hola, vecino")).toHaveCount(1);
  await l.send("buenas");
  await expect(a.row("buenas")).toHaveCount(1);
  await expect(l.row("buenas")).toContainText("leído");

  const profile = await a.page.context().newPage();
  await profile.goto(new URL("/profile/", a.page.url()).href);
  await profile.getByLabel("Nombre").fill("Ana Gómez");
  await profile.getByRole("button", { name: "Guardar" }).click();
  await expect(profile.getByRole("link", { name: "Ana Gómez" })).toBeVisible();
  await expect(title(l)).toHaveText("Ana Gómez");
  await expect(l.row("hola, vecino")).toContainText("Ana Gómez");
});

test("whoever is deactivated in Django's admin is out of the chat at once, until they are let in again", async ({
  signUp,
  visit,
  site,
}) => {
  const [m, r] = [await signUp("marta", "Marta"), await signUp("raul", "Raúl")];
  await write(m, "raul");
  await m.send("¿sigues ahí?");
  const { access } = await (await r.page.request.get(`${site.url}/chat-token/`)).json();
  const state = () =>
    r.page.request.get(`${site.url}/v1/state`, { headers: { authorization: `Bearer ${access}` } });
  expect((await state()).status()).toBe(200);

  const admin = await visit("/admin/");
  await admin.locator("input[name=username]").fill("admin");
  await admin.locator("input[name=password]").fill(PASSWORD);
  await admin.locator("input[type=submit]").click();
  const turn = async (on: boolean) => {
    await admin.goto(`${site.url}/admin/people/user/?q=raul`);
    await admin.getByRole("link", { name: "raul" }).click();
    await admin.locator("input[name=is_active]").setChecked(on);
    await admin.locator("input[name=_save]").click();
    await expect(admin.locator(".messagelist .success")).toBeVisible();
  };
  await turn(false);
  await expect(r.page.getByRole("alert")).toContainText("Tu sesión ha terminado");
  expect((await state()).status()).toBe(401);

  await turn(true);
  await r.page.goto(`${site.url}/sign-in/`);
  await r.page.getByLabel("Usuario").fill("raul");
  await r.page.locator("input[name=password]").fill(PASSWORD);
  await r.page.getByRole("button", { name: "Guardar" }).click();
  await r.page.getByRole("button", { name: /^Marta/ }).click();
  await expect(r.row("¿sigues ahí?")).toHaveCount(1);
});

test("signing out of Django signs out of the chat, which forgets who it was", async ({ signUp }) => {
  const [e, f] = [await signUp("eva", "Eva"), await signUp("fran", "Fran")];
  await write(e, "fran");
  await e.send("esto es de Eva");
  await expect(e.row("esto es de Eva")).toHaveAttribute("data-state", "stored");
  await e.page.getByRole("button", { name: "Salir" }).click();
  await expect(e.page.getByLabel("Contraseña")).toBeVisible();
  await expect(f.page.getByRole("button", { name: /^Eva/ })).toBeVisible();
  expect(await e.page.evaluate(() => JSON.stringify(localStorage))).not.toContain("session");
});

test("Zas being away stops nobody in Django, and `sync_zas` tells it of everybody", async ({
  site,
  visit,
  signUp,
}) => {
  const who = await signUp("gil", "Gil");
  await write(who, "admin");
  await expect(title(who)).toHaveText("admin");
  // As if Zas were elsewhere: the person is stored in Django, and Zas does not know of it.
  await site.walk.run(
    `ZAS_URL=http://127.0.0.1:1 .venv/bin/python manage.py shell -c "from people.models import User; User.objects.create_user('hugo', display_name='Hugo')"`,
  );
  await who.page.getByLabel("Escribir a").fill("hugo");
  await who.page.getByRole("button", { name: "Abrir", exact: true }).click();
  await expect(who.page.getByRole("alert")).toHaveText("No hay nadie con ese usuario");
  expect(await site.walk.run(".venv/bin/python manage.py sync_zas")).toMatch(/^\d+ people$/m);
  await write(who, "hugo");
  await expect(title(who)).toHaveText("Hugo");
  expect((await visit("/sign-in/")).url()).toContain("/sign-in/");
});

test("it fits a phone and a desk, and axe finds nothing", async ({ signUp }) => {
  const [i, j] = [await signUp("ines", "Inés"), await signUp("jon", "Jon")];
  await write(i, "jon");
  await write(j, "ines");
  await i.send("¿Quién riega las plantas del portal esta semana?");
  await j.send("Yo, el jueves. ¿Tienes tú la llave del cuarto de contadores, o la tiene el del tercero?");
  await i.send(`https://example.com/${"a".repeat(200)}`);
  await expect(i.rows).toHaveCount(3);
  for (const [name, width, height] of [
    ["phone", 390, 844],
    ["desktop", 1280, 800],
  ] as const) {
    await i.page.setViewportSize({ width, height });
    await check(i.page, name, "example-django");
    const wide = await i.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide, `${name} scrolls sideways`).toBeLessThanOrEqual(0);
  }
});
