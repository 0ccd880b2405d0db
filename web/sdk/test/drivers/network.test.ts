// @vitest-environment node
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Network } from "../../src/drivers/network.js";

let server: Server;
let answer: (response: ServerResponse) => void;
let network: Network;

beforeEach(async () => {
  server = createServer((_, response) => answer(response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  network = new Network(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const ask = (patienceMs: number) => network.fetch("/v1/state", {}, { patienceMs });

test("an answer that never begins is given up", async () => {
  answer = () => {};
  await expect(ask(100)).rejects.toMatchObject({ code: "offline" });
});

test("an answer that goes silent in the middle of its body is given up", async () => {
  answer = (response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "20" });
    response.write('{"half":');
  };
  await expect(ask(100)).rejects.toMatchObject({ code: "offline" });
});

test("an answer that goes on coming is waited for, however long it takes", async () => {
  answer = (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const parts = [..."[1,2,3,4]"];
    const drip = setInterval(() => {
      const part = parts.shift();
      if (part !== undefined) return void response.write(part);
      clearInterval(drip);
      response.end();
    }, 100);
  };
  const response = await ask(500);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(await response.json()).toEqual([1, 2, 3, 4]);
});

test("an answer that has no body stays without one", async () => {
  answer = (response) => response.writeHead(204).end();
  expect((await ask(1_000)).status).toBe(204);
});
