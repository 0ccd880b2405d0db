/** The words of the demo's view "before", and of what it compares. */
import { table } from "./index.js";

export const before = table({
  es: {
    views: "Qué se compara",
    now: "Ahora",
    before: "Antes",
    headline: "El mismo chat, antes y ahora.",
    lead: "A la izquierda, la página de antes: lo pide todo cada medio segundo. A la derecha, Zas. Hablan entre sí por este mismo servidor.",
    requests: "Peticiones por minuto",
    bubble: "De Intro a la burbuja",
    seen: "Hasta ver lo del otro",
    everyHalfSecond: "Cada 0,5 s",
  },
  en: {
    views: "What is compared",
    now: "Now",
    before: "Before",
    headline: "The same chat, before and now.",
    lead: "On the left, the page as it was: it asks for everything every half second. On the right, Zas. They talk to each other through this one server.",
    requests: "Requests a minute",
    bubble: "From Enter to the bubble",
    seen: "Until it shows the other's",
    everyHalfSecond: "Every 0.5 s",
  },
});
