/** The people that the rooms name, and who of them is there. */
import type { Presence, User, UserId } from "../protocol.gen.js";
import type { Effects } from "./effects.js";
import { same } from "./same.js";
import type { Wanted } from "./wanted.js";

export class People {
  readonly users = new Map<UserId, User>();
  /** With the newest question that may have been answered before it was so. */
  readonly presence = new Map<UserId, Presence & { attempt: number }>();

  constructor(
    private readonly effects: Effects,
    private readonly wanted: Wanted,
  ) {}

  /** Takes in profiles, unless a newer one is known; returns those that changed. */
  know(users: readonly User[]): UserId[] {
    return users.flatMap((user) => {
      const old = this.users.get(user.id);
      if (old && (old.profile_rev > user.profile_rev || same(old, user))) return [];
      this.users.set(user.id, user);
      this.effects.unsaved.add("");
      this.effects.touch(`user:${user.id}`);
      return [user.id];
    });
  }

  /** Somebody is named whose profile will be shown. */
  meet(user: UserId | undefined): void {
    if (user !== undefined && !this.users.has(user)) this.wanted.user(user);
  }

  hear(presences: readonly Presence[]): void {
    this.take(presences, this.wanted.attempt);
  }

  /** As {@link hear}, of an answer: what was heard after it was asked for is newer. */
  answered(attempt: number, presences: readonly Presence[]): void {
    const older = ({ user }: Presence) => (this.presence.get(user)?.attempt ?? 0) < attempt;
    this.take(presences.filter(older), attempt);
  }

  private take(presences: readonly Presence[], attempt: number): void {
    for (const presence of presences) {
      this.presence.set(presence.user, { ...presence, attempt });
      this.effects.touch(`presence:${presence.user}`);
      const user = this.users.get(presence.user);
      if (user && user.profile_rev < presence.profile_rev) this.wanted.user(user.id);
    }
  }
}
