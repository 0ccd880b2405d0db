// @vitest-environment node
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Carrier } from "../../src/drivers/carrier.js";
import { now } from "../../src/drivers/clock.js";
import { Network } from "../../src/drivers/network.js";
import { openPoll } from "../../src/drivers/poll.js";

/** Answers that leave something out, and then one that does not. */
const PAGES = 12;

let server: Server;
let network: Network;
let asked = 0;
let carrier: Carrier | undefined;

beforeEach(async () => {
  asked = 0;
  server = createServer((_, response) => {
    asked++;
    // The last one is held, as where there is nothing to tell.
    if (asked > PAGES + 1) return;
    const frames = [{ type: "welcome" }, ...(asked > PAGES ? [{ type: "synced" }] : [])];
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ frames }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  network = new Network(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(() => {
  carrier?.close();
  server.closeAllConnections();
  server.close();
});

test("who missed many pages gets them one after the other, though the minute's budget is spent", async () => {
  for (let n = 0; n < 40; n++) network.budget.count(now());
  await new Promise<void>((synced, broken) => {
    const opening = { network, token: () => "", hello: () => ({}), signals: () => [] };
    carrier = openPoll(opening, {
      frame: ({ type }) => void (type === "synced" && synced()),
      polled: () => {},
      heard: () => {},
      closed: (_, reason) => broken(new Error(reason)),
    });
  });
  expect(asked).toBe(PAGES + 1);
});
