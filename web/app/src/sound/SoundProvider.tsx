/** Sounds for everything below it: one's own sends by `useSound`, others' messages by themselves. */
import { useSession, useZas } from "@zas/client/react";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef } from "react";
import type { Clip } from "./clips";
import { createPlayer, type SoundPlayer } from "./player";

/** Plays a clip as loud as the person's settings say. */
export type PlaySound = (clip: Clip) => void;

const SoundContext = createContext<PlaySound>(() => {});

/** Plays a sound at once, if the settings allow it. */
export const useSound = (): PlaySound => useContext(SoundContext);

let shared: SoundPlayer | undefined;

/** Belongs inside `ZasProvider`. The `player` is the page's own unless another is given. */
export function SoundProvider({ children, player }: { children: ReactNode; player?: SoundPlayer }) {
  const zas = useZas();
  const session = useSession();
  const prefs = session.state === "signed_in" ? session.me.prefs : undefined;
  const volume = prefs?.sounds ? prefs.volume / 100 : 0;
  const loudness = useRef(volume);
  loudness.current = volume;

  const play = useMemo<PlaySound>(() => {
    const through = player ?? (shared ??= createPlayer());
    return (clip) => loudness.current > 0 && through.play(clip, loudness.current);
  }, [player]);

  useEffect(() => zas.onIncoming(() => play("in")), [zas, play]);

  return <SoundContext.Provider value={play}>{children}</SoundContext.Provider>;
}
