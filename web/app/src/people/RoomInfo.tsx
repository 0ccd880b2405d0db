import { LIMITS, type RoomId, type RoomView } from "@zas/client";
import { useFileUrl, usePresence, useRooms, useUser, useZas } from "@zas/client/react";
import { DoorOpen, LogOut, Pencil } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { common } from "../i18n/common.js";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { people } from "../i18n/people.js";
import { PictureField } from "../picture/PictureField.js";
import { LIST } from "../shell/routes.js";
import { Disc, GroupAvatar } from "../ui/Avatar.js";
import { Button, IconButton } from "../ui/Button.js";
import { Confirm, Dialog } from "../ui/Dialog.js";
import { Message } from "../ui/Message.js";
import { PaneHeader } from "../ui/PaneHeader.js";
import { SkeletonRows } from "../ui/Skeleton.js";
import { TextArea } from "../ui/TextArea.js";
import { TextField } from "../ui/TextField.js";
import { Members } from "./Members.js";
import { RoomLook } from "./RoomLook.js";
import { mayManage } from "./rights.js";

interface RoomInfoProps {
  roomId: RoomId;
  onClose(): void;
}

/** A room's details: the person or the group, how it looks to oneself, its members. */
export default function RoomInfo({ roomId, onClose }: RoomInfoProps) {
  const text = useText(people);
  const rooms = useRooms();
  const room = rooms?.find(({ id }) => id === roomId);
  return (
    <div className="flex min-h-0 flex-1 flex-col md:h-full">
      <PaneHeader title={text.info} onClose={onClose} />
      <div className="safe-bottom min-h-0 flex-1 overflow-y-auto wrap-anywhere">
        {room ? (
          <>
            {room.other ? <Person user={room.other} /> : <Group room={room} />}
            <RoomLook room={room} />
            {room.kind === "group" && (
              <>
                <Members room={room} />
                <Leave room={room} />
              </>
            )}
          </>
        ) : rooms ? (
          <Message icon={<DoorOpen size={40} />} title={text.goneTitle} body={text.goneBody} />
        ) : (
          <SkeletonRows count={3} />
        )}
      </div>
    </div>
  );
}

function Person({ user }: { user: string }) {
  const names = useText(common);
  const person = useUser(user);
  const src = useFileUrl(person?.avatar);
  const { online } = usePresence(user);
  return (
    <div className="flex flex-col items-center gap-1 px-6 pt-2 pb-4 text-center">
      <Disc id={user} name={person?.display_name ?? ""} size={112} src={src} />
      <p className="mt-3 text-xl font-semibold">{person?.display_name ?? names.unknownPerson}</p>
      {person && <p className="text-muted-foreground">@{person.username}</p>}
      {online && <p className="text-meta text-accent-text">{names.online}</p>}
      {person?.bio && <p className="mt-2 whitespace-pre-line">{person.bio}</p>}
    </div>
  );
}

function Group({ room }: { room: RoomView }) {
  const text = useText(people);
  const [editing, setEditing] = useState(false);
  const managed = mayManage(room.myRole);
  return (
    <div className="flex flex-col items-center gap-3 px-6 pt-2 pb-4 text-center">
      {managed ? <Picture room={room} /> : <GroupAvatar room={room} size={112} />}
      {/* With the pane's own padding, room for the button beside the longest name. */}
      <div className="flex w-full items-center justify-center px-5">
        <p className="text-xl font-semibold">{room.title}</p>
        {managed && (
          <IconButton label={text.editGroup} className="-mr-11" onClick={() => setEditing(true)}>
            <Pencil size={18} />
          </IconButton>
        )}
      </div>
      {room.description !== "" && (
        <p dir="auto" className="whitespace-pre-line">
          {room.description}
        </p>
      )}
      {editing && <Edit room={room} onClose={() => setEditing(false)} />}
    </div>
  );
}

function Picture({ room }: { room: RoomView }) {
  const zas = useZas();
  const src = useFileUrl(room.avatar);
  return (
    <PictureField
      id={room.id}
      name={room.title}
      src={src}
      group
      use={async (image) => zas.setRoomProfile(room.id, { avatar: await zas.uploadRoomAvatar(image) })}
      remove={room.avatar === undefined ? undefined : () => zas.setRoomProfile(room.id, { avatar: null })}
    />
  );
}

/** Where a dialog's focus begins: it looks for the attribute, which React's `autoFocus` does not write. */
function begin(input: HTMLInputElement | null): void {
  input?.setAttribute("autofocus", "");
}

function Edit({ room, onClose }: { room: RoomView; onClose(): void }) {
  const text = useText(people);
  const words = useText(common);
  const sentence = useErrorText();
  const zas = useZas();
  const [name, setName] = useState(room.title);
  const [description, setDescription] = useState(room.description);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === "") return setProblem(text.needName);
    setBusy(true);
    try {
      if (name.trim() !== room.title) await zas.renameRoom(room.id, name.trim());
      if (description.trim() !== room.description)
        await zas.setRoomProfile(room.id, { description: description.trim() });
      onClose();
    } catch (error) {
      setProblem(sentence(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={text.editGroup} onClose={onClose}>
      <form noValidate onSubmit={save} className="grid gap-6 text-left">
        <TextField
          label={text.groupName}
          value={name}
          maxLength={LIMITS.NAME_CHARS}
          error={problem}
          ref={begin}
          onChange={(event) => setName(event.target.value)}
        />
        <TextArea
          label={text.description}
          value={description}
          maxLength={LIMITS.DESCRIPTION_CHARS}
          placeholder={text.descriptionHint}
          onChange={(event) => setDescription(event.target.value)}
        />
        <Button type="submit" busy={busy}>
          {words.save}
        </Button>
      </form>
    </Dialog>
  );
}

function Leave({ room }: { room: RoomView }) {
  const text = useText(people);
  const sentence = useErrorText();
  const zas = useZas();
  const [, go] = useLocation();
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState<string>();
  const leave = async () => {
    try {
      await zas.leaveRoom(room.id);
      go(LIST);
    } catch (error) {
      setProblem(sentence(error));
    }
  };
  return (
    <div className="px-2 pb-4">
      <Button look="danger" className="px-4" onClick={() => setAsking(true)}>
        <LogOut size={18} aria-hidden />
        {text.leave}
      </Button>
      {asking && (
        <Confirm title={text.leaveTitle} body={problem ?? text.leaveBody} onClose={() => setAsking(false)}>
          <Button look="danger" onClick={leave}>
            {text.leave}
          </Button>
          <Button look="quiet" onClick={() => setAsking(false)}>
            {text.stay}
          </Button>
        </Confirm>
      )}
    </div>
  );
}
