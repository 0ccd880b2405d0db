import type { Prefs } from "@zas/client";
import { useSession, useZas } from "@zas/client/react";
import { type ReactNode, useState } from "react";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { settings } from "../i18n/settings.js";
import { Button } from "../ui/Button.js";
import { Choice } from "../ui/Choice.js";
import { PaneHeader } from "../ui/PaneHeader.js";
import { Switch } from "../ui/Switch.js";
import { toast } from "../ui/Toast.js";
import { Devices } from "./Devices.js";
import { Password } from "./Password.js";
import { Profile } from "./Profile.js";
import { SignOut } from "./SignOut.js";
import { Volume } from "./Volume.js";

interface SettingsProps {
  onBack(): void;
  /** Opens the sheet of shortcuts. */
  onKeys(): void;
}

/** One's profile, how the app speaks, looks and sounds, and one's account. */
export default function Settings({ onBack, onKeys }: SettingsProps) {
  const text = useText(settings);
  const sentence = useErrorText();
  const zas = useZas();
  const session = useSession();
  const [password, setPassword] = useState(false);
  if (session.state !== "signed_in") return null;
  const { me } = session;
  const { prefs } = me;

  /** Settings travel whole; `undefined` stands for "as the system has it" and is left out. */
  const set = (change: { [K in keyof Prefs]?: Prefs[K] | undefined }) => {
    const next = Object.entries({ ...prefs, ...change }).filter(([, value]) => value !== undefined);
    zas.setPrefs(Object.fromEntries(next) as Prefs).catch((error) => toast(sentence(error)));
  };
  return (
    <>
      <PaneHeader title={text.title} onBack={onBack} />
      <div className="safe-bottom min-h-0 flex-1 overflow-y-auto">
        <Profile me={me} />
        <Group>
          <Choice
            legend={text.language}
            value={oneOf(["es", "en"], prefs.language)}
            options={options(["auto", "es", "en"], text.languages)}
            onChange={(language) => set({ language: language === "auto" ? undefined : language })}
          />
          <Choice
            legend={text.theme}
            value={oneOf(["light", "dark"], prefs.theme)}
            options={options(["auto", "light", "dark"], text.themes)}
            onChange={(theme) => set({ theme: theme === "auto" ? undefined : theme })}
          />
        </Group>
        <Group>
          <Switch label={text.sounds} checked={prefs.sounds} onChange={(sounds) => set({ sounds })} />
          {prefs.sounds && <Volume value={prefs.volume} onChange={(volume) => set({ volume })} />}
        </Group>
        <Group title={text.account}>
          <Button look="plain" className="-ml-2 self-start" onClick={() => setPassword(true)}>
            {text.changePassword}
          </Button>
          <Button look="plain" className="-ml-2 self-start pointer-coarse:hidden" onClick={onKeys}>
            {text.keys}
          </Button>
          <SignOut />
        </Group>
        <Group title={text.devices}>
          <Devices />
        </Group>
      </div>
      {password && <Password onClose={() => setPassword(false)} />}
    </>
  );
}

function Group({ title, children }: { title?: string; children: ReactNode }) {
  return (
    <section className="mx-4 flex flex-col border-border border-t py-3">
      {title && <h2 className="pb-1 text-meta font-semibold text-muted-foreground">{title}</h2>}
      {children}
    </section>
  );
}

const oneOf = <T extends string>(known: readonly T[], value: string | undefined): T | "auto" =>
  known.find((name) => name === value) ?? "auto";

const options = <T extends string>(names: readonly T[], labels: { [name in T]: string }) =>
  names.map((name): { value: T; label: string } => ({ value: name, label: labels[name] }));
