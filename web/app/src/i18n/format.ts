/** Times and numbers as people read them. Times are milliseconds since 1970. */
import { type Language, useLanguage } from "./index.js";

export interface Format {
  /** `12:03` */
  time(at: number): string;
  /** `hoy`, `ayer`, `martes`, `3 de mayo`, `3 de mayo de 2024`: for separators and "last seen". */
  day(at: number, now: number): string;
  /** `12:03`, `ayer`, `mar`, `3/5/24`: what fits at the end of a list's row. */
  brief(at: number, now: number): string;
  /** `ahora`, `hace 5 minutos`, `hace 3 horas`, `ayer`, `hace 12 días` */
  ago(at: number, now: number): string;
  number(n: number): string;
  /** `Ana, Luis y Marta` */
  list(items: readonly string[]): string;
}

/** Calendar days from `at` to `now`, by this device's clock: 0 today, 1 yesterday. */
export function daysAgo(at: number, now: number): number {
  const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

function create(language: Language): Format {
  const date = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(language, options);
  const time = date({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const weekday = date({ weekday: "long" });
  const weekdayShort = date({ weekday: "short" });
  const dayMonth = date({ day: "numeric", month: "long" });
  const dayMonthYear = date({ day: "numeric", month: "long", year: "numeric" });
  const numeric = date({ day: "numeric", month: "numeric", year: "2-digit" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const number = new Intl.NumberFormat(language);
  const list = new Intl.ListFormat(language);
  return {
    time: (at) => time.format(at),
    day(at, now) {
      const ago = daysAgo(at, now);
      if (ago <= 1) return relative.format(-Math.max(ago, 0), "day");
      if (ago < 7) return weekday.format(at);
      const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
      return (sameYear ? dayMonth : dayMonthYear).format(at);
    },
    brief(at, now) {
      const ago = daysAgo(at, now);
      if (ago <= 0) return time.format(at);
      if (ago === 1) return relative.format(-1, "day");
      return ago < 7 ? weekdayShort.format(at) : numeric.format(at);
    },
    ago(at, now) {
      const minutes = Math.max(0, Math.floor((now - at) / 60_000));
      const days = daysAgo(at, now);
      if (minutes < 1) return relative.format(0, "second");
      if (minutes < 60) return relative.format(-minutes, "minute");
      return days < 1 ? relative.format(-Math.floor(minutes / 60), "hour") : relative.format(-days, "day");
    },
    number: (n) => number.format(n),
    list: (items) => list.format(items),
  };
}

const cached: Partial<Record<Language, Format>> = {};

export const formatIn = (language: Language): Format => (cached[language] ??= create(language));

export const useFormat = (): Format => formatIn(useLanguage());
