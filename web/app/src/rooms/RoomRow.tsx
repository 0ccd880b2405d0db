import type { RoomView } from "@zas/client";
import { useUser } from "@zas/client/react";
import { Ban, BellOff } from "lucide-react";
import { memo } from "react";
import { Link } from "wouter";
import { common } from "../i18n/common.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import { inOneLine, media } from "../i18n/media.js";
import { rooms } from "../i18n/rooms.js";
import { roomPath } from "../shell/routes.js";
import { Avatar, GroupAvatar } from "../ui/Avatar.js";
import { classes } from "../ui/classes.js";
import { Ticks } from "../ui/Ticks.js";

interface RoomRowProps {
  room: RoomView;
  current: boolean;
  /** Whether Tab stops here; the list has one such row. */
  stop: boolean;
  /** Midnight of today, so that "yesterday" is drawn anew each day and not each minute. */
  today: number;
}

/** A room in the list. Draws again only when its own view changed. */
export const RoomRow = memo(function RoomRow({ room, current, stop, today }: RoomRowProps) {
  const text = useText(rooms);
  const format = useFormat();
  const at = room.last?.at ?? room.at;
  return (
    <li className="px-2 [contain-intrinsic-size:auto_72px] [content-visibility:auto]">
      <Link
        href={roomPath(room.id)}
        data-rove
        data-room={room.id}
        tabIndex={stop ? 0 : -1}
        aria-current={current ? "page" : undefined}
        className="pressable flex h-18 items-center gap-3 rounded-2xl px-2 -outline-offset-2 aria-[current=page]:bg-muted"
      >
        {room.other ? <Avatar user={room.other} size={50} dot /> : <GroupAvatar room={room} size={50} />}
        <span className="min-w-0 flex-1">
          <span className="flex items-baseline gap-2">
            <span dir="auto" className="min-w-0 flex-1 truncate text-left font-semibold">
              {room.title}
            </span>
            <time
              className={classes(
                "text-xs tabular-nums",
                room.unread > 0 ? "font-semibold text-accent-text" : "text-muted-foreground",
              )}
            >
              {format.brief(at, Math.max(today, at))}
            </time>
          </span>
          <span className="mt-0.5 flex h-5 items-center gap-1.5 text-muted-foreground">
            <Preview room={room} />
            {room.prefs.muted && (
              <BellOff size={14} role="img" aria-label={text.muted} className="shrink-0" />
            )}
            {room.unread > 0 && <Badge count={room.unread} quiet={room.prefs.muted} />}
          </span>
        </span>
      </Link>
    </li>
  );
});

function Badge({ count, quiet }: { count: number; quiet: boolean }) {
  const text = useText(rooms);
  return (
    <span
      className={classes(
        "inline-flex h-5 min-w-5 shrink-0 items-center justify-center rounded-full px-1.5 text-xs font-bold tabular-nums",
        quiet ? "bg-muted-foreground text-background" : "bg-primary text-primary-foreground",
      )}
    >
      <span aria-hidden>{count > 99 ? "99+" : count}</span>
      <span className="sr-only">{text.unread(count)}</span>
    </span>
  );
}

/** The second line: who types, else the last message. */
function Preview({ room }: { room: RoomView }) {
  const text = useText(rooms);
  const kinds = useText(media);
  const { typing, last, kind } = room;
  if (typing.length > 0) return <Typing room={room} />;
  if (!last) return <span className="min-w-0 flex-1 truncate">{text.noMessages}</span>;
  return (
    <>
      {last.own && !last.deleted && <Ticks delivery={last.delivery} />}
      <span
        dir="auto"
        className={classes("min-w-0 flex-1 truncate text-left", room.unread > 0 && "text-foreground")}
      >
        {kind === "group" && !last.own && (
          <>
            <bdi>
              <FirstName user={last.sender} />
            </bdi>
            :{" "}
          </>
        )}
        {last.deleted ? (
          <em>
            <Ban size={14} aria-hidden className="mr-1 inline align-[-2px]" />
            {kinds.deleted}
          </em>
        ) : (
          inOneLine(last, kinds)
        )}
      </span>
    </>
  );
}

function Typing({ room }: { room: RoomView }) {
  const text = useText(common);
  const person = useUser(room.typing[0] ?? "");
  const who = person?.display_name ?? text.unknownPerson;
  return (
    <span className="min-w-0 flex-1 truncate text-accent-text">
      {room.kind === "private"
        ? text.typing
        : room.typing.length > 1
          ? text.manyTyping(room.typing.length)
          : text.someoneTyping(who)}
    </span>
  );
}

function FirstName({ user }: { user: string }) {
  const text = useText(common);
  const person = useUser(user);
  return person?.display_name.split(" ")[0] ?? text.unknownPerson;
}
