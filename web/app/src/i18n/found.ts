/** What is said of the people that a search found. */
import { table } from "./index.js";

export const found = table({
  es: {
    people: "Personas",
    nothing: "Nada con ese nombre",
    nothingBody: "Prueba con otra parte del nombre o con su usuario.",
  },
  en: {
    people: "People",
    nothing: "Nothing by that name",
    nothingBody: "Try another part of the name, or the username.",
  },
});
