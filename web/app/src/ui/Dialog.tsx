import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";
import { IconButton } from "./Button.js";

interface DialogProps {
  title: string;
  /** The person closed it: by Esc, the cross, or a press outside. */
  onClose(): void;
  children: ReactNode;
}

/**
 * A modal on the native `<dialog>`: focus stays inside and returns to where it was. Render it to
 * open it. A sheet at the bottom on a phone, a card in the middle elsewhere.
 */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const text = useText(common);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the native dialog closes by Esc itself.
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === event.currentTarget && onClose()}
      className="safe-bottom m-auto mb-0 max-h-[85dvh] w-full max-w-full rounded-t-3xl bg-background text-foreground wrap-anywhere shadow-float backdrop:bg-scrim sm:mb-auto sm:max-w-md sm:rounded-3xl"
    >
      <div className="p-6 pt-4">
        <header className="mb-2 flex items-center justify-between gap-2">
          <h2 id={heading} className="text-lg font-semibold">
            {title}
          </h2>
          <IconButton label={text.close} className="-mr-3" onClick={onClose}>
            <X size={20} />
          </IconButton>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  body: string;
  children: ReactNode;
  onClose(): void;
}

/** Asks before something that cannot be taken back; `children` are its buttons, the safe one last. */
export function Confirm({ title, body, children, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p className="mb-6 text-muted-foreground">{body}</p>
      <div className="flex flex-col gap-2 sm:flex-row-reverse">{children}</div>
    </Dialog>
  );
}
