import type { RoomView, UserId } from "@zas/client";
import { usePresence, useSession, useUser } from "@zas/client/react";
import { ArrowLeft } from "lucide-react";
import { memo } from "react";
import { common } from "../i18n/common.js";
import { conversation } from "../i18n/conversation.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import { Avatar, GroupAvatar } from "../ui/Avatar.js";
import { IconButton } from "../ui/Button.js";

interface Props {
  room: RoomView;
  onBack?: (() => void) | undefined;
  onOpenInfo?: (() => void) | undefined;
}

/** Who one talks to and how they are; it opens the room's panel. */
export const Header = memo(function Header({ room, onBack, onOpenInfo }: Props) {
  const words = useText(common);
  const text = useText(conversation);
  const face = (
    <>
      {room.other === undefined ? (
        <GroupAvatar room={room} size={40} />
      ) : (
        <Avatar user={room.other} size={40} dot />
      )}
      <span className="grid min-w-0 text-left">
        <h1 dir="auto" className="truncate text-left font-semibold text-base leading-tight">
          {room.title}
        </h1>
        <span className="truncate text-meta text-muted-foreground">
          <Status room={room} />
        </span>
      </span>
    </>
  );
  const place = "flex min-w-0 flex-1 items-center gap-3 rounded-2xl px-2 py-1";
  return (
    <header className="conversation-header">
      {onBack && (
        <IconButton label={words.back} onClick={onBack} className="-mr-1">
          <ArrowLeft size={22} />
        </IconButton>
      )}
      {onOpenInfo ? (
        <button
          type="button"
          title={text.openInfo(room.title)}
          onClick={onOpenInfo}
          className={`pressable ${place}`}
        >
          {face}
        </button>
      ) : (
        <div className={place}>{face}</div>
      )}
    </header>
  );
}, sameFace);

/** What a room's own messages change is not shown here. */
function sameFace(a: Props, b: Props): boolean {
  const [was, is] = [a.room, b.room];
  return (
    a.onBack === b.onBack &&
    a.onOpenInfo === b.onOpenInfo &&
    was.id === is.id &&
    was.kind === is.kind &&
    was.title === is.title &&
    was.avatar === is.avatar &&
    was.other === is.other &&
    was.members === is.members &&
    was.memberCount === is.memberCount &&
    was.typing.join() === is.typing.join()
  );
}

function Status({ room }: { room: RoomView }) {
  const [typist] = room.typing;
  if (typist !== undefined) return <Typing room={room} typist={typist} />;
  return room.other === undefined ? <Members room={room} /> : <Presence user={room.other} />;
}

function Typing({ room, typist }: { room: RoomView; typist: UserId }) {
  const words = useText(common);
  const name = useUser(typist)?.display_name ?? words.unknownPerson;
  const several = room.typing.length;
  return (
    <span className="text-accent-text">
      {room.kind === "private"
        ? words.typing
        : several > 1
          ? words.manyTyping(several)
          : words.someoneTyping(name)}
      <span aria-hidden className="typing-dots">
        <i />
        <i />
        <i />
      </span>
    </span>
  );
}

function Presence({ user }: { user: UserId }) {
  const words = useText(common);
  const text = useText(conversation);
  const format = useFormat();
  const { online, lastSeen } = usePresence(user);
  if (online) return words.online;
  return lastSeen > 0 ? text.lastSeen(format.day(lastSeen, Date.now()), format.time(lastSeen)) : null;
}

/** Groups this small are named, larger ones counted. */
const NAMED_MEMBERS = 6;

function Members({ room }: { room: RoomView }) {
  const words = useText(common);
  const session = useSession();
  const me = session.state === "signed_in" ? session.me.user.id : undefined;
  if (room.memberCount > NAMED_MEMBERS) return words.members(room.memberCount);
  return room.members.map(({ user }, index) => (
    <span key={user}>
      {index > 0 && ", "}
      {user === me ? words.you : <Name user={user} />}
    </span>
  ));
}

function Name({ user }: { user: UserId }) {
  const words = useText(common);
  return useUser(user)?.display_name ?? words.unknownPerson;
}
