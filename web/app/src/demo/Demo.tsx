/** Two phones on a desk, each a live client: what Zas does, measured while one looks; and what was before it. */
import { ArrowRight, PlugZap, Smartphone } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { before } from "../i18n/before.js";
import { demo } from "../i18n/demo.js";
import { LanguageContext, languageHere, useText } from "../i18n/index.js";
import { useAppearance } from "../shell/appearance.js";
import { LIST } from "../shell/routes.js";
import { Choice } from "../ui/Choice.js";
import { Message } from "../ui/Message.js";
import { part } from "../ui/Part.js";
import { available, demoToken, NETWORKS, type Person, people } from "./clients.js";
import { Comparison, Requests } from "./Figures.js";
import { useFit } from "./fit.js";
import type { Measure } from "./measure.js";
import { Bezel, type Era, Phone, type PhoneProps } from "./Phone.js";
import { Place } from "./Place.js";
import "./demo.css";

const OldPhone = part(() => import("./before/OldPhone.js"));

export default function Demo() {
  const [here, setHere] = useState<boolean>();
  useEffect(() => void available().then(setHere), []);
  const language = languageHere(undefined);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  // Nobody's settings: the page's own, and each phone has its person's.
  useAppearance(undefined, false);
  return (
    <LanguageContext value={language}>
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

function Desk({ pair }: { pair: readonly [Person, Person] }) {
  const [left, right] = pair;
  const text = useText(demo);
  const words = useText(before);
  const leftSlot = useRef<HTMLDivElement>(null);
  const rightSlot = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  useFit(stage);
  // "now": two phones of today; "before": one of them with the page as it was.
  const [view, setView] = useState<Era>();
  const [fromLeft, onLeft] = useState<Measure>();
  const [fromRight, onRight] = useState<Measure>();
  const [oldRequests, onRequests] = useState(0);
  const Old = useCallback(
    ({ person, peer, network, era }: PhoneProps) => (
      <Bezel name={person.name} era={era} state={words.everyHalfSecond} network={network}>
        <OldPhone
          username={person.username}
          peer={peer.username}
          network={NETWORKS[network]}
          signIn={() => demoToken(person.username, {})}
          onRequests={onRequests}
        />
      </Bezel>
    ),
    [words],
  );
  const wasShown = view === "before";
  const choose = (next: Era) => {
    setView(next);
    stage.current?.scrollTo({ left: 0 });
    onLeft(undefined);
    onRight(undefined);
  };
  return (
    <main className="desk">
      <header className="desk-words">
        <p className="desk-brand">
          <img src="/icon.svg" alt="" width={36} height={36} />
          Zas
        </p>
        <div className="desk-choice">
          <Choice
            legend={words.views}
            value={view ?? "now"}
            options={(["now", "before"] as const).map((value) => ({ value, label: words[value] }))}
            onChange={choose}
          />
        </div>
        <div className="desk-story">
          <h1>{wasShown ? words.headline : text.headline}</h1>
          <p className="desk-lead">{wasShown ? words.lead : text.lead}</p>
          {wasShown ? (
            <Comparison oldRequests={oldRequests} person={right} fromOld={fromLeft} fromNow={fromRight} />
          ) : (
            <Requests pair={pair} />
          )}
        </div>
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
        <Place
          Phone={wasShown ? Old : Phone}
          person={left}
          peer={right}
          slot={leftSlot}
          peerSlot={rightSlot}
          measure={fromLeft}
          onMeasure={onLeft}
          era={wasShown ? "before" : undefined}
          // Later the focus stays where the view was chosen.
          autoFocus={view === undefined}
        />
        <Place
          Phone={Phone}
          person={right}
          peer={left}
          slot={rightSlot}
          peerSlot={leftSlot}
          measure={fromRight}
          onMeasure={onRight}
          era={wasShown ? "now" : undefined}
          autoFocus={false}
        />
      </div>
    </main>
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
