import { createClient } from "@zas/client";
import { ZasProvider } from "@zas/client/react";
import { createRoot } from "react-dom/client";
import { Chat } from "./Chat";
import "./chat.css";

const place = document.getElementById("chat");

/** A token of Django's, for whoever is signed in there. That nobody answers is a `TypeError`: Zas asks again. */
async function getToken(): Promise<string> {
  const answer = await fetch(place?.dataset.token ?? "");
  if (answer.status >= 500) throw new TypeError(`no token: ${answer.status}`);
  if (!answer.ok) throw new Error("signed out");
  return (await answer.json()).access;
}

// Zas is at the page's own address, with Django behind it.
const zas = createClient({ auth: { kind: "external", getToken } });
void zas.start();
if (place) {
  createRoot(place).render(
    <ZasProvider client={zas}>
      <Chat />
    </ZasProvider>,
  );
}

// What Zas keeps in this browser goes with the session.
document.getElementById("sign-out")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget as HTMLFormElement;
  await zas.signOut({ discard: false });
  form.submit();
});
