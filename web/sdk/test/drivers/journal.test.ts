import "fake-indexeddb/auto";
import { beforeEach, expect, test } from "vitest";
import { openDatabase, wipeDatabase } from "../../src/drivers/database.js";
import { Journal } from "../../src/drivers/journal.js";
import type { StoredEntry } from "../../src/engine/outbox.js";

const NAME = "zas:test:ana";
const entry = (n: number): StoredEntry => ({ txn: `t${n}`, room: "r", text: `text ${n}`, at: n });
const shelved = () => Object.keys(localStorage).filter((key) => key.startsWith(NAME));
/** A page that begins anew: nothing is left but what the browser keeps. */
const reloaded = async () => new Journal(NAME, Promise.resolve(await openDatabase(NAME)));
const never = new Promise<undefined>(() => {});

beforeEach(async () => {
  localStorage.clear();
  await wipeDatabase(NAME);
});

test("an entry is kept before `keep` returns, even if the page dies in the same task", async () => {
  new Journal(NAME, never).keep(entry(1));
  expect(await (await reloaded()).read()).toEqual([entry(1)]);
});

test("an entry leaves localStorage only when it is committed in the database", async () => {
  const db = await openDatabase(NAME);
  const journal = new Journal(NAME, Promise.resolve(db));
  journal.keep(entry(1));
  expect(shelved()).toHaveLength(1);
  await expect.poll(shelved).toEqual([]);
  expect(await db?.getAll("outbox")).toEqual([entry(1)]);
});

test("what is in both places is read once, the newer of the two", async () => {
  const db = await openDatabase(NAME);
  await db?.put("outbox", entry(1));
  const failed: StoredEntry = { ...entry(1), failed: "forbidden" };
  localStorage.setItem(`${NAME}:outbox:t1`, JSON.stringify(failed));
  expect(await new Journal(NAME, Promise.resolve(db)).read()).toEqual([failed]);
});

test("what was acked while the journal was being read is not brought back", async () => {
  const db = await openDatabase(NAME);
  await db?.put("outbox", entry(1));
  const journal = new Journal(NAME, Promise.resolve(db));
  const reading = journal.read();
  journal.forget("t1");
  expect(await reading).toEqual([]);
});

test("an entry forgotten while it moves leaves nothing in either place", async () => {
  const db = await openDatabase(NAME);
  const journal = new Journal(NAME, Promise.resolve(db));
  journal.keep(entry(1));
  journal.forget("t1");
  await expect.poll(() => db?.count("outbox")).toBe(0);
  expect(await (await reloaded()).read()).toEqual([]);
});

test("entries come back in the order composed, whichever place they were in", async () => {
  const db = await openDatabase(NAME);
  await db?.put("outbox", entry(2));
  localStorage.setItem(`${NAME}:outbox:t3`, JSON.stringify(entry(3)));
  localStorage.setItem(`${NAME}:outbox:t1`, JSON.stringify(entry(1)));
  expect((await new Journal(NAME, Promise.resolve(db)).read()).map(({ txn }) => txn)).toEqual([
    "t1",
    "t2",
    "t3",
  ]);
});

test("an unreadable entry is passed over, and the others come back", async () => {
  localStorage.setItem(`${NAME}:outbox:t1`, "{");
  localStorage.setItem(`${NAME}:outbox:t2`, JSON.stringify(entry(2)));
  expect(await (await reloaded()).read()).toEqual([entry(2)]);
});

test("without any storage the page itself remembers", async () => {
  const journal = new Journal(NAME, Promise.resolve(undefined));
  const { setItem } = Storage.prototype;
  Storage.prototype.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  try {
    journal.keep(entry(1));
    expect(await journal.read()).toEqual([entry(1)]);
  } finally {
    Storage.prototype.setItem = setItem;
  }
});
