import type { ConnectionView } from "@zas/client";
import { useConnection } from "@zas/client/react";
import { CloudOff, RadioTower, RefreshCw, Zap } from "lucide-react";
import { useState } from "react";
import { connection as texts } from "../i18n/connection.js";
import { useText } from "../i18n/index.js";
import { IconButton } from "../ui/Button.js";
import { classes } from "../ui/classes.js";
import { OverPage, part } from "../ui/Part.js";

const ConnectionSheet = part(() => import("./ConnectionSheet.js"), OverPage);

const RUNG_ICONS = { socket: Zap, stream: RadioTower, poll: RefreshCw };

/** The connection in a word or two. */
export function stateName(view: ConnectionView, text: (typeof texts)["es"]): string {
  if (view.state === "live") return text.rungs[view.rung];
  if (view.state === "syncing") return text.syncingShort;
  return view.state === "connecting" ? text.connectingShort : text.offlineShort;
}

/** Always there: how the messages come, and on press why. */
export function ConnectionMark() {
  const text = useText(texts);
  const view = useConnection();
  const [open, setOpen] = useState(false);
  const up = view.state === "live" || view.state === "syncing";
  const Icon = up ? RUNG_ICONS[view.rung] : CloudOff;
  const live = view.state === "live" && view.rung === "socket";
  return (
    <>
      <IconButton label={text.markLabel(stateName(view, text))} onClick={() => setOpen(true)}>
        <Icon
          size={20}
          aria-hidden
          className={classes(live && "fill-primary text-primary", !up && "animate-late opacity-70")}
        />
      </IconButton>
      {open && <ConnectionSheet onClose={() => setOpen(false)} />}
    </>
  );
}
