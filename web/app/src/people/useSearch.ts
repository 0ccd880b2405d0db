import type { User } from "@zas/client";
import { useZas } from "@zas/client/react";
import { useEffect, useState } from "react";

/** A search waits this long after the last key, in ms. */
const SETTLE_MS = 150;

export type Search =
  | { state: "idle" }
  | { state: "loading"; found: readonly User[] }
  | { state: "ready"; found: readonly User[] }
  | { state: "failed"; error: unknown };

/** People by name or username, as the query is typed; what was found before stays until the next is there. */
export function useSearch(query: string): Search {
  const zas = useZas();
  const wanted = query.trim();
  const [search, setSearch] = useState<Search>({ state: "idle" });
  useEffect(() => {
    if (wanted === "") return setSearch({ state: "idle" });
    const abort = new AbortController();
    setSearch((before) => ({ state: "loading", found: "found" in before ? before.found : [] }));
    const timer = setTimeout(async () => {
      try {
        const found = await zas.searchUsers(wanted, abort.signal);
        if (!abort.signal.aborted) setSearch({ state: "ready", found });
      } catch (error) {
        if (!abort.signal.aborted) setSearch({ state: "failed", error });
      }
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [zas, wanted]);
  return search;
}
