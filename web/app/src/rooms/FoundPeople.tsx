import type { RoomView, User } from "@zas/client";
import { SearchX } from "lucide-react";
import { useErrorText } from "../i18n/errors.js";
import { found } from "../i18n/found.js";
import { useText } from "../i18n/index.js";
import { PersonRow } from "../people/PersonRow.js";
import { useOpenPrivate } from "../people/useOpenPrivate.js";
import { type Search, useSearch } from "../people/useSearch.js";
import { Message } from "../ui/Message.js";
import { roveFocus } from "../ui/roving.js";
import { SkeletonRows } from "../ui/Skeleton.js";

interface Props {
  query: string;
  /** The rooms that are shown for it. */
  rooms: readonly RoomView[];
  onOpen(path: string): void;
}

/** The people that a search finds; says so where it finds nothing at all. */
export default function FoundPeople({ query, rooms, onOpen }: Props) {
  const text = useText(found);
  const search = useSearch(query);
  const openPrivate = useOpenPrivate(onOpen);
  const people = strangers(search, rooms);
  if (rooms.length === 0 && people.length === 0 && search.state === "ready") {
    return <Message icon={<SearchX size={40} />} title={text.nothing} body={text.nothingBody} />;
  }
  return (
    <>
      {people.length > 0 && (
        <section className="px-2 pt-3">
          <h2 className="px-3 pb-1 text-meta font-semibold text-muted-foreground">{text.people}</h2>
          <ul aria-label={text.people} onKeyDown={roveFocus}>
            {people.map((person) => (
              <PersonRow key={person.id} person={person} onPick={(picked) => openPrivate(picked.id)} />
            ))}
          </ul>
        </section>
      )}
      {search.state === "failed" && <Failed error={search.error} />}
      {search.state === "loading" && rooms.length + people.length === 0 && <SkeletonRows count={3} />}
    </>
  );
}

/** The people found that have no room among those shown. */
function strangers(search: Search, rooms: readonly RoomView[]): readonly User[] {
  if (!("found" in search)) return [];
  const shown = new Set(rooms.map((room) => room.other));
  return search.found.filter((person) => !shown.has(person.id));
}

function Failed({ error }: { error: unknown }) {
  const sentence = useErrorText();
  return (
    <p role="alert" className="px-6 py-4 text-muted-foreground">
      {sentence(error)}
    </p>
  );
}
