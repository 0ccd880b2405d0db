import { useConnection, useZas } from "@zas/client/react";
import { LogOut } from "lucide-react";
import { useState } from "react";
import { useErrorText } from "../i18n/errors.js";
import { useText } from "../i18n/index.js";
import { settings } from "../i18n/settings.js";
import { Button } from "../ui/Button.js";
import { Confirm } from "../ui/Dialog.js";
import { toast } from "../ui/Toast.js";

/** Signs out; asks first where messages still wait to be sent. */
export function SignOut() {
  const text = useText(settings);
  const sentence = useErrorText();
  const zas = useZas();
  const { waiting } = useConnection();
  const [asking, setAsking] = useState(false);
  const leave = (discard: boolean) => zas.signOut({ discard }).catch((error) => toast(sentence(error)));
  return (
    <>
      <Button
        look="danger"
        className="-ml-2 self-start"
        onClick={() => (waiting > 0 ? setAsking(true) : leave(false))}
      >
        <LogOut size={18} aria-hidden />
        {text.signOut}
      </Button>
      {asking && (
        <Confirm title={text.waitingTitle(waiting)} body={text.waitingBody} onClose={() => setAsking(false)}>
          <div className="flex w-full flex-col gap-2">
            <Button look="quiet" onClick={() => leave(false)}>
              {text.keep}
            </Button>
            <Button look="danger" onClick={() => leave(true)}>
              {text.discard}
            </Button>
            <Button onClick={() => setAsking(false)}>{text.stay}</Button>
          </div>
        </Confirm>
      )}
    </>
  );
}
