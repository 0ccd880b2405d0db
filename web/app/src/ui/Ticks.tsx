import type { Delivery } from "@zas/client";
import { Check, CheckCheck, CircleAlert, Clock } from "lucide-react";
import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";
import { classes } from "./classes.js";

/** How a message of one's own stands: the name of its mark. */
export function deliveryName(delivery: Delivery): "pending" | "sent" | "delivered" | "read" | "failed" {
  if (delivery.state === "stored") return delivery.tick;
  return delivery.state === "failed" ? "failed" : "pending";
}

const ICONS = { pending: Clock, sent: Check, delivered: CheckCheck, read: CheckCheck, failed: CircleAlert };

/** The mark of a message of one's own. The clock shows only where the wait can be noticed (after 400 ms). */
export function Ticks({ delivery, size = 16 }: { delivery: Delivery; size?: number }) {
  const text = useText(common);
  const name = deliveryName(delivery);
  const Icon = ICONS[name];
  return (
    <span
      role="img"
      aria-label={text[name]}
      className={classes(
        "inline-flex shrink-0",
        name === "read" && "text-tick-read",
        name === "failed" && "text-destructive",
        name === "pending" && "animate-late",
      )}
    >
      <Icon size={size} strokeWidth={2.25} aria-hidden />
    </span>
  );
}
