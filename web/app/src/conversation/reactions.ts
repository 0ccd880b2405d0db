import type { Reaction } from "@zas/client";

/** How each reaction is drawn. */
export const EMOJI: Readonly<Record<Reaction, string>> = {
  like: "👍",
  love: "❤️",
  laugh: "😂",
  wow: "😮",
  sad: "😢",
  angry: "😠",
  fire: "🔥",
  golazo: "⚽",
  dislike: "👎",
};
