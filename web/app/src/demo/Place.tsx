import { Zap } from "lucide-react";
import { type ComponentType, type RefObject, useEffect, useState } from "react";
import { demo } from "../i18n/demo.js";
import { type Format, useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import { Choice } from "../ui/Choice.js";
import { NETWORKS, type Network } from "./clients.js";
import { type Measure, watch } from "./measure.js";
import type { PhoneProps } from "./Phone.js";

type Slot = RefObject<HTMLDivElement | null>;

interface PlaceProps extends Omit<PhoneProps, "network"> {
  /** What is in the slot. */
  Phone: ComponentType<PhoneProps>;
  slot: Slot;
  peerSlot: Slot;
  measure: Measure | undefined;
  /** Hears of the message sent here; keep its identity. */
  onMeasure(measure: Measure): void;
}

/** One phone with its measurements and its network below it. */
export function Place({ Phone, slot, peerSlot, measure, onMeasure, ...props }: PlaceProps) {
  const { person, peer } = props;
  const text = useText(demo);
  const format = useFormat();
  const [network, setNetwork] = useState<Network>("wifi");
  const choose = (next: Network) => {
    setNetwork(next);
    person.client.simulate(NETWORKS[next]);
  };
  useEffect(() => {
    if (slot.current && peerSlot.current) return watch(slot.current, peerSlot.current, onMeasure);
  }, [slot, peerSlot, onMeasure]);
  return (
    <section className="desk-place">
      <div ref={slot} className="phone-slot">
        <Phone {...props} network={network} />
      </div>
      <p className="desk-measured" role="status">
        {measure?.painted === undefined ? (
          text.idle
        ) : (
          <>
            <Zap size={15} aria-hidden className="fill-primary text-primary" />
            {text.painted(milliseconds(measure.painted, format))} ·{" "}
            {measure.seen === undefined
              ? text.onTheWay
              : text.seen(peer.name, milliseconds(measure.seen, format))}
          </>
        )}
      </p>
      <div className="desk-choice">
        <Choice
          legend={text.network(person.name)}
          value={network}
          options={(Object.keys(NETWORKS) as Network[]).map((value) => ({
            value,
            label: text.networks[value],
          }))}
          onChange={choose}
        />
      </div>
    </section>
  );
}

/** `19 ms`, or `4,2 s` from one second on. */
export const milliseconds = (ms: number, format: Format): string =>
  ms < 1_000
    ? `${format.number(Math.max(1, Math.round(ms)))} ms`
    : `${format.number(Math.round(ms / 100) / 10)} s`;
