/** What becomes of messages: states against a model, pages and changes that cross, quotes, and one's own changes. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { applied, type Change, type MessageEvent, unchanged } from "../../src/engine/message.js";
import { Timeline } from "../../src/engine/timeline.js";
import type { Event, Page, Reaction } from "../../src/protocol.gen.js";
import { ME, OTHER, ROOM, Server } from "./server.js";
import { type Tab, World } from "./world.js";

const WHO = [ME, OTHER, "marta"];

type Deed = [who: number, choice: number, what: "say" | "edit" | "delete" | Reaction | "none"];

const deeds = fc.array(
  fc.tuple(
    fc.nat({ max: 2 }),
    fc.nat({ max: 5 }),
    fc.constantFrom<Deed[2]>("say", "say", "edit", "delete", "like", "fire", "none"),
  ),
  { minLength: 1, maxLength: 40 },
);

function perform(server: Server, [who, choice, what]: Deed, n: number): void {
  const [sender = ME, txn] = [WHO[who], `t${n}`];
  const said = server.messages[choice % Math.max(1, server.messages.length)];
  if (!said || what === "say") return void server.write(sender, `text ${n}`, txn);
  const { message } = said;
  if (what === "edit") server.alter(sender, txn, { type: "edit_message", message, text: `edit ${n}` });
  else if (what === "delete") server.alter(sender, txn, { type: "delete_message", message });
  else if (what === "none") server.alter(sender, txn, { type: "react", message });
  else server.alter(sender, txn, { type: "react", message, reaction: what });
}

test("a state is what its events make of it, however often each of them comes", () => {
  fc.assert(
    fc.property(deeds, fc.array(fc.nat({ max: 40 })), (deeds, again) => {
      const server = new Server();
      for (const [n, deed] of deeds.entries()) perform(server, deed, n);
      const changes = server.log.filter((event): event is Change => event !== undefined && "of" in event);
      for (const said of server.messages) {
        let state = unchanged(said);
        for (const [n, change] of changes.entries()) {
          state = applied(state, change, ME);
          for (const index of again)
            if (index <= n) expect(applied(state, changes[index] as Change, ME)).toBe(state);
        }
        expect(state).toEqual(server.state(said) ?? unchanged(said));
      }
    }),
  );
});

test("pages read at any time, that come at any later time, end in what the messages are", () => {
  const times = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 15 }), fc.nat({ max: 3 })), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(deeds, deeds, times, (before, after, times) => {
      const server = new Server();
      for (const [n, deed] of before.entries()) perform(server, deed, n);
      // The feed goes on from here; what lies below comes with pages.
      const timeline = new Timeline(ROOM, ME, 0, server.head, 1);
      const floor = server.head;
      const pages: [due: number, page: Page][] = [];
      for (const [n, deed] of after.entries()) {
        const head = server.head;
        perform(server, deed, 100 + n);
        const wire = (event: Event): Event => structuredClone(event);
        if (server.head > head) timeline.add(wire(server.visible.at(-1) as Event));
        for (const [asked, late, length] of times)
          if (asked === n)
            pages.push([n + late, structuredClone(server.page(floor - 3 * length - 3, floor))]);
        for (const [due, page] of pages) if (due === n) timeline.page(page, true);
      }
      for (const [due, page] of pages) if (due >= after.length) timeline.page(page, true);
      timeline.page(structuredClone(server.page(1, floor)), true);
      for (const said of server.messages) {
        expect(timeline.changes.message(said.seq)).toEqual(said);
        expect(timeline.changes.state(said.seq)).toEqual(server.state(said));
      }
      const held = [...timeline.log.events.values()].sort((a, b) => a.seq - b.seq);
      expect(held, "erased as the server has erased it").toEqual(server.visible);
    }),
  );
});

/** A live tab in a room where somebody has said five things. */
function up(): { world: World; tab: Tab; said: MessageEvent[] } {
  const world = new World(1);
  for (let n = 1; n <= 5; n++) world.server.write(OTHER, `text ${n}`, `o${n}`);
  settle(world);
  const [tab] = world.tabs;
  if (!tab) throw new Error("no tab");
  return { world, tab, said: world.server.messages };
}

function settle(world: World): void {
  for (let round = 0; round < 3; round++) {
    world.flush();
    world.pass(20_000);
  }
  world.flush();
}

const key = ({ sender, txn_id }: MessageEvent) => `${sender}/${txn_id}`;
const row = (tab: Tab, said: MessageEvent | undefined) => {
  const found = said && tab.views.row(ROOM, key(said));
  if (found?.type !== "message") throw new Error("no row");
  return found;
};

test("a change draws its row and those that quote it, and no other", () => {
  const { world, tab, said } = up();
  const [first, second] = said;
  world.server.write(OTHER, "answer", "o6", false, first);
  world.flush();
  const rows = () => world.server.messages.map((each) => row(tab, each));
  const before = rows();
  world.server.alter(OTHER, "e", { type: "edit_message", message: first?.message ?? "", text: "new" });
  world.flush();
  const after = rows();
  const changed = after.flatMap((each, index) => (each === before[index] ? [] : [each.text]));
  expect(changed).toEqual(["new", "answer"]);
  expect(row(tab, world.server.messages[5]).replyTo).toMatchObject({
    text: "new",
    sender: OTHER,
    key: key(first as MessageEvent),
  });
  expect(row(tab, second)).toBe(before[1]);
});

test("changes make no sound and are not unread", () => {
  const { world, tab, said } = up();
  const [before, unread] = [tab.sounds, tab.views.room(ROOM)?.unread];
  const { message = "" } = said[4] ?? {};
  tab.input({ type: "read", room: ROOM, seq: said[4]?.seq ?? 0 });
  world.server.alter(OTHER, "e", { type: "edit_message", message, text: "new" });
  world.server.alter(OTHER, "r", { type: "react", message, reaction: "like" });
  world.flush();
  expect(unread).toBe(5);
  expect([tab.sounds, tab.views.room(ROOM)?.unread]).toEqual([before, 0]);
  expect(tab.views.room(ROOM)?.last?.text).toBe("new");
});

test("a room that another device has read stays read, though its last place is a change", () => {
  const { world, tab, said } = up();
  world.server.alter(OTHER, "r", { type: "react", message: said[4]?.message ?? "", reaction: "like" });
  world.flush();
  const seq = said[4]?.seq ?? 0;
  const position = { user: ME, delivered: seq, read: seq, delivered_at: 1, read_at: 1 };
  tab.input({ type: "frame", frame: { type: "positions", room: ROOM, of: [position], rev: 9 }, live: true });
  expect(tab.chat.rooms.get(ROOM)?.unread).toBe(0);
  expect(tab.views.room(ROOM)?.unread).toBe(0);
});

test("what is quoted and not loaded is fetched once, and kept as it is", () => {
  const { world, tab, said } = up();
  const [first] = said;
  // So much is missed that the newest page stands alone.
  tab.cut();
  for (let n = 0; n < 320; n++) world.server.write(OTHER, `more ${n}`, `m${n}`);
  settle(world);
  const answer = world.server.write(OTHER, "answer", "a", false, first) as MessageEvent;
  settle(world);
  expect(tab.chat.timelines.get(ROOM)?.log.events.has(first?.seq ?? 0), "it is not loaded").toBe(false);
  expect(row(tab, answer).replyTo).toEqual({ message: first?.message, text: "" });
  const asked: string[] = [];
  const get = world.server.get.bind(world.server);
  world.server.get = (path) => {
    asked.push(path);
    return get(path);
  };
  const seek = () => tab.input({ type: "seek", room: ROOM, key: key(answer) });
  seek();
  // It changes between the reading and the answer.
  world.deliver(0);
  world.server.alter(OTHER, "e", {
    type: "edit_message",
    message: first?.message ?? "",
    text: "x".repeat(150),
  });
  settle(world);
  seek();
  settle(world);
  expect(asked).toEqual([`/v1/rooms/${ROOM}/messages/${first?.message}`]);
  expect(row(tab, answer).replyTo).toEqual({ message: first?.message, sender: OTHER, text: "x".repeat(100) });
  world.server.alter(OTHER, "d", { type: "delete_message", message: first?.message ?? "" });
  settle(world);
  expect(row(tab, answer).replyTo).toEqual({
    message: first?.message,
    sender: OTHER,
    text: "",
    deleted: true,
  });
});

test("what is quoted and not there is said to be unavailable, and not asked for again", () => {
  const { world, tab } = up();
  const gone = { seq: 99, message: "gone" } as MessageEvent;
  const answer = world.server.write(OTHER, "answer", "a", false, gone) as MessageEvent;
  world.flush();
  const seek = () => tab.input({ type: "seek", room: ROOM, key: key(answer) });
  seek();
  settle(world);
  expect(row(tab, answer).replyTo).toEqual({ message: "gone", text: "", unavailable: true });
  expect(tab.chat.wanted.has(`quoted:${ROOM}:gone`)).toBe(false);
  seek();
  expect(tab.chat.wanted.has(`quoted:${ROOM}:gone`)).toBe(false);
});

test("one's own changes show at once, survive a gap, and stay when they are stored", () => {
  const { world, tab, said } = up();
  const [first, second] = said;
  const about = (each: MessageEvent | undefined) => key(each as MessageEvent);
  world.server.alter(OTHER, "r", { type: "react", message: first?.message ?? "", reaction: "like" });
  world.flush();
  tab.change(about(first), { do: "react", reaction: "like" });
  tab.change(about(second), { do: "edit", text: "mine" });
  const asked = () => {
    expect(row(tab, first)).toMatchObject({ reactions: [{ reaction: "like", count: 2 }], mine: "like" });
    expect(row(tab, second)).toMatchObject({ text: "mine", editedAt: expect.any(Number) });
  };
  asked();
  for (let n = 0; n < 3; n++) {
    while (world.lose(0));
    tab.cut();
    asked();
    world.pass(100);
  }
  settle(world);
  asked();
  expect(tab.chat.pending.of(first?.message ?? "")).toEqual([]);
  expect([...tab.decided.values()]).toEqual([undefined, undefined]);
  expect(world.server.state(first as MessageEvent)?.reactions).toEqual([{ reaction: "like", count: 2 }]);
});

test("a final refusal undoes a change and says why; what came meanwhile stays", () => {
  const { world, tab, said } = up();
  const [first] = said as [MessageEvent];
  const txn = tab.change(key(first), { do: "edit", text: "refused" });
  world.server.alter(OTHER, "r", { type: "react", message: first.message, reaction: "fire" });
  expect(row(tab, first).text).toBe("refused");
  settle(world);
  expect(tab.decided.get(txn)).toBe("text_too_long");
  expect(row(tab, first)).toMatchObject({ text: "text 1", reactions: [{ reaction: "fire", count: 1 }] });
  expect(row(tab, first).editedAt).toBeUndefined();
});

test("of quick changes of mind the last is asked for, and all are answered", () => {
  const { world, tab, said } = up();
  const [first] = said as [MessageEvent];
  for (const reaction of ["like", "love", "fire", "wow"] as const)
    tab.change(key(first), { do: "react", reaction });
  expect(row(tab, first)).toMatchObject({ reactions: [{ reaction: "wow", count: 1 }], mine: "wow" });
  settle(world);
  expect(tab.decided.size).toBe(4);
  const asked = world.server.log.flatMap((event) =>
    event?.kind === "reaction_changed" ? event.reaction : [],
  );
  expect(asked, "the first was under way").toEqual(["like", "wow"]);
});

test("who deletes a message while it is being edited elsewhere leaves nothing of the edit", () => {
  const { world, tab, said } = up();
  const [first] = said as [MessageEvent];
  world.server.busy = 1;
  const txn = tab.change(key(first), { do: "edit", text: "secret" });
  world.server.alter(OTHER, "d", { type: "delete_message", message: first.message });
  settle(world);
  expect(tab.decided.get(txn)).toBe("not_found");
  expect(row(tab, first)).toMatchObject({ text: "", deletedAt: expect.any(Number) });
  tab.save();
  const all = JSON.stringify([...world.storage.journal.values(), world.storage.snapshot, tab.views.rooms()]);
  expect(all).not.toMatch(/secret|text 1/);
});
