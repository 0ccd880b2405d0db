import type { User } from "@zas/client";
import type { ReactNode } from "react";
import { Avatar } from "../ui/Avatar.js";

interface PersonRowProps {
  person: User;
  /** Pressed, or Enter. */
  onPick(person: User): void;
  /** What stands at the end of the row, e.g. a tick. */
  end?: ReactNode;
  pressed?: boolean | undefined;
}

/** A person in a list of people to choose from. */
export function PersonRow({ person, onPick, end, pressed }: PersonRowProps) {
  return (
    <li>
      <button
        type="button"
        data-rove
        aria-pressed={pressed}
        className="pressable flex min-h-16 w-full items-center gap-3 rounded-2xl px-3 text-left"
        onClick={() => onPick(person)}
      >
        <Avatar user={person.id} found={person} size={44} dot />
        <span className="min-w-0 flex-1">
          <span dir="auto" className="block truncate text-left font-medium">
            {person.display_name}
          </span>
          <span className="block truncate text-meta text-muted-foreground">@{person.username}</span>
        </span>
        {end}
      </button>
    </li>
  );
}
