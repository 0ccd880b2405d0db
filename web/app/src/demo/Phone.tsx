import type { Me } from "@zas/client";
import { useConnection, useRooms, useSession, useZas, ZasProvider } from "@zas/client/react";
import { BatteryMedium, Signal, Wifi, WifiOff } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Router, useLocation } from "wouter";
import { memoryLocation } from "wouter/memory-location";
import { Attention } from "../conversation/attention.js";
import { Conversation } from "../conversation/Conversation.js";
import { before } from "../i18n/before.js";
import { connection as connectionTexts } from "../i18n/connection.js";
import { demo } from "../i18n/demo.js";
import { useText } from "../i18n/index.js";
import { stateName } from "../rooms/ConnectionMark.js";
import { RoomList } from "../rooms/RoomList.js";
import { backFrom, infoPath, LIST, placeOf, roomPath } from "../shell/routes.js";
import { Keys, NewChat, NewGroup, RoomInfo, Settings } from "../shell/screens.js";
import { SoundProvider } from "../sound/SoundProvider.js";
import { Button } from "../ui/Button.js";
import { Message } from "../ui/Message.js";
import type { Network, Person } from "./clients.js";

/** Which page a phone shows, where both are beside each other. */
export type Era = "now" | "before";

export interface PhoneProps {
  person: Person;
  /** The other phone's person: their room is the one that opens. */
  peer: Person;
  network: Network;
  era: Era | undefined;
  autoFocus: boolean;
}

/** A phone with one person's Zas in it. */
export function Phone({ person, peer, network, era, autoFocus }: PhoneProps) {
  const [location] = useState(() => memoryLocation({ path: LIST }));
  return (
    <ZasProvider client={person.client}>
      <SoundProvider>
        <LiveBezel name={person.name} era={era} network={network}>
          {/* Both phones are before the same eyes. */}
          <Attention value={true}>
            <Router hook={location.hook}>
              <Screen peer={peer} autoFocus={autoFocus} />
            </Router>
          </Attention>
        </LiveBezel>
      </SoundProvider>
    </ZasProvider>
  );
}

interface BezelProps {
  name: string;
  era: Era | undefined;
  /** How its feed is, in a word or two. */
  state: string;
  network: Network;
  children: ReactNode;
}

function LiveBezel(props: Omit<BezelProps, "state">) {
  const text = useText(connectionTexts);
  return <Bezel {...props} state={stateName(useConnection(), text)} />;
}

const NETWORK_ICONS = { wifi: Wifi, mobile: Signal, blocked: Wifi, none: WifiOff };

/** The phone itself: what is around a screen, and the line above it. */
export function Bezel({ name, era, state, network, children }: BezelProps) {
  const text = useText(demo);
  const eras = useText(before);
  const Icon = NETWORK_ICONS[network];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a phone with screens in it is no set of form fields.
    <div role="group" aria-label={text.phone(name)} className="phone">
      <div className="phone-screen">
        <div className="phone-status">
          <span className="flex items-center gap-2 font-semibold">
            {name}
            {era && (
              <span className="phone-era" data-era={era}>
                {eras[era]}
              </span>
            )}
          </span>
          <span className="flex items-center gap-1.5">
            {state}
            <Icon size={15} aria-hidden />
            <BatteryMedium size={18} aria-hidden />
          </span>
        </div>
        {children}
      </div>
    </div>
  );
}

function Screen({ peer, autoFocus }: { peer: Person; autoFocus: boolean }) {
  const text = useText(demo);
  const session = useSession();
  if (session.state === "signed_in") return <Place me={session.me} peer={peer} autoFocus={autoFocus} />;
  return (
    <div className="min-h-0 flex-1">
      {session.state === "signed_out" && (
        <Message title={text.signedOut} body={text.signedOutBody}>
          <Button onClick={() => location.reload()}>{text.again}</Button>
        </Message>
      )}
    </div>
  );
}

function Place({ me, peer, autoFocus }: { me: Me; peer: Person; autoFocus: boolean }) {
  const zas = useZas();
  const rooms = useRooms();
  const [path, go] = useLocation();
  const place = placeOf(path);
  const back = () => go(backFrom(place) ?? LIST);
  const opened = useRef(false);
  const search = useRef<HTMLInputElement>(null);
  const shared = rooms?.find(
    ({ other }) => other !== undefined && zas.user(other).get()?.username === peer.username,
  );
  useEffect(() => {
    if (!shared || opened.current) return;
    opened.current = true;
    go(roomPath(shared.id));
  }, [shared, go]);
  const [keys, setKeys] = useState(false);
  const { side, room, info } = place;
  return (
    <div
      data-theme={me.prefs.theme}
      className="relative flex min-h-0 flex-1 flex-col bg-background text-foreground"
    >
      {side === "new" ? (
        <NewChat onBack={back} />
      ) : side === "group" ? (
        <NewGroup onBack={back} />
      ) : side === "settings" ? (
        <Settings onBack={back} onKeys={() => setKeys(true)} />
      ) : room === undefined ? (
        <RoomList me={me} open={undefined} searchRef={search} />
      ) : info ? (
        <RoomInfo roomId={room} onClose={back} />
      ) : (
        <Conversation
          roomId={room}
          onBack={back}
          onOpenInfo={() => go(infoPath(room))}
          autoFocus={autoFocus}
        />
      )}
      {keys && <Keys onClose={() => setKeys(false)} />}
    </div>
  );
}
