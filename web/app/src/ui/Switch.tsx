import type { ReactNode } from "react";

interface SwitchProps {
  label: ReactNode;
  checked: boolean;
  onChange(checked: boolean): void;
}

/** A row with a switch at its end; the whole row is its target. */
export function Switch({ label, checked, onChange }: SwitchProps) {
  return (
    <label className="pressable -mx-2 flex min-h-12 items-center justify-between gap-4 rounded-xl px-2">
      <span>{label}</span>
      <span className="relative inline-flex h-7 w-12 shrink-0">
        <input
          type="checkbox"
          role="switch"
          checked={checked}
          aria-checked={checked}
          onChange={(event) => onChange(event.target.checked)}
          className="peer size-full cursor-pointer appearance-none rounded-full bg-muted-foreground/60 transition-colors duration-120 checked:bg-primary"
        />
        <span className="pointer-events-none absolute top-0.5 left-0.5 size-6 rounded-full bg-background transition-transform duration-120 peer-checked:translate-x-5" />
      </span>
    </label>
  );
}
