import type { Row } from "@zas/client";
import { AttachmentBlock } from "./AttachmentBlock.js";
import { QuoteBlock } from "./QuoteBlock.js";
import { Reactions } from "./Reactions.js";

interface Props {
  of: "quote" | "attachment" | "reactions";
  row: Extract<Row, { type: "message" }>;
}

/** What a message may have besides its text. */
export default function MessageExtra({ of, row: { replyTo, attachment, reactions, mine } }: Props) {
  if (of === "quote") return replyTo && <QuoteBlock quote={replyTo} />;
  if (of === "attachment") return attachment && <AttachmentBlock attachment={attachment} />;
  return reactions && <Reactions counts={reactions} mine={mine} />;
}
