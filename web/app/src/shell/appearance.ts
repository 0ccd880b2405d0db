/** The page's language and theme: from the person's settings, else as last time, else the system's. */
import type { Prefs } from "@zas/client";
import { useEffect } from "react";
import { LANGUAGES, type Language, languageHere } from "../i18n/index.js";
import { recall, remember } from "./memory.js";

/** What the page spoke last, so that signing in does not change the language. */
export function rememberedLanguage(): Language | undefined {
  const kept = recall("language");
  return LANGUAGES.find((language) => language === kept);
}

/** Chooses the language, tells the document, and remembers an explicit choice. */
export function useLanguagePreference(prefs: Prefs | undefined, asked: Language | undefined): Language {
  const language = languageHere(prefs ? prefs.language : asked);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEffect(() => {
    const choice = prefs ? prefs.language : asked;
    remember("language", choice);
  }, [prefs, asked]);
  return language;
}

/** Dresses the document. `known` says whether the settings are; before that `theme.js` has the word. */
export function useAppearance(theme: string | undefined, known: boolean): void {
  useEffect(() => {
    if (known) remember("theme", theme);
    const kept = known ? theme : recall("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      const root = document.documentElement;
      root.dataset.theme = kept === "light" || kept === "dark" ? kept : system.matches ? "dark" : "light";
      const paper = getComputedStyle(root).getPropertyValue("--background").trim();
      document.querySelector('meta[name="theme-color"]')?.setAttribute("content", paper);
    };
    apply();
    system.addEventListener("change", apply);
    return () => system.removeEventListener("change", apply);
  }, [theme, known]);
}
