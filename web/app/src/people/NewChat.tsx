import { Users } from "lucide-react";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { useText } from "../i18n/index.js";
import { people } from "../i18n/people.js";
import { NEW_GROUP } from "../shell/routes.js";
import { PaneHeader } from "../ui/PaneHeader.js";
import { SearchField } from "../ui/SearchField.js";
import { PeopleResults } from "./PeopleResults.js";
import { useOpenPrivate } from "./useOpenPrivate.js";

/** Whom to write to: a person, or several as a group. */
export default function NewChat({ onBack }: { onBack(): void }) {
  const text = useText(people);
  const [, go] = useLocation();
  const [query, setQuery] = useState("");
  const openPrivate = useOpenPrivate(go);
  return (
    <>
      <PaneHeader title={text.newChat} onBack={onBack} />
      <div className="px-4 pb-2">
        <SearchField label={text.who} placeholder={text.who} value={query} onChange={setQuery} autoFocus />
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto pb-4">
        {query.trim() === "" && (
          <div className="px-2 py-1">
            <Link
              href={NEW_GROUP}
              className="pressable flex min-h-16 items-center gap-3 rounded-2xl px-3 font-medium text-accent-text"
            >
              <span className="inline-flex size-11 items-center justify-center rounded-full bg-primary text-primary-foreground">
                <Users size={20} aria-hidden />
              </span>
              {text.newGroup}
            </Link>
          </div>
        )}
        <PeopleResults query={query} onPick={(person) => openPrivate(person.id)} />
      </div>
    </>
  );
}
