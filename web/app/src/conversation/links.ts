/**
 * A message's text taken apart into what is drawn: words and links, never markup. Whatever a
 * message holds, only `http`, `https` and `mailto` addresses become links.
 */
import { tokenize } from "linkifyjs";

/** A piece of a message. `href` makes it a link. */
export interface Piece {
  text: string;
  href?: string;
}

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** Splits a text; joined again the pieces' texts are the text. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  for (const token of tokenize(text)) {
    const href = token.isLink ? safeHref(token.toHref("https")) : undefined;
    const before = found.at(-1);
    if (href === undefined && before && before.href === undefined) before.text += token.toString();
    else found.push(href === undefined ? { text: token.toString() } : { text: token.toString(), href });
  }
  return found;
}

function safeHref(href: string): string | undefined {
  try {
    const url = new URL(href);
    return SCHEMES.has(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}
