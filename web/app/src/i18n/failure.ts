/** What is said of a message that was not sent. */
import { table } from "./index.js";

export const failure = table({
  es: { notSent: "No se pudo enviar el mensaje.", edit: "Editar", discard: "Eliminar" },
  en: { notSent: "The message could not be sent.", edit: "Edit", discard: "Delete" },
});
