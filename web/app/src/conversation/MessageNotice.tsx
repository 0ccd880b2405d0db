import type { Row } from "@zas/client";
import { useSession, useUser } from "@zas/client/react";
import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";
import { notices } from "../i18n/notices.js";

/** A row that is no message: who came, went, or was made what. */
export default function MessageNotice({ row }: { row: Extract<Row, { type: "notice" }> }) {
  const text = useText(notices);
  const session = useSession();
  const me = session.state === "signed_in" ? session.me.user.id : undefined;
  const words = useText(common);
  const { notice } = row;
  const subject = "user" in notice ? notice.user : undefined;
  const senderName = useUser(row.sender ?? "")?.display_name ?? words.unknownPerson;
  const subjectName = useUser(subject ?? "")?.display_name ?? words.unknownPerson;
  const who = row.sender === me ? undefined : senderName;
  const whom = subject === me ? undefined : subjectName;
  const sentence = (): string => {
    switch (notice.kind) {
      case "created":
        return notice.name === undefined ? text.created(who) : text.createdNamed(notice.name, who);
      case "renamed":
        return text.renamed(notice.name, who);
      case "profile":
        return notice.avatar ? text.pictured(who) : text.described(who);
      case "added":
        return text.added(who, whom);
      case "removed":
        return text.removed(who, whom);
      case "left":
        return text.left(whom);
      case "role":
        return text.role[notice.role](whom);
    }
  };
  return (
    <article tabIndex={-1} className="message-notice">
      {sentence()}
    </article>
  );
}
