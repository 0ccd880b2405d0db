/**
 * One person who talks through the SDK as it is built, for the rig of the server
 * (`crates/server/tests/rig/sdk.rs`):
 *
 *     node --experimental-websocket person.mjs URL LOGIN PASSWORD ROOM RUNG
 *
 * RUNG (`socket`, `stream`, `poll`) is the highest that it may use.
 * Talks until told `stop`, with a line of JSON for each message that is settled; told a `seq`, waits
 * until the timeline has come that far, says what it shows, and ends.
 */
import { createInterface } from "node:readline";
import "fake-indexeddb/auto";
import { createClient } from "../../dist/index.js";

/** Messages that may be unsettled. */
const WINDOW = 8;

const [url, login, password, room, rung] = process.argv.slice(2);

const kept = new Map();
const localStorage = {
  get length() {
    return kept.size;
  },
  key: (index) => [...kept.keys()][index] ?? null,
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, text) => void kept.set(key, text),
  removeItem: (key) => void kept.delete(key),
};
Object.defineProperty(globalThis, "localStorage", { value: localStorage });

const say = (type, rest, written) => process.stdout.write(`${JSON.stringify({ type, ...rest })}\n`, written);

/** What a view shows once it is so. */
function when(readable, isSo) {
  return new Promise((resolve) => {
    const look = () => {
      const value = readable.get();
      if (!isSo(value)) return;
      leave();
      resolve(value);
    };
    const leave = readable.subscribe(look);
    look();
  });
}

const isSettled = (row) => row?.delivery.state === "stored" || row?.delivery.state === "failed";

async function settle(text, key) {
  const { txnId, delivery } = await when(zas.row(room, key), isSettled);
  if (delivery.state === "failed") say("failed", { code: delivery.code });
  else say("stored", { text, txn_id: txnId, seq: delivery.seq });
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const zas = createClient({ url, auth: { kind: "tokens" } });
zas.simulate({ blockSocket: rung !== "socket", blockStream: rung === "poll" });
await zas.start();
await zas.signIn({ login, password });
await when(zas.rooms, (rooms) => rooms?.some(({ id }) => id === room));
zas.open(room);

let told = false;
const stop = lines.next().then(() => {
  told = true;
});
const waiting = [];
for (let n = 0; !told; n++) {
  const text = `canario-en-el-texto ${login} ${n}`;
  waiting.push(settle(text, zas.send(room, text)));
  if (waiting.length >= WINDOW) await Promise.race([waiting.shift(), stop]);
}
await Promise.all(waiting);
await when(zas.connection, (connection) => connection.waiting === 0);
say("drained");

const { value: head } = await lines.next();
const { keys } = await when(zas.timeline(room), (timeline) => timeline.head >= Number(head));
const rows = keys.map((key) => zas.row(room, key).get()).filter((row) => row?.type === "message");
const shown = rows.map(({ seq, text }) => [seq, text]);
// A pipe takes a long line in pieces: the last has to be out before the process ends.
say("timeline", { rows: shown, rung: zas.connection.get().rung }, () => process.exit(0));
