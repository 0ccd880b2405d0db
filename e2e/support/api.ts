/** The server's API as a test needs it: accounts, rooms and messages made without a browser. */
import { randomUUID } from "node:crypto";
import type { Ack, Command, RoomId, Signal, Tokens } from "../../web/sdk/src/protocol.gen.ts";

type Unnamed<C> = C extends Command ? Omit<C, "txn_id"> : never;

export const PASSWORD = "correcto caballo";

/** An account, signed in over plain HTTP. */
export class Account {
  private constructor(
    private readonly server: string,
    readonly name: string,
    readonly tokens: Tokens,
  ) {}

  static async register(server: string, name: string): Promise<Account> {
    const username = `${name}_${randomUUID().slice(0, 8)}`.toLowerCase();
    const form = { username, email: `${username}@example.com`, display_name: name, password: PASSWORD };
    return new Account(server, name, await post<Tokens>(`${server}/v1/auth/register`, form));
  }

  get username(): string {
    return this.tokens.me.user.username;
  }

  get id(): string {
    return this.tokens.me.user.id;
  }

  /** Has seen all of a room up to there. */
  async read(room: RoomId, seq: number): Promise<void> {
    const signals: Signal[] = [{ type: "positions", advances: [{ room, delivered: seq, read: seq }] }];
    await this.post("signals", { signals });
  }

  command(command: Unnamed<Command>): Promise<Ack> {
    const body = { txn_id: randomUUID(), ...command };
    return this.post("commands", body);
  }

  async openPrivate(other: Account): Promise<RoomId> {
    return (await this.command({ type: "open_private", user: other.id })).room;
  }

  async createGroup(name: string, ...others: Account[]): Promise<RoomId> {
    return (await this.command({ type: "create_group", name, members: others.map((other) => other.id) }))
      .room;
  }

  send(room: RoomId, text: string): Promise<Ack> {
    return this.command({ type: "send", room, text });
  }

  /** Sends `count` messages, many at once: the server commits them together. */
  async fill(room: RoomId, count: number, text: (n: number) => string): Promise<void> {
    let next = 0;
    const lane = async () => {
      while (next < count) await this.send(room, text(next++));
    };
    await Promise.all(Array.from({ length: 64 }, lane));
  }

  private post<T>(path: string, body: unknown): Promise<T> {
    return post<T>(`${this.server}/v1/${path}`, body, { authorization: `Bearer ${this.tokens.access}` });
  }
}

async function post<T>(url: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}
