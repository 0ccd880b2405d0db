import type { UserId } from "@zas/client";
import { useZas } from "@zas/client/react";
import { useErrorText } from "../i18n/errors.js";
import { roomPath } from "../shell/routes.js";
import { toast } from "../ui/Toast.js";

/** Opens the private room with a person, found or new, and tells its path; says why where it cannot. */
export function useOpenPrivate(onOpen: (path: string) => void): (user: UserId) => Promise<void> {
  const zas = useZas();
  const sentence = useErrorText();
  return async (user) => {
    const known = zas.rooms.get()?.find((room) => room.other === user);
    try {
      onOpen(roomPath(known?.id ?? (await zas.openPrivate(user))));
    } catch (error) {
      toast(sentence(error));
    }
  };
}
