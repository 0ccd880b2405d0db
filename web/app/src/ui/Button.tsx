import type { ComponentProps, ReactNode } from "react";
import { classes } from "./classes.js";

const LOOKS = {
  primary: "px-5 bg-primary text-primary-foreground [--fill:var(--primary)]",
  quiet: "px-5 bg-muted text-foreground [--fill:var(--muted)]",
  plain: "px-2 text-accent-text",
  danger: "px-2 text-destructive",
};

interface ButtonProps extends ComponentProps<"button"> {
  look?: keyof typeof LOOKS;
  /** Something is under way: keeps its width, refuses presses, and says so. */
  busy?: boolean;
}

/** A button with words. At least 44 px high, so that a thumb finds it. */
export function Button({ look = "primary", busy = false, className, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      aria-busy={busy || undefined}
      disabled={busy || disabled}
      className={classes(
        "pressable inline-flex min-h-11 items-center justify-center gap-2 rounded-full font-semibold",
        "disabled:opacity-50",
        LOOKS[look],
        className,
      )}
      {...rest}
    />
  );
}

interface IconButtonProps extends Omit<ComponentProps<"button">, "aria-label"> {
  /** Its accessible name, shown as a tooltip too. */
  label: string;
  children: ReactNode;
}

/** A round button with an icon alone. */
export function IconButton({ label, className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={classes(
        "pressable inline-flex size-11 shrink-0 items-center justify-center rounded-full text-muted-foreground",
        "disabled:opacity-40",
        className,
      )}
      {...rest}
    />
  );
}
