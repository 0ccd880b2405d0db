import type { MemberView, RoomView, UserId } from "@zas/client";
import { useSession, useUser, useZas } from "@zas/client/react";
import { EllipsisVertical, MessageCircle, ShieldCheck, ShieldOff, UserMinus, UserPlus } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { common } from "../i18n/common.js";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { people } from "../i18n/people.js";
import { Avatar } from "../ui/Avatar.js";
import { Button, IconButton } from "../ui/Button.js";
import { Confirm } from "../ui/Dialog.js";
import { Menu, type MenuItem } from "../ui/Menu.js";
import { SkeletonRows } from "../ui/Skeleton.js";
import { toast } from "../ui/Toast.js";
import { AddPeople } from "./AddPeople.js";
import { type MemberAction, mayManage, memberActions } from "./rights.js";
import { useOpenPrivate } from "./useOpenPrivate.js";

/** A group's members, and what one may do with each. */
export function Members({ room }: { room: RoomView }) {
  const text = useText(people);
  const counts = useText(common);
  const [adding, setAdding] = useState(false);
  return (
    <section className="py-2">
      <h3 className="px-4 pb-1 text-meta font-semibold text-muted-foreground">
        {counts.members(room.memberCount)}
      </h3>
      {mayManage(room.myRole) && (
        <button
          type="button"
          onClick={() => setAdding(true)}
          className="pressable flex min-h-14 w-full items-center gap-3 px-4 font-medium text-accent-text"
        >
          <span className="inline-flex size-10 items-center justify-center rounded-full bg-primary text-primary-foreground">
            <UserPlus size={18} aria-hidden />
          </span>
          {text.addPeople}
        </button>
      )}
      <ul aria-label={text.members}>
        {room.members.map((member) => (
          <Member key={member.user} room={room} member={member} />
        ))}
      </ul>
      {room.members.length < room.memberCount && <SkeletonRows count={3} />}
      {adding && <AddPeople room={room} onClose={() => setAdding(false)} />}
    </section>
  );
}

function Member({ room, member }: { room: RoomView; member: MemberView }) {
  const text = useText(people);
  const names = useText(common);
  const person = useUser(member.user);
  const session = useSession();
  const [, go] = useLocation();
  const openPrivate = useOpenPrivate(go);
  const [asking, setAsking] = useState<"passOwner" | "remove">();
  const act = useAct(room, member.user);
  const self = session.state === "signed_in" && session.me.user.id === member.user;
  const name = self ? names.you : (person?.display_name ?? names.unknownPerson);

  const LOOKS: Record<MemberAction, Omit<MenuItem, "label">> = {
    makeAdmin: { icon: <ShieldCheck size={18} />, onPick: () => act("makeAdmin") },
    makeMember: { icon: <ShieldOff size={18} />, onPick: () => act("makeMember") },
    passOwner: { icon: <ShieldCheck size={18} />, onPick: () => setAsking("passOwner") },
    remove: { icon: <UserMinus size={18} />, danger: true, onPick: () => setAsking("remove") },
  };
  const items: MenuItem[] = [
    { label: text.write, icon: <MessageCircle size={18} />, onPick: () => openPrivate(member.user) },
    ...memberActions(room.myRole, member.role).map((action) => ({ label: text[action], ...LOOKS[action] })),
  ];
  return (
    <li className="flex min-h-14 items-center gap-3 py-1 pr-2 pl-4">
      <Avatar user={member.user} size={40} dot={!self} />
      <span className="min-w-0 flex-1">
        <span dir="auto" className="block truncate text-left font-medium">
          {name}
        </span>
        {person && <span className="block truncate text-meta text-muted-foreground">@{person.username}</span>}
      </span>
      {member.role !== "member" && (
        <span className="text-meta font-medium text-accent-text">{text.roles[member.role]}</span>
      )}
      {self ? (
        <span className="w-11" />
      ) : (
        <Menu items={items}>
          <IconButton label={text.actionsFor(name)}>
            <EllipsisVertical size={20} />
          </IconButton>
        </Menu>
      )}
      {asking && (
        <Confirm
          title={asking === "remove" ? text.removeTitle(name) : text.passTitle(name)}
          body={asking === "remove" ? text.removeBody : text.passBody}
          onClose={() => setAsking(undefined)}
        >
          <Button
            look={asking === "remove" ? "danger" : "primary"}
            onClick={() => {
              act(asking);
              setAsking(undefined);
            }}
          >
            {text[asking]}
          </Button>
          <Button look="quiet" onClick={() => setAsking(undefined)}>
            {names.cancel}
          </Button>
        </Confirm>
      )}
    </li>
  );
}

/** Does something to a member, and says why where it did not work. */
function useAct(room: RoomView, user: UserId): (action: MemberAction) => Promise<void> {
  const zas = useZas();
  const sentence = useErrorText();
  return async (action) => {
    try {
      if (action === "remove") await zas.removeMember(room.id, user);
      else {
        await zas.setRole(
          room.id,
          user,
          ({ makeAdmin: "admin", makeMember: "member", passOwner: "owner" } as const)[action],
        );
      }
    } catch (error) {
      toast(sentence(error));
    }
  };
}
