import type { ErrorCode } from "@zas/client";
import { useZas } from "@zas/client/react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { auth } from "../i18n/auth.js";
import { errorCode, errors } from "../i18n/errors.js";
import { type Language, useLanguage, useText } from "../i18n/index.js";
import { Button } from "../ui/Button.js";
import { TextField } from "../ui/TextField.js";
import { FIELDS, type Field, type Form, fieldOf, type Mode, missing } from "./fields.js";

const EMPTY: Form = { login: "", username: "", displayName: "", email: "", password: "" };

const INPUTS: Record<Field, { type?: string; autoComplete: string; maxLength: number }> = {
  login: { autoComplete: "username", maxLength: 254 },
  username: { autoComplete: "username", maxLength: 30 },
  displayName: { autoComplete: "name", maxLength: 60 },
  email: { type: "email", autoComplete: "email", maxLength: 254 },
  password: { type: "password", autoComplete: "current-password", maxLength: 256 },
};

interface SignInProps {
  /** Why one is here again, if it was not by choice. */
  reason: ErrorCode | undefined;
  onLanguage(language: Language): void;
}

/** Signing in and registering, one screen: what one wrote stays when switching. */
export default function SignIn({ reason, onLanguage }: SignInProps) {
  const text = useText(auth);
  const sentences = useText(errors);
  const language = useLanguage();
  const zas = useZas();
  const [mode, setMode] = useState<Mode>("signIn");
  const [form, setForm] = useState(EMPTY);
  const [problems, setProblems] = useState<Partial<Record<Field | "form", string>>>({});
  const [busy, setBusy] = useState(false);
  const element = useRef<HTMLFormElement>(null);

  // The eye and the keyboard go to the first thing to mend.
  useEffect(() => {
    if (Object.keys(problems).length > 0)
      element.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [problems]);

  const switchTo = (next: Mode) => {
    setMode(next);
    setProblems({});
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const empty = missing(form, mode);
    if (empty.length > 0) return setProblems(Object.fromEntries(empty.map((field) => [field, text.needed])));
    setBusy(true);
    setProblems({});
    try {
      if (mode === "signIn") await zas.signIn({ login: form.login.trim(), password: form.password });
      else await zas.register({ ...form, displayName: form.displayName.trim() || form.username.trim() });
    } catch (error) {
      const code = errorCode(error);
      setProblems({ [fieldOf(code, mode) ?? "form"]: sentences[code] });
      setBusy(false);
    }
  };

  const hints: Partial<Record<Field, string>> =
    mode === "signUp" ? { username: text.usernameHint, password: text.passwordHint } : {};

  return (
    <main className="safe-top safe-bottom h-full overflow-y-auto">
      <div className="mx-auto flex min-h-full max-w-104 flex-col justify-center px-6 py-10">
        <header className="mb-8">
          <img src="/icon.svg" alt="" width={56} height={56} />
          <h1 className="mt-4 text-4xl font-bold tracking-tight">Zas</h1>
          <p className="mt-1 text-base text-muted-foreground">{text.tagline}</p>
        </header>
        <form ref={element} noValidate onSubmit={submit} className="grid gap-4">
          {FIELDS[mode].map((field) => (
            <TextField
              key={field}
              name={field}
              label={text[field]}
              hint={hints[field]}
              error={problems[field]}
              value={form[field]}
              onChange={(event) => setForm({ ...form, [field]: event.target.value })}
              {...INPUTS[field]}
              {...(mode === "signUp" && field === "password" && { autoComplete: "new-password" })}
              autoCapitalize={field === "displayName" ? "words" : "none"}
              spellCheck={false}
            />
          ))}
          {(problems.form ?? (reason && sentences[reason])) && (
            <p role="alert" className="rounded-2xl bg-warning px-4 py-3 text-warning-foreground">
              {problems.form ?? (reason && sentences[reason])}
            </p>
          )}
          <Button type="submit" busy={busy} className="mt-2 min-h-12 text-base">
            {mode === "signIn" ? text.signIn : text.signUp}
          </Button>
        </form>
        <footer className="mt-6 flex flex-wrap items-center justify-between gap-2">
          <p className="text-muted-foreground">
            {mode === "signIn" ? text.noAccount : text.haveAccount}
            <Button look="plain" onClick={() => switchTo(mode === "signIn" ? "signUp" : "signIn")}>
              {mode === "signIn" ? text.toSignUp : text.toSignIn}
            </Button>
          </p>
          <Button
            look="plain"
            className="-mx-2 font-normal"
            lang={language === "es" ? "en" : "es"}
            onClick={() => onLanguage(language === "es" ? "en" : "es")}
          >
            {text.otherLanguage}
          </Button>
        </footer>
      </div>
    </main>
  );
}
