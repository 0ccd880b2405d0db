import type { Quote } from "@zas/client";
import { useSession, useUser } from "@zas/client/react";
import { useContext } from "react";
import { common } from "../i18n/common.js";
import { extras } from "../i18n/extras.js";
import { useText } from "../i18n/index.js";
import { inOneLine, media } from "../i18n/media.js";
import { personHue } from "../ui/Avatar.js";
import { MessageActionsContext } from "./actions.js";

/** What a message answers, above what it says. It leads there, where that is loaded. */
export function QuoteBlock({ quote }: { quote: Quote }) {
  const text = useText(media);
  const extra = useText(extras);
  const words = useText(common);
  const session = useSession();
  const actions = useContext(MessageActionsContext);
  const { key, sender = "", deleted, unavailable } = quote;
  const person = useUser(sender);
  if (quote.sender === undefined)
    return (
      <span className="bubble-quote" data-faint>
        {unavailable ? extra.unavailable : extra.loading}
      </span>
    );
  const own = session.state === "signed_in" && session.me.user.id === sender;
  const name = own ? words.you : (person?.display_name ?? words.unknownPerson);
  const content = (
    <>
      <span className="bubble-quote-name">{name}</span>
      <span className="bubble-quote-text" data-faint={deleted}>
        {deleted ? text.deleted : inOneLine(quote, text)}
      </span>
    </>
  );
  const shared = { className: "bubble-quote", "data-person": personHue(sender), dir: "auto" } as const;
  return key === undefined ? (
    <span {...shared}>
      <span className="sr-only">{extra.quote} </span>
      {content}
    </span>
  ) : (
    <button type="button" {...shared} onClick={() => actions?.show(key)}>
      <span className="sr-only">{extra.quote} </span>
      {content}
    </button>
  );
}
