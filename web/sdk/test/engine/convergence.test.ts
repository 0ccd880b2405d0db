/** Whatever happens on the way, every tab ends with the server's log, and nothing is lost or doubled. */
import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { Deed } from "../../src/engine/pending.js";
import type { TxnId } from "../../src/protocol.gen.js";
import { ME, OTHER, REFUSED, ROOM, type Said } from "./server.js";
import { type Tab, World } from "./world.js";

// Many runs each, under a virtual clock: the time they take says nothing of the engine.
vi.setConfig({ testTimeout: 120_000 });

type Step =
  | { do: "compose"; tab: number; texts: string[] }
  | { do: "other"; hidden: boolean; count: number }
  | { do: "deliver" | "lose"; choice: number }
  | { do: "pass"; ms: number }
  | { do: "cut" | "takeover" | "older" | "heads" | "read" }
  | { do: "reload" | "save"; tab: number }
  | { do: "busy" | "lossy" | "doubling"; count: number }
  | { do: "rung"; socket: boolean; stream: boolean }
  | { do: "restore"; back: number }
  /** Somebody does something to a message that can be seen; of `tab` none: the other person. */
  | { do: "change"; tab?: number; choice: number; deed: Deed };

const small = fc.nat({ max: 20 });
const tab = fc.nat({ max: 1 });
// Few texts, so that equal ones meet.
const texts = fc.array(fc.constantFrom("a", "b", REFUSED), { minLength: 1, maxLength: 3 });
const rec = fc.record;
const is = <T extends string>(...names: T[]) => fc.constantFrom(...names);

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Deed>({ do: "edit", text: "b" }, { do: "edit", text: REFUSED }) },
  { weight: 2, arbitrary: fc.constant<Deed>({ do: "delete" }) },
  {
    weight: 5,
    arbitrary: fc.constantFrom<Deed>(
      { do: "react", reaction: "like" },
      { do: "react", reaction: "fire" },
      { do: "react" },
    ),
  },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: rec({ do: is("compose"), tab, texts }) },
  {
    weight: 3,
    arbitrary: rec({ do: is("other"), hidden: fc.boolean(), count: fc.constantFrom(1, 1, 2, 15) }),
  },
  { weight: 4, arbitrary: rec({ do: is("change"), choice: small, deed }) },
  { weight: 3, arbitrary: rec({ do: is("change"), tab, choice: small, deed }) },
  { weight: 12, arbitrary: rec({ do: is("deliver"), choice: small }) },
  { weight: 3, arbitrary: rec({ do: is("lose"), choice: small }) },
  { weight: 4, arbitrary: rec({ do: is("pass"), ms: fc.constantFrom(10, 300, 1_200, 2_100, 36_000) }) },
  { weight: 6, arbitrary: rec({ do: is("cut", "takeover", "older", "heads", "read") }) },
  { weight: 3, arbitrary: rec({ do: is("reload", "save"), tab }) },
  {
    weight: 3,
    arbitrary: rec({ do: is("busy", "lossy", "doubling"), count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: rec({ do: is("rung"), socket: fc.boolean(), stream: fc.boolean() }) },
);

const history = fc.constantFrom(0, 3, 9);
const restore = rec({ do: is("restore"), back: fc.nat({ max: 4 }) });
/** More than is fetched piece by piece. */
const FLOOD: Step = { do: "other", hidden: false, count: 320 };

interface Composed {
  txn: TxnId;
  text: string;
}

class Run {
  readonly world: World;
  /** By tab and page, in order. */
  private readonly composed: Composed[][][] = [[[]], [[]]];
  private letters = 0;

  constructor(history: number, pageEvents: number) {
    this.world = new World(2);
    this.world.server.pageEvents = pageEvents;
    this.others(history);
  }

  step(step: Step): void {
    const { world } = this;
    const at = "tab" in step && step.tab !== undefined ? this.tab(step.tab) : this.leader;
    switch (step.do) {
      case "compose":
        for (const text of step.texts) this.composed[at.index]?.at(-1)?.push({ txn: at.compose(text), text });
        break;
      case "other":
        this.others(step.count, step.hidden);
        break;
      case "change":
        this.change(at, step);
        break;
      case "deliver":
      case "lose":
        world[step.do](step.choice);
        break;
      case "pass":
        world.pass(step.ms);
        break;
      case "reload": {
        const { journal, snapshot = "" } = world.storage;
        const kept = snapshot + [...journal.keys()].join();
        // What was neither saved nor journaled comes with the feed.
        this.shown[at.index] = (this.shown[at.index] ?? []).filter((key) =>
          kept.includes(key.slice(ME.length + 1)),
        );
        at.reload();
        this.composed[at.index]?.push([]);
        break;
      }
      case "cut":
      case "save":
        at[step.do]();
        break;
      case "takeover": {
        const next = this.tab(1 - at.index);
        at.lead(false);
        next.lead(true);
        break;
      }
      case "older":
        at.input({ type: "older", room: ROOM });
        break;
      case "heads":
        for (const tell of world.server.listeners) tell(world.server.heads());
        break;
      case "read":
        at.input({ type: "read", room: ROOM, seq: world.server.head });
        break;
      case "busy":
      case "lossy":
      case "doubling":
        world.server[step.do] = step.count;
        break;
      case "rung":
        world.blocked.clear();
        if (!step.socket) world.blocked.add("socket");
        if (!step.stream) world.blocked.add("stream");
        break;
      case "restore":
        // A server that goes takes all that is under way with it; what tabs tell each other takes no such time.
        for (const each of world.tabs) each.cut();
        world.serverGone();
        world.server.restore(Math.max(0, world.server.head - step.back));
        break;
    }
    for (const each of world.tabs) this.audit(each);
  }

  /** The weather clears up: from some time on, all is as the server has it, and stays so. */
  settle(restored: boolean): void {
    const { world } = this;
    Object.assign(world.server, { busy: 0, lossy: 0, doubling: 0 });
    world.blocked.clear();
    const calm = () => {
      for (let round = 0; round < 150 && !this.settled; round++) this.calm();
      for (let round = 0; round < 5; round++) this.calm();
    };
    calm();
    // What only a tab that does not lead knows to be missing goes out when it leads.
    if (restored) {
      this.step({ do: "takeover" });
      calm();
    }
    const { server } = world;
    for (const each of world.tabs) {
      this.audit(each);
      expect(stored(each), `tab ${each.index}`).toEqual(server.messages.map((event) => keyed(event)));
      for (const said of server.messages)
        expect(shown(each, said), `tab ${each.index}`).toEqual(expected(server, said));
      const [last, view] = [server.messages.at(-1), each.views.room(ROOM)?.last];
      const failed = each.chat.outbox.of(ROOM).length > 0;
      if (last && !failed)
        expect(view).toMatchObject({ text: expected(server, last).text, at: last.at / 1000 });
      expect(unerased(each, server.log.length), "of what is deleted nothing is left").toEqual([]);
    }
    const refused = this.composed.flat(2).filter(({ text }) => text === REFUSED);
    const sent = this.composed.flat(2).filter(({ text }) => text !== REFUSED);
    expect([...world.storage.journal.keys()].sort()).toEqual(refused.map(({ txn }) => txn).sort());
    const mine = server.messages.filter(({ sender }) => sender === ME).map(({ txn_id }) => txn_id ?? "");
    expect(new Set(mine).size, "nothing twice").toBe(mine.length);
    if (!restored) expect([...mine].sort(), "nothing lost").toEqual(sent.map(({ txn }) => txn).sort());
    // A backup may lack what was here already; then only what is left has an order.
    if (restored) return;
    // One tab keeps its order over reloads; of two that write at once each page keeps its own.
    const alone = this.composed.filter((pages) => pages.flat().length > 0).length < 2;
    for (const composed of alone ? [this.composed.flat(2)] : this.composed.flat()) {
      const order = composed.filter(({ text }) => text !== REFUSED).map(({ txn }) => mine.indexOf(txn));
      expect(order, "in the order composed").toEqual([...order].sort((a, b) => a - b));
    }
  }

  /** A while in which all arrives. */
  calm(): void {
    const { world } = this;
    world.flush();
    for (const each of world.tabs) {
      for (const key of each.views.timeline(ROOM).keys) {
        const row = each.views.row(ROOM, key);
        if (row?.type === "message" && row.replyTo && row.replyTo.sender === undefined)
          each.input({ type: "seek", room: ROOM, key });
      }
      each.input({ type: "older", room: ROOM });
    }
    world.pass(500);
    this.step({ do: "heads" });
  }

  private get settled(): boolean {
    const keys = this.world.server.messages.map((event) => keyed(event)).join();
    const done = ({ chat }: Tab) =>
      chat.outbox.of(ROOM).every(({ state }) => state.is === "failed") &&
      this.world.server.messages.every(({ message }) => chat.pending.of(message).length === 0);
    return this.world.tabs.every((each) => stored(each).join() === keys && done(each));
  }

  private get leader(): Tab {
    return this.tab(this.world.tabs[1]?.leads ? 1 : 0);
  }

  private tab(index: number): Tab {
    const found = this.world.tabs[index];
    if (!found) throw new Error("no such tab");
    return found;
  }

  /** Every third message of the other person answers an earlier one. */
  private others(count: number, hidden = false): void {
    const { server } = this.world;
    for (let index = 0; index < count; index++) {
      const to = ++this.letters % 3 === 0 ? server.messages[(this.letters * 7) % server.head] : undefined;
      server.write(OTHER, `from the other: ${this.letters}`, `other${this.letters}`, hidden, to);
    }
  }

  private change(at: Tab, { tab, choice, deed }: Extract<Step, { do: "change" }>): void {
    const { server } = this.world;
    const { messages } = server;
    // The newest more often: they are still on their way.
    const said = messages[messages.length - 1 - (choice % Math.max(1, messages.length))];
    if (!said) return;
    if (tab !== undefined) {
      // What a tab can do something to, it shows.
      const row = at.views.row(ROOM, keyed(said));
      if (row?.type !== "message" || row.seq === undefined) return;
      const txn = at.change(row.key, deed);
      const now = at.views.row(ROOM, keyed(said));
      if (deed.do === "delete" && now?.type === "message") expect(now.deletedAt, "at once").toBeDefined();
      else if (deed.do === "react" && now?.type === "message" && now.deletedAt === undefined)
        expect(now.mine, "at once").toBe(deed.reaction);
      else if (deed.do === "edit" && now?.type === "message" && now.deletedAt === undefined)
        expect(now.text, "at once").toBe(deed.text);
      this.changed.push([at, txn]);
      return;
    }
    const txn = `other${++this.letters}`;
    const { message } = said;
    if (deed.do === "edit") {
      // A text of its own, to be looked for once it is deleted.
      const text = `edited: ${this.letters}`;
      server.alter(OTHER, txn, { type: "edit_message", message, text });
    } else if (deed.do === "delete") server.alter(OTHER, txn, { type: "delete_message", message });
    else {
      const { reaction } = deed;
      server.alter(OTHER, txn, { type: "react", message, ...(reaction && { reaction }) });
    }
  }

  /** One's own changes, by the tab that made them. */
  private readonly changed: [Tab, TxnId][] = [];

  /** What holds at any moment. */
  private audit(tab: Tab): void {
    const { chat, views, index } = tab;
    const { keys } = views.timeline(ROOM);
    const log = chat.timelines.get(ROOM)?.log;
    if (log && log.epoch === this.world.server.epoch)
      expect(unerased(tab, log.upto), "a deletion that was heard leaves nothing").toEqual([]);
    expect(new Set(keys).size, "each row once").toBe(keys.length);
    const rows = keys.map((key) => views.row(ROOM, key));
    const seqs = rows.flatMap((row) => row?.seq ?? []);
    expect(seqs, "stored rows by their place, above what waits").toEqual(
      rows.slice(0, seqs.length).map((row) => row?.seq),
    );
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    const waiting = keys.slice(seqs.length).map((key) => key.slice(ME.length + 1));
    const composed = (this.composed[index]?.flat() ?? []).map(({ txn }) => txn);
    expect(waiting.filter((txn) => composed.includes(txn))).toEqual(
      composed.filter((txn) => waiting.includes(txn)),
    );
    if (this.world.server.epoch > 0 || !chat.ready) return;
    // A row stays, with its key, unless its place is below what is loaded.
    const floor = chat.timelines.get(ROOM)?.log.floor ?? 0;
    const below = new Set(this.world.server.messages.filter(({ seq }) => seq < floor).map(keyed));
    for (const key of this.shown[index] ?? [])
      if (!below.has(key)) expect(keys, "a row stays").toContain(key);
    this.shown[index] = keys.filter((key) => key.startsWith(`${ME}/`));
  }

  /** Own rows that each tab has shown. */
  private readonly shown: string[][] = [];
}

function keyed(event: { sender?: string; txn_id?: string }): string {
  return `${event.sender}/${event.txn_id}`;
}

/** The keys of stored rows. */
function stored({ views }: Tab): string[] {
  return views.timeline(ROOM).keys.filter((key) => views.row(ROOM, key)?.seq !== undefined);
}

/** What a tab shows of a message. */
function shown({ views }: Tab, said: Said): unknown {
  const row = views.row(ROOM, keyed(said));
  if (row?.type !== "message") return row;
  const { text, editedAt, deletedAt, reactions, mine, replyTo } = row;
  return {
    text,
    editedAt,
    deletedAt,
    reactions,
    mine,
    quoted: replyTo && [replyTo.sender, replyTo.text, replyTo.deleted],
  };
}

/** What is to be shown of it. */
function expected(server: World["server"], said: Said) {
  const { text, edited_at, deleted_at, reactions, mine } = { text: said.text, ...server.state(said) };
  const to = server.messages.find(({ seq }) => seq === said.reply_to?.of);
  const answered: string | undefined = to && { text: to.text, ...server.state(to) }.text;
  return {
    text,
    editedAt: edited_at && edited_at / 1000,
    deletedAt: deleted_at && deleted_at / 1000,
    reactions,
    mine,
    quoted: to && [to.sender, answered, to.erased],
  };
}

/** Texts of messages deleted up to there that a tab still holds, or would keep. */
function unerased({ chat, views }: Tab, upto: number): string[] {
  const { log = undefined } = chat.timelines.get(ROOM) ?? {};
  const deleted = new Set<number>();
  for (const event of log?.events.values() ?? [])
    if (event.kind === "message_deleted" && event.seq <= upto) deleted.add(event.of);
  if (deleted.size === 0) return [];
  const texts = [...(log?.events.values() ?? [])].flatMap((event) =>
    (event.kind === "message" && deleted.has(event.seq)) ||
    (event.kind === "message_edited" && deleted.has(event.of))
      ? event.text
      : [],
  );
  const rows = views.timeline(ROOM).keys.map((key) => views.row(ROOM, key));
  for (const row of rows)
    if (row?.type === "message" && row.seq !== undefined && deleted.has(row.seq)) texts.push(row.text);
  const { room, events = [] } = chat.cached(ROOM, true) ?? {};
  for (const event of room?.last ? [...events, room.last] : events)
    if (event.kind === "message" && deleted.has(event.seq)) texts.push(event.text);
  return texts.filter((text) => text !== "");
}

/** `up`: all tabs are live before anything happens. */
function run(history: number, up: boolean, steps: readonly Step[]): void {
  const world = new Run(history, steps.includes(FLOOD) ? 50 : 5);
  if (up) world.calm();
  for (const step of steps) world.step(step);
  world.settle(steps.some((step) => step.do === "restore"));
}

test("every order of ack, echo, page, reconnect, reload and takeover ends in the server's log", () => {
  fc.assert(fc.property(history, fc.boolean(), fc.array(step, { maxLength: 60, size: "max" }), run), {
    numRuns: 700,
  });
});

test("so it does when more is missed than is fetched piece by piece", () => {
  const steps = fc.array(
    fc.oneof({ weight: 12, arbitrary: step }, { weight: 1, arbitrary: fc.constant(FLOOD) }),
    {
      maxLength: 40,
      size: "max",
    },
  );
  fc.assert(fc.property(history, fc.boolean(), steps, run), { numRuns: 100 });
});

test("so it does when a backup is put back: no two histories are mixed", () => {
  const some = fc.array(step, { maxLength: 30, size: "max" });
  // All pages have their first state by then: what one heard before it does not say of which history it is.
  const before = some.map((steps) => steps.filter((each) => each.do !== "reload"));
  const steps = fc.tuple(before, restore, some).map(([first, at, then]) => [...first, at, ...then]);
  fc.assert(fc.property(history, fc.constant(true), steps, run), { numRuns: 400 });
});
