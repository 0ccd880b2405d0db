import type { RowKey } from "@zas/client";
import { createContext } from "react";

/** What can be done to a message. The object never changes, so that rows need not render for it. */
export interface MessageActions {
  /** Sends a failed message again. */
  retry(key: RowKey): void;
  /** Takes a failed message back into the composer. */
  edit(key: RowKey): void;
  /** Removes a failed message. */
  discard(key: RowKey): void;
  /** Opens the message's sheet. */
  info(key: RowKey): void;
  /** Leads to a message of the conversation. */
  show(key: RowKey): void;
}

export const MessageActionsContext = createContext<MessageActions | undefined>(undefined);
