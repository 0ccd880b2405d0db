import type { RoomView, User } from "@zas/client";
import { useZas } from "@zas/client/react";
import { useState } from "react";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { people } from "../i18n/people.js";
import { Dialog } from "../ui/Dialog.js";
import { SearchField } from "../ui/SearchField.js";
import { PeopleResults } from "./PeopleResults.js";

/** Brings people into a group, one press each. */
export function AddPeople({ room, onClose }: { room: RoomView; onClose(): void }) {
  const text = useText(people);
  const sentence = useErrorText();
  const zas = useZas();
  const [query, setQuery] = useState("");
  const [result, setResult] = useState("");
  const add = async (person: User) => {
    try {
      await zas.addMember(room.id, person.id);
      setResult(text.added(person.display_name));
      setQuery("");
    } catch (error) {
      setResult(sentence(error));
    }
  };
  return (
    <Dialog title={text.addPeople} onClose={onClose}>
      <SearchField label={text.who} placeholder={text.who} value={query} onChange={setQuery} autoFocus />
      <p role="status" className="min-h-6 py-2 text-meta text-muted-foreground">
        {result}
      </p>
      <div className="-mx-4 h-72 overflow-y-auto">
        <PeopleResults query={query} onPick={add} without={new Set(room.members.map(({ user }) => user))} />
      </div>
    </Dialog>
  );
}
