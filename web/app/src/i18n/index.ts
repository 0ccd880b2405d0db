/**
 * Texts in Spanish and English. One file per feature holds one `table`; a component reads it by
 * `useText(table)`. To add a text: a key in both halves (the compiler insists).
 * To add a language: its name in `LANGUAGES`, then whatever the compiler asks for.
 */
import { createContext, useContext } from "react";

export const LANGUAGES = ["es", "en"] as const;
export type Language = (typeof LANGUAGES)[number];
export type Table<T> = Readonly<Record<Language, T>>;

/** A feature's texts: plain strings, or functions where something is filled in. */
export const table = <T>(texts: { es: T; en: NoInfer<T> }): Table<T> => texts;

/** The form for a count, e.g. `plural("es", n, { one: "1 chat", other: `${n} chats` })`. */
export function plural(language: Language, n: number, forms: { one: string; other: string }): string {
  return pluralRules[language].select(n) === "one" ? forms.one : forms.other;
}

const pluralRules: Table<Intl.PluralRules> = {
  es: new Intl.PluralRules("es"),
  en: new Intl.PluralRules("en"),
};

/** The first wish that is a language we speak: `?lang=`, the person's setting, the browser's; else Spanish. */
export function chooseLanguage(...wishes: readonly (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    const base = wish?.slice(0, 2).toLowerCase();
    const known = LANGUAGES.find((language) => language === base);
    if (known) return known;
  }
  return "es";
}

/** The language for a person who prefers `preferred`, in this browser at this address. */
export function languageHere(preferred: string | null | undefined): Language {
  if (typeof window === "undefined") return chooseLanguage(preferred);
  return chooseLanguage(new URLSearchParams(location.search).get("lang"), preferred, ...navigator.languages);
}

/** The language below this point; the browser's where nobody says. */
export const LanguageContext = createContext<Language>(languageHere(undefined));

export const useLanguage = (): Language => useContext(LanguageContext);

export const useText = <T>(texts: Table<T>): T => texts[useLanguage()];
