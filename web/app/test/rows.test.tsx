// @vitest-environment happy-dom
/** What a row draws of what became of its message, and of what it carries. */
import type { Attachment, Row, ZasClient } from "@zas/client";
import { ZasProvider } from "@zas/client/react";
import { act, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { expect, test } from "vitest";
import { MessageActionsContext } from "../src/conversation/actions.js";
import { MessageRow } from "../src/conversation/MessageRow.js";
import { LanguageContext } from "../src/i18n/index.js";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

type Message = Extract<Row, { type: "message" }>;

const person = (id: string, name: string) => ({
  id,
  username: id,
  display_name: name,
  bio: "",
  profile_rev: 1,
});
const ANA = person("ana", "Ana");
const LUIS = person("luis", "Luis");

async function draw(more: Partial<Message>, url?: string) {
  const row: Message = {
    type: "message",
    key: "luis/1",
    sender: "luis",
    own: false,
    text: "hola",
    at: 1,
    seq: 1,
    delivery: { state: "stored", seq: 1, tick: "sent" },
    ...more,
  };
  const value = <T,>(value: T) => ({ get: () => value, subscribe: () => () => {} });
  const asked: string[] = [];
  const shown: string[] = [];
  const session = { state: "signed_in", me: { user: ANA } };
  const client = {
    session: value(session),
    row: () => value(row),
    user: (id: string) => value(id === "ana" ? ANA : LUIS),
    mediaUrl: () => value(url),
    renewMedia: (file: string) => asked.push(file),
  } as unknown as ZasClient;
  const actions = { show: (key: string) => shown.push(key) } as never;
  const at = document.createElement("div");
  const page = (children: ReactNode) => (
    <LanguageContext value="es">
      <ZasProvider client={client}>
        <MessageActionsContext value={actions}>{children}</MessageActionsContext>
      </ZasProvider>
    </LanguageContext>
  );
  await act(async () => {
    createRoot(at).render(page(<MessageRow room="r" rowKey={row.key} joins={false} group={false} />));
    // What few messages have is loaded when it is first shown.
    await import("../src/conversation/MessageExtra.js");
  });
  return { at, asked, shown };
}

const file = (more: Partial<Attachment>): Attachment => ({
  file: "f",
  name: "playa.png",
  media: "image",
  media_type: "image/png",
  bytes: 1_234_567,
  ...more,
});

test("a message of text alone draws nothing but its text and time", async () => {
  const { at } = await draw({});
  expect([...(at.querySelector(".bubble")?.children ?? [])].map((each) => each.className)).toEqual([
    "bubble-text",
    "bubble-meta",
    "bubble-more",
  ]);
  expect(at.querySelector("article")?.children.length).toBe(1);
});

test("an edit, a deletion and reactions are told", async () => {
  expect((await draw({ editedAt: 2 })).at.querySelector(".bubble-meta")?.textContent).toContain("editado");
  const gone = (await draw({ text: "", deletedAt: 2 })).at;
  expect(gone.querySelector(".bubble-text")?.textContent).toBe("Se eliminó este mensaje");
  const { at } = await draw({
    reactions: [
      { reaction: "like", count: 2 },
      { reaction: "fire", count: 1 },
    ],
    mine: "fire",
  });
  const chips = [...at.querySelectorAll("[aria-label=Reacciones] > li")];
  expect(chips.map((chip) => chip.querySelector("[aria-hidden]")?.textContent)).toEqual(["👍2", "🔥"]);
  expect(chips.map((chip) => chip.hasAttribute("data-mine"))).toEqual([false, true]);
});

test("a quote names whom it is of, and leads there only where that is loaded", async () => {
  const quote = { message: "m", sender: "ana", text: "¿vienes?" };
  const { at, shown } = await draw({ replyTo: { ...quote, key: "ana/1" } });
  const button = at.querySelector<HTMLElement>("button.bubble-quote");
  expect(button?.textContent).toBe("En respuesta a Tú¿vienes?");
  button?.click();
  expect(shown).toEqual(["ana/1"]);
  expect((await draw({ replyTo: quote })).at.querySelector("button.bubble-quote")).toBeNull();
  const quotes: [NonNullable<Message["replyTo"]>, string][] = [
    [{ message: "m", text: "" }, "Cargando…"],
    [{ message: "m", text: "", unavailable: true }, "Mensaje no disponible"],
    [{ ...quote, text: "", deleted: true }, "En respuesta a TúSe eliminó este mensaje"],
    [{ ...quote, text: "", attachment: file({}) }, "En respuesta a Tú📷 Foto"],
  ];
  for (const [replyTo, text] of quotes)
    expect((await draw({ replyTo })).at.querySelector(".bubble-quote")?.textContent).toBe(text);
});

test("a picture has its place before it has its address, and its caption below", async () => {
  const attachment = file({ width: 1600, height: 1000 });
  for (const url of [undefined, "/f?signed"]) {
    const { at } = await draw({ attachment, text: "el mar" }, url);
    const place = at.querySelector<HTMLElement>(".media");
    expect([place?.style.width, place?.style.aspectRatio]).toEqual(["320px", "320 / 200"]);
    expect(place?.querySelector("img")?.getAttribute("src") ?? undefined).toBe(url);
    expect(at.querySelector(".bubble-text")?.textContent).toBe("el mar");
  }
});

test("films and sounds have controls; any other file a name, a size and an address to save it from", async () => {
  const drawn = async (media: "video" | "audio" | "file") =>
    (await draw({ attachment: file({ media, name: "a.bin" }), text: "" }, "/f?signed")).at;
  for (const media of ["video", "audio"] as const)
    expect((await drawn(media)).querySelector(media)?.hasAttribute("controls")).toBe(true);
  const link = (await drawn("file")).querySelector("a");
  expect([link?.getAttribute("href"), link?.getAttribute("download")]).toEqual(["/f?signed", "a.bin"]);
  expect(link?.textContent).toMatch(/^a\.bin1,2\sMB$/);
});

test("what cannot be loaded is asked for once more, and says so", async () => {
  const { at, asked } = await draw({ attachment: file({}) }, "/f?old");
  act(() => void at.querySelector("img")?.dispatchEvent(new Event("error")));
  expect(asked).toEqual(["f"]);
  expect(at.querySelector("[role=status]")?.textContent).toContain("No se pudo cargar");
  act(() => at.querySelector<HTMLElement>("[role=status] button")?.click());
  expect(asked).toEqual(["f", "f"]);
});
