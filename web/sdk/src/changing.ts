/** One's own edits, deletions and reactions on their way to the server, and who waits for what they became. */
import type { RowKey } from "./api.js";
import type { Api } from "./drivers/http.js";
import type { ChatInput } from "./engine/chat.js";
import type { Answer, Deed } from "./engine/pending.js";
import { isSignedOut, ZasFailure } from "./errors.js";
import type { Ack, Command, ErrorCode, RoomId, TxnId } from "./protocol.gen.js";

interface Waiter {
  resolve(): void;
  reject(failure: ZasFailure): void;
}

export class Changing {
  private readonly waiters = new Map<TxnId, Waiter>();

  constructor(
    private readonly api: Api,
    private readonly input: (input: ChatInput) => void,
    private readonly signedOut: (failure: ZasFailure) => void,
  ) {}

  /** Shown when this returns; settles with the server's answer. */
  make(room: RoomId, key: RowKey, deed: Deed, txn: TxnId, wall: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiters.set(txn, { resolve, reject });
      this.input({ type: "change", room, key, deed, txn, wall });
    });
  }

  async post(command: Command, attempt: number): Promise<void> {
    const { txn_id: txn } = command;
    const room = "room" in command ? command.room : "";
    const answer = (answer: Answer) => this.input({ type: "answered", room, txn, attempt, answer });
    try {
      const { seq } = await this.api.json<Ack>("POST", "/v1/commands", { body: command });
      answer({ seq });
    } catch (error) {
      if (isSignedOut(error)) this.signedOut(error);
      else if (!(error instanceof ZasFailure) || error.code === "offline") answer({ code: "offline" });
      else answer({ code: error.code, retryAfterMs: error.retryAfterMs });
    }
  }

  decided(txn: TxnId, code: ErrorCode | undefined): void {
    const waiter = this.waiters.get(txn);
    this.waiters.delete(txn);
    if (code === undefined) waiter?.resolve();
    else waiter?.reject(new ZasFailure(code, "the change was refused"));
  }

  /** The session is over: nobody will hear of what is on its way. */
  stop(): void {
    for (const txn of [...this.waiters.keys()]) this.decided(txn, "unauthenticated");
  }
}
