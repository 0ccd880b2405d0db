import { LIMITS, type User } from "@zas/client";
import { useZas } from "@zas/client/react";
import { X } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { people } from "../i18n/people.js";
import { roomPath } from "../shell/routes.js";
import { Disc } from "../ui/Avatar.js";
import { Button } from "../ui/Button.js";
import { PaneHeader } from "../ui/PaneHeader.js";
import { SearchField } from "../ui/SearchField.js";
import { TextField } from "../ui/TextField.js";
import { PeopleResults } from "./PeopleResults.js";

/** A group's name and its first members. */
export default function NewGroup({ onBack }: { onBack(): void }) {
  const text = useText(people);
  const sentence = useErrorText();
  const zas = useZas();
  const [, go] = useLocation();
  const [name, setName] = useState("");
  const [query, setQuery] = useState("");
  const [picked, setPicked] = useState<readonly User[]>([]);
  const [problem, setProblem] = useState<{ field: "name" | "members"; sentence: string }>();
  const [busy, setBusy] = useState(false);
  const ids = new Set(picked.map((person) => person.id));

  const toggle = (person: User) => {
    setPicked(ids.has(person.id) ? picked.filter(({ id }) => id !== person.id) : [...picked, person]);
    setQuery("");
    setProblem(undefined);
  };
  const create = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === "") return setProblem({ field: "name", sentence: text.needName });
    if (picked.length === 0) return setProblem({ field: "members", sentence: text.needMembers });
    setBusy(true);
    try {
      go(roomPath(await zas.createGroup(name.trim(), [...ids])));
    } catch (error) {
      setProblem({ field: "members", sentence: sentence(error) });
      setBusy(false);
    }
  };

  return (
    <form noValidate onSubmit={create} className="flex min-h-0 flex-1 flex-col">
      <PaneHeader title={text.newGroup} onBack={onBack} />
      <div className="grid gap-4 px-4 pb-2">
        <TextField
          label={text.groupName}
          value={name}
          maxLength={LIMITS.NAME_CHARS}
          autoFocus
          error={problem?.field === "name" ? problem.sentence : undefined}
          onChange={(event) => {
            setName(event.target.value);
            setProblem(undefined);
          }}
        />
        {picked.length > 0 && (
          <ul aria-label={text.picked} className="flex flex-wrap gap-2">
            {picked.map((person) => (
              <li key={person.id}>
                <button
                  type="button"
                  aria-label={text.unpick(person.display_name)}
                  onClick={() => toggle(person)}
                  className="pressable flex h-11 items-center gap-2 rounded-full bg-muted pr-3 pl-1.5 [--fill:var(--muted)]"
                >
                  <Disc id={person.id} name={person.display_name} size={32} />
                  {person.display_name}
                  <X size={16} aria-hidden className="text-muted-foreground" />
                </button>
              </li>
            ))}
          </ul>
        )}
        <SearchField label={text.who} placeholder={text.who} value={query} onChange={setQuery} />
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto pb-4">
        <PeopleResults query={query} onPick={toggle} picked={ids} />
      </div>
      <footer className="safe-bottom shrink-0">
        <div className="grid gap-2 p-4">
          {problem?.field === "members" && (
            <p role="alert" className="text-meta text-destructive">
              {problem.sentence}
            </p>
          )}
          <Button type="submit" busy={busy} className="min-h-12">
            {text.createGroup}
          </Button>
        </div>
      </footer>
    </form>
  );
}
