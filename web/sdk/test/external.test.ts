/** Where an app with its own accounts gives the tokens: whose they are, and what becomes of what is here of another. */
import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ZasClient } from "../src/api.js";
import { Auth } from "../src/drivers/auth.js";
import { Network } from "../src/drivers/network.js";
import { createClient } from "../src/index.js";
import {
  CLOSE,
  type ClientFrame,
  type Room,
  type ServerFrame,
  type State,
  type User,
} from "../src/protocol.gen.js";

const ROOM = "00000000-0000-7000-8000-000000000009";
const ANA = "00000000-0000-7000-8000-000000000001";
const LUIS = "00000000-0000-7000-8000-000000000002";

/** Several waits of a test may each be as long as this. */
const PATIENCE = { timeout: 10_000 };
vi.setConfig({ testTimeout: 4 * PATIENCE.timeout });

/** Who said what, as the server heard it. */
let said: [who: string, text: string][];
let reachable: boolean;
let socketsPass: boolean;
/** Tokens that the server takes no more. */
let expired: Set<string>;
let asked: number;
let getToken: () => Promise<string>;
let zas: ZasClient;

let tokens = 0;
/** Another one each time, as tokens are. */
function tokenOf(who: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { user_id: who, iat: now, exp: now + 300, jti: `${++tokens}` };
  return `e30.${btoa(JSON.stringify(claims))}.sig`;
}

function whose(token: string): string | undefined {
  if (expired.has(token)) return undefined;
  return (JSON.parse(atob(token.split(".")[1] ?? "")) as { user_id: string }).user_id;
}

/** A server that welcomes whom the token names, and acks what they send. */
class Socket {
  static readonly OPEN = 1;
  readyState = 0;
  onopen?: () => void;
  onmessage?: (message: { data: string }) => void;
  onclose?: (end: { code: number; reason: string }) => void;
  private who?: string;

  constructor() {
    queueMicrotask(() => {
      if (!reachable || !socketsPass) return this.onclose?.({ code: 1006, reason: "" });
      this.readyState = Socket.OPEN;
      this.onopen?.();
    });
  }

  send(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    if (frame.type === "hello") {
      this.who = whose(frame.token ?? "");
      if (this.who === undefined) return this.onclose?.({ code: CLOSE.unauthenticated, reason: "" });
      this.say({
        type: "welcome",
        user: this.who,
        device: "",
        node: "n",
        now: 1,
        ping_ms: 30_000,
        expires_at: 9e15,
      });
      this.say({ type: "synced" });
    } else if (frame.type === "send" && this.who !== undefined) {
      const { txn_id, room, text } = frame;
      said.push([this.who, text]);
      this.say({
        type: "ack",
        txn_id,
        room,
        epoch: 1,
        seq: said.length,
        at: 1,
        message: ROOM,
      } as ServerFrame);
    }
  }

  close(): void {
    this.readyState = 3;
  }

  private say(frame: ServerFrame): void {
    queueMicrotask(() => this.onmessage?.({ data: JSON.stringify(frame) }));
  }
}

function stateOf(id: string): State {
  const users = [ANA, LUIS].map(
    (each): User => ({ id: each, username: each.slice(-1), display_name: each, bio: "", profile_rev: 1 }),
  );
  const user = users.find((each) => each.id === id);
  const members = users.map((each) => ({ user: each.id, role: "member" }));
  const at = { epoch: 1, head: 0, from: 1, last_at: 0, unread: 0, positions: [] };
  const room = {
    id: ROOM,
    kind: "group",
    name: "both",
    members,
    prefs: { muted: false },
    ...at,
  } as unknown as Room;
  const me = { user, email: "", admin: false, prefs: {} };
  return {
    me,
    own_log: { room: id, epoch: 1, head: 0 },
    rooms: [room],
    users,
    presence: [],
  } as unknown as State;
}

function answer(path: string, { headers, body }: RequestInit): Response {
  const { Authorization = "" } = headers as Record<string, string>;
  const who = whose(Authorization.replace("Bearer ", ""));
  const refused = (status: number, code: string) => Response.json({ code, message: "" }, { status });
  if (who === undefined) return refused(401, "unauthenticated");
  if (path === "/v1/commands") said.push([who, (JSON.parse(String(body)) as { text: string }).text]);
  return path === "/v1/state" ? Response.json(stateOf(who)) : refused(503, "overloaded");
}

beforeEach(() => {
  said = [];
  reachable = socketsPass = true;
  expired = new Set();
  asked = 0;
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    if (!reachable) throw new TypeError("no network");
    return answer(new URL(url).pathname, init);
  });
  vi.stubGlobal("WebSocket", Socket);
  zas = open();
});

afterEach(() => {
  zas.stop();
  vi.unstubAllGlobals();
  localStorage.clear();
});

function open(): ZasClient {
  const auth = { kind: "external", getToken: () => getToken() } as const;
  return createClient({ url: "https://chat.example", auth });
}

function authOf(getToken: () => Promise<string>): Auth {
  return new Auth(new Network("https://chat.example"), "test", { kind: "external", getToken }, undefined);
}

async function entered(who: string): Promise<void> {
  await vi.waitFor(
    () => expect(zas.session.get()).toMatchObject({ state: "signed_in", me: { user: { id: who } } }),
    PATIENCE,
  );
}

test("what one person left unsent is not sent as the next, and waits for its author", async () => {
  getToken = async () => tokenOf(ANA);
  await zas.start();
  await entered(ANA);
  reachable = false;
  zas.send(ROOM, "de Ana");
  zas.stop();

  reachable = true;
  getToken = async () => {
    // Long enough for what is stored here to be shown.
    if (++asked < 3) throw new TypeError("Failed to fetch");
    return tokenOf(LUIS);
  };
  zas = open();
  const shown: unknown[] = [];
  zas.session.subscribe(() => shown.push(zas.session.get()));
  await zas.start();
  await entered(LUIS);
  zas.send(ROOM, "de Luis");
  await vi.waitFor(() => expect(said).toEqual([[LUIS, "de Luis"]]), PATIENCE);
  expect(JSON.stringify(shown)).not.toContain(ANA);
  zas.stop();

  getToken = async () => tokenOf(ANA);
  zas = open();
  await zas.start();
  await vi.waitFor(() => expect(said.slice(1)).toEqual([[ANA, "de Ana"]]), PATIENCE);
});

test("where the app changes who it is of, nothing of the one before goes out as the other", async () => {
  const first = tokenOf(ANA);
  getToken = async () => first;
  socketsPass = false;
  await zas.start();
  await entered(ANA);
  getToken = async () => tokenOf(LUIS);
  expired.add(first);
  zas.send(ROOM, "de Ana");
  await expect(zas.devices()).rejects.toMatchObject({ code: "unauthenticated" });
  await entered(LUIS);
  socketsPass = true;
  zas.send(ROOM, "de Luis");
  await vi.waitFor(() => expect(said).toContainEqual([LUIS, "de Luis"]), PATIENCE);
  expect(said).not.toContainEqual([LUIS, "de Ana"]);
});

test("whose the same claims are is known without the server", async () => {
  const named = async () => tokenOf(ANA);
  await authOf(named).refresh();
  reachable = false;
  const again = authOf(named);
  await again.refresh();
  expect([again.user, again.takeState()]).toEqual([ANA, undefined]);
  await expect(authOf(async () => tokenOf(LUIS)).refresh()).rejects.toMatchObject({ code: "offline" });
});

test("an app that says that nobody is signed in is asked once, and again from the next start on", async () => {
  getToken = async () => {
    asked++;
    throw new Error("signed out");
  };
  await zas.start();
  expect(zas.session.get()).toEqual({ state: "signed_out" });
  expect(asked).toBe(1);
  zas.stop();
  getToken = async () => tokenOf(ANA);
  await zas.start();
  await entered(ANA);
});

test("an app that nobody answered is asked again", async () => {
  getToken = async () => {
    asked++;
    if (asked < 3) throw new TypeError("Failed to fetch");
    return tokenOf(ANA);
  };
  await zas.start();
  await entered(ANA);
  expect(asked).toBe(3);
});

test("a state that was asked for to learn whose a token is answers nothing that is asked later", async () => {
  let name = "Ana";
  const named = async () => `e30.${btoa(JSON.stringify({ user_id: ANA, name }))}.sig`;
  const auth = authOf(named);
  await auth.refresh();
  expect(auth.takeState()?.me.user.id).toBe(ANA);
  name = "Ana María";
  await auth.refresh();
  expect([auth.user, auth.takeState()]).toEqual([ANA, undefined]);
});
