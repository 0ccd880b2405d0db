/**
 * What the icons of `lucide-react` are drawn with here (see `alias` in vite.config.ts): the same picture as
 * theirs, without the options that no icon of ours has.
 */
import { createElement, type SVGProps } from "react";

interface IconData {
  node: [tag: string, attributes: Record<string, string>][];
}

interface IconProps extends SVGProps<SVGSVGElement> {
  /** Width and height, in px. */
  size?: number;
}

/** A component that draws `node`. It is hidden from screen readers unless it is given a name or a role. */
export default function createIcon({ node }: IconData) {
  const children = node.map(([tag, attributes]) => createElement(tag, attributes));
  return function Icon({ size = 24, ...props }: IconProps) {
    return createElement(
      "svg",
      {
        width: size,
        height: size,
        viewBox: "0 0 24 24",
        fill: "none",
        stroke: "currentColor",
        strokeWidth: 2,
        strokeLinecap: "round",
        strokeLinejoin: "round",
        "aria-hidden": !(props.role || props["aria-label"]) || undefined,
        ...props,
      },
      children,
    );
  };
}
