/**
 * Zas in the browser. `createClient` gives a {@link ZasClient}; `@zas/client/react` has hooks for it.
 *
 * Where things are: `engine/` holds the pure machines (no timers, no network), `drivers/` what touches
 * the browser, `account.ts` joins them for one person, `client.ts` is what an app calls. A new kind
 * of view begins in `api.ts` and `engine/views.ts`; a new rung in `drivers/carrier.ts`.
 */
export type * from "./api.js";
export { createClient } from "./client.js";
export type {
  DeviceId,
  ErrorCode,
  FileId,
  Me,
  MessageId,
  Prefs,
  ProfileChange,
  Role,
  RoomId,
  RoomPrefs,
  TxnId,
  User,
  UserId,
} from "./protocol.gen.js";
export { LIMITS } from "./protocol.gen.js";
