import type { User, UserId } from "@zas/client";
import { useRooms, useZas } from "@zas/client/react";
import { Check, SearchX, UserRoundSearch } from "lucide-react";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { people } from "../i18n/people.js";
import { Message } from "../ui/Message.js";
import { roveFocus } from "../ui/roving.js";
import { SkeletonRows } from "../ui/Skeleton.js";
import { PersonRow } from "./PersonRow.js";
import { useSearch } from "./useSearch.js";

interface PeopleResultsProps {
  query: string;
  onPick(person: User): void;
  /** Where several may be chosen: who is. */
  picked?: ReadonlySet<UserId>;
  /** Who is not offered. */
  without?: ReadonlySet<UserId>;
}

/** People to choose from: those one talks to already, and with a query those the server finds. */
export function PeopleResults({ query, onPick, picked, without }: PeopleResultsProps) {
  const text = useText(people);
  const sentence = useErrorText();
  const search = useSearch(query);
  const known = useKnownPeople();
  if (search.state === "failed")
    return <Message icon={<SearchX size={40} />} title={sentence(search.error)} />;

  const shown = (search.state === "idle" ? known : search.found).filter((person) => !without?.has(person.id));
  if (shown.length === 0) {
    if (search.state === "loading") return <SkeletonRows count={3} />;
    return search.state === "idle" ? (
      <Message icon={<UserRoundSearch size={40} />} title={text.idleTitle} body={text.idleBody} />
    ) : (
      <Message icon={<SearchX size={40} />} title={text.noneTitle} body={text.noneBody} />
    );
  }
  const title = search.state === "idle" ? text.known : text.found;
  return (
    <section className="px-2">
      <h2 className="px-3 pt-2 pb-1 text-meta font-semibold text-muted-foreground">{title}</h2>
      <ul aria-label={title} onKeyDown={roveFocus}>
        {shown.map((person) => (
          <PersonRow
            key={person.id}
            person={person}
            onPick={onPick}
            pressed={picked?.has(person.id)}
            end={picked?.has(person.id) && <Check size={20} aria-hidden className="text-accent-text" />}
          />
        ))}
      </ul>
    </section>
  );
}

/** The others of one's private rooms, whom one wrote last first. */
function useKnownPeople(): readonly User[] {
  const zas = useZas();
  const rooms = useRooms() ?? [];
  return rooms.flatMap((room) => {
    const person = room.other && zas.user(room.other).get();
    return person ? [person] : [];
  });
}
