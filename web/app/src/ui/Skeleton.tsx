import { common } from "../i18n/common.js";
import { useText } from "../i18n/index.js";

/** Rows where a list will be. Invisible for 200 ms, since most lists are there by then. */
export function SkeletonRows({ count }: { count: number }) {
  const text = useText(common);
  return (
    <div role="status" aria-label={text.loading} className="animate-skeleton px-4">
      {Array.from({ length: count }, (_, row) => (
        <div key={row} className="flex h-18 items-center gap-3">
          <span className="size-12 shrink-0 rounded-full bg-muted" />
          <span className="grid flex-1 gap-2">
            <span className="h-3 w-2/5 rounded-full bg-muted" />
            <span className="h-3 w-4/5 rounded-full bg-muted" />
          </span>
        </div>
      ))}
    </div>
  );
}
