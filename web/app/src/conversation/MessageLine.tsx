/** One line of the list, with the place the virtualizer knows it by. It renders again only when that changes. */
import type { RoomId } from "@zas/client";
import { memo } from "react";
import { conversation } from "../i18n/conversation.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import type { Item } from "./items.js";
import { MessageRow } from "./MessageRow.js";

interface Props {
  room: RoomId;
  item: Item;
  index: number;
  /** The group of bubbles ends here. */
  ends: boolean;
  group: boolean;
  /** How many messages waited below the divider; for that item only. */
  unread: number | undefined;
  measure(element: HTMLDivElement | null): void;
}

export const MessageLine = memo(function MessageLine({
  room,
  item,
  index,
  ends,
  group,
  unread,
  measure,
}: Props) {
  const row = item.kind === "row" ? item : undefined;
  return (
    <div
      ref={measure}
      data-index={index}
      data-key={row?.key}
      data-joins={row?.joins || undefined}
      data-ends={ends || undefined}
      className="message-line"
    >
      {row ? (
        <MessageRow room={room} rowKey={row.key} joins={row.joins} group={group} />
      ) : item.kind === "day" ? (
        <DaySeparator at={item.at} />
      ) : (
        <UnreadDivider count={unread ?? 0} />
      )}
    </div>
  );
});

function UnreadDivider({ count }: { count: number }) {
  const text = useText(conversation);
  return <p className="message-unread">{text.newMessages(count)}</p>;
}

function DaySeparator({ at }: { at: number }) {
  const format = useFormat();
  return (
    <p className="message-day">
      <span>{format.day(at, Date.now())}</span>
    </p>
  );
}
