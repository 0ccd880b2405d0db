import type { RoomId, RowKey } from "@zas/client";
import { useZas } from "@zas/client/react";
import { memo, useEffect, useRef, useState } from "react";
import { common } from "../i18n/common.js";
import { conversation } from "../i18n/conversation.js";
import { useText } from "../i18n/index.js";

/** As many announcements stay in the log. */
const KEPT = 5;

/** Tells a screen reader what others write: a log apart, since the list itself is virtual. */
export const Announcer = memo(function Announcer({ room, last }: { room: RoomId; last: RowKey | undefined }) {
  const zas = useZas();
  const text = useText(conversation);
  const words = useText(common);
  const before = useRef(last);
  const [said, say] = useState<readonly { key: RowKey; text: string }[]>([]);
  useEffect(() => {
    if (last === undefined || last === before.current) return;
    const opened = before.current === undefined;
    before.current = last;
    const row = zas.row(room, last).get();
    if (opened || row?.type !== "message" || row.own) return;
    const name = zas.user(row.sender).get()?.display_name ?? words.unknownPerson;
    say((now) => [...now.slice(1 - KEPT), { key: last, text: `${name}: ${row.text}` }]);
  }, [last, room, zas, words]);
  return (
    <div role="log" aria-live="polite" aria-label={text.announcements} className="sr-only">
      {said.map((line) => (
        <p key={line.key}>{line.text}</p>
      ))}
    </div>
  );
});
