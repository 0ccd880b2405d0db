import { beforeEach, expect, test } from "vitest";
import { Chat, type ChatInput } from "../../src/engine/chat.js";
import { Views } from "../../src/engine/views.js";
import type { Event as LogEvent, Room, RoomState, State } from "../../src/protocol.gen.js";
import { ME, OTHER, ROOM, Server } from "./server.js";

const at = { at: 1, sender: OTHER };
let server: Server;
let chat: Chat;
let asked: string[];

/** Gives the chat something at once after another; what it wants to read is noted by key. */
function put(input: ChatInput, now = 0) {
  const effects = chat.handle(now, input, 0.5);
  for (const effect of effects) if (effect.do === "fetch") asked.push(effect.key);
  return effects;
}

function answer(key: string, path: string): void {
  const attempt = [...Array(50).keys()].find((attempt) => {
    put({ type: "fetched", key, attempt, body: server.get(path) });
    return !chat.wanted.has(key);
  });
  expect(attempt, `${key} is wanted`).toBeDefined();
}

const hear = (frame: Extract<ChatInput, { type: "frame" }>["frame"], now = 0) =>
  put({ type: "frame", frame, live: true }, now);

const own = (seq: number, body: object) =>
  hear({ type: "event", room: ME, seq, ...at, ...body } as { type: "event" } & LogEvent);

beforeEach(() => {
  server = new Server();
  for (const txn of ["o1", "o2", "o3"]) server.write(OTHER, "hola", txn);
  chat = new Chat(ME);
  asked = [];
  put({ type: "lead", on: true });
  put({ type: "start" });
  answer("state", "/v1/state");
  put({ type: "link", link: "socket" });
  hear({ type: "synced" });
  asked = [];
});

test("a follower reads what it lacks by the leader's cursor, and a room whose history is another", () => {
  put({ type: "peer", cursor: { [ME]: [0, 0], [ROOM]: [0, 3] } });
  expect(asked).toEqual([]);
  put({ type: "peer", cursor: { [ME]: [0, 2], [ROOM]: [0, 5] } });
  expect(asked).toEqual(["state", `gap:${ROOM}`]);
  put({ type: "peer", cursor: { [ROOM]: [1, 2], new: [0, 1] } });
  expect(asked.slice(2)).toEqual([`room:${ROOM}`, "room:new"]);
});

test("events of a room that is being read wait for it, unless it must be asked for again", () => {
  const event = (seq: number) => hear({ type: "event", ...server.write(OTHER, "hola", `n${seq}`) });
  chat = new Chat(ME);
  asked = [];
  event(4);
  expect(asked).toEqual([`room:${ROOM}`]);
  put({ type: "unfetched", key: `room:${ROOM}`, attempt: 1, code: "offline" });
  server.restore(0);
  put({ type: "tick" }, 1_000);
  answer(`room:${ROOM}`, `/v1/rooms/${ROOM}`);
  expect(chat.timelines.get(ROOM)?.log.events.size).toBe(0);
});

test("a large group's members are counted, and read when it is opened", () => {
  const list = server.get("/v1/state") as State;
  const whole = server.get(`/v1/rooms/${ROOM}`) as RoomState;
  const alone = whole.room.members.slice(0, 1);
  const refresh = (head: number) =>
    chat.rooms.get(ROOM)?.renew({ ...list.rooms[0], head, members: alone, more_members: 50 } as Room);
  const view = () => {
    const view = new Views(chat).room(ROOM);
    return [view?.members.length, view?.memberCount];
  };
  put({ type: "open", room: ROOM });
  answer(`room:${ROOM}`, `/v1/rooms/${ROOM}`);
  put({ type: "close", room: ROOM });
  refresh(3);
  expect(view()).toEqual([2, 2]);
  refresh(4);
  expect(view()).toEqual([1, 51]);
  hear({ type: "event", room: ROOM, seq: 4, ...at, kind: "message", message: "m", text: "hola" });
  hear({ type: "event", room: ROOM, seq: 5, ...at, kind: "member_removed", user: "someone" });
  hear({ type: "event", room: ROOM, seq: 6, ...at, kind: "member_added", user: "new" });
  expect(view()).toEqual([2, 51]);
  asked = [];
  put({ type: "open", room: ROOM });
  expect(asked).toEqual([`room:${ROOM}`]);
  const facts = chat.rooms.get(ROOM);
  facts?.renew({ ...whole.room, head: 6 });
  expect(view()).toEqual([2, 2]);
  refresh(6);
  expect(view()).toEqual([2, 2]);
});

test("a group is called and shows itself as its events say, and as a summary says anew", () => {
  const view = () => {
    const view = new Views(chat).room(ROOM);
    return [view?.title, view?.description, view?.avatar];
  };
  const event = { type: "event", room: ROOM, ...at } as const;
  expect(view().slice(1)).toEqual(["", undefined]);
  hear({ ...event, seq: 4, kind: "room_renamed", name: "viaje" });
  hear({ ...event, seq: 5, kind: "room_profile_changed", profile: { description: "en mayo" } });
  expect(view()).toEqual(["viaje", "en mayo", undefined]);
  hear({ ...event, seq: 6, kind: "room_profile_changed", profile: { avatar: "f1" } });
  expect(view()).toEqual(["viaje", "en mayo", "f1"]);
  const kept = chat.rooms.get(ROOM)?.snapshot() as Room;
  expect(kept).toMatchObject({ description: "en mayo", avatar: "f1", head: 6 });
  hear({ ...event, seq: 7, kind: "room_profile_changed", profile: { description: "", avatar: null } });
  expect(view()).toEqual(["viaje", "", undefined]);
  expect(chat.rooms.get(ROOM)?.snapshot()).not.toHaveProperty("avatar");
  chat.rooms.get(ROOM)?.renew({ ...kept, head: 8, avatar: "f2" });
  expect(view()).toEqual(["viaje", "en mayo", "f2"]);
  // What an older summary says is over.
  chat.rooms.get(ROOM)?.renew(kept);
  expect(view()).toEqual(["viaje", "en mayo", "f2"]);
});

test("an event of a kind that is not known yet counts its place and shows nothing", () => {
  const before = new Views(chat).room(ROOM);
  hear({ type: "event", room: ROOM, seq: 4, ...at, kind: "room_painted", paint: 7 } as never);
  const after = new Views(chat).room(ROOM);
  expect(chat.hello().cursor?.[ROOM]).toEqual([0, 4]);
  expect({ ...after, at: before?.at }).toEqual(before);
});

test("one's own log brings rooms, takes them, and keeps settings", () => {
  own(1, { kind: "joined", joined: "new", from: 1 });
  expect(asked).toEqual(["room:new"]);
  own(2, { kind: "room_prefs_changed", about: ROOM, prefs: { muted: true } });
  expect(chat.rooms.get(ROOM)?.prefs).toEqual({ muted: true });
  own(3, { kind: "prefs_changed", prefs: { sounds: false, volume: 1 } });
  own(4, { kind: "profile_changed", profile: { display_name: "Ana María" } });
  expect(chat.me).toMatchObject({
    prefs: { sounds: false },
    user: { display_name: "Ana María", profile_rev: 2 },
  });
  own(5, { kind: "left", left: ROOM, at_seq: 3 });
  expect([chat.rooms.has(ROOM), chat.hello().cursor]).toEqual([false, { [ME]: [0, 5] }]);
  own(5, { kind: "joined", joined: "again", from: 1 });
  own(9, { kind: "joined", joined: "later", from: 1 });
  expect(asked).toEqual(["room:new", "state"]);
});

test("the state heard is named again only when nothing before it can be missing", () => {
  const presence = (rev: number, live: boolean) =>
    put({ type: "frame", frame: { type: "presence", of: [], rev }, live });
  put({
    type: "frame",
    live: false,
    frame: { type: "welcome", user: ME, device: "d", node: "n", now: 0, ping_ms: 1, expires_at: 1 },
  });
  presence(7, false);
  expect(chat.hello().seen).toBeUndefined();
  hear({ type: "synced" });
  expect(chat.hello().seen).toEqual({ node: "n", rev: 7 });
  presence(9, true);
  expect(chat.hello().seen).toEqual({ node: "n", rev: 9 });
  put({ type: "lead", on: false });
  expect(chat.hello().seen).toBeUndefined();
});

test("the stages of one's own message are measured from the key press", () => {
  const [txn, key] = ["t1", `${ME}/t1`];
  put({ type: "compose", room: ROOM, body: { text: "hola" }, txn, wall: 5_000 }, 100);
  put({ type: "painted", key }, 108);
  hear({ type: "ack", txn_id: txn, room: ROOM, seq: 4, at: 1 }, 120);
  hear({ type: "event", ...server.write(ME, "hola", txn) }, 121);
  const of = [{ user: OTHER, delivered: 4, read: 0, delivered_at: 1, read_at: 0 }];
  hear({ type: "positions", room: ROOM, of, rev: 1 }, 150);
  hear({ type: "positions", room: ROOM, of: of.map((each) => ({ ...each, read: 4 })), rev: 2 }, 900);
  expect(chat.stages(key)).toEqual({ sentAt: 5_000, painted: 8, acked: 20, delivered: 50, read: 800 });
});

test("older rows that cannot be read say so, and are asked for again by hand only", () => {
  put({ type: "older", room: ROOM });
  expect(asked).toEqual([`older:${ROOM}`]);
  const attempts = [...Array(20).keys()];
  for (const attempt of attempts) put({ type: "unfetched", key: `older:${ROOM}`, attempt, code: "offline" });
  expect([chat.timelines.get(ROOM)?.failed, chat.wanted.has(`older:${ROOM}`)]).toEqual([true, false]);
  put({ type: "older", room: ROOM });
  answer(`older:${ROOM}`, `/v1/rooms/${ROOM}/events?before=4&limit=50`);
  expect(chat.timelines.get(ROOM)?.keys()).toEqual(["o1", "o2", "o3"].map((txn) => `${OTHER}/${txn}`));
});

test("a room that is out of reach sends one back to the state", () => {
  server.write(OTHER, "lost", "o4");
  hear(server.heads());
  put({ type: "tick" }, 1_000);
  expect(asked).toEqual([`gap:${ROOM}`]);
  for (const attempt of Array(20).keys())
    put({ type: "unfetched", key: `gap:${ROOM}`, attempt, code: "not_found" });
  expect(asked).toEqual([`gap:${ROOM}`, "state"]);
});

test("a room that is not ours to see says so instead of loading for ever", () => {
  const views = new Views(chat);
  expect(views.timeline("elsewhere").phase).toBe("cold");
  put({ type: "open", room: "elsewhere" });
  for (const attempt of Array(20).keys())
    put({ type: "unfetched", key: "room:elsewhere", attempt, code: "not_found" });
  views.touch(["timeline:elsewhere"]);
  expect([views.timeline("elsewhere").phase, chat.wanted.has("room:elsewhere")]).toEqual(["failed", false]);
});

test("an answer that was asked for before somebody was heard to come does not say that they are away", () => {
  const of = (online: boolean) => [{ user: OTHER, online, last_seen: 1, profile_rev: 1 }];
  const online = () => chat.presence.get(OTHER)?.online;
  const room = server.get(`/v1/rooms/${ROOM}`) as RoomState;
  const state = server.get("/v1/state") as State;
  const attempts = (input: ChatInput) =>
    put(input).flatMap((effect) => (effect.do === "fetch" ? [effect.attempt] : []));
  const resynced = { type: "resync", room: ROOM, epoch: 1, head: 3 } as const;
  for (const asks of [{ type: "start" }, { type: "frame", live: true, frame: resynced }] as const) {
    const [attempt = 0] = attempts(asks);
    expect(attempt).toBeGreaterThan(0);
    const [key, body] = asks.type === "start" ? ["state", state] : [`room:${ROOM}`, room];
    hear({ type: "presence", of: of(true), rev: 1 });
    put({ type: "fetched", key, attempt, body: { ...body, presence: of(false) } });
    expect(online(), key).toBe(true);
  }
  const [attempt = 0] = attempts({ type: "start" });
  put({ type: "fetched", key: "state", attempt, body: { ...state, presence: of(false) } });
  expect(online()).toBe(false);
});
