/** The words of the page as it was: apart from `before`, so that the demo's first load is without them. */
import { plural, table } from "./index.js";

export const oldPhone = table({
  es: {
    asked: (n: number) =>
      plural("es", n, { one: "1 consulta hasta ahora", other: `${n} consultas hasta ahora` }),
  },
  en: {
    asked: (n: number) => plural("en", n, { one: "1 request so far", other: `${n} requests so far` }),
  },
});
