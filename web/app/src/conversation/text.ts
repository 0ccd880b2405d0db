/** What a message's text holds, as far as drawing it needs to know. */

/** Whether a text may hold an address. Most hold none, and need not be looked at more closely. */
export function mayLink(text: string): boolean {
  return /[^\s][.:@][^\s]/.test(text);
}

/** More emoji than this are drawn as text is. */
const MAX_LARGE = 8;

const EMOJI =
  /^(?:\p{RI}\p{RI}|[0-9#*]\uFE0F?\u20E3|(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F|\p{Emoji_Modifier_Base})\p{EMod}?[\u{E0020}-\u{E007F}]*(?:\u200D\p{Extended_Pictographic}\uFE0F?\p{EMod}?)*)/u;

/** How many emoji a text is made of; 0 when there is anything else in it. */
export function emojiCount(text: string): number {
  let rest = text.replace(/\s+/gu, "");
  let count = 0;
  while (rest !== "") {
    const found = EMOJI.exec(rest);
    if (!found || count === MAX_LARGE) return 0;
    rest = rest.slice(found[0].length);
    count++;
  }
  return count;
}

/** Characters of a message, as the server counts them (Unicode scalar values). */
export const MESSAGE_CHARS = 4_000;

/** How many characters a text has too many. */
export function charsOver(text: string): number {
  // Short enough in UTF-16 is short enough: counting is for the rest.
  if (text.length <= MESSAGE_CHARS) return 0;
  let count = 0;
  for (const _ of text) count++;
  return Math.max(0, count - MESSAGE_CHARS);
}
