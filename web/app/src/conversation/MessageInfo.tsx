/** A message's sheet: whose it is, how fast it went, who has it. */
import type { RoomView, RowKey, Stages } from "@zas/client";
import { useRow, useStages, useUser, useZas } from "@zas/client/react";
import { CheckCheck, Copy } from "lucide-react";
import { common } from "../i18n/common.js";
import { conversation } from "../i18n/conversation.js";
import { useFormat } from "../i18n/format.js";
import { useText } from "../i18n/index.js";
import { inOneLine, media } from "../i18n/media.js";
import { messageInfo } from "../i18n/messageInfo.js";
import { Avatar } from "../ui/Avatar.js";
import { Button } from "../ui/Button.js";
import { Dialog } from "../ui/Dialog.js";
import { toast } from "../ui/Toast.js";
import { MessageText } from "./MessageText.js";

const STAGES = ["painted", "acked", "delivered", "read"] as const satisfies readonly (keyof Stages)[];

interface Props {
  room: RoomView;
  rowKey: RowKey;
  onClose(): void;
}

export default function MessageInfo({ room, rowKey, onClose }: Props) {
  const zas = useZas();
  const text = useText(conversation);
  const sheet = useText(messageInfo);
  const words = useText(common);
  const kinds = useText(media);
  const format = useFormat();
  const row = useRow(room.id, rowKey);
  const stages = useStages(rowKey);
  const sender = useUser(row?.sender ?? "");
  if (row?.type !== "message") return null;
  const when = (at: number) => `${format.day(at, Date.now())}, ${format.time(at)}`;
  const measured = STAGES.flatMap((stage) => {
    const ms = stages?.[stage];
    return ms === undefined ? [] : [sheet[stage](format.number(Math.round(ms)))];
  });
  const receipts = row.own && row.seq !== undefined ? zas.receipts(room.id, row.seq) : [];
  const copy = async () => {
    await navigator.clipboard.writeText(row.text);
    toast(sheet.copied);
    onClose();
  };
  return (
    <Dialog title={text.info} onClose={onClose}>
      <p className="max-h-48 overflow-y-auto whitespace-pre-wrap break-words rounded-2xl bg-muted px-4 py-3">
        {row.deletedAt !== undefined ? (
          <em>{kinds.deleted}</em>
        ) : row.text === "" ? (
          inOneLine(row, kinds)
        ) : (
          <MessageText text={row.text} />
        )}
      </p>
      <p className="mt-3 text-meta text-muted-foreground">
        {text.by(row.own ? words.you : (sender?.display_name ?? words.unknownPerson), when(row.at))}
      </p>
      {measured.length > 0 && (
        <section className="mt-4">
          <h3 className="font-semibold">{sheet.measured}</h3>
          <p className="tabular-nums">{measured.join(" · ")}</p>
        </section>
      )}
      {receipts.length > 0 && (
        <section className="mt-4">
          <h3 className="mb-1 font-semibold">{sheet.receipts}</h3>
          <ul>
            {receipts.map(({ user, readAt, deliveredAt }) => (
              <li key={user} className="flex items-center gap-3 py-1.5">
                <Avatar user={user} size={32} />
                <span className="min-w-0 flex-1">
                  <span className="block truncate">
                    <Name user={user} />
                  </span>
                  <span className="block text-meta text-muted-foreground">
                    {readAt
                      ? sheet.readAt(when(readAt))
                      : deliveredAt
                        ? sheet.deliveredAt(when(deliveredAt))
                        : sheet.notYet}
                  </span>
                </span>
                {(readAt ?? deliveredAt) !== undefined && (
                  <CheckCheck
                    size={16}
                    aria-hidden
                    className={readAt ? "text-tick-read" : "text-muted-foreground"}
                  />
                )}
              </li>
            ))}
          </ul>
        </section>
      )}
      {/* A page served by plain HTTP has no clipboard; there the text above can be selected. */}
      {"clipboard" in navigator && row.text !== "" && (
        <Button look="quiet" className="mt-6 w-full" onClick={() => void copy()}>
          <Copy size={18} aria-hidden />
          {sheet.copy}
        </Button>
      )}
    </Dialog>
  );
}

function Name({ user }: { user: string }) {
  const words = useText(common);
  return useUser(user)?.display_name ?? words.unknownPerson;
}
