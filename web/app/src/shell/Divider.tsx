import { useText } from "../i18n/index.js";
import { shell } from "../i18n/shell.js";
import { LIST_WIDTH, listWidth, listWidthByKey } from "./layout.js";

interface DividerProps {
  width: number;
  onChange(width: number): void;
}

/** The line between list and conversation: drawn by pointer, moved by arrow keys. */
export function Divider({ width, onChange }: DividerProps) {
  const text = useText(shell);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a focusable separator is a widget (WAI-ARIA); <hr> is none.
    <div
      role="separator"
      aria-label={text.resize}
      aria-orientation="vertical"
      aria-valuemin={LIST_WIDTH.min}
      aria-valuemax={LIST_WIDTH.max}
      aria-valuenow={width}
      tabIndex={0}
      className="absolute inset-y-0 left-0 z-10 w-px cursor-col-resize touch-none bg-border before:absolute before:inset-y-0 before:-inset-x-1.5 focus-visible:bg-accent-text focus-visible:outline-1"
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) onChange(listWidth(event.clientX));
      }}
      onKeyDown={(event) => {
        const next = listWidthByKey(width, event.key);
        if (next === undefined) return;
        event.preventDefault();
        onChange(next);
      }}
    />
  );
}
