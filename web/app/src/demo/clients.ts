/** The demo's people: each a client of its own, signed in without a password by the server's demo mode. */
import { createClient, type ZasClient } from "@zas/client";

export interface Person {
  /** Username on the server, and the client's profile. */
  username: string;
  name: string;
  client: ZasClient;
}

/** The network of one phone, by name. */
export type Network = "wifi" | "mobile" | "blocked" | "none";

/** Added each way on the mobile network, in ms. */
const MOBILE_DELAY_MS = 45;

/** What each network does to a client. */
export const NETWORKS: Record<Network, Parameters<ZasClient["simulate"]>[0]> = {
  wifi: {},
  mobile: { delayMs: MOBILE_DELAY_MS },
  blocked: { blockSocket: true },
  none: { offline: true },
};

/** Signs in as one of the demo's people; `headers` say where its session is kept. */
export async function demoToken(username: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch("/v1/demo/session", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify({ person: username }),
  });
  if (!response.ok) throw new Error(`no demo here: ${response.status}`);
  const { access } = (await response.json()) as { access: string };
  return access;
}

const token = (username: string) => demoToken(username, { "X-Zas-Cookie": "1", "X-Zas-Profile": username });

function person(username: string, name: string): Person {
  const auth = { kind: "external", getToken: () => token(username) } as const;
  return { username, name, client: createClient({ profile: username, auth }) };
}

let pair: readonly [Person, Person] | undefined;

/** The page's two people. They live as long as the page does, whatever React mounts or remounts. */
export function people(): readonly [Person, Person] {
  if (!pair) {
    pair = [person("ana", "Ana"), person("luis", "Luis")];
    for (const { client } of pair) void client.start();
  }
  return pair;
}

/** Whether this server has a demo for this visitor. */
export async function available(): Promise<boolean> {
  return token("ana").then(
    () => true,
    () => false,
  );
}
