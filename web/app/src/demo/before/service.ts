/** The old page's way to this server: the paths of the existing app, as its own client asks for them. */
import type { OldMessage, OldService } from "./OldPage.js";

/** Requests of this long, in ms, say how many a minute there are. */
const WINDOW_MS = 10_000;

interface Chat {
  id: string;
  participants: { user: { id: string; username: string; display_name: string } }[];
}

/** Who is in the chat: oneself and the other. */
export interface Opened {
  me: string;
  peer: string;
}

/** What the demo's network does to it; `delayMs` is added each way. */
export interface OldNetwork {
  offline?: boolean;
  delayMs?: number;
}

export class OldClient implements OldService {
  network: OldNetwork = {};
  /** Requests so far. */
  asked = 0;
  private readonly times: number[] = [];
  private token: Promise<string> | undefined;
  private chat = "";

  constructor(
    private readonly username: string,
    private readonly signIn: () => Promise<string>,
  ) {}

  /** Finds the chat with somebody. */
  async open(peer: string): Promise<Opened> {
    const { chat } = await this.ask<{ chat: Chat }>(`users/chat/${peer}/`, {});
    this.chat = `messaging/chats/${chat.id}/messages/`;
    const users = chat.participants.map(({ user }) => user);
    const me = users.find(({ username }) => username === this.username);
    const other = users.find(({ username }) => username === peer);
    return { me: me?.id ?? "", peer: other?.display_name ?? peer };
  }

  async messages(): Promise<OldMessage[]> {
    return (await this.ask<{ results: OldMessage[] }>(this.chat)).results.reverse();
  }

  send(content: string): Promise<unknown> {
    return this.ask(this.chat, { content, message_type: "text" });
  }

  /** Requests a minute, by those of the last seconds. */
  rate(now: number): number {
    while ((this.times[0] ?? now) < now - WINDOW_MS) this.times.shift();
    const [first = now] = this.times;
    return this.times.length < 2
      ? 0
      : Math.round(((this.times.length - 1) * 60_000) / Math.max(now - first, 1_000));
  }

  private async ask<T>(path: string, body?: object): Promise<T> {
    const { offline, delayMs = 0 } = this.network;
    if (offline) throw new TypeError("no network");
    this.token ??= this.signIn().catch((error) => {
      this.token = undefined;
      throw error;
    });
    const token = await this.token;
    this.asked++;
    this.times.push(performance.now());
    await pause(delayMs);
    const answer = await fetch(`/api/${path}`, {
      method: body ? "POST" : "GET",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: body ? JSON.stringify(body) : null,
    });
    await pause(delayMs);
    if (!answer.ok) {
      // The next poll signs in again.
      if (answer.status === 401) this.token = undefined;
      throw new Error(`${path}: ${answer.status}`);
    }
    return (await answer.json()) as T;
  }
}

const pause = (ms: number) => (ms > 0 ? new Promise((done) => setTimeout(done, ms)) : undefined);
