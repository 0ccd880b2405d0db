/**
 * The way out: every request and frame of a client goes through here, so that they are counted, and
 * so that the demo and the tests can make the network worse than it is.
 */
import type { ZasClient } from "../api.js";
import { Budget } from "../engine/budget.js";
import { ZasFailure } from "../errors.js";
import { now } from "./clock.js";

type Simulated = Parameters<ZasClient["simulate"]>[0];

/** What can be cut off. */
type Kind = "request" | "stream" | "socket";

/** A request that brings nothing for this long, no answer or no more of one, is given up; in milliseconds. */
const PATIENCE_MS = 15_000;

const MINUTE_MS = 60_000;

export class Network {
  /** Counts requests of the last minute. */
  readonly budget = new Budget();
  private readonly framed: number[] = [];
  private simulated: Simulated = {};
  private readonly open = new Map<() => void, Kind>();

  /** `server` is an origin, `""` for the page's own. */
  constructor(readonly server: string) {}

  get offline(): boolean {
    return (
      this.simulated.offline === true || (typeof navigator !== "undefined" && navigator.onLine === false)
    );
  }

  get delayMs(): number {
    return this.simulated.delayMs ?? 0;
  }

  /** Frames in the last minute, both ways. */
  get frames(): number {
    while (this.framed[0] !== undefined && this.framed[0] <= now() - MINUTE_MS) this.framed.shift();
    return this.framed.length;
  }

  countFrame(): void {
    this.framed.push(now());
  }

  simulate(simulated: Simulated): void {
    this.simulated = simulated;
    for (const [cut, kind] of this.open) if (this.blocked(kind)) cut();
  }

  blocked(kind: Kind): boolean {
    const { offline, blockSocket, blockStream } = this.simulated;
    return (
      offline === true ||
      (kind === "socket" && blockSocket === true) ||
      (kind === "stream" && blockStream === true)
    );
  }

  /** Calls `cut` when the simulated network loses what is open; until the returned function is called. */
  guard(kind: Kind, cut: () => void): () => void {
    this.open.set(cut, kind);
    return () => this.open.delete(cut);
  }

  /**
   * As `fetch`, on this server. A request's answer is there whole, so that reading it cannot hang; a
   * stream's is there when it begins. Rejects with `offline` when nothing comes for `patienceMs`.
   */
  async fetch(
    path: string,
    init: RequestInit,
    { kind = "request" as "request" | "stream", patienceMs = PATIENCE_MS } = {},
  ) {
    const abort = new AbortController();
    const give = () => abort.abort();
    init.signal?.addEventListener("abort", give, { once: true });
    if (init.signal?.aborted) give();
    const release = this.guard(kind, give);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expect = () => {
      clearTimeout(timer);
      timer = setTimeout(give, patienceMs + 2 * this.delayMs);
    };
    try {
      expect();
      this.budget.count(now());
      await this.pause();
      if (this.blocked(kind)) throw new ZasFailure("offline", "no network");
      let response = await fetch(`${this.server}${path}`, { ...init, signal: abort.signal });
      if (kind === "request") response = await whole(response, expect);
      await this.pause();
      return response;
    } catch (error) {
      throw error instanceof ZasFailure ? error : new ZasFailure("offline", `no answer to ${path}`);
    } finally {
      clearTimeout(timer);
      if (kind === "request") release();
      else abort.signal.addEventListener("abort", release, { once: true });
    }
  }

  private async pause(): Promise<void> {
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
  }
}

/** An answer with all of its body; `heard` is called for each part. */
async function whole(response: Response, heard: () => void): Promise<Response> {
  if (!response.body) return response;
  const parts: BlobPart[] = [];
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    heard();
    parts.push(part.value);
  }
  const { status, statusText, headers } = response;
  // Browsers give a 204 a body without bytes, and take none for it.
  const body = parts.length > 0 ? new Blob(parts, { type: headers.get("content-type") ?? "" }) : null;
  return new Response(body, { status, statusText, headers });
}

/** Carries things one way, in order, as late as the network is. */
export class Line {
  private readonly queue: (() => void)[] = [];

  constructor(private readonly network: Network) {}

  pass(deliver: () => void): void {
    const { delayMs } = this.network;
    if (delayMs === 0 && this.queue.length === 0) return deliver();
    this.queue.push(deliver);
    setTimeout(() => this.queue.shift()?.(), delayMs);
  }
}
