import { memo, type SyntheticEvent, useCallback, useEffect, useRef, useState } from "react";
import type { Message, Person } from "./service";
import { useChat } from "./useChat";

/** The improved page: nothing that did not change renders again. */
export function Improved({ chat, me, twice }: { chat: string; me: Person; twice: boolean }) {
  const { messages, connected, typing, error, send, type, tell } = useChat(chat, me, twice);
  const [text, setText] = useState("");
  const [edited, setEdited] = useState<string>();
  const end = useRef<HTMLDivElement>(null);
  const last = messages.at(-1)?.id;
  useEffect(() => {
    if (last) end.current?.scrollIntoView();
  }, [last]);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const content = text.trim();
    if (content === "") return;
    setText("");
    setEdited(undefined);
    if (edited) tell({ type: "edit_message", message_id: edited, content });
    else void send(content, setText);
  };
  const act = useRef(tell);
  act.current = tell;
  const onAct = useCallback((type: string, { id, content }: Message) => {
    if (type === "edit") {
      setText(content);
      setEdited(id);
    } else if (type === "delete") act.current({ type: "delete_message", message_id: id });
    else act.current({ type: "react_message", message_id: id, reaction_type: "love" });
  }, []);
  return (
    <main>
      <output>{connected ? "Conectado" : "Reconectando…"}</output>
      <section aria-label="Mensajes">
        {messages.map((message) => (
          <Row key={message.id} message={message} own={message.sender.id === me.id} onAct={onAct} />
        ))}
        <div ref={end} />
      </section>
      {typing && <p>escribiendo…</p>}
      {error && <p role="alert">{error}</p>}
      <form onSubmit={submit}>
        <textarea
          aria-label="Escribe un mensaje"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            type();
          }}
          onKeyDown={(event) => event.key === "Enter" && submit(event)}
        />
        <button type="submit" aria-label="Enviar mensaje">
          Enviar
        </button>
      </form>
    </main>
  );
}

interface RowProps {
  message: Message;
  own: boolean;
  onAct(type: string, message: Message): void;
}

const Row = memo(function Row({ message, own, onAct }: RowProps) {
  const { content, sender, is_deleted, is_edited, read_by, reactions } = message;
  return (
    <article>
      <b>{sender.display_name}</b> {is_deleted ? <i>Mensaje eliminado</i> : content}{" "}
      {is_edited && "(editado)"} {own && read_by.length > 0 && "✓✓"}
      {reactions.map(({ user, reaction_type }) => (
        <span key={user.id}>{reaction_type}</span>
      ))}
      {(own ? ["react", "edit", "delete"] : ["react"]).map((type) => (
        <button key={type} type="button" onClick={() => onAct(type, message)}>
          {{ react: "Me encanta", edit: "Editar", delete: "Borrar" }[type]}
        </button>
      ))}
    </article>
  );
});
