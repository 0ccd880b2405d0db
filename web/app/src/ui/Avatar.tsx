import type { RoomView, User, UserId } from "@zas/client";
import { useFileUrl, usePresence, useUser } from "@zas/client/react";
import { Users } from "lucide-react";
import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";
import { classes } from "./classes.js";

/** One of eight hues (`data-person` in tokens.css), the same for an id on every device. */
export function personHue(id: string): number {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  return hash % 8;
}

/** Up to two initials of a name: `Ana María López` → `AL`. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u);
  const first = [...(words[0] ?? "")][0] ?? "";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (first + last).toLocaleUpperCase();
}

interface DiscProps {
  /** Decides the colour. */
  id: string;
  name: string;
  /** In px. */
  size: number;
  src?: string | undefined;
  group?: boolean;
}

/** A round picture, or initials on the person's colour. Decorative: the name stands beside it. */
export function Disc({ id, name, size, src, group = false }: DiscProps) {
  return (
    <span
      aria-hidden
      data-person={personHue(id)}
      className={classes(
        "person-fill inline-flex shrink-0 select-none items-center justify-center overflow-hidden rounded-full font-semibold",
      )}
      style={{ width: size, height: size, fontSize: size * 0.38 }}
    >
      {src ? (
        <img src={src} alt="" className="size-full object-cover" draggable={false} />
      ) : group ? (
        <Users size={size * 0.46} />
      ) : (
        initials(name)
      )}
    </span>
  );
}

interface AvatarProps {
  user: UserId;
  /** What is known of them where the client itself may not know them yet, as of people found by a search. */
  found?: User;
  size?: number;
  /** Whether a dot says that they are there. */
  dot?: boolean;
}

/** A person's picture. */
export function Avatar({ user, found, size = 48, dot = false }: AvatarProps) {
  const person = useUser(user) ?? found;
  const src = useFileUrl(person?.avatar);
  return (
    <span className="relative inline-flex shrink-0">
      <Disc id={user} name={person?.display_name ?? ""} size={size} src={src} />
      {dot && <OnlineDot user={user} />}
    </span>
  );
}

/** A group's picture. */
export function GroupAvatar({ room, size }: { room: RoomView; size: number }) {
  const src = useFileUrl(room.avatar);
  return <Disc id={room.id} name={room.title} size={size} src={src} group />;
}

function OnlineDot({ user }: { user: UserId }) {
  const text = useText(common);
  const { online } = usePresence(user);
  if (!online) return null;
  return (
    <span
      role="img"
      aria-label={text.online}
      className="absolute right-0 bottom-0 size-3.5 rounded-full border-2 border-background bg-online"
    />
  );
}
