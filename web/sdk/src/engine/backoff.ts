import { BACKOFF_BASE_MS, BACKOFF_CAP_MS } from "./limits.js";

/** Full jitter: anything up to the base doubled per failure, capped. `entropy` is in [0, 1). */
export function backoff(failures: number, entropy: number): number {
  return entropy * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** Math.min(failures, 10));
}
