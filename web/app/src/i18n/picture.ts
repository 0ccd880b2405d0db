/** Choosing a picture of oneself or of a group. */
import { table } from "./index.js";

export const picture = table({
  es: {
    change: "Cambiar la foto",
    use: "Usar esta foto",
    remove: "Quitar la foto",
  },
  en: {
    change: "Change picture",
    use: "Use this picture",
    remove: "Remove picture",
  },
});
