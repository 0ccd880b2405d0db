/**
 * The app's chat hook, over the one connection of `@zas/client`: as many chats at once as are on screen,
 * each with its messages, whoever types, and a bubble in the task of the key press.
 */
import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import {
  type Chat,
  chats,
  deleteMessage,
  type Extras,
  editMessage,
  type Message,
  markAsRead,
  messages as messagesOf,
  reactToMessage,
  sendMessage,
  type User,
  zas,
} from "../services/messagingService";

const NONE: readonly never[] = [];
const STILL_TYPING_MS = 1_500;
const NOT_SENT = "No se pudo enviar el mensaje";
const SIGNED_OUT = "Tu sesión ha terminado: vuelve a entrar";

function useView<T, S>(view: { get(): T; subscribe(listener: () => void): () => void }, onServer: S): T | S {
  return useSyncExternalStore<T | S>(view.subscribe, view.get, () => onServer);
}

/** What the old socket was told. */
export type Frame =
  | { type: "chat_message"; content: string; reply_to?: string }
  | { type: "typing"; is_typing: boolean }
  | { type: "read_message"; message_id?: string }
  | { type: "react_message"; message_id: string; reaction_type: string }
  | { type: "edit_message"; message_id: string; content: string }
  | { type: "delete_message"; message_id: string };

export interface ChatSocket {
  /** Oldest first. What did not change is the same object as before. */
  messages: readonly Message[];
  connected: boolean;
  /** How it is connected, while it is. */
  rung: "socket" | "stream" | "poll" | undefined;
  /** Whether somebody else is typing. */
  typing: boolean;
  error: string;
  /** Shows it at once; what is finally refused goes back to `restore`. */
  send(content: string, restore: (text: string) => void, extras?: Extras): Promise<void>;
  /** A key was pressed. */
  type(): void;
  tell(frame: Frame): void;
  hasOlder: boolean;
  loadOlder(): void;
}

/** A chat on screen; whose it is the client knows by itself. */
export function useChatSocket(chat: string, _me?: User): ChatSocket {
  const messages = useView(messagesOf(chat), NONE);
  const connection = useView(zas.connection, undefined);
  const session = useView(zas.session, undefined);
  const room = useView(
    useMemo(() => zas.room(chat), [chat]),
    undefined,
  );
  const timeline = useView(
    useMemo(() => zas.timeline(chat), [chat]),
    undefined,
  );
  const [failure, setFailure] = useState("");
  const signedIn = session?.state === "signed_in";
  const over = session?.state === "signed_out" || connection?.state === "needs_auth";

  useLayoutEffect(() => (signedIn ? zas.open(chat) : undefined), [chat, signedIn]);

  const head = timeline?.head;
  useEffect(() => {
    const read = () => {
      if (head && document.visibilityState === "visible" && document.hasFocus()) void markAsRead(chat);
    };
    read();
    window.addEventListener("focus", read);
    return () => window.removeEventListener("focus", read);
  }, [chat, head]);

  const send = useCallback<ChatSocket["send"]>(
    async (content, restore, extras) => {
      setFailure("");
      try {
        await sendMessage(chat, content, extras);
      } catch {
        setFailure(NOT_SENT);
        restore(content);
      }
    },
    [chat],
  );

  const quiet = useRef<ReturnType<typeof setTimeout>>(undefined);
  const type = useCallback(() => {
    zas.typing(chat, true);
    clearTimeout(quiet.current);
    quiet.current = setTimeout(() => zas.typing(chat, false), STILL_TYPING_MS);
  }, [chat]);

  const tell = useCallback(
    (frame: Frame) => {
      obey(chat, frame).catch((error: Error) => setFailure(error.message));
    },
    [chat],
  );
  const loadOlder = useCallback(() => void zas.loadOlder(chat).catch(console.warn), [chat]);

  return {
    messages,
    connected: connection?.state === "live",
    rung: connection?.state === "live" ? connection.rung : undefined,
    typing: (room?.typing.length ?? 0) > 0,
    error: over ? SIGNED_OUT : failure,
    send,
    type,
    tell,
    hasOlder: timeline?.moreBefore ?? false,
    loadOlder,
  };
}

async function obey(chat: string, frame: Frame): Promise<void> {
  switch (frame.type) {
    case "chat_message":
      await sendMessage(chat, frame.content, frame.reply_to ? { reply_to: frame.reply_to } : {});
      break;
    case "typing":
      zas.typing(chat, frame.is_typing);
      break;
    case "read_message":
      await markAsRead(chat);
      break;
    case "react_message":
      await reactToMessage(chat, frame.message_id, frame.reaction_type);
      break;
    case "edit_message":
      await editMessage(chat, frame.message_id, frame.content);
      break;
    case "delete_message":
      await deleteMessage(chat, frame.message_id);
      break;
  }
}

/** One's chats, live; `undefined` until they are known. The old page polled for them. */
export function useChats(): readonly Chat[] | undefined {
  return useView(chats, undefined);
}
