// @vitest-environment happy-dom
/** What becomes of a part of the page whose code cannot be loaded. */
import { act } from "react";
import { createRoot } from "react-dom/client";
import { expect, test } from "vitest";
import { LanguageContext } from "../src/i18n/index.js";
import { part } from "../src/ui/Part.js";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

test("a part that could not be loaded says so, and comes by itself once the network is back", async () => {
  let network = false;
  const Part = part(async () => {
    if (!network) throw new TypeError("Failed to fetch dynamically imported module");
    return { default: () => <p>aquí estoy</p> };
  });
  const page = document.createElement("div");
  const root = createRoot(page);
  await act(async () =>
    root.render(
      <LanguageContext value="es">
        <Part />
      </LanguageContext>,
    ),
  );
  expect(page.textContent).toContain("No se ha podido cargar esta parte");
  network = true;
  await act(async () => dispatchEvent(new Event("online")));
  expect(page.textContent).toBe("aquí estoy");
  await act(async () => root.unmount());
});
