import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ZasClient } from "../src/api.js";
import { createClient } from "../src/index.js";

interface Asked {
  method: string;
  path: string;
}

let asked: Asked[] = [];
let answers: Record<string, () => Response>;
let zas: ZasClient;

const json = (status: number, body: unknown) => () => Response.json(body, { status });
const nothing = () => new Response(null, { status: 204 });

beforeEach(() => {
  asked = [];
  answers = {};
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    // Whose token it is.
    if (url.endsWith("/v1/state")) return json(200, { me: { user: { id: "ana" } } })();
    const one = { method: init.method ?? "GET", path: new URL(url).pathname };
    asked.push(one);
    return answers[`${one.method} ${one.path}`]?.() ?? json(404, { code: "not_found", message: "" })();
  });
  const getToken = async () => "a.token";
  zas = createClient({ url: "https://chat.example", auth: { kind: "external", getToken } });
});

afterEach(() => {
  zas.stop();
  vi.unstubAllGlobals();
  localStorage.clear();
});

const device = (id: string, current: boolean, at: number) => ({
  ...{ id, current, name: `Device ${id}`, created_at: at, last_used_at: at + 5_000_999 },
});

test("devices come with this one first, in milliseconds", async () => {
  answers["GET /v1/me/devices"] = json(200, {
    devices: [device("b", false, 9_000_000), device("a", true, 1_000)],
  });
  expect(await zas.devices()).toEqual([
    { id: "a", name: "Device a", current: true, signedInAt: 1, lastUsedAt: 5_001 },
    { id: "b", name: "Device b", current: false, signedInAt: 9_000, lastUsedAt: 14_000 },
  ]);
});

test("a device is signed out by its id, all others by none", async () => {
  answers["DELETE /v1/me/devices/b"] = nothing;
  answers["DELETE /v1/me/devices"] = nothing;
  await zas.signOutDevice("b");
  await zas.signOutOthers();
  expect(asked).toEqual([
    { method: "DELETE", path: "/v1/me/devices/b" },
    { method: "DELETE", path: "/v1/me/devices" },
  ]);
});

test("a device that is gone already is signed out, and any other refusal is told", async () => {
  await zas.signOutDevice("gone");
  answers["DELETE /v1/me/devices/c"] = json(429, { code: "rate_limited", message: "", retry_after_ms: 5 });
  await expect(zas.signOutDevice("c")).rejects.toMatchObject({ code: "rate_limited", retryAfterMs: 5 });
});

test("a browser that has no cookie has nobody signed in, and is asked once", async () => {
  answers["POST /v1/auth/refresh"] = nothing;
  const browser = createClient({ url: "https://chat.example" });
  await browser.start();
  expect(browser.session.get()).toEqual({ state: "signed_out" });
  expect(asked).toEqual([{ method: "POST", path: "/v1/auth/refresh" }]);
  browser.stop();
});
