import { ZasFailure } from "../errors.js";
import { ABNORMAL, type Carrier, type CarrierEvents, closeCode, type Opening } from "./carrier.js";
import { refusal } from "./http.js";
import { Line } from "./network.js";
import { parsed } from "./socket.js";

/** The feed as server-sent events, by a streaming POST: `EventSource` can neither POST nor name a token. */
export function openStream({ network, token, hello }: Opening, on: CarrierEvents): Carrier {
  const abort = new AbortController();
  const { signal } = abort;
  const down = new Line(network);

  const run = async () => {
    const headers = {
      Accept: "text/event-stream",
      Authorization: `Bearer ${token()}`,
      "Content-Type": "application/json",
    };
    const init = {
      method: "POST",
      headers,
      body: JSON.stringify(hello()),
      signal,
      cache: "no-store",
    } as const;
    // Comes with the answer: who has a socket need not load it.
    const [{ createParser }, response] = await Promise.all([
      import("eventsource-parser"),
      network.fetch("/v1/feed", init, { kind: "stream" }),
    ]);
    if (!response.ok) throw await refusal(response);
    if (!response.body || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw new ZasFailure("offline", "not a stream");
    }
    const parser = createParser({
      onEvent: ({ data }) => {
        network.countFrame();
        const frame = parsed(data);
        down.pass(() => {
          if (!signal.aborted && frame) on.frame(frame);
        });
      },
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (signal.aborted) return;
      on.heard();
      parser.feed(part.value);
    }
    throw new ZasFailure("offline", "the stream ended");
  };
  run().catch((error: unknown) => {
    if (signal.aborted) return;
    abort.abort();
    if (error instanceof ZasFailure) on.closed(closeCode(error), error.message);
    else on.closed(ABNORMAL, "the stream broke");
  });
  return { close: () => abort.abort() };
}
