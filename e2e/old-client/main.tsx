/** An app's chat page as a team has it, made from the contract alone. It runs on an origin of its own. */
import { type SyntheticEvent, useState } from "react";
import { createRoot } from "react-dom/client";
import { OldPage } from "../../web/app/src/demo/before/OldPage";
import { Improved } from "./Improved";
import { CHAT, getMessages, login, PAGE, sendMessage, user } from "./service";

const polled = { messages: () => getMessages(CHAT), send: (text: string) => sendMessage(CHAT, text) };

function App() {
  const [me, setMe] = useState(user);
  if (!me) return <SignIn onSignedIn={() => setMe(user)} />;
  if (PAGE === "polling") return <OldPage service={polled} me={me.id} />;
  return <Improved chat={CHAT} me={me} twice={PAGE === "twice"} />;
}

function SignIn({ onSignedIn }: { onSignedIn(): void }) {
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    login(String(form.get("login")), String(form.get("password"))).then(onSignedIn, console.warn);
  };
  return (
    <form onSubmit={submit}>
      <input name="login" aria-label="Usuario" />
      <input name="password" aria-label="Contraseña" type="password" />
      <button type="submit">Entrar</button>
    </form>
  );
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
