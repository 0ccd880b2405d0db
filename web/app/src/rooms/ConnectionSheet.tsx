import type { ConnectionView } from "@zas/client";
import { useConnection, useZas } from "@zas/client/react";
import { useSyncExternalStore } from "react";
import { connection as texts } from "../i18n/connection.js";
import { connectionSheet } from "../i18n/connectionSheet.js";
import { useText } from "../i18n/index.js";
import { Dialog } from "../ui/Dialog.js";
import { bannerText } from "./ConnectionBanner.js";
import { stateName } from "./ConnectionMark.js";

/** Explains how messages come at this moment, and what it costs. */
export default function ConnectionSheet({ onClose }: { onClose(): void }) {
  const text = useText(texts);
  const more = useText(connectionSheet);
  const view = useConnection();
  const { traffic } = useZas();
  const minute = useSyncExternalStore(
    (listener) => traffic.subscribe(listener),
    () => traffic.get(),
  );
  return (
    <Dialog title={bannerText(view, text) ?? stateName(view, text)} onClose={onClose}>
      <div className="grid gap-3 text-muted-foreground">
        <p>{explanation(view, more)}</p>
        {view.state === "live" && view.lower !== undefined && (
          <p>
            {more.why}: <span className="text-foreground">{view.lower}</span>
          </p>
        )}
        <p className="tabular-nums">{more.traffic(minute.requestsPerMinute, minute.framesPerMinute)}</p>
      </div>
    </Dialog>
  );
}

function explanation(view: ConnectionView, text: (typeof connectionSheet)["es"]): string {
  if (view.state === "live") return text.explain[view.rung];
  if (view.state === "syncing") return text.explainSyncing;
  return view.state === "offline" ? text.explainOffline : text.explainConnecting;
}
