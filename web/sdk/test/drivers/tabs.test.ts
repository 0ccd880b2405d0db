import { afterEach, beforeEach, expect, test } from "vitest";
import { Tabs } from "../../src/drivers/tabs.js";
import { FakeLocks, setVisible, withLocks } from "../support/browser.js";

interface Tab {
  tabs: Tabs<string>;
  heard: string[];
}

let restore = () => {};
let open: Tab[] = [];
let channel = 0;

const tab = (): Tab => {
  const heard: string[] = [];
  const one: Tab = {
    heard,
    tabs: new Tabs<string>(`tabs-${channel}`, { lead: () => {}, message: (text) => heard.push(text) }),
  };
  open.push(one);
  one.tabs.start();
  return one;
};
const leaders = () => open.filter(({ tabs }) => tabs.leads).length;

beforeEach(() => {
  channel++;
  setVisible(true);
  restore = withLocks(new FakeLocks());
});

afterEach(() => {
  for (const { tabs } of open) tabs.stop();
  open = [];
  restore();
});

test("of many tabs one leads", async () => {
  const first = tab();
  await expect.poll(() => first.tabs.leads).toBe(true);
  tab();
  tab();
  await expect.poll(leaders).toBe(1);
});

test("what a tab says all others hear, and not itself", async () => {
  const [one, two, three] = [tab(), tab(), tab()];
  one.tabs.say("hola");
  await expect.poll(() => [two.heard, three.heard]).toEqual([["hola"], ["hola"]]);
  expect(one.heard).toEqual([]);
});

test("when the leader leaves, another takes its place", async () => {
  const first = tab();
  await expect.poll(() => first.tabs.leads).toBe(true);
  const second = tab();
  first.tabs.stop();
  await expect.poll(() => second.tabs.leads).toBe(true);
});

test("a leader that does not answer loses its place to the tab that asked", async () => {
  const first = tab();
  await expect.poll(() => first.tabs.leads).toBe(true);
  // Hidden, it claims nothing by itself.
  setVisible(false);
  const second = tab();
  // A frozen page: it holds its lock and hears nothing.
  (first.tabs as unknown as { channel: BroadcastChannel }).channel.close();
  second.tabs.ask("¿me oyes?");
  await expect.poll(() => second.tabs.leads, { timeout: 5_000 }).toBe(true);
  await expect.poll(() => first.tabs.leads).toBe(false);
});

test("without locks each tab leads itself", () => {
  restore();
  restore = withLocks(undefined);
  expect([tab(), tab()].map(({ tabs }) => tabs.leads)).toEqual([true, true]);
});
