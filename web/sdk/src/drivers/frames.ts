/** A page that is hidden before its next frame draws none: tasks then run after this long, in ms. */
const HIDDEN_MS = 250;

/** Runs a task in the next frame, before it is drawn; soon where none is drawn. */
export function atFrame(task: () => void): void {
  plan(task, (run) => run());
}

/** Runs a task once the next frame is on its way to the screen; soon where none is drawn. */
export function afterPaint(task: () => void): void {
  plan(task, (run) => setTimeout(run));
}

function plan(task: () => void, inFrame: (run: () => void) => void): void {
  let done = false;
  const run = () => {
    if (!done) task();
    done = true;
  };
  const drawn = typeof requestAnimationFrame !== "undefined" && !document.hidden;
  if (drawn) requestAnimationFrame(() => inFrame(run));
  setTimeout(run, drawn ? HIDDEN_MS : 0);
}
