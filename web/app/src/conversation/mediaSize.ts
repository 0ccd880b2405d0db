import type { Attachment } from "@zas/client";

/** The most that a picture or film takes, in px. */
const MAX_WIDTH = 320;
const MAX_HEIGHT = 380;
const MIN_WIDTH = 120;

/** How large a picture or film is drawn where there is room, in px: kept before it is there. */
export function mediaSize({ width, height }: Attachment): { width: number; height: number } {
  if (!width || !height) return { width: 300, height: 200 };
  const scale = Math.min(1, MAX_WIDTH / width, MAX_HEIGHT / height);
  // A sliver still has a place to be pressed, and is shown whole in it.
  return {
    width: Math.max(MIN_WIDTH, Math.round(width * scale)),
    height: Math.max(MIN_WIDTH / 2, Math.round(height * scale)),
  };
}

/** How high an attachment is in a bubble `room` px wide inside, with what is around it. */
export function mediaHeight(attachment: Attachment, room = 320): number {
  if (attachment.media === "audio" || attachment.media === "file") return 59;
  const { width, height } = mediaSize(attachment);
  return Math.min(1, room / width) * height + 5;
}
