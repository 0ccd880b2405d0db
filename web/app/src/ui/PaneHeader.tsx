import { ArrowLeft, X } from "lucide-react";
import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";
import { IconButton } from "./Button.js";

interface PaneHeaderProps {
  title: string;
  /** Back to what lies below, by an arrow… */
  onBack?(): void;
  /** …or away with this panel, by a cross. */
  onClose?(): void;
}

/** The top of a pane: the way out and its name. */
export function PaneHeader({ title, onBack, onClose }: PaneHeaderProps) {
  const text = useText(common);
  // What lies over the list takes the place of its heading; a panel stands beside one.
  const Heading = onBack ? "h1" : "h2";
  return (
    <header className="safe-top shrink-0">
      <div className="flex h-16 items-center gap-1 px-2">
        {onBack && (
          <IconButton label={text.back} onClick={onBack}>
            <ArrowLeft size={22} />
          </IconButton>
        )}
        {onClose && (
          <IconButton label={text.close} onClick={onClose}>
            <X size={22} />
          </IconButton>
        )}
        <Heading className="truncate text-lg font-semibold">{title}</Heading>
      </div>
    </header>
  );
}
