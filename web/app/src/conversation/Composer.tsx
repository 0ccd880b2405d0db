import { SendHorizontal } from "lucide-react";
import {
  type KeyboardEvent,
  memo,
  type Ref,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { flushSync } from "react-dom";
import { conversation } from "../i18n/conversation.js";
import { useText } from "../i18n/index.js";
import { afterPaint } from "./afterPaint.js";
import { charsOver } from "./text.js";

/** The composer grows to this many lines, then scrolls. */
const MAX_LINES = 6;
const LINE_PX = 22;
const SIZES_ITSELF = CSS.supports("field-sizing", "content");
/** Where Enter is a new line: a thumb has a button to send. */
const touch = matchMedia("(pointer: coarse)");

/** What the conversation asks of its composer. */
export interface ComposerHandle {
  /** Adds a text below what is written, to be edited. */
  put(text: string): void;
}

interface Props {
  ref: Ref<ComposerHandle>;
  /** What was written here before. */
  draft: string;
  /** Runs on every change; an empty text ends the draft. */
  onDraft(text: string): void;
  /** Sends a text that is not blank. Its row exists when this returns. */
  onSend(text: string): void;
  /** Whether to take the focus when it appears: not on a phone, where the keyboard would jump up. */
  autoFocus: boolean;
}

export const Composer = memo(function Composer({ ref, draft, onDraft, onSend, autoFocus }: Props) {
  const words = useText(conversation);
  const [text, setText] = useState(draft);
  const box = useRef<HTMLTextAreaElement>(null);
  const over = charsOver(text.trim());
  const sendable = text.trim() !== "" && over === 0;

  const latest = useRef(draft);
  const change = (next: string) => {
    latest.current = next;
    setText(next);
    onDraft(next);
  };
  const send = () => {
    if (!sendable) return;
    // One synchronous pass: the row and the emptied box are in the frame of the key press.
    flushSync(() => {
      onSend(text.trim());
      setText("");
    });
    latest.current = "";
    // What is written by then is the draft.
    afterPaint(() => onDraft(latest.current));
    // Even a focus that is there already costs the style of the whole page.
    if (document.activeElement !== box.current) box.current?.focus({ preventScroll: true });
  };

  useImperativeHandle(ref, () => ({
    put(more) {
      change(text.trim() === "" ? more : `${text}\n${more}`);
      box.current?.focus();
    },
  }));

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || SIZES_ITSELF) return;
    element.style.height = "0";
    element.style.height = `${Math.min(element.scrollHeight, MAX_LINES * LINE_PX)}px`;
  }, [text]);

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    // While an input method composes, Enter accepts its word (229 is Safari's way to say so).
    if (event.key !== "Enter" || event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.shiftKey || event.altKey || touch.matches) return;
    event.preventDefault();
    send();
  };

  return (
    <div className="composer">
      <div className="composer-pill">
        <textarea
          ref={box}
          rows={1}
          aria-label={words.compose}
          placeholder={words.compose}
          value={text}
          // biome-ignore lint/a11y/noAutofocus: opening a conversation is for writing in it.
          autoFocus={autoFocus}
          enterKeyHint="send"
          dir="auto"
          style={{ maxHeight: MAX_LINES * LINE_PX, lineHeight: `${LINE_PX}px` }}
          onChange={(event) => change(event.target.value)}
          onKeyDown={onKeyDown}
        />
        {over > 0 && (
          <p role="status" className="px-4 pb-2 text-destructive text-meta tabular-nums">
            {words.tooLong(over)}
          </p>
        )}
      </div>
      <button
        type="button"
        aria-label={words.send}
        title={words.send}
        disabled={!sendable}
        className="composer-send"
        // The box keeps the focus, and a phone its keyboard.
        onPointerDown={(event) => event.preventDefault()}
        onClick={send}
      >
        <SendHorizontal size={22} aria-hidden />
      </button>
    </div>
  );
});
