import { pieces } from "./links.js";

/** A text with its links. */
export default function LinkedText({ text }: { text: string }) {
  return pieces(text).map((piece, index) =>
    piece.href === undefined ? (
      piece.text
    ) : (
      <a
        // The pieces of a text never change places.
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
}
