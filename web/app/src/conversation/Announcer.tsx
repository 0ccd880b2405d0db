import type { RoomId, RowKey } from "@zas/client";
import { useRow, useUser, useZas } from "@zas/client/react";
import { memo, useEffect, useRef, useState } from "react";
import { common } from "../i18n/common.js";
import { conversation } from "../i18n/conversation.js";
import { useText } from "../i18n/index.js";
import { inOneLine, media } from "../i18n/media.js";

/** As many announcements stay in the log. */
const KEPT = 5;

/** Tells a screen reader what others write: a log apart, since the list itself is virtual. */
export default memo(function Announcer({ room, last }: { room: RoomId; last: RowKey | undefined }) {
  const zas = useZas();
  const text = useText(conversation);
  const before = useRef(last);
  const [said, say] = useState<readonly RowKey[]>([]);
  useEffect(() => {
    if (last === undefined || last === before.current) return;
    const opened = before.current === undefined;
    before.current = last;
    const row = zas.row(room, last).get();
    if (opened || row?.type !== "message" || row.own) return;
    say((now) => [...now.slice(1 - KEPT), last]);
  }, [last, room, zas]);
  return (
    <div role="log" aria-live="polite" aria-label={text.announcements} className="sr-only">
      {said.map((key) => (
        <Line key={key} room={room} rowKey={key} />
      ))}
    </div>
  );
});

/** As the message is now: an edit is read out, and of a deleted one nothing stays. */
function Line({ room, rowKey }: { room: RoomId; rowKey: RowKey }) {
  const text = useText(media);
  const words = useText(common);
  const row = useRow(room, rowKey);
  const sender = useUser(row?.sender);
  if (row?.type !== "message" || row.deletedAt !== undefined) return null;
  return (
    <p>
      {sender?.display_name ?? words.unknownPerson}: {inOneLine(row, text)}
    </p>
  );
}
