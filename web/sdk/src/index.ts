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
  Attachment,
  DeviceId,
  ErrorCode,
  FileId,
  Me,
  Media,
  MessageId,
  MessageLabel,
  Prefs,
  ProfileChange,
  Reaction,
  ReactionCount,
  Role,
  RoomId,
  RoomPrefs,
  RoomProfileChange,
  TxnId,
  User,
  UserId,
} from "./protocol.gen.js";
export { LIMITS, REACTIONS } from "./protocol.gen.js";
