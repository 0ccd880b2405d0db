import { useText } from "../i18n/index.js";
import { shell } from "../i18n/shell.js";
import { Dialog } from "../ui/Dialog.js";

/** The sheet that says which keys do what. */
export default function Keys({ onClose }: { onClose(): void }) {
  const text = useText(shell);
  return (
    <Dialog title={text.keys} onClose={onClose}>
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-3">
        {text.keyRows.map(([keys, what]) => (
          <div key={keys} className="contents">
            <dt>
              <kbd className="rounded-lg bg-muted px-2 py-1 font-sans text-meta">{keys}</kbd>
            </dt>
            <dd className="text-muted-foreground">{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
