import type { Prefs, ZasClient } from "@zas/client";
import { useConnection, useSession, ZasProvider } from "@zas/client/react";
import { useState } from "react";
import { type Language, LanguageContext, useText } from "./i18n/index.js";
import { shell } from "./i18n/shell.js";
import { rememberedLanguage, useAppearance, useLanguagePreference } from "./shell/appearance.js";
import { Shell } from "./shell/Shell.js";
import { SoundProvider } from "./sound/SoundProvider.js";
import { Message } from "./ui/Message.js";
import { part } from "./ui/Part.js";

const SignIn = part(() => import("./auth/SignIn.js"));

/** One person's page: who they are decides between signing in and their chats. */
export function App({ client }: { client: ZasClient }) {
  return (
    <ZasProvider client={client}>
      <Gate />
    </ZasProvider>
  );
}

function Gate() {
  const session = useSession();
  const prefs: Prefs | undefined = session.state === "signed_in" ? session.me.prefs : undefined;
  const [asked, ask] = useState<Language | undefined>(rememberedLanguage);
  const language = useLanguagePreference(prefs, asked);
  useAppearance(prefs?.theme, session.state === "signed_in");
  return (
    <LanguageContext value={language}>
      {session.state === "signed_in" ? (
        <SoundProvider>
          <Shell me={session.me} />
        </SoundProvider>
      ) : session.state === "signed_out" ? (
        <SignIn reason={session.reason} onLanguage={ask} />
      ) : (
        <Opening />
      )}
    </LanguageContext>
  );
}

/** Before it is known who is here; invisible for its first 200 ms. */
function Opening() {
  const text = useText(shell);
  const connection = useConnection();
  return (
    <main aria-busy className="animate-skeleton h-full">
      <Message
        icon={<img src="/icon.svg" alt="" width={64} height={64} />}
        title={connection.state === "offline" ? text.unreachable : text.opening}
      />
    </main>
  );
}
