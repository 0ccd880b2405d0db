/** Two phones on a desk, each a live client: what Zas does, measured while one looks. */
import { ArrowRight, PlugZap, Smartphone, Zap } from "lucide-react";
import { type RefObject, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { demo } from "../i18n/demo.js";
import { type Format, useFormat } from "../i18n/format.js";
import { LanguageContext, languageHere, useText } from "../i18n/index.js";
import { LIST } from "../shell/routes.js";
import { Choice } from "../ui/Choice.js";
import { Message } from "../ui/Message.js";
import { available, NETWORKS, type Network, type Person, people } from "./clients.js";
import { type Measure, watch } from "./measure.js";
import { Phone } from "./Phone.js";
import "./demo.css";

export default function Demo() {
  const [here, setHere] = useState<boolean>();
  useEffect(() => void available().then(setHere), []);
  return (
    <LanguageContext value={languageHere(undefined)}>
      {here === true ? <Desk pair={people()} /> : here === false ? <Unavailable /> : null}
    </LanguageContext>
  );
}

function Unavailable() {
  const text = useText(demo);
  return (
    <main className="desk">
      <Message
        icon={<PlugZap size={40} strokeWidth={1.5} />}
        title={text.unavailableTitle}
        body={text.unavailable}
      >
        <OpenZas />
      </Message>
    </main>
  );
}

function Desk({ pair: [left, right] }: { pair: readonly [Person, Person] }) {
  const text = useText(demo);
  const leftPhone = useRef<HTMLDivElement>(null);
  const rightPhone = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  useFit(stage);
  return (
    <main className="desk">
      <header className="desk-words">
        <p className="desk-brand">
          <img src="/icon.svg" alt="" width={36} height={36} />
          Zas
        </p>
        <h1>{text.headline}</h1>
        <p className="desk-lead">{text.lead}</p>
        <Requests pair={[left, right]} />
        <p>
          <OpenZas />
        </p>
        <section className="desk-how">
          <h2>
            <Smartphone size={16} aria-hidden /> {text.how}
          </h2>
          <p>
            {text.howBody} <code>make run LAN=1</code>
          </p>
        </section>
      </header>
      <div ref={stage} className="desk-phones">
        <Place person={left} peer={right} phone={leftPhone} peerPhone={rightPhone} autoFocus />
        <Place person={right} peer={left} phone={rightPhone} peerPhone={leftPhone} autoFocus={false} />
      </div>
    </main>
  );
}

interface PlaceProps {
  person: Person;
  peer: Person;
  phone: RefObject<HTMLDivElement | null>;
  peerPhone: RefObject<HTMLDivElement | null>;
  autoFocus: boolean;
}

/** One phone with its measurements and its network below it. */
function Place({ person, peer, phone, peerPhone, autoFocus }: PlaceProps) {
  const text = useText(demo);
  const [network, setNetwork] = useState<Network>("wifi");
  const choose = (next: Network) => {
    setNetwork(next);
    person.client.simulate(NETWORKS[next]);
  };
  return (
    <section className="desk-place">
      <div className="phone-slot">
        <Phone ref={phone} person={person} peer={peer} network={network} autoFocus={autoFocus} />
      </div>
      <Measured phone={phone} peerPhone={peerPhone} peer={peer} />
      <div className="desk-network">
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

function Measured({ phone, peerPhone, peer }: Pick<PlaceProps, "phone" | "peerPhone" | "peer">) {
  const text = useText(demo);
  const format = useFormat();
  const [measure, setMeasure] = useState<Measure>();
  useEffect(() => {
    if (phone.current && peerPhone.current) return watch(phone.current, peerPhone.current, setMeasure);
  }, [phone, peerPhone]);
  return (
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
  );
}

/** `19 ms`, or `4,2 s` from one second on. */
const milliseconds = (ms: number, format: Format): string =>
  ms < 1_000
    ? `${format.number(Math.max(1, Math.round(ms)))} ms`
    : `${format.number(Math.round(ms / 100) / 10)} s`;

function Requests({ pair }: { pair: readonly [Person, Person] }) {
  const text = useText(demo);
  const format = useFormat();
  const [a, b] = pair.map(({ client }) => client.traffic) as [
    Person["client"]["traffic"],
    Person["client"]["traffic"],
  ];
  const one = useSyncExternalStore(a.subscribe, a.get);
  const other = useSyncExternalStore(b.subscribe, b.get);
  return (
    <p className="desk-requests">
      <strong>{format.number(one.requestsPerMinute + other.requestsPerMinute)}</strong>
      <span>
        {text.requests}
        <small>{text.instead}</small>
      </span>
    </p>
  );
}

function OpenZas() {
  const text = useText(demo);
  return (
    <a href={LIST} className="desk-open">
      {text.open}
      <ArrowRight size={18} aria-hidden />
    </a>
  );
}

/** A phone with its bezel, in px before it is scaled; as in demo.css. */
const PHONE = { width: 410, height: 760, gap: 40, below: 118 };

/** Sets `--scale` on the stage so that both phones fit it; from a tablet on. */
function useFit(stage: RefObject<HTMLDivElement | null>): void {
  useLayoutEffect(() => {
    const element = stage.current;
    if (!element) return;
    const fit = () => {
      const { clientWidth, clientHeight } = element;
      const scale = Math.min(
        1,
        (clientHeight - PHONE.below) / PHONE.height,
        (clientWidth - PHONE.gap) / 2 / PHONE.width,
      );
      element.style.setProperty("--scale", String(Math.max(0.4, scale)));
    };
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(element);
    return () => observer.disconnect();
  }, [stage]);
}
