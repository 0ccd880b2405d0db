import type { ConnectionView } from "@zas/client";
import { useConnection } from "@zas/client/react";
import { connection as texts } from "../i18n/connection.js";
import { useText } from "../i18n/index.js";
import { classes } from "../ui/classes.js";

type Texts = (typeof texts)["es"];

/** The sentence for a connection that is not live; `undefined` where all is well. */
export function bannerText(view: ConnectionView, text: Texts): string | undefined {
  switch (view.state) {
    case "offline":
      return text.offline(view.waiting);
    case "connecting":
      return text.connecting(view.waiting);
    case "needs_auth":
      return text.needsAuth;
    case "closed":
      return text.closed;
    case "syncing":
    case "live":
      return undefined;
  }
}

/** Tells the truth about the connection. A reconnection shows only once it takes a second. */
export function ConnectionBanner() {
  const view = useConnection();
  const sentence = bannerText(view, useText(texts));
  return (
    <div role="status">
      {sentence !== undefined && (
        <p
          className={classes(
            "mx-4 mb-2 rounded-2xl bg-warning px-4 py-2 text-meta font-medium text-warning-foreground",
            view.state === "connecting" && "animate-slow",
          )}
        >
          {sentence}
        </p>
      )}
    </div>
  );
}
