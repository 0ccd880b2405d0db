import { afterEach, expect, test, vi } from "vitest";
import type { Api } from "../../src/drivers/http.js";
import { Media } from "../../src/drivers/media.js";

afterEach(() => vi.useRealTimers());

function fixture() {
  vi.useFakeTimers({ now: 1_000_000_000 });
  const calls: string[] = [];
  const told: string[] = [];
  let fails = false;
  const api = {
    json: async (method: string, path: string, call?: { bytes?: Blob }) => {
      calls.push(`${method} ${path}`);
      if (fails) throw new Error("gone");
      if (call?.bytes) return { file: "f", attachment: { file: "f", bytes: call.bytes.size } };
      return { address: `${path}?signed=${calls.length}`, expires_at: (Date.now() + 600_000) * 1_000 };
    },
  } as unknown as Api;
  const media = new Media(api, "https://chat.example", (file) => told.push(file));
  return { media, calls, told, fail: (on: boolean) => (fails = on) };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

test("an address is asked for once, kept, and renewed before it ends", async () => {
  const { media, calls, told } = fixture();
  expect([media.url("f"), media.url("f")]).toEqual([undefined, undefined]);
  await settle();
  const first = "https://chat.example/v1/files/f/address?signed=1";
  expect([media.url("f"), calls.length, told]).toEqual([first, 1, ["f"]]);
  await vi.advanceTimersByTimeAsync(550_000);
  // The one at hand still works while the next is on its way.
  expect(media.url("f")).toBe(first);
  await settle();
  expect(media.url("f")).toBe("https://chat.example/v1/files/f/address?signed=2");
  expect(calls.length).toBe(2);
});

test("an address that fails is asked for again when one asks, and not by itself", async () => {
  const { media, calls, fail } = fixture();
  fail(true);
  media.url("f");
  await settle();
  expect([media.url("f"), media.url("f"), calls.length]).toEqual(["failed", "failed", 1]);
  fail(false);
  media.renew("f");
  media.renew("f");
  await settle();
  expect([media.url("f"), calls.length]).toEqual(["https://chat.example/v1/files/f/address?signed=2", 2]);
});

test("a file is stored under its name, as it is", async () => {
  const { media, calls } = fixture();
  expect(await media.upload(new Blob(["abc"]), "año & más.txt")).toEqual({ file: "f", bytes: 3 });
  expect(calls).toEqual(["POST /v1/files?name=a%C3%B1o%20%26%20m%C3%A1s.txt"]);
});
