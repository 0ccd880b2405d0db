import type { Delivery } from "@zas/client";
import { Check, CheckCheck, CircleAlert, Clock } from "lucide-react";
import { useEffect, useState } from "react";
import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";
import { classes } from "./classes.js";

/** How a message of one's own stands: the name of its mark. */
export function deliveryName(delivery: Delivery): "pending" | "sent" | "delivered" | "read" | "failed" {
  if (delivery.state === "stored") return delivery.tick;
  return delivery.state === "failed" ? "failed" : "pending";
}

const ICONS = { pending: Clock, sent: Check, delivered: CheckCheck, read: CheckCheck, failed: CircleAlert };

/** A wait can be noticed after this long, in ms. */
const LATE_MS = 400;

/** The mark of a message of one's own. The clock is drawn only where the wait can be noticed. */
export function Ticks({ delivery, size = 16 }: { delivery: Delivery; size?: number }) {
  const text = useText(common);
  const name = deliveryName(delivery);
  const late = useLate(name === "pending");
  const Icon = ICONS[name];
  return (
    <span
      role="img"
      aria-label={text[name]}
      className={classes(
        "inline-flex shrink-0",
        name === "read" && "text-tick-read",
        name === "failed" && "text-destructive",
      )}
      style={{ width: size, height: size }}
    >
      {(late || name !== "pending") && <Icon size={size} strokeWidth={2.25} aria-hidden />}
    </span>
  );
}

function useLate(waits: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!waits) return;
    const timer = setTimeout(() => setLate(true), LATE_MS);
    return () => clearTimeout(timer);
  }, [waits]);
  return late;
}
