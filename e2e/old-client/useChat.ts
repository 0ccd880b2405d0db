/** The improved page's chat: a bubble at once, its socket, and polls while that is down. */
import { useCallback, useEffect, useRef, useState } from "react";
import {
  getMessages,
  getMessagesSince,
  type Message,
  type Person,
  SERVER,
  sendMessage,
  token,
} from "./service";

/** Seconds before each new attempt; after the last it gives up. */
const RECONNECT = [2, 4, 8, 16, 30];
const POLL_MS = 2_000;
const STILL_TYPING_MS = 1_500;

export function useChat(chat: string, me: Person, twice: boolean) {
  const [messages, setMessages] = useState<Message[]>([]);
  const [connected, setConnected] = useState(false);
  const [typing, setTyping] = useState(false);
  const [error, setError] = useState("");
  const socket = useRef<WebSocket>(null);
  const shown = useRef(messages);
  shown.current = messages;

  const change = useCallback((id: string, how: (message: Message) => Message) => {
    setMessages((all) => all.map((message) => (message.id === id ? how(message) : message)));
  }, []);

  const add = useCallback((news: Message[]) => {
    setMessages((all) => [...all, ...news.filter(({ id }) => !all.some((known) => known.id === id))]);
  }, []);

  const poll = useCallback(async () => {
    const last = shown.current.at(-1);
    if (!last) return;
    add(await getMessagesSince(chat, last.created_at));
  }, [chat, add]);

  useEffect(() => {
    getMessages(chat).then(setMessages, console.warn);
  }, [chat]);

  useEffect(() => {
    if (connected) return;
    const timer = setInterval(() => poll().catch(console.warn), POLL_MS);
    return () => clearInterval(timer);
  }, [connected, poll]);

  useEffect(() => {
    let attempt = 0;
    let timer: ReturnType<typeof setTimeout>;
    let left = false;
    const connect = () => {
      const ws = new WebSocket(`${SERVER.replace("http", "ws")}/ws/chat/${chat}/?token=${token()}`);
      socket.current = ws;
      ws.onmessage = ({ data }) => hear(JSON.parse(data));
      ws.onclose = () => {
        setConnected(false);
        const seconds = RECONNECT[attempt++];
        if (!left && seconds) timer = setTimeout(connect, seconds * 1_000);
      };
    };
    const hear = (said: { type: string; [field: string]: unknown }) => {
      const { message_id = "", user_id = "" } = said as { message_id?: string; user_id?: string };
      const message = said.message as Message;
      switch (said.type) {
        case "connection_success":
          attempt = 0;
          setConnected(true);
          break;
        case "chat_message":
          add([message]);
          if (message.sender.id !== me.id) tell({ type: "read_message", message_id: message.id });
          break;
        case "typing_status":
          setTyping(said.is_typing === true);
          break;
        case "message_edited":
          change(message.id, () => message);
          break;
        case "message_deleted":
          change(message_id, (was) => ({ ...was, content: "", is_deleted: true }));
          break;
        case "message_read":
          change(message_id, (was) => ({ ...was, read_by: [{ user: { ...me, id: user_id } }] }));
          break;
        case "message_reaction":
          change(message_id, (was) => ({
            ...was,
            reactions: [
              ...was.reactions.filter(({ user }) => user.id !== user_id),
              ...(said.added
                ? [{ user: { ...me, id: user_id }, reaction_type: String(said.reaction_type) }]
                : []),
            ],
          }));
          break;
        case "error":
          setError(String(said.message));
      }
    };
    connect();
    return () => {
      left = true;
      clearTimeout(timer);
      socket.current?.close();
    };
  }, [chat, me, add, change]);

  const tell = (frame: object) => socket.current?.send(JSON.stringify(frame));

  const quiet = useRef<ReturnType<typeof setTimeout>>(undefined);
  const type = () => {
    if (!connected) return;
    tell({ type: "typing", is_typing: true });
    clearTimeout(quiet.current);
    quiet.current = setTimeout(() => tell({ type: "typing", is_typing: false }), STILL_TYPING_MS);
  };

  const send = async (content: string, restore: (text: string) => void) => {
    const temporary: Message = {
      id: `temp-${Date.now()}`,
      sender: me,
      content,
      created_at: new Date().toISOString(),
      is_edited: false,
      is_deleted: false,
      reactions: [],
      read_by: [],
    };
    setMessages((all) => [...all, temporary]);
    setError("");
    if (connected) tell({ type: "chat_message", content, message_type: "text" });
    if (connected && !twice) return;
    const without = (all: Message[]) => all.filter(({ id }) => id !== temporary.id);
    try {
      const real = await sendMessage(chat, content);
      setMessages((all) =>
        all.some(({ id }) => id === real.id)
          ? without(all)
          : all.map((message) => (message.id === temporary.id ? real : message)),
      );
    } catch {
      setMessages(without);
      setError("No se pudo enviar el mensaje");
      restore(content);
    }
  };

  return { messages, connected, typing, error, send, type, tell };
}
