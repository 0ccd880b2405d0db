// Runs before the first paint, so that a dark room is never lit by a white page. A file of its own,
// since the page's policy allows no inline script. `src/shell/appearance.ts` keeps the value.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("zas:ui:theme");
  } catch {
    // Storage may be denied; the system's theme will do.
  }
  if (theme !== "light" && theme !== "dark") {
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.dataset.theme = theme;
})();
