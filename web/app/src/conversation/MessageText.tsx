import { memo } from "react";
import { pieces } from "./text.js";

/** A message's text with its links. */
export const MessageText = memo(function MessageText({ text }: { text: string }) {
  return pieces(text).map((piece, index) =>
    piece.href === undefined ? (
      piece.text
    ) : (
      // The pieces of a text never change places.
      // biome-ignore lint/suspicious/noArrayIndexKey: see above
      <a
        key={index}
        href={piece.href}
        target="_blank"
        rel="noopener noreferrer"
        className="underline underline-offset-2"
      >
        {piece.text}
      </a>
    ),
  );
});
