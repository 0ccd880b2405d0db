import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { classes } from "./classes.js";

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  onPick(): void;
}

interface MenuProps {
  /** The button that opens it. */
  children: ReactNode;
  items: readonly MenuItem[];
}

/** A menu at a button. Import it only from what is loaded lazily: it weighs as much as the room list. */
export function Menu({ children, items }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{children}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          collisionPadding={8}
          className="z-50 min-w-52 rounded-2xl bg-card p-1.5 text-foreground shadow-float"
        >
          {items.map((item) => (
            <DropdownMenu.Item
              key={item.label}
              onSelect={item.onPick}
              className={classes(
                "flex min-h-11 cursor-pointer items-center gap-3 rounded-xl px-3 outline-none data-highlighted:bg-muted",
                item.danger && "text-destructive",
              )}
            >
              {item.icon}
              {item.label}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
