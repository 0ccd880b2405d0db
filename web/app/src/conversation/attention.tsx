/** Whether the person is looking: only then is a message read. */
import { createContext, useContext, useSyncExternalStore } from "react";

const AttentionContext = createContext<boolean | undefined>(undefined);

/** Says for everything below whether it has the person's attention, where the page's focus does not. */
export const Attention = AttentionContext.Provider;

const looking = () => document.visibilityState === "visible" && document.hasFocus();

function subscribe(listener: () => void): () => void {
  addEventListener("focus", listener);
  addEventListener("blur", listener);
  document.addEventListener("visibilitychange", listener);
  return () => {
    removeEventListener("focus", listener);
    removeEventListener("blur", listener);
    document.removeEventListener("visibilitychange", listener);
  };
}

/** The page is visible and focused, unless `Attention` says otherwise. */
export function useAttention(): boolean {
  const here = useSyncExternalStore(subscribe, looking, () => false);
  return useContext(AttentionContext) ?? here;
}
