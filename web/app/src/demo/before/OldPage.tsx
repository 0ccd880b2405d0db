/**
 * A chat page as it was before: it asks for everything twice a second, draws all of it again, and shows what
 * one writes once the server has it. No socket, no bubble before that.
 */
import { Send } from "lucide-react";
import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import { conversation } from "../../i18n/conversation.js";
import { failure as failureTexts } from "../../i18n/failure.js";
import { useFormat } from "../../i18n/format.js";
import { useText } from "../../i18n/index.js";
import { media } from "../../i18n/media.js";

const POLL_MS = 500;

export interface OldMessage {
  id: string;
  sender: { id: string };
  content: string;
  created_at: string;
  is_deleted?: boolean;
  txn_id?: string;
}

/** What the page asks of its server. */
export interface OldService {
  /** All that the server gives without being told what is known, oldest first. */
  messages(): Promise<OldMessage[]>;
  send(content: string): Promise<unknown>;
}

interface Props {
  service: OldService;
  /** The id of who looks at it. */
  me: string;
}

export function OldPage({ service, me }: Props) {
  const words = useText(conversation);
  const failure = useText(failureTexts);
  const [messages, setMessages] = useState<OldMessage[]>([]);
  const [text, setText] = useState("");
  const [sending, setSending] = useState(false);
  const [failed, setFailed] = useState(false);
  const scroller = useRef<HTMLElement>(null);

  const load = useCallback(async () => setMessages(await service.messages()), [service]);
  useEffect(() => {
    // What fails is asked again in half a second.
    const poll = () => void load().catch(() => {});
    poll();
    const timer = setInterval(poll, POLL_MS);
    return () => clearInterval(timer);
  }, [load]);

  const last = messages.at(-1)?.id;
  useEffect(() => {
    if (last) scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, [last]);

  const send = async () => {
    const content = text.trim();
    if (content === "" || sending) return;
    setSending(true);
    setFailed(false);
    try {
      await service.send(content);
      setText("");
      await load();
    } catch {
      setFailed(true);
    }
    setSending(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };

  return (
    <>
      <section
        ref={scroller}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard.
        tabIndex={0}
        aria-label={words.messages}
        className="message-scroller"
      >
        <div className="message-column py-3">
          {messages.map((message) => (
            <OldRow key={message.id} message={message} own={message.sender.id === me} />
          ))}
        </div>
      </section>
      {failed && (
        <p role="alert" className="px-4 pt-1 text-destructive text-meta">
          {failure.notSent}
        </p>
      )}
      <div className="composer">
        <div className="composer-pill">
          <textarea
            rows={1}
            aria-label={words.compose}
            placeholder={words.compose}
            value={text}
            readOnly={sending}
            enterKeyHint="send"
            onChange={(event) => setText(event.target.value)}
            onKeyDown={onKeyDown}
          />
        </div>
        <button
          type="button"
          aria-label={words.send}
          disabled={text.trim() === ""}
          className="composer-send"
          onClick={() => void send()}
        >
          <Send size={20} aria-hidden />
        </button>
      </div>
    </>
  );
}

/** Drawn again with every answer, as it was. Its key is that of the same row of another client. */
function OldRow({ message, own }: { message: OldMessage; own: boolean }) {
  const words = useText(media);
  const format = useFormat();
  const { id, sender, txn_id = id, content, created_at, is_deleted } = message;
  return (
    <div className="message-line" data-ends data-key={`${sender.id}/${txn_id}`}>
      <article className={`message ${own ? "message-own" : "message-other"}`}>
        <div dir="auto" className="bubble">
          <span className="bubble-text">{is_deleted ? words.deleted : content}</span>
          <span className="bubble-meta">{format.time(Date.parse(created_at))}</span>
        </div>
      </article>
    </div>
  );
}
