import type { RowKey } from "@zas/client";
import { useContext } from "react";
import { conversation } from "../i18n/conversation.js";
import { errors } from "../i18n/errors.js";
import { failure } from "../i18n/failure.js";
import { useText } from "../i18n/index.js";
import { classes } from "../ui/classes.js";
import { MessageActionsContext } from "./actions.js";

/** Why a message was not sent, and what to do about it. */
export default function Failure({ rowKey, code }: { rowKey: RowKey; code: keyof typeof errors.es }) {
  const text = useText(failure);
  const { retry } = useText(conversation);
  const sentences = useText(errors);
  const actions = useContext(MessageActionsContext);
  const button = "pressable min-h-11 rounded-full px-3 font-semibold";
  return (
    <div className="message-failure">
      <p className="text-destructive" role="status">
        {text.notSent} {sentences[code]}
      </p>
      <p className="-mx-3 flex justify-end">
        <button type="button" className={button} onClick={() => actions?.retry(rowKey)}>
          {retry}
        </button>
        <button type="button" className={button} onClick={() => actions?.edit(rowKey)}>
          {text.edit}
        </button>
        <button
          type="button"
          className={classes(button, "text-destructive")}
          onClick={() => actions?.discard(rowKey)}
        >
          {text.discard}
        </button>
      </p>
    </div>
  );
}
