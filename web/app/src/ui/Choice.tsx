import { type ReactNode, useId } from "react";
import { classes } from "./classes.js";

interface ChoiceProps<T extends string> {
  legend: string;
  value: T;
  options: readonly { value: T; label: string; show?: ReactNode }[];
  onChange(value: T): void;
}

/** One of a few, side by side: radio buttons that look like a segmented control or swatches. */
export function Choice<T extends string>({ legend, value, options, onChange }: ChoiceProps<T>) {
  const name = useId();
  const swatches = options.some((option) => option.show !== undefined);
  return (
    <fieldset className="py-2">
      <legend className="mb-2">{legend}</legend>
      <div className={classes("flex", swatches ? "flex-wrap gap-2" : "rounded-2xl bg-muted p-1")}>
        {options.map((option) => (
          <label
            key={option.value}
            title={swatches ? option.label : undefined}
            className={classes(
              "relative flex items-center justify-center has-focus-visible:outline-2 has-focus-visible:outline-accent-text",
              swatches
                ? "size-11 rounded-full p-0.5 ring-accent-text has-checked:ring-2"
                : "min-h-10 flex-1 rounded-xl px-3 text-muted-foreground has-checked:bg-background has-checked:font-medium has-checked:text-foreground",
            )}
          >
            <input
              type="radio"
              name={name}
              aria-label={option.label}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
              className="absolute inset-0 cursor-pointer appearance-none rounded-[inherit] outline-none"
            />
            {option.show ?? option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
