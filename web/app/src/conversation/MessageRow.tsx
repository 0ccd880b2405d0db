/** One row of a conversation: a bubble or a notice. Each reads its own row, so a change draws it alone. */
import type { RoomId, Row, RowKey, UserId } from "@zas/client";
import { useRow, useSession, useUser } from "@zas/client/react";
import { Ban } from "lucide-react";
import { memo, useContext, useState } from "react";
import { common } from "../i18n/common.js";
import { conversation } from "../i18n/conversation.js";
import { errors } from "../i18n/errors.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import { media } from "../i18n/media.js";
import { Avatar, personHue } from "../ui/Avatar.js";
import { classes } from "../ui/classes.js";
import { Ticks } from "../ui/Ticks.js";
import { AttachmentBlock } from "./AttachmentBlock.js";
import { MessageActionsContext } from "./actions.js";
import { MessageText } from "./MessageText.js";
import { QuoteBlock } from "./QuoteBlock.js";
import { Reactions } from "./Reactions.js";
import { emojiCount } from "./text.js";

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
        {replyTo && <QuoteBlock quote={replyTo} />}
        {attachment && <AttachmentBlock attachment={attachment} />}
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
      {reactions && <Reactions counts={reactions} mine={row.mine} />}
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

function Failure({ rowKey, code }: { rowKey: RowKey; code: keyof typeof errors.es }) {
  const text = useText(conversation);
  const sentences = useText(errors);
  const actions = useContext(MessageActionsContext);
  const button = "pressable min-h-11 rounded-full px-3 font-semibold";
  return (
    <div className="message-failure">
      <p className="text-destructive" role="status">
        {text.notSent} {sentences[code]}
      </p>
      <p className="-mx-3 flex justify-end">
        <button type="button" className={button} onClick={() => actions?.retry(rowKey)}>
          {text.retry}
        </button>
        <button type="button" className={button} onClick={() => actions?.edit(rowKey)}>
          {text.edit}
        </button>
        <button
          type="button"
          className={classes(button, "text-destructive")}
          onClick={() => actions?.discard(rowKey)}
        >
          {text.discard}
        </button>
      </p>
    </div>
  );
}

function Notice({ row }: { row: MessageOf<"notice"> }) {
  const text = useText(conversation);
  const session = useSession();
  const me = session.state === "signed_in" ? session.me.user.id : undefined;
  const words = useText(common);
  const { notice } = row;
  const subject = "user" in notice ? notice.user : undefined;
  const senderName = useUser(row.sender ?? "")?.display_name ?? words.unknownPerson;
  const subjectName = useUser(subject ?? "")?.display_name ?? words.unknownPerson;
  const who = row.sender === me ? undefined : senderName;
  const whom = subject === me ? undefined : subjectName;
  const sentence = (): string => {
    switch (notice.kind) {
      case "created":
        return notice.name === undefined ? text.created(who) : text.createdNamed(notice.name, who);
      case "renamed":
        return text.renamed(notice.name, who);
      case "added":
        return text.added(who, whom);
      case "removed":
        return text.removed(who, whom);
      case "left":
        return text.left(whom);
      case "role":
        return text.role[notice.role](whom);
    }
  };
  return (
    <article tabIndex={-1} className="message-notice">
      {sentence()}
    </article>
  );
}
