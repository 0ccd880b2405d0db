import type { Me, RoomId } from "@zas/client";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { Conversation } from "../conversation/Conversation.js";
import { useText } from "../i18n/index.js";
import { shell } from "../i18n/shell.js";
import { RoomList } from "../rooms/RoomList.js";
import { Message } from "../ui/Message.js";
import { prefetch } from "../ui/Part.js";
import { Toasts } from "../ui/Toast.js";
import { Divider } from "./Divider.js";
import { listWidth, usePanes } from "./layout.js";
import { recall, remember } from "./memory.js";
import { backFrom, infoPath, LIST, type Place, placeOf, roomPath } from "./routes.js";
import { SlidePane } from "./SlidePane.js";
import { Keys, NewChat, NewGroup, RoomInfo, Settings } from "./screens.js";
import { useShortcuts } from "./shortcuts.js";

/** The signed-in page: the list, the conversation beside or over it, and what slides in. */
export function Shell({ me }: { me: Me }) {
  const text = useText(shell);
  const [path, go] = useLocation();
  const panes = usePanes();
  const place = placeOf(path);
  const search = useRef<HTMLInputElement>(null);
  const [keys, setKeys] = useState(false);
  const [width, setWidth] = useState(() => listWidth(recall("list-width")));
  const room = useRoomBeside(place, panes > 1);
  useEffect(prefetch, []);

  const back = () => {
    const to = backFrom(place);
    if (to === undefined) return;
    go(to);
    if (to === LIST && place.room !== undefined) focusRoom(place.room);
  };
  useShortcuts((asked) => {
    if (asked === "back") back();
    else if (asked === "keys") setKeys(true);
    else {
      if (panes === 1 || place.side) go(LIST);
      requestAnimationFrame(() => search.current?.focus());
    }
  });

  const conversation = room !== undefined && (
    <Conversation
      key={room}
      roomId={room}
      onBack={() => go(LIST)}
      onOpenInfo={() => go(place.info ? roomPath(room) : infoPath(room))}
    />
  );
  const list = (
    <nav
      aria-label={text.sidebar}
      inert={panes === 1 && place.room !== undefined}
      className="relative flex w-full shrink-0 flex-col overflow-hidden md:w-(--list-width)"
    >
      <div inert={place.side !== undefined} className="flex min-h-0 flex-1 flex-col">
        <RoomList me={me} open={room} searchRef={search} />
      </div>
      <SlidePane open={place.side !== undefined} onBack={back}>
        {sideScreen(place.side, back, () => setKeys(true))}
      </SlidePane>
    </nav>
  );
  const info = room !== undefined && <RoomInfo key={room} roomId={room} onClose={() => go(roomPath(room))} />;

  return (
    <div
      className="relative flex h-full overflow-hidden"
      style={{ "--list-width": `${width}px` } as React.CSSProperties}
    >
      {panes === 1 ? (
        <main className="contents">
          {list}
          <SlidePane open={place.room !== undefined} onBack={back}>
            <div className="flex min-h-0 flex-1 flex-col">{conversation}</div>
          </SlidePane>
        </main>
      ) : (
        <>
          {list}
          <main className="relative flex min-w-0 flex-1 flex-col">
            <Divider
              width={width}
              onChange={(next) => {
                setWidth(next);
                remember("list-width", String(next));
              }}
            />
            {conversation || (
              <Message
                icon={<img src="/icon.svg" alt="" width={72} height={72} />}
                title={text.pick}
                body={text.pickBody}
              />
            )}
          </main>
        </>
      )}
      {panes === 3 ? (
        place.info && (
          <aside aria-label={text.info} className="w-90 shrink-0 border-border border-l">
            {info}
          </aside>
        )
      ) : (
        <SlidePane open={place.info} onBack={back} className="z-20 md:left-auto md:w-90">
          <aside aria-label={text.info} className="flex min-h-0 flex-1 flex-col">
            {info}
          </aside>
        </SlidePane>
      )}
      {keys && <Keys onClose={() => setKeys(false)} />}
      <Toasts />
    </div>
  );
}

function sideScreen(side: Place["side"], back: () => void, onKeys: () => void): ReactNode {
  if (side === "new") return <NewChat onBack={back} />;
  if (side === "group") return <NewGroup onBack={back} />;
  return side === "settings" && <Settings onBack={back} onKeys={onKeys} />;
}

/** The room that is on screen: the address's, or, beside a screen over the list, the one before it. */
function useRoomBeside(place: Place, wide: boolean): RoomId | undefined {
  const [last, setLast] = useState(place.room);
  useEffect(() => {
    if (!place.side) setLast(place.room);
  }, [place.room, place.side]);
  return place.room ?? (wide && place.side ? last : undefined);
}

/** Puts the focus back on a room's row, once the list may take it. */
function focusRoom(room: RoomId): void {
  requestAnimationFrame(() =>
    document.querySelector<HTMLElement>(`[data-room="${CSS.escape(room)}"]`)?.focus(),
  );
}
