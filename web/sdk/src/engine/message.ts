/**
 * What a message is now: its event, carried on by those that changed it. The twin of `MessageState` in
 * `crates/protocol/src/message.rs`; a state is never changed, a newer one takes its place.
 */
import {
  type Event as LogEvent,
  type MessageState,
  REACTIONS,
  type Reaction,
  type ReactionCount,
  type UserId,
} from "../protocol.gen.js";

export type MessageEvent = Extract<LogEvent, { kind: "message" }>;
/** An event that changes a message at another place. */
export type Change = Extract<LogEvent, { of: number }>;

export function isChange(event: LogEvent): event is Change {
  return "of" in event;
}

/** A message that nothing has happened to. */
export function unchanged({ message, seq }: MessageEvent): MessageState {
  return { message, of: seq, rev: seq };
}

/** What it is after an event of its log; the same object where that is in it already, or of another message. */
export function applied(state: MessageState, event: Change, viewer: UserId): MessageState {
  if (event.of !== state.of || event.seq <= state.rev) return state;
  const next = { ...state, rev: event.seq };
  switch (event.kind) {
    case "message_edited":
      return event.erased ? next : { ...next, text: event.text, edited_at: event.at };
    case "message_deleted": {
      const { message, of, rev } = next;
      return { message, of, rev, deleted_at: event.at };
    }
    case "reaction_changed": {
      const reactions = recounted(recounted(next.reactions, event.was, -1), event.reaction, 1);
      return withReactions(next, reactions, event.sender === viewer ? event.reaction : next.mine);
    }
  }
}

/** A state with other reactions; `mine` is the viewer's own. */
export function withReactions(
  { reactions: _, mine: __, ...state }: MessageState,
  reactions: ReactionCount[],
  mine: Reaction | undefined,
): MessageState {
  const next: MessageState = state;
  if (reactions.length > 0) next.reactions = reactions;
  if (mine !== undefined) next.mine = mine;
  return next;
}

/** Counts with one more or less of a reaction, in the order of `REACTIONS`. */
export function recounted(
  counts: readonly ReactionCount[] = [],
  reaction: Reaction | undefined,
  by: 1 | -1,
): ReactionCount[] {
  if (reaction === undefined) return [...counts];
  const held = counts.find((count) => count.reaction === reaction)?.count ?? 0;
  const others = counts.filter((count) => count.reaction !== reaction);
  if (held + by <= 0) return others;
  const order = (count: ReactionCount) => REACTIONS.indexOf(count.reaction);
  return [...others, { reaction, count: held + by }].sort((a, b) => order(a) - order(b));
}

/** Whether a message is deleted, as far as is known. */
export function isDeleted(event: MessageEvent, state: MessageState | undefined): boolean {
  return event.erased === true || state?.deleted_at !== undefined;
}

/** What is left of an event once its message is deleted: nothing of what was said. */
export function erased(event: LogEvent): LogEvent {
  if (event.kind === "message") {
    const { text: _, reply_to: __, attachment: ___, ...rest } = event;
    return { ...rest, text: "", erased: true };
  }
  return event.kind === "message_edited" ? { ...event, text: "", erased: true } : event;
}

/** Whether an event holds anything that a deletion of its message would take. */
export function isWhole(event: LogEvent): boolean {
  return (event.kind === "message" || event.kind === "message_edited") && event.erased !== true;
}
