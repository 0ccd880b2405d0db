/** The screen of a phone with the page as it was. What it shares with the demo is handed to it. */
import { useEffect, useState } from "react";
import { useText } from "../../i18n/index.js";
import { oldPhone } from "../../i18n/oldPhone.js";
import { Disc } from "../../ui/Avatar.js";
import { OldPage } from "./OldPage.js";
import { OldClient, type OldNetwork, type Opened } from "./service.js";

const RETRY_MS = 2_000;

interface Props {
  /** Usernames of who looks at it and who they write to. */
  username: string;
  peer: string;
  network: OldNetwork;
  /** Answers with a new access token. */
  signIn(): Promise<string>;
  /** Hears how many requests a minute it makes; keep its identity. */
  onRequests(aMinute: number): void;
}

export default function OldPhone({ username, peer, network, signIn, onRequests }: Props) {
  const text = useText(oldPhone);
  const [client] = useState(() => new OldClient(username, signIn));
  const [opened, setOpened] = useState<Opened>();
  const [asked, setAsked] = useState(0);
  client.network = network;

  useEffect(() => {
    if (opened) return;
    const open = () => void client.open(peer).then(setOpened, () => {});
    open();
    const again = setInterval(open, RETRY_MS);
    return () => clearInterval(again);
  }, [client, peer, opened]);

  useEffect(() => {
    const count = () => {
      setAsked(client.asked);
      onRequests(client.rate(performance.now()));
    };
    const timer = setInterval(count, 500);
    return () => {
      clearInterval(timer);
      onRequests(0);
    };
  }, [client, onRequests]);

  const name = opened?.peer ?? "";
  return (
    <div data-bubble="stone" className="conversation chat-background">
      <header className="conversation-header">
        <div className="flex min-w-0 flex-1 items-center gap-3 px-2 py-1">
          <Disc id={peer} name={name} size={40} />
          <span className="grid min-w-0">
            <h1 className="truncate font-semibold text-base leading-tight">{name}</h1>
            <span className="truncate text-meta text-muted-foreground tabular-nums">{text.asked(asked)}</span>
          </span>
        </div>
      </header>
      {opened && <OldPage service={client} me={opened.me} />}
    </div>
  );
}
