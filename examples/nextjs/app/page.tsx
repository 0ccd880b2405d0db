"use client";
import { useEffect, useState } from "react";
import { ChatList } from "../components/ChatList";
import { Conversation } from "../components/Conversation";
import { SignIn } from "../components/SignIn";
import { logout, type User, user } from "../services/messagingService";

/** Two at once where there is room for them; one on a phone. */
const AT_ONCE = 2;

export default function Page() {
  // On the server nobody knows yet who it is.
  const [me, setMe] = useState<User | null>();
  const [open, setOpen] = useState<readonly string[]>([]);
  useEffect(() => setMe(user() ?? null), []);

  if (me === undefined) return null;
  if (me === null) return <SignIn onDone={() => setMe(user() ?? null)} />;
  const leave = async () => {
    setOpen([]);
    setMe(null);
    await logout();
  };
  const close = (chat: string) => setOpen((all) => all.filter((id) => id !== chat));
  const beside = (chat: string) =>
    setOpen((all) => [...all.filter((id) => id !== chat), chat].slice(-AT_ONCE));
  return (
    <main className="app" data-open={open.length}>
      <ChatList me={me} open={open} onOpen={(chat) => setOpen([chat])} onBeside={beside} onLeave={leave} />
      {open.map((chat) => (
        <Conversation key={chat} chat={chat} me={me} onClose={() => close(chat)} />
      ))}
      {open.length === 0 && <p className="hint">Elige un chat, o escribe a alguien por su usuario.</p>}
    </main>
  );
}
