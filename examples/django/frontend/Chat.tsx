import type { RoomId } from "@zas/client";
import { useConnection, useRoom, useRooms, useRow, useSession, useUser, useZas } from "@zas/client/react";
import { type SyntheticEvent, useEffect, useRef, useState } from "react";

export function Chat() {
  const session = useSession();
  const connection = useConnection();
  const rooms = useRooms();
  const [open, setOpen] = useState<RoomId>();
  if (session.state === "signed_out" || connection.state === "needs_auth")
    return (
      <p role="alert">
        Tu sesión ha terminado. <a href="/sign-in/">Entrar</a>
      </p>
    );
  return (
    <div className="chat" data-open={open !== undefined}>
      <nav aria-label="Chats">
        <Write onOpen={setOpen} />
        {rooms?.map((room) => (
          <button
            key={room.id}
            type="button"
            aria-current={room.id === open}
            onClick={() => setOpen(room.id)}
          >
            <b>{room.title}</b>
            <span>{room.last?.text ?? "Sin mensajes"}</span>
            {room.unread > 0 && <mark>{room.unread}</mark>}
          </button>
        ))}
      </nav>
      {open === undefined ? (
        <p className="hint">Elige un chat, o escribe a un vecino.</p>
      ) : (
        <Conversation key={open} id={open} onClose={() => setOpen(undefined)} />
      )}
    </div>
  );
}

/** Opens the chat with somebody by their username. */
function Write({ onOpen }: { onOpen(room: RoomId): void }) {
  const zas = useZas();
  const [error, setError] = useState("");
  const submit = async (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const name = String(new FormData(form).get("username")).trim().toLowerCase();
    try {
      const found = (await zas.searchUsers(name)).find(({ username }) => username === name);
      setError(found ? "" : "No hay nadie con ese usuario");
      if (found) onOpen(await zas.openPrivate(found.id));
      form.reset();
    } catch (failure) {
      setError((failure as Error).message);
    }
  };
  return (
    <form onSubmit={submit}>
      <input name="username" aria-label="Escribir a" placeholder="Escribir a (usuario)" required />
      <button type="submit">Abrir</button>
      {error && <p role="alert">{error}</p>}
    </form>
  );
}

function Conversation({ id, onClose }: { id: RoomId; onClose(): void }) {
  const { room, timeline, connection, send, typing, markRead } = useRoom(id);
  const list = useRef<HTMLElement>(null);
  const { keys, head } = timeline;
  useEffect(() => {
    if (keys.length > 0) list.current?.scrollTo(0, list.current.scrollHeight);
    if (document.hasFocus()) markRead(head);
  }, [keys, head, markRead]);
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const box = event.currentTarget.elements.namedItem("text") as HTMLInputElement;
    send(box.value);
    box.value = "";
  };
  return (
    <main aria-label={room?.title ?? ""}>
      <header>
        <button type="button" className="back" aria-label="Volver" onClick={onClose}>
          ‹
        </button>
        <h2>{room?.title}</h2>
        <output>
          {room?.typing.length ? "escribiendo…" : connection.state === "live" ? "Conectado" : "…"}
        </output>
      </header>
      <section ref={list} aria-label="Mensajes">
        {keys.map((key) => (
          <Message key={key} room={id} id={key} />
        ))}
      </section>
      <form onSubmit={submit}>
        <input name="text" aria-label="Escribe un mensaje" autoComplete="off" onInput={() => typing(true)} />
        <button type="submit" className="primary" aria-label="Enviar mensaje">
          Enviar
        </button>
      </form>
    </main>
  );
}

/** Each subscribes to its own message: one that comes renders one row. */
function Message({ room, id }: { room: RoomId; id: string }) {
  const row = useRow(room, id);
  const sender = useUser(row?.type === "message" ? row.sender : undefined);
  if (row?.type !== "message") return null;
  const { delivery } = row;
  return (
    <article data-own={row.own} data-state={delivery.state}>
      {!row.own && <b>{sender?.display_name}</b>}
      <p>{row.text}</p>
      {row.own && (
        <small>
          {delivery.state === "stored" ? { sent: "✓", delivered: "✓✓", read: "leído" }[delivery.tick] : "…"}
        </small>
      )}
    </article>
  );
}
