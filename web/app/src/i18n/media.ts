/** The words for files, and for messages as one line says them: in the list, in a quote, to a screen reader. */
import type { Attachment } from "@zas/client";
import { type Table, table } from "./index.js";

export const media = table({
  es: {
    photo: "Foto",
    video: "Vídeo",
    audio: "Audio",
    deleted: "Se eliminó este mensaje",
    unavailable: "Mensaje no disponible",
    loading: "Cargando…",
    edited: "editado",
    quote: "En respuesta a",
    download: (name: string) => `Descargar ${name}`,
    failed: "No se pudo cargar el archivo.",
    reactions: "Reacciones",
    reaction: (emoji: string, count: string, mine: boolean) =>
      mine ? `${emoji} ${count}, con la tuya` : `${emoji} ${count}`,
  },
  en: {
    photo: "Photo",
    video: "Video",
    audio: "Audio",
    deleted: "This message was deleted",
    unavailable: "Message not available",
    loading: "Loading…",
    edited: "edited",
    quote: "In reply to",
    download: (name: string) => `Download ${name}`,
    failed: "The file could not be loaded.",
    reactions: "Reactions",
    reaction: (emoji: string, count: string, mine: boolean) =>
      mine ? `${emoji} ${count}, with yours` : `${emoji} ${count}`,
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
