/** One row of a conversation: a bubble or a notice. Each reads its own row, so a change draws it alone. */
import type { RoomId, Row, RowKey, UserId } from "@zas/client";
import { useRow, useUser } from "@zas/client/react";
import { Ban } from "lucide-react";
import { memo, useContext, useState } from "react";
import { common } from "../i18n/common.js";
import { conversation } from "../i18n/conversation.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import { media } from "../i18n/media.js";
import { Avatar, personHue } from "../ui/Avatar.js";
import { classes } from "../ui/classes.js";
import { part } from "../ui/Part.js";
import { Ticks } from "../ui/Ticks.js";
import { MessageActionsContext } from "./actions.js";
import { EXTRA_HEIGHTS } from "./items.js";
import { MessageText } from "./MessageText.js";
import { mediaHeight } from "./mediaSize.js";
import { emojiCount } from "./text.js";

const Notice = part(
  () => import("./MessageNotice.js"),
  () => <article className="message-notice">{"\u00a0"}</article>,
);
const Failure = part(() => import("./MessageFailure.js"));

/** What few messages have comes later than all of them; its place is kept. */
const Extra = part(
  () => import("./MessageExtra.js"),
  ({ props: { of, row } }) => (
    <span
      className="block"
      style={{
        height: of === "attachment" && row.attachment ? mediaHeight(row.attachment) : EXTRA_HEIGHTS[of],
      }}
    />
  ),
);

interface Props {
  room: RoomId;
  rowKey: RowKey;
  /** Continues the group of the row above. */
  joins: boolean;
  /** In a group others are named. */
  group: boolean;
}

export const MessageRow = memo(function MessageRow({ room, rowKey, joins, group }: Props) {
  const row = useRow(room, rowKey);
  if (!row) return null;
  return row.type === "message" ? (
    <Bubble row={row} joins={joins} named={group && !row.own} />
  ) : (
    <Notice row={row} />
  );
});

/**
 * A message of another that came this recently rises into place, in ms. One's own is there at once: an
 * animation would cost a tenth of the frame of its key press.
 */
const FRESH_MS = 600;

type MessageOf<T extends Row["type"]> = Extract<Row, { type: T }>;

function Bubble({ row, joins, named }: { row: MessageOf<"message">; joins: boolean; named: boolean }) {
  const text = useText(conversation);
  const words = useText(common);
  const format = useFormat();
  const sender = useUser(row.sender);
  const actions = useContext(MessageActionsContext);
  const [fresh] = useState(() => !row.own && Date.now() - row.at < FRESH_MS);
  const { replyTo, attachment, reactions } = row;
  const emoji = replyTo || attachment ? 0 : emojiCount(row.text) || (row.label === "emoji" ? 1 : 0);
  const time = format.time(row.at);
  const name = row.own ? words.you : (sender?.display_name ?? words.unknownPerson);
  const failed = row.delivery.state === "failed" ? row.delivery.code : undefined;
  return (
    <article
      tabIndex={-1}
      aria-label={text.by(name, time)}
      className={classes("message", row.own ? "message-own" : "message-other", named && "message-named")}
    >
      {named && !joins && (
        <span className="message-avatar">
          <Avatar user={row.sender} size={28} />
        </span>
      )}
      <div
        dir="auto"
        className={classes("bubble", emoji > 0 && "bubble-emoji")}
        data-fresh={fresh || undefined}
        data-failed={failed !== undefined || undefined}
      >
        {named && !joins && <SenderName id={row.sender} name={name} />}
        {replyTo && <Extra of="quote" row={row} />}
        {attachment && <Extra of="attachment" row={row} />}
        {row.deletedAt === undefined ? (
          <span
            className="bubble-text"
            data-emoji={emoji === 0 ? undefined : emoji > 3 ? "many" : emoji > 1 ? "few" : "one"}
          >
            <MessageText text={row.text} />
          </span>
        ) : (
          <Tombstone />
        )}
        <span className="bubble-meta">
          {row.editedAt !== undefined && <Edited />}
          <time dateTime={new Date(row.at).toISOString()}>{time}</time>
          {row.own && <Ticks delivery={row.delivery} />}
        </span>
        <button
          type="button"
          tabIndex={-1}
          className="bubble-more"
          aria-label={text.info}
          onClick={() => actions?.info(row.key)}
        />
      </div>
      {reactions && <Extra of="reactions" row={row} />}
      {failed !== undefined && <Failure rowKey={row.key} code={failed} />}
    </article>
  );
}

function Tombstone() {
  return (
    <span className="bubble-text bubble-gone">
      <Ban size={15} aria-hidden />
      {useText(media).deleted}
    </span>
  );
}

function Edited() {
  return <span>{useText(media).edited}</span>;
}

function SenderName({ id, name }: { id: UserId; name: string }) {
  return (
    <span className="person-text block font-semibold text-meta" data-person={personHue(id)}>
      {name}
    </span>
  );
}
