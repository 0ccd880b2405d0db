import type { RoomPrefs, RoomView } from "@zas/client";
import { useZas } from "@zas/client/react";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { people } from "../i18n/people.js";
import { Choice } from "../ui/Choice.js";
import { Switch } from "../ui/Switch.js";
import { toast } from "../ui/Toast.js";
import { BACKGROUNDS, COLORS } from "./look.js";

/** How this room looks and sounds, for oneself alone. */
export function RoomLook({ room }: { room: RoomView }) {
  const text = useText(people);
  const sentence = useErrorText();
  const zas = useZas();
  const set = (change: Partial<RoomPrefs>) => {
    zas.setRoomPrefs(room.id, { ...room.prefs, ...change }).catch((error) => toast(sentence(error)));
  };
  return (
    <section className="px-4 py-2">
      <Switch label={text.muted} checked={room.prefs.muted} onChange={(muted) => set({ muted })} />
      <Choice
        legend={text.color}
        value={COLORS.find((color) => color === room.prefs.color) ?? "ember"}
        options={COLORS.map((color) => ({
          value: color,
          label: text.colors[color],
          show: <span data-bubble={color} className="size-full rounded-full bg-bubble" />,
        }))}
        onChange={(color) => set({ color })}
      />
      <Choice
        legend={text.background}
        value={BACKGROUNDS.find((background) => background === room.prefs.background) ?? "plain"}
        options={BACKGROUNDS.map((background) => ({
          value: background,
          label: text.backgrounds[background],
          show: (
            <span
              data-background={background}
              className="chat-background size-full rounded-full border border-border"
            />
          ),
        }))}
        onChange={(background) => set({ background })}
      />
    </section>
  );
}
