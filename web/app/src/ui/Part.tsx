/**
 * Parts of the page that are no part of its first load. To add one: `part(() => import("./It.js"))`
 * with a default export; it comes when it is first shown, or before, by `prefetch`.
 */
import { type ComponentType, type ReactNode, useEffect, useState } from "react";
import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";
import { Button } from "./Button.js";
import { Message } from "./Message.js";

/** What stands where a part will be. `retry` is there once it could not be loaded. */
export type Meanwhile<P> = ComponentType<{ props: P; retry: (() => void) | undefined }>;

interface Leaving {
  onBack?(): void;
  onClose?(): void;
}

const loaders: (() => Promise<void>)[] = [];

/**
 * A component whose code comes later. One that cannot be loaded says so and breaks nothing else; it comes
 * when one asks again, or when the network is back.
 */
export function part<P extends object>(
  load: () => Promise<{ default: ComponentType<P> }>,
  Instead: Meanwhile<P> = InPlace,
): ComponentType<P> {
  let Loaded: ComponentType<P> | undefined;
  let loading: Promise<void> | undefined;
  const fetch = () => {
    loading ??= load().then(
      (module) => {
        Loaded = module.default;
      },
      (error) => {
        loading = undefined;
        throw error;
      },
    );
    return loading;
  };
  loaders.push(fetch);
  return function Part(props: P) {
    const [state, setState] = useState<"loading" | "failed" | "loaded">("loading");
    useEffect(() => {
      if (Loaded || state !== "loading") return;
      let shown = true;
      fetch().then(
        () => shown && setState("loaded"),
        () => shown && setState("failed"),
      );
      return () => {
        shown = false;
      };
    }, [state]);
    useEffect(() => {
      if (state !== "failed") return;
      const again = () => setState("loading");
      addEventListener("online", again);
      return () => removeEventListener("online", again);
    }, [state]);
    if (Loaded) return <Loaded {...props} />;
    return <Instead props={props} retry={state === "failed" ? () => setState("loading") : undefined} />;
  };
}

/**
 * Loads all parts once the page has nothing better to do, so that they are there without a network. The
 * mark `zas:parts` in the page's performance entries says since when that is so.
 */
export function prefetch(): () => void {
  const run = () => {
    // One that fails now is asked for again when it is shown.
    Promise.all(loaders.map((load) => load())).then(
      () => performance.mark("zas:parts"),
      () => {},
    );
  };
  if (typeof requestIdleCallback === "function") {
    const asked = requestIdleCallback(run, { timeout: 3_000 });
    return () => cancelIdleCallback(asked);
  }
  const timer = setTimeout(run, 1_000);
  return () => clearTimeout(timer);
}

/** For a part that fills a pane. */
function InPlace({ props, retry }: { props: object; retry: (() => void) | undefined }) {
  return retry && <Failed props={props} retry={retry} />;
}

/** For a part that opens over the page, as a dialog does. */
export function OverPage({ props, retry }: { props: object; retry: (() => void) | undefined }) {
  return (
    retry && (
      <div className="fixed inset-x-4 bottom-4 z-50 mx-auto max-w-md rounded-3xl bg-card shadow-float">
        <Failed props={props} retry={retry} />
      </div>
    )
  );
}

function Failed({ props, retry }: { props: object; retry(): void }): ReactNode {
  const text = useText(common);
  const { onBack, onClose } = props as Leaving;
  const leave = onBack ?? onClose;
  return (
    <div role="alert" className="h-full">
      <Message title={text.partFailed} body={text.partFailedBody}>
        <Button onClick={retry}>{text.retry}</Button>
        {leave && (
          <Button look="quiet" onClick={leave}>
            {onBack ? text.back : text.close}
          </Button>
        )}
      </Message>
    </div>
  );
}
