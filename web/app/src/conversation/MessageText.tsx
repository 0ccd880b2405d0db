import { memo } from "react";
import { part } from "../ui/Part.js";
import { mayLink } from "./text.js";

/** Finding links weighs as much as the rest of the conversation; until it is there, they are text. */
const LinkedText = part<{ text: string }>(
  () => import("./LinkedText.js"),
  ({ props }) => props.text,
);

/** A message's text with its links. */
export const MessageText = memo(function MessageText({ text }: { text: string }) {
  return mayLink(text) ? <LinkedText text={text} /> : text;
});
