/**
 * What carries the feed: one trial at one rung. A carrier knows nothing of chats; it opens, hands on
 * frames, and says how it ended.
 *
 * To add a rung: an opener beside those in `socket.ts`, `stream.ts` and `poll.ts`, its name in `Rung`,
 * its place in `RUNGS`.
 */

import type { ZasFailure } from "../errors.js";
import { CLOSE, type ClientFrame, type Hello, type ServerFrame, type Signal } from "../protocol.gen.js";
import type { Network } from "./network.js";

export interface CarrierEvents {
  frame(frame: ServerFrame): void;
  /** A poll was answered whole. */
  polled(): void;
  /** Bytes that are no frame. */
  heard(): void;
  /** It ended by itself; `code` as a socket's close code. */
  closed(code: number, reason: string): void;
}

export interface Carrier {
  /** Only a socket carries frames both ways. */
  send?(frame: ClientFrame): void;
  /** Ends it; nothing more is heard of it. */
  close(): void;
}

/** What a carrier opens with. */
export interface Opening {
  network: Network;
  token(): string;
  /** The cursor and the state heard, as of now. */
  hello(): Hello;
  /** Signals that wait for a request to ride along with. */
  signals(): Signal[];
}

/** An ended connection without a close code (RFC 6455 §7.4.1). */
export const ABNORMAL = 1006;

/** What a refused feed request would have been as a socket's close code. */
export function closeCode(failure: ZasFailure): number {
  if (failure.code === "unauthenticated") return CLOSE.unauthenticated;
  if (failure.code === "revoked") return CLOSE.revoked;
  return ABNORMAL;
}
