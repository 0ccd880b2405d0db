import type { DeviceView } from "@zas/client";
import { useZas } from "@zas/client/react";
import { useCallback, useEffect, useRef, useState } from "react";

/** `at`: when it was asked, ms since 1970. */
export type KnownDevices =
  | { state: "loading" }
  | { state: "failed"; error: unknown }
  | { state: "ready"; devices: readonly DeviceView[]; at: number };

/** One's devices; asked for again when the page is looked at again, and by `reload`. */
export function useDevices(): { known: KnownDevices; reload(): Promise<void> } {
  const zas = useZas();
  const [known, setKnown] = useState<KnownDevices>({ state: "loading" });
  const asking = useRef<AbortController>(undefined);
  const reload = useCallback(async () => {
    asking.current?.abort();
    const { signal } = (asking.current = new AbortController());
    try {
      const devices = await zas.devices(signal);
      if (!signal.aborted) setKnown({ state: "ready", devices, at: Date.now() });
    } catch (error) {
      // What was known is better than nothing, and is asked for again soon.
      if (!signal.aborted) setKnown((was) => (was.state === "ready" ? was : { state: "failed", error }));
    }
  }, [zas]);
  useEffect(() => {
    const look = () => document.visibilityState === "visible" && void reload();
    look();
    window.addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      window.removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
      asking.current?.abort();
    };
  }, [reload]);
  return { known, reload };
}
