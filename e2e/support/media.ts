/** Files in messages, for pages alone: what a page reads of a room is given attachments on its way. */
import { crc32, deflateSync } from "node:zlib";
import type { Page } from "@playwright/test";
import type { Attachment, Event, RoomState } from "../../web/sdk/src/protocol.gen.ts";

/** Gives messages of these texts a file; what is not `caption` becomes no text. */
export async function attach(page: Page, files: Record<string, Attachment>, caption: string): Promise<void> {
  const dress = (event: Event): Event => {
    if (event.kind !== "message") return event;
    const attachment = files[event.text];
    return attachment ? { ...event, attachment, text: event.text === caption ? caption : "" } : event;
  };
  await page.route(/\/v1\/rooms\/[^/]+$/, async (route) => {
    const response = await route.fetch();
    const state = (await response.json()) as RoomState;
    state.page.events = state.page.events.map(dress);
    await route.fulfill({ response, json: state });
  });
  await page.route(/\/v1\/files\/[^/]+\/address$/, (route) => {
    const [, file] = /files\/([^/]+)/.exec(route.request().url()) ?? [];
    return route.fulfill({ json: { address: `/v1/files/${file}?until=1`, expires_at: 9e15 } });
  });
  await page.route(/\/v1\/files\/[^/]+\?/, (route) => {
    const url = route.request().url();
    if (url.includes("broken")) return route.fulfill({ status: 404 });
    // Films and sounds are for ever on their way: their players are there.
    if (url.includes("played")) return;
    return route.fulfill({ body: picture(640, 400), contentType: "image/png" });
  });
}

/** A PNG of warm colours. */
export function picture(width: number, height: number): Buffer {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      rows.set([230 - (y * 120) / height, 150 - (x * 90) / width, 90], y * (width * 3 + 1) + 1 + x * 3);
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const frame = Buffer.alloc(body.length + 8);
    frame.writeUInt32BE(data.length);
    body.copy(frame, 4);
    frame.writeUInt32BE(crc32(body), body.length + 4);
    return frame;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
