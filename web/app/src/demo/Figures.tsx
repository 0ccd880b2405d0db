/** What was measured, large enough for a glance. */
import { useSyncExternalStore } from "react";
import { before } from "../i18n/before.js";
import { demo } from "../i18n/demo.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import type { Person } from "./clients.js";
import type { Measure } from "./measure.js";
import { milliseconds } from "./Place.js";

function useRequests({ client: { traffic } }: Person): number {
  return useSyncExternalStore(traffic.subscribe, traffic.get).requestsPerMinute;
}

export function Requests({ pair: [left, right] }: { pair: readonly [Person, Person] }) {
  const text = useText(demo);
  const format = useFormat();
  const requests = useRequests(left) + useRequests(right);
  return (
    <p className="desk-requests">
      <strong>{format.number(requests)}</strong>
      <span>
        {text.requests}
        <small>{text.instead}</small>
      </span>
    </p>
  );
}

interface ComparisonProps {
  /** Requests a minute of the page as it was. */
  oldRequests: number;
  /** Whose phone is as it is now. */
  person: Person;
  /** The last message sent on the page as it was, and on the one as it is. */
  fromOld: Measure | undefined;
  fromNow: Measure | undefined;
}

/** Each page by what it asks, how soon it shows its own message, and how soon the other's. */
export function Comparison({ oldRequests, person, fromOld, fromNow }: ComparisonProps) {
  const text = useText(before);
  const format = useFormat();
  const ms = (value: number | undefined) => (value === undefined ? "–" : milliseconds(value, format));
  const rows = [
    [text.requests, format.number(oldRequests), format.number(useRequests(person))],
    [text.bubble, ms(fromOld?.painted), ms(fromNow?.painted)],
    [text.seen, ms(fromNow?.seen), ms(fromOld?.seen)],
  ] as const;
  return (
    <table className="desk-comparison">
      <thead>
        <tr>
          <td />
          <th scope="col">{text.before}</th>
          <th scope="col">{text.now}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, was, is]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{was}</td>
            <td>{is}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
