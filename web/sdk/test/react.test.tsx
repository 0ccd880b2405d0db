import { act, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import type { Readable, Row, RowKey, TimelineView, ZasClient } from "../src/api.js";
import { createClient } from "../src/index.js";
import { useConnection, useRoom, useRooms, useRow, useSession, ZasProvider } from "../src/react/index.js";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

/** A view that a test changes. */
class Cell<T> implements Readable<T> {
  private readonly listeners = new Set<() => void>();
  constructor(private value: T) {}
  readonly get = () => this.value;
  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  set(value: T): void {
    this.value = value;
    for (const listener of this.listeners) listener();
  }
  get heard(): number {
    return this.listeners.size;
  }
}

const message = (key: RowKey, text: string): Row => ({
  type: "message",
  key,
  text,
  sender: "luis",
  own: false,
  at: 1,
  seq: 1,
  delivery: { state: "stored", seq: 1, tick: "sent" },
});

function fixture() {
  const rows = new Map([
    ["a", new Cell<Row | undefined>(message("a", "uno"))],
    ["b", new Cell<Row | undefined>(message("b", "dos"))],
  ]);
  const timeline = new Cell<TimelineView>({
    room: "r",
    keys: ["a", "b"],
    moreBefore: false,
    phase: "ready",
    head: 2,
  });
  const opened = { now: 0, ever: 0 };
  const client = {
    session: new Cell({ state: "signed_in" }),
    connection: new Cell({ state: "live", rung: "socket", waiting: 0 }),
    room: () => new Cell(undefined),
    timeline: () => timeline,
    row: (_room: string, key: RowKey) => rows.get(key),
    open: () => {
      opened.now++;
      opened.ever++;
      return () => void opened.now--;
    },
  } as unknown as ZasClient;
  return { client, rows, timeline, opened };
}

test("a page renders on a server, where nothing is known yet", () => {
  const client = createClient({ url: "https://chat.example" });
  const Page = () => (
    <p>
      {useSession().state} {useConnection().state} {String(useRooms())} {useRoom("r").timeline.phase}
    </p>
  );
  const html = renderToString(
    <ZasProvider client={client}>
      <Page />
    </ZasProvider>,
  );
  expect(html.replaceAll("<!-- -->", "")).toBe("<p>unknown connecting undefined cold</p>");
});

test("a message that changes renders its own row and no other", () => {
  const { client, rows } = fixture();
  const renders: Record<string, number> = { a: 0, b: 0 };
  const OneRow = ({ id }: { id: string }) => {
    renders[id] = (renders[id] ?? 0) + 1;
    const row = useRow("r", id);
    return <p>{row?.type === "message" && row.text}</p>;
  };
  const List = () => (
    <>
      {useRoom("r").timeline.keys.map((key) => (
        <OneRow key={key} id={key} />
      ))}
    </>
  );
  const at = document.createElement("div");
  const root = createRoot(at);
  act(() =>
    root.render(
      <ZasProvider client={client}>
        <List />
      </ZasProvider>,
    ),
  );
  act(() => rows.get("b")?.set(message("b", "tres")));
  expect(at.textContent).toBe("unotres");
  expect(renders).toEqual({ a: 1, b: 2 });
  act(() => root.unmount());
  expect([...rows.values()].map((cell) => cell.heard)).toEqual([0, 0]);
});

test("under StrictMode a room is open once, and closed when its screen is gone", () => {
  const { client, opened, timeline } = fixture();
  const Screen = () => <p>{useRoom("r").timeline.keys.length}</p>;
  const root = createRoot(document.createElement("div"));
  act(() =>
    root.render(
      <StrictMode>
        <ZasProvider client={client}>
          <Screen />
        </ZasProvider>
      </StrictMode>,
    ),
  );
  expect(opened.now).toBe(1);
  expect(opened.ever).toBeGreaterThan(1);
  act(() => root.unmount());
  expect(opened.now).toBe(0);
  expect(timeline.heard).toBe(0);
});

test("what a hook gives to call stays the same from render to render", () => {
  const { client, timeline } = fixture();
  const given = new Set<unknown>();
  const Screen = () => {
    const { send, retry, loadOlder, typing, markRead } = useRoom("r");
    useEffect(() => {
      for (const call of [send, retry, loadOlder, typing, markRead]) given.add(call);
    });
    return null;
  };
  const root = createRoot(document.createElement("div"));
  act(() =>
    root.render(
      <ZasProvider client={client}>
        <Screen />
      </ZasProvider>,
    ),
  );
  act(() => timeline.set({ room: "r", keys: ["a"], moreBefore: false, phase: "ready", head: 1 }));
  expect(given.size).toBe(5);
  act(() => root.unmount());
});
