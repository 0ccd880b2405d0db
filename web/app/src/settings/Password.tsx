import { useZas } from "@zas/client/react";
import { type FormEvent, useState } from "react";
import { common } from "../i18n/common.js";
import { errorCode, errors } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { settings } from "../i18n/settings.js";
import { Button } from "../ui/Button.js";
import { Dialog } from "../ui/Dialog.js";
import { TextField } from "../ui/TextField.js";
import { toast } from "../ui/Toast.js";

/** Changes one's password. */
export function Password({ onClose }: { onClose(): void }) {
  const text = useText(settings);
  const words = useText(common);
  const sentences = useText(errors);
  const zas = useZas();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [problem, setProblem] = useState<{ field: "current" | "next"; sentence: string }>();
  const [busy, setBusy] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await zas.changePassword({ current, next });
      toast(text.passwordChanged);
      onClose();
    } catch (error) {
      const code = errorCode(error);
      setProblem(
        code === "bad_credentials"
          ? { field: "current", sentence: text.wrongCurrent }
          : { field: "next", sentence: sentences[code] },
      );
      setBusy(false);
    }
  };
  return (
    <Dialog title={text.changePassword} onClose={onClose}>
      <form noValidate onSubmit={save} className="grid gap-4">
        <TextField
          label={text.current}
          type="password"
          autoComplete="current-password"
          value={current}
          autoFocus
          error={problem?.field === "current" ? problem.sentence : undefined}
          onChange={(event) => setCurrent(event.target.value)}
        />
        <TextField
          label={text.next}
          type="password"
          autoComplete="new-password"
          value={next}
          hint={text.passwordHint}
          error={problem?.field === "next" ? problem.sentence : undefined}
          onChange={(event) => setNext(event.target.value)}
        />
        <Button type="submit" busy={busy} disabled={current === "" || next === ""} className="mt-2">
          {words.save}
        </Button>
      </form>
    </Dialog>
  );
}
