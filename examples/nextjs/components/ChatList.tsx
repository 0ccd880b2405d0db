import { type SyntheticEvent, useState } from "react";
import { useChats } from "../hooks/useChatSocket";
import { type Chat, getMessages, startChat, type User } from "../services/messagingService";

interface Props {
  me: User;
  open: readonly string[];
  onOpen(chat: string): void;
  onBeside(chat: string): void;
  onLeave(): void;
}

export function ChatList({ me, open, onOpen, onBeside, onLeave }: Props) {
  const chats = useChats();
  const [error, setError] = useState("");
  const start = async (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setError("");
    try {
      onOpen(await startChat(String(new FormData(form).get("username"))));
      form.reset();
    } catch (failure) {
      setError((failure as Error).message);
    }
  };
  return (
    <nav className="chats" aria-label="Chats">
      <header>
        <h1>Mensajes</h1>
        <button type="button" onClick={onLeave} aria-label={`Cerrar la sesión de ${me.display_name}`}>
          Salir
        </button>
      </header>
      <form onSubmit={start}>
        <input name="username" aria-label="Escribir a" placeholder="Escribir a (usuario)" required />
        <button type="submit">Abrir</button>
      </form>
      {error && <p role="alert">{error}</p>}
      <ul>
        {chats?.map((chat) => (
          <li key={chat.id} data-open={open.includes(chat.id)}>
            <button
              type="button"
              className="chat"
              onPointerEnter={() => void getMessages(chat.id).catch(console.warn)}
              onClick={() => onOpen(chat.id)}
            >
              <b>{chat.display_name}</b>
              <span>{preview(chat, me)}</span>
              {chat.unread_count > 0 && (
                <mark>
                  {chat.unread_count}
                  <i className="unseen"> sin leer</i>
                </mark>
              )}
            </button>
            {open.length > 0 && !open.includes(chat.id) && (
              <button
                type="button"
                className="beside"
                title="Abrir al lado"
                aria-label={`Abrir al lado ${chat.display_name}`}
                onClick={() => onBeside(chat.id)}
              >
                +
              </button>
            )}
          </li>
        ))}
      </ul>
    </nav>
  );
}

function preview({ last_message }: Chat, me: User): string {
  if (!last_message) return "Sin mensajes";
  return `${last_message.sender.id === me.id ? "Tú: " : ""}${last_message.content}`;
}
