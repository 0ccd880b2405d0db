import { Search } from "lucide-react";
import type { Ref } from "react";

interface SearchFieldProps {
  label: string;
  placeholder: string;
  value: string;
  onChange(value: string): void;
  /** Arrow down: the focus goes on to what was found. */
  onLeave?(): void;
  autoFocus?: boolean;
  ref?: Ref<HTMLInputElement>;
}

/** A pill to search by. Esc empties it first, and goes on to mean "back" when it is empty. */
export function SearchField({
  label,
  placeholder,
  value,
  onChange,
  onLeave,
  autoFocus,
  ref,
}: SearchFieldProps) {
  return (
    <label className="relative block">
      <Search size={18} aria-hidden className="absolute top-3 left-3.5 text-muted-foreground" />
      <input
        ref={ref}
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={value}
        // biome-ignore lint/a11y/noAutofocus: the person just asked to search.
        autoFocus={autoFocus}
        autoComplete="off"
        enterKeyHint="search"
        className="h-11 w-full rounded-full bg-muted pr-4 pl-10 text-base placeholder:text-muted-foreground"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && value !== "") {
            event.preventDefault();
            onChange("");
          } else if (event.key === "ArrowDown" && onLeave) {
            event.preventDefault();
            onLeave();
          }
        }}
      />
    </label>
  );
}
