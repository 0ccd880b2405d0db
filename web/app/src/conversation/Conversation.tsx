/** One room: its header, its messages and the box to write in. It fits the container it is put in. */
import type { RoomId, RowKey } from "@zas/client";
import { useRoom, useSession, useZas } from "@zas/client/react";
import { CloudOff, DoorClosed, MessagesSquare } from "lucide-react";
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";
import { conversation } from "../i18n/conversation.js";
import { useText } from "../i18n/index.js";
import { useSound } from "../sound/SoundProvider.js";
import { Button } from "../ui/Button.js";
import { Message } from "../ui/Message.js";
import { OverPage, part } from "../ui/Part.js";
import { type MessageActions, MessageActionsContext } from "./actions.js";
import { afterPaint } from "./afterPaint.js";
import { Composer, type ComposerHandle } from "./Composer.js";
import { keepDraft, readDraft } from "./drafts.js";
import { Header } from "./Header.js";
import { useKeyboardInset } from "./keyboard.js";
import { MessageList, type MessageListHandle } from "./MessageList.js";
import "./conversation.css";

/** Nothing is announced before it is there, and nothing came by then that the list does not hold. */
const Announcer = part(
  () => import("./Announcer.js"),
  () => null,
);
const MessageInfo = part(() => import("./MessageInfo.js"), OverPage);

export interface ConversationProps {
  roomId: RoomId;
  /** Leads back to the list, where there is no list beside it. */
  onBack?: (() => void) | undefined;
  /** Opens the room's panel. */
  onOpenInfo?: (() => void) | undefined;
  /** Whether the composer takes the focus; where the pointer is fine unless said. */
  autoFocus?: boolean | undefined;
}

/** Remounts with the room: everything in it belongs to one. */
export function Conversation(props: ConversationProps) {
  return <Room key={props.roomId} {...props} />;
}

function Room({
  roomId,
  onBack,
  onOpenInfo,
  autoFocus = matchMedia("(pointer: fine)").matches,
}: ConversationProps) {
  const zas = useZas();
  const session = useSession();
  const play = useSound();
  const { room, timeline } = useRoom(roomId);
  const [shown, setShown] = useState<RowKey>();
  const composer = useRef<ComposerHandle>(null);
  const list = useRef<MessageListHandle>(null);
  const me = session.state === "signed_in" ? session.me.user.id : "";
  const [written] = useState(() => readDraft(me, roomId));
  // The list's first place is the first unread message, which opening the room tells.
  const [opened, setOpened] = useState(false);
  useLayoutEffect(() => setOpened(true), []);
  useKeyboardInset();

  const send = useCallback(
    (text: string) => {
      const key = zas.send(roomId, text);
      // Heard in the same task, once the row is in the document.
      queueMicrotask(() => play("out"));
      if (key !== undefined) afterPaint(() => zas.painted(key));
    },
    [zas, roomId, play],
  );
  const draft = useCallback(
    (text: string) => {
      keepDraft(me, roomId, text);
      zas.typing(roomId, text.trim() !== "");
    },
    [zas, me, roomId],
  );
  const actions = useMemo<MessageActions>(
    () => ({
      retry: (key) => zas.retry(key),
      edit(key) {
        const text = zas.discard(key);
        if (text !== undefined) composer.current?.put(text);
      },
      discard: (key) => void zas.discard(key),
      info: setShown,
      show: (key) => list.current?.show(key),
    }),
    [zas],
  );

  if (!room) return <Absent known={timeline.phase !== "cold"} onBack={onBack} />;
  return (
    <section
      aria-label={room.title}
      data-bubble={room.prefs.color}
      data-background={room.prefs.background}
      className="conversation chat-background"
    >
      <Header room={room} onBack={onBack} onOpenInfo={onOpenInfo} />
      <MessageActionsContext value={actions}>
        {!opened ? null : timeline.keys.length > 0 ? (
          <MessageList
            ref={list}
            room={roomId}
            timeline={timeline}
            group={room.kind === "group"}
            onInfo={setShown}
          />
        ) : (
          <Nothing phase={timeline.phase} onReload={() => void zas.loadOlder(roomId).catch(() => {})} />
        )}
      </MessageActionsContext>
      <Announcer room={roomId} last={timeline.keys.at(-1)} />
      <Composer ref={composer} draft={written} onDraft={draft} onSend={send} autoFocus={autoFocus} />
      {shown !== undefined && <MessageInfo room={room} rowKey={shown} onClose={() => setShown(undefined)} />}
    </section>
  );
}

/** What stands where the messages will be. */
function Nothing({ phase, onReload }: { phase: "cold" | "ready" | "loading" | "failed"; onReload(): void }) {
  const text = useText(conversation);
  return (
    <section aria-label={text.messages} className="min-h-0 flex-1 overflow-y-auto">
      {phase === "ready" ? (
        <Message
          icon={<MessagesSquare size={40} strokeWidth={1.5} />}
          title={text.emptyTitle}
          body={text.empty}
        />
      ) : phase === "failed" ? (
        <Message icon={<CloudOff size={40} strokeWidth={1.5} />} title={text.failedTitle} body={text.failed}>
          <Button onClick={onReload}>{text.retry}</Button>
        </Message>
      ) : (
        <div className="message-column animate-skeleton justify-end pb-3" aria-hidden>
          {[62, 38, 54, 70, 46].map((width, index) => (
            <span
              key={width}
              className="message-ghost"
              data-own={index % 3 === 2 || undefined}
              style={{ width: `${width}%` }}
            />
          ))}
        </div>
      )}
    </section>
  );
}

function Absent({ known, onBack }: { known: boolean; onBack: (() => void) | undefined }) {
  const text = useText(conversation);
  return (
    <section className="conversation chat-background">
      {known && (
        <Message icon={<DoorClosed size={40} strokeWidth={1.5} />} title={text.goneTitle} body={text.gone}>
          {onBack && <Button onClick={onBack}>{text.toRooms}</Button>}
        </Message>
      )}
    </section>
  );
}
