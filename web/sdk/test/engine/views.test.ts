import { expect, test } from "vitest";
import { ME, OTHER, ROOM } from "./server.js";
import { type Tab, World } from "./world.js";

/** A live tab (with a follower beside it if asked) in a room with some history. */
function up(tabs = 1): { world: World; tab: Tab; other: (text?: string) => void } {
  const world = new World(tabs);
  let count = 0;
  const other = (text = "hola") => {
    world.server.write(OTHER, text, `o${++count}`);
    world.flush();
  };
  for (let index = 0; index < 5; index++) other();
  world.pass(500);
  world.flush();
  world.pass(5_000);
  const [tab] = world.tabs;
  if (!tab) throw new Error("no tab");
  return { world, tab, other };
}

const snapshot = ({ views }: Tab) =>
  new Map(views.timeline(ROOM).keys.map((key) => [key, views.row(ROOM, key)] as const));

test("a new message makes one row, and every other stays the same object", () => {
  const { tab, other } = up();
  const before = snapshot(tab);
  const rooms = tab.views.rooms();
  other();
  const after = snapshot(tab);
  expect(after.size).toBe(before.size + 1);
  for (const [key, row] of before) expect(after.get(key)).toBe(row);
  expect(tab.views.rooms()).not.toBe(rooms);
});

test("one's own message is one row from key press to ack, replaced only when its delivery changes", () => {
  const { world, tab } = up();
  const before = snapshot(tab);
  const key = `${ME}/${tab.compose("hola")}`;
  const states = () => {
    const row = tab.views.row(ROOM, key);
    return row?.type === "message" ? row.delivery.state : undefined;
  };
  expect(states()).toBe("in_flight");
  expect(tab.views.timeline(ROOM).keys.at(-1)).toBe(key);
  world.flush();
  expect(states()).toBe("stored");
  const row = tab.views.row(ROOM, key);
  world.pass(100);
  world.flush();
  expect(tab.views.row(ROOM, key)).toBe(row);
  for (const [each, view] of before) expect(tab.views.row(ROOM, each)).toBe(view);
});

test("what changes nothing leaves every view as it is", () => {
  const { world, tab } = up();
  const { views } = tab;
  const seen = [views.rooms(), views.room(ROOM), views.timeline(ROOM), views.presence(OTHER)];
  const position = { user: OTHER, delivered: 0, read: 0, delivered_at: 0, read_at: 0 };
  tab.input({ type: "frame", frame: { type: "positions", room: ROOM, of: [position], rev: 1 }, live: true });
  tab.input({ type: "frame", frame: world.server.heads(), live: true });
  expect([views.rooms(), views.room(ROOM), views.timeline(ROOM), views.presence(OTHER)]).toEqual(seen);
  expect(views.timeline(ROOM)).toBe(seen[2]);
  expect(views.rooms()).toBe(seen[0]);
});

test("ticks change only the rows they reach", () => {
  const { world, tab } = up();
  const keys = ["a", "b"].map((text) => `${ME}/${tab.compose(text)}`);
  world.flush();
  const [first, second] = keys.map((key) => tab.views.row(ROOM, key));
  const read = world.server.head - 1;
  const position = { user: OTHER, delivered: read, read, delivered_at: 1, read_at: 1 };
  tab.input({ type: "frame", frame: { type: "positions", room: ROOM, of: [position], rev: 9 }, live: true });
  expect(tab.views.row(ROOM, keys[0] ?? "")).toMatchObject({ ...first, delivery: { tick: "read" } });
  expect(tab.views.row(ROOM, keys[1] ?? "")).toBe(second);
});

test("unread counts others' messages, and reading ends it, here or on another device", () => {
  const { world, tab, other } = up();
  const unread = () => tab.views.room(ROOM)?.unread;
  expect(unread()).toBe(5);
  tab.compose("hola");
  world.flush();
  expect(unread()).toBe(5);
  tab.input({ type: "read", room: ROOM, seq: world.server.head });
  expect(unread()).toBe(0);
  other();
  expect(unread()).toBe(1);
  const seq = world.server.head;
  const position = { user: ME, delivered: seq, read: seq, delivered_at: 1, read_at: 1 };
  tab.input({ type: "frame", frame: { type: "positions", room: ROOM, of: [position], rev: 9 }, live: true });
  expect(unread()).toBe(0);
});

test("a message makes one sound, on the tab that leads; a burst makes one a second", () => {
  const { world, tab, other } = up(2);
  const before = tab.sounds;
  other();
  other();
  expect(tab.sounds).toBe(before + 1);
  world.pass(1_000);
  other();
  expect(tab.sounds).toBe(before + 2);
  expect(world.tabs[1]?.sounds).toBe(0);
});

test("no sound for one's own, what was missed, what was read, what comes twice, or a muted room", () => {
  const { world, tab, other } = up();
  const before = tab.sounds;
  tab.compose("hola");
  world.flush();
  tab.cut();
  world.server.write(OTHER, "missed", "missed");
  world.pass(1_000);
  world.flush();
  expect(tab.views.timeline(ROOM).keys.at(-1)).toBe(`${OTHER}/missed`);
  expect(tab.sounds).toBe(before);
  world.pass(2_000);
  world.server.doubling = 1;
  other();
  world.pass(1_500);
  expect(tab.sounds).toBe(before + 1);
  const facts = tab.chat.rooms.get(ROOM);
  if (facts) facts.prefs = { muted: true };
  other();
  expect(tab.sounds).toBe(before + 1);
});
