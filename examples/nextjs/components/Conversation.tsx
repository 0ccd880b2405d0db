import { memo, type SyntheticEvent, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useChatSocket, useChats } from "../hooks/useChatSocket";
import type { Message, User } from "../services/messagingService";

const HOW = { socket: "Conectado", stream: "Conectado, por streaming", poll: "Conectado, por consultas" };
const STATUS = { sending: "🕓", sent: "✓", delivered: "✓✓", read: "✓✓", failed: "No enviado" };

type Act = "reply" | "react" | "edit" | "delete";

export function Conversation({ chat, me, onClose }: { chat: string; me: User; onClose(): void }) {
  const { messages, rung, typing, error, send, type, tell, hasOlder, loadOlder } = useChatSocket(chat, me);
  const title = useChats()?.find(({ id }) => id === chat)?.display_name ?? "";
  const [text, setText] = useState("");
  const [edited, setEdited] = useState<string>();
  const [answered, setAnswered] = useState<Message>();
  const list = useRef<HTMLElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);

  // It follows the end for one's own message, and else where the end was in sight.
  const atEnd = useRef(true);
  const last = messages.at(-1);
  useLayoutEffect(() => {
    const { current } = list;
    if (current && last && (atEnd.current || last.status === "sending"))
      current.scrollTop = current.scrollHeight;
  }, [last]);
  useEffect(() => box.current?.focus({ preventScroll: true }), []);

  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const content = text.trim();
    if (content === "") return;
    setText("");
    setEdited(undefined);
    setAnswered(undefined);
    if (edited) tell({ type: "edit_message", message_id: edited, content });
    else void send(content, setText, answered && { reply_to: answered.id });
  };

  const onAct = useCallback(
    (act: Act, message: Message) => {
      if (act === "delete") tell({ type: "delete_message", message_id: message.id });
      if (act === "react") tell({ type: "react_message", message_id: message.id, reaction_type: "love" });
      if (act === "reply") setAnswered(message);
      if (act === "edit") {
        setText(message.content);
        setEdited(message.id);
      }
      if (act === "reply" || act === "edit") box.current?.focus();
    },
    [tell],
  );

  return (
    <section className="conversation" aria-label={title}>
      <header>
        <button type="button" className="close" onClick={onClose} aria-label={`Cerrar ${title}`} />
        <h1>{title}</h1>
        <output>{typing ? "escribiendo…" : rung ? HOW[rung] : "Reconectando…"}</output>
      </header>
      <section
        ref={list}
        aria-label="Mensajes"
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        {hasOlder && (
          <button type="button" className="older" onClick={loadOlder}>
            Anteriores
          </button>
        )}
        {messages.map((message) => (
          <Row key={message.id} message={message} own={message.sender.id === me.id} onAct={onAct} />
        ))}
      </section>
      {error && <p role="alert">{error}</p>}
      {answered && (
        <p className="answered">
          Respondes a {answered.sender.display_name}: {answered.content}
          <button type="button" aria-label="No responder" onClick={() => setAnswered(undefined)}>
            ×
          </button>
        </p>
      )}
      <form onSubmit={submit}>
        <textarea
          ref={box}
          rows={1}
          aria-label="Escribe un mensaje"
          placeholder="Escribe un mensaje"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            type();
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) submit(event);
          }}
        />
        <label className="attach">
          <span aria-hidden>📎</span>
          <input
            type="file"
            aria-label="Adjuntar"
            onChange={({ currentTarget }) => {
              const file = currentTarget.files?.[0];
              if (file) void send("", setText, { file });
              currentTarget.value = "";
            }}
          />
        </label>
        <button type="submit" className="primary" aria-label="Enviar mensaje">
          Enviar
        </button>
      </form>
    </section>
  );
}

interface RowProps {
  message: Message;
  own: boolean;
  onAct(act: Act, message: Message): void;
}

const Row = memo(function Row({ message, own, onAct }: RowProps) {
  const { content, sender, reply_to, is_deleted, is_edited, reactions, status, created_at } = message;
  const acts: [Act, string][] = [
    ["reply", "Responder"],
    ["react", "Me encanta"],
  ];
  if (own && message.message_type === "text") acts.push(["edit", "Editar"]);
  if (own) acts.push(["delete", "Borrar"]);
  return (
    <article data-own={own} data-status={status}>
      {!own && <b>{sender.display_name}</b>}
      {reply_to && (
        <blockquote>
          {reply_to.sender.display_name}: {reply_to.content}
        </blockquote>
      )}
      {is_deleted ? <i>Mensaje eliminado</i> : <Attachment message={message} />}
      {content && <p>{content}</p>}
      <footer>
        {reactions.length > 0 && <span>❤ {reactions.length}</span>}
        {is_edited && <span>editado</span>}
        <time dateTime={created_at}>{CLOCK.format(new Date(created_at))}</time>
        {own && !is_deleted && <span className="status">{STATUS[status]}</span>}
      </footer>
      {!is_deleted && (
        <div className="acts">
          {acts.map(([act, name]) => (
            <button key={act} type="button" onClick={() => onAct(act, message)}>
              {name}
            </button>
          ))}
        </div>
      )}
    </article>
  );
});

const CLOCK = new Intl.DateTimeFormat("es", { hour: "2-digit", minute: "2-digit" });

function Attachment({ message: { message_type, file_url, file_name } }: { message: Message }) {
  if (message_type === "text") return null;
  if (!file_url) return <p>{file_name}</p>;
  if (message_type === "image") return <img src={file_url} alt={file_name} />;
  // biome-ignore lint/a11y/useMediaCaption: people send these to each other.
  if (message_type === "video") return <video src={file_url} controls />;
  // biome-ignore lint/a11y/useMediaCaption: likewise.
  if (message_type === "audio") return <audio src={file_url} controls />;
  return <a href={file_url}>{file_name}</a>;
}
