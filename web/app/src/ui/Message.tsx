import type { ReactNode } from "react";

interface MessageProps {
  /** What it looks like, in one picture; decorative. */
  icon?: ReactNode;
  title: string;
  /** What to do next. */
  body?: string;
  children?: ReactNode;
}

/** A screen with nothing to list: why, and what to do next. */
export function Message({ icon, title, body, children }: MessageProps) {
  return (
    <div className="flex h-full flex-col items-center justify-center gap-2 px-8 py-12 text-center">
      {icon && (
        <div aria-hidden className="mb-2 text-primary">
          {icon}
        </div>
      )}
      <p className="text-base font-semibold">{title}</p>
      {body && <p className="max-w-80 text-balance text-muted-foreground">{body}</p>}
      {children && <div className="mt-4 flex flex-wrap justify-center gap-2">{children}</div>}
    </div>
  );
}
