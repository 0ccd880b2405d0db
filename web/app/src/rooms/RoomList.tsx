import type { Me, RoomId, RoomView } from "@zas/client";
import { useConnection, useRooms } from "@zas/client/react";
import { MessagesSquare, SquarePen, WifiOff } from "lucide-react";
import { type RefObject, useDeferredValue, useState } from "react";
import { Link, useLocation } from "wouter";
import { useText } from "../i18n/index.js";
import { rooms as texts } from "../i18n/rooms.js";
import { NEW_CHAT, SETTINGS } from "../shell/routes.js";
import { Avatar } from "../ui/Avatar.js";
import { Button, IconButton } from "../ui/Button.js";
import { Message } from "../ui/Message.js";
import { part } from "../ui/Part.js";
import { roveFocus } from "../ui/roving.js";
import { SearchField } from "../ui/SearchField.js";
import { SkeletonRows } from "../ui/Skeleton.js";
import { ConnectionBanner } from "./ConnectionBanner.js";
import { ConnectionMark } from "./ConnectionMark.js";
import { matchRooms } from "./match.js";
import { RoomRow } from "./RoomRow.js";

const FoundPeople = part(() => import("./FoundPeople.js"));

import { useToday } from "./useToday.js";

interface RoomListProps {
  me: Me;
  /** The room that is open beside the list. */
  open: RoomId | undefined;
  searchRef: RefObject<HTMLInputElement | null>;
}

/** The first screen: one's rooms, newest first, and the search over them and over people. */
export function RoomList({ me, open, searchRef }: RoomListProps) {
  const text = useText(texts);
  const [, go] = useLocation();
  const [query, setQuery] = useState("");
  const wanted = useDeferredValue(query.trim());
  return (
    <>
      <header className="safe-top shrink-0">
        <div className="flex items-center gap-1 px-4 pt-3 pb-1">
          <h1 className="flex-1 text-2xl font-bold tracking-tight">{text.title}</h1>
          <ConnectionMark />
          <IconButton
            label={text.newChat}
            className="max-md:absolute max-md:right-4 max-md:bottom-[calc(1.5rem+env(safe-area-inset-bottom))] max-md:z-1 max-md:size-14 max-md:rounded-3xl max-md:bg-primary max-md:text-primary-foreground max-md:shadow-float max-md:[--fill:var(--primary)]"
            onClick={() => go(NEW_CHAT)}
          >
            <SquarePen size={22} aria-hidden />
          </IconButton>
          <Link
            href={SETTINGS}
            aria-label={text.settings}
            title={text.settings}
            className="pressable -mr-1.5 inline-flex size-11 items-center justify-center rounded-full"
          >
            <Avatar user={me.user.id} size={32} />
          </Link>
        </div>
        <search className="block px-4 py-2">
          <SearchField
            ref={searchRef}
            label={text.search}
            placeholder={text.searchHint}
            value={query}
            onChange={setQuery}
            onLeave={() => document.querySelector<HTMLElement>("[data-rove]")?.focus()}
          />
        </search>
        <ConnectionBanner />
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto overscroll-contain pb-24 md:pb-4">
        {wanted === "" ? (
          <Everything open={open} />
        ) : (
          <Found
            query={wanted}
            open={open}
            onOpen={(room) => {
              setQuery("");
              go(room);
            }}
          />
        )}
      </div>
    </>
  );
}

function Everything({ open }: { open: RoomId | undefined }) {
  const text = useText(texts);
  const rooms = useRooms();
  const connection = useConnection();
  const [, go] = useLocation();
  if (!rooms) {
    return connection.state === "offline" ? (
      <Message icon={<WifiOff size={40} />} title={text.coldOffline} body={text.coldOfflineBody} />
    ) : (
      <SkeletonRows count={7} />
    );
  }
  if (rooms.length === 0) {
    return (
      <Message
        icon={<MessagesSquare size={48} strokeWidth={1.5} />}
        title={text.emptyTitle}
        body={text.emptyBody}
      >
        <Button onClick={() => go(NEW_CHAT)}>{text.emptyAction}</Button>
      </Message>
    );
  }
  return <Rooms rooms={rooms} open={open} />;
}

/** The list itself; its one tab stop is the open room, else the first. */
function Rooms({ rooms, open }: { rooms: readonly RoomView[]; open: RoomId | undefined }) {
  const text = useText(texts);
  const today = useToday();
  const stop = rooms.some((room) => room.id === open) ? open : rooms[0]?.id;
  return (
    <ul aria-label={text.title} onKeyDown={roveFocus}>
      {rooms.map((room) => (
        <RoomRow key={room.id} room={room} current={room.id === open} stop={room.id === stop} today={today} />
      ))}
    </ul>
  );
}

interface FoundProps {
  query: string;
  open: RoomId | undefined;
  /** A search ends when its room is opened. */
  onOpen(path: string): void;
}

/** What a search finds: rooms by title at once, then people from the server. */
function Found({ query, open, onOpen }: FoundProps) {
  const rooms = matchRooms(useRooms() ?? [], query);
  return (
    <>
      {rooms.length > 0 && <Rooms rooms={rooms} open={open} />}
      <FoundPeople query={query} rooms={rooms} onOpen={onOpen} />
    </>
  );
}
