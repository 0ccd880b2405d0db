import type { ZasError } from "./api.js";
import type { ErrorCode } from "./protocol.gen.js";

/** A refusal by the server, or `offline` when no answer came. */
export class ZasFailure extends Error implements ZasError {
  override readonly name = "ZasError";

  constructor(
    readonly code: ErrorCode | "offline",
    message: string,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

/** Whether an error says that no answer came, so that asking again may help. */
export function isOffline(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof ZasFailure && error.code === "offline");
}

/** Whether an error says that the session is over. */
export function isSignedOut(error: unknown): error is ZasFailure {
  return error instanceof ZasFailure && (error.code === "unauthenticated" || error.code === "revoked");
}
