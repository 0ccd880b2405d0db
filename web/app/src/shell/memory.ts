/** Small things this device remembers about the page itself; all of it may be lost. */

type Name = "language" | "theme" | "list-width";

export function recall(name: Name): string | undefined {
  try {
    return localStorage.getItem(`zas:ui:${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

export function remember(name: Name, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(`zas:ui:${name}`);
    else localStorage.setItem(`zas:ui:${name}`, value);
  } catch {
    // Storage may be denied or full: the choice then lasts as long as the page.
  }
}
