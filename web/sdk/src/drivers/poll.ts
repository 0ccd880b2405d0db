import { isSignedOut, ZasFailure } from "../errors.js";
import type { FeedRequest, Polled } from "../protocol.gen.js";
import { ABNORMAL, type Carrier, type CarrierEvents, closeCode, type Opening } from "./carrier.js";
import { now } from "./clock.js";
import { refusal } from "./http.js";

/** How long a poll is held, from the longest down to where holds are cut: then it asks every so often. */
const HOLDS_MS = [25_000, 10_000, 0] as const;
const EVERY_MS = 2_000;
/** A poll that ends this soon without an answer was not cut for being held. */
const CUT_MS = 3_000;
/** Time for the answer of a held poll beyond its hold. */
const GRACE_MS = 8_000;

/** The feed by asking again and again; each answer comes when there is something to tell. */
export function openPoll({ network, token, hello, signals }: Opening, on: CarrierEvents): Carrier {
  const abort = new AbortController();
  const { signal } = abort;
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, ms);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });

  const ask = async (body: FeedRequest): Promise<Polled> => {
    const headers = { Authorization: `Bearer ${token()}`, "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body), signal, cache: "no-store" } as const;
    const response = await network.fetch("/v1/feed", init, { patienceMs: (body.wait_ms ?? 0) + GRACE_MS });
    if (!response.ok) throw await refusal(response);
    return (await response.json()) as Polled;
  };

  const run = async () => {
    let hold = 0;
    // An answer holds so many events and no more: what it left out is there, and is not waited for.
    let more = false;
    // The first is answered at once: it says that this rung lives.
    for (let first = true; !signal.aborted; first = false) {
      const held = HOLDS_MS[hold] ?? 0;
      const { delayMs, gatherMs, lingerMs } = network.budget.poll(now());
      const wait = first || more ? 0 : Math.max(delayMs, held === 0 ? EVERY_MS : 0);
      if (wait > 0) await pause(wait);
      if (signal.aborted) return;
      const startedAt = now();
      try {
        const plan = first
          ? { wait_ms: 0 }
          : { wait_ms: held, gather_ms: more ? 0 : gatherMs, linger_ms: Math.min(lingerMs, held) };
        const body: FeedRequest = { ...hello(), ...plan };
        const said = signals();
        if (said.length > 0) body.signals = said;
        const { frames } = await ask(body);
        more = !frames.some(({ type }) => type === "synced");
        for (const frame of frames) {
          if (signal.aborted) return;
          network.countFrame();
          on.frame(frame);
        }
        if (!signal.aborted) on.polled();
      } catch (error) {
        more = false;
        if (
          held === 0 ||
          first ||
          isSignedOut(error) ||
          now() < startedAt + CUT_MS ||
          network.blocked("request")
        )
          throw error;
        hold++;
      }
    }
  };
  run().catch((error: unknown) => {
    if (signal.aborted) return;
    abort.abort();
    if (error instanceof ZasFailure) on.closed(closeCode(error), error.message);
    else on.closed(ABNORMAL, "the poll broke");
  });
  return { close: () => abort.abort() };
}
