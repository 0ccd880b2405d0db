import type { Reaction, ReactionCount } from "@zas/client";
import { extras } from "../i18n/extras.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import { EMOJI } from "./reactions.js";

interface Props {
  counts: readonly ReactionCount[];
  mine: Reaction | undefined;
}

/** What people think of a message, at the foot of its bubble. */
export function Reactions({ counts, mine }: Props) {
  const extra = useText(extras);
  const format = useFormat();
  return (
    <ul aria-label={extra.reactions} className="reactions">
      {counts.map(({ reaction, count }) => (
        <li key={reaction} data-mine={reaction === mine || undefined}>
          <span aria-hidden>
            {EMOJI[reaction]}
            {count > 1 && <span className="ml-1 tabular-nums">{format.number(count)}</span>}
          </span>
          <span className="sr-only">
            {extra.reaction(EMOJI[reaction], format.number(count), reaction === mine)}
          </span>
        </li>
      ))}
    </ul>
  );
}
