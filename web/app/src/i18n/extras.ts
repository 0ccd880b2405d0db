/** The words of quotes, files and reactions, beside those of `media`. */
import { table } from "./index.js";

export const extras = table({
  es: {
    unavailable: "Mensaje no disponible",
    loading: "Cargando…",
    quote: "En respuesta a",
    download: (name: string) => `Descargar ${name}`,
    failed: "No se pudo cargar el archivo.",
    reactions: "Reacciones",
    reaction: (emoji: string, count: string, mine: boolean) =>
      mine ? `${emoji} ${count}, con la tuya` : `${emoji} ${count}`,
  },
  en: {
    unavailable: "Message not available",
    loading: "Loading…",
    quote: "In reply to",
    download: (name: string) => `Download ${name}`,
    failed: "The file could not be loaded.",
    reactions: "Reactions",
    reaction: (emoji: string, count: string, mine: boolean) =>
      mine ? `${emoji} ${count}, with yours` : `${emoji} ${count}`,
  },
});
