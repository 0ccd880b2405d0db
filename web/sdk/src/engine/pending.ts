/**
 * Edits, deletions and reactions of one's own, shown as done until the log says what they became. Those of
 * one message go one by one, in the order made; a newer one takes the place of an older that was not sent
 * yet. Each is asked for until it has an answer: only a final refusal undoes it.
 */
import {
  type Command,
  type ErrorCode,
  type MessageId,
  RETRY,
  type Reaction,
  type RoomId,
  type TxnId,
} from "../protocol.gen.js";
import { backoff } from "./backoff.js";
import { CHANGES_IN_FLIGHT, CHANGES_WAITING, HOLD_MAX_MS } from "./limits.js";

/** What is done to a message. */
export type Deed =
  | { do: "edit"; text: string }
  | { do: "delete" }
  /** Absent: the reaction is taken back. */
  | { do: "react"; reaction?: Reaction };

export interface OwnChange {
  readonly txn: TxnId;
  readonly room: RoomId;
  readonly message: MessageId;
  /** The message's place. */
  readonly of: number;
  readonly deed: Deed;
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
}

export type Answer =
  | { seq: number }
  | { code: ErrorCode; retryAfterMs?: number | undefined }
  /** No answer came. */
  | { code: "offline"; retryAfterMs?: undefined };

type State =
  | { is: "waiting"; due: number }
  | { is: "asked"; attempt: number }
  /** Stored there; shown until the log is held up to it. */
  | { is: "stored"; seq: number; epoch: number | undefined };

interface Waiting extends OwnChange {
  state: State;
  failures: number;
}

/** What is to be done about it, or was. */
export type PendingEffect =
  | { do: "change"; command: Command; attempt: number }
  /** It is stored; or, with a `code`, undone. */
  | { do: "decided"; txn: TxnId; code?: ErrorCode }
  /** The message at that place looks different. */
  | { do: "shown"; room: RoomId; of: number };

export class Pending {
  private all: Waiting[] = [];
  private attempt = 0;
  private out: PendingEffect[] = [];

  get full(): boolean {
    return this.all.length >= CHANGES_WAITING;
  }

  /** What waits for a message, in the order made. */
  of(message: MessageId): readonly OwnChange[] {
    return this.all.length === 0 ? NONE : this.all.filter((each) => each.message === message);
  }

  make(now: number, change: OwnChange): PendingEffect[] {
    for (const each of this.all) {
      const replaced = each.deed.do === change.deed.do || change.deed.do === "delete";
      if (replaced && each.message === change.message && each.state.is === "waiting" && each.failures === 0)
        this.end(each);
    }
    this.all.push({ ...change, state: { is: "waiting", due: now }, failures: 0 });
    this.out.push({ do: "shown", room: change.room, of: change.of });
    return this.pump(now);
  }

  /** `epoch`: the history of the room as it is known here. */
  answer(
    now: number,
    txn: TxnId,
    attempt: number,
    answer: Answer,
    epoch: number | undefined,
    entropy: number,
  ) {
    const change = this.all.find((each) => each.txn === txn);
    if (change?.state.is !== "asked" || change.state.attempt !== attempt) return [];
    if ("seq" in answer) {
      change.state = { is: "stored", seq: answer.seq, epoch };
      this.out.push({ do: "decided", txn });
    } else if (answer.code !== "offline" && RETRY[answer.code] !== "later") this.end(change, answer.code);
    else {
      const pause = Math.min(answer.retryAfterMs ?? backoff(change.failures, entropy), HOLD_MAX_MS);
      change.failures++;
      change.state = { is: "waiting", due: now + pause };
    }
    return this.pump(now);
  }

  /** A room's log is held up to there. */
  covered(room: RoomId, epoch: number, upto: number): PendingEffect[] {
    if (this.all.length === 0) return [];
    for (const change of this.all) {
      const { state } = change;
      if (change.room !== room || state.is !== "stored") continue;
      if (state.epoch !== epoch || state.seq <= upto) this.drop(change);
    }
    return this.take();
  }

  /** The message is deleted: nothing else can be done to it, and nothing of what was meant is kept. */
  deleted(message: MessageId): PendingEffect[] {
    for (const change of this.of(message) as Waiting[])
      if (change.deed.do !== "delete" && change.state.is !== "stored") this.end(change, "not_found");
      else if (change.deed.do === "edit") this.drop(change);
    return this.take();
  }

  /** One is not in the room any more. */
  parted(room: RoomId): PendingEffect[] {
    for (const change of this.all) if (change.room === room) this.end(change, "not_found");
    return this.take();
  }

  /** The network is back: nothing waits any longer. */
  hurry(now: number): PendingEffect[] {
    for (const { state } of this.all) if (state.is === "waiting") state.due = Math.min(state.due, now);
    return this.pump(now);
  }

  tick(now: number): PendingEffect[] {
    return this.pump(now);
  }

  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const change of this.all)
      if (change.state.is === "waiting" && this.first(change))
        next = Math.min(next ?? Number.POSITIVE_INFINITY, change.state.due);
    return this.flying < CHANGES_IN_FLIGHT ? next : undefined;
  }

  private get flying(): number {
    return this.all.filter(({ state }) => state.is === "asked").length;
  }

  /** Whether nothing made before it to the same message waits for an answer. */
  private first(change: Waiting): boolean {
    const open = ({ message, state }: Waiting) => message === change.message && state.is !== "stored";
    return this.all.find(open) === change;
  }

  private pump(now: number): PendingEffect[] {
    let free = CHANGES_IN_FLIGHT - this.flying;
    for (const change of this.all) {
      const { state } = change;
      if (free <= 0) break;
      if (state.is !== "waiting" || state.due > now || !this.first(change)) continue;
      free--;
      change.state = { is: "asked", attempt: ++this.attempt };
      this.out.push({ do: "change", command: command(change), attempt: this.attempt });
    }
    return this.take();
  }

  private end(change: Waiting, code?: ErrorCode): void {
    if (change.state.is !== "stored")
      this.out.push(
        code === undefined ? { do: "decided", txn: change.txn } : { do: "decided", txn: change.txn, code },
      );
    this.drop(change);
  }

  private drop(change: Waiting): void {
    this.all = this.all.filter((each) => each !== change);
    this.out.push({ do: "shown", room: change.room, of: change.of });
  }

  private take(): PendingEffect[] {
    const { out } = this;
    this.out = [];
    return out;
  }
}

const NONE: readonly OwnChange[] = [];

function command({ txn: txn_id, room, message, deed }: OwnChange): Command {
  switch (deed.do) {
    case "edit":
      return { type: "edit_message", txn_id, room, message, text: deed.text };
    case "delete":
      return { type: "delete_message", txn_id, room, message };
    case "react": {
      const { reaction } = deed;
      return { type: "react", txn_id, room, message, ...(reaction && { reaction }) };
    }
  }
}
