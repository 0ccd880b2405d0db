/** The words for files, and for messages as one line says them: in the list, in a quote, to a screen reader. */
import type { Attachment } from "@zas/client";
import { type Table, table } from "./index.js";

export const media = table({
  es: {
    photo: "Foto",
    video: "Vídeo",
    audio: "Audio",
    deleted: "Se eliminó este mensaje",
    edited: "editado",
  },
  en: {
    photo: "Photo",
    video: "Video",
    audio: "Audio",
    deleted: "This message was deleted",
    edited: "edited",
  },
});

type Words = typeof media extends Table<infer T> ? T : never;

interface Said {
  text: string;
  attachment?: Attachment;
}

/** What a message says, in one line: its own words where it has any, else what it carries. */
export function inOneLine({ text, attachment }: Said, words: Words): string {
  if (!attachment) return text;
  const [mark, name] = {
    image: ["📷", words.photo],
    video: ["🎬", words.video],
    audio: ["🎤", words.audio],
    file: ["📎", attachment.name],
  }[attachment.media];
  return `${mark} ${text || name}`;
}
