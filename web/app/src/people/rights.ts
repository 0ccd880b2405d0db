/**
 * What a member may do to another, so that only what would work is offered. The server's policy
 * (`crates/core/src/policy.rs`) has the last word.
 */
import type { Role } from "@zas/client";

export type MemberAction = "makeAdmin" | "makeMember" | "passOwner" | "remove";

export const mayManage = (mine: Role): boolean => mine !== "member";

/** The actions that one of role `mine` has on a member of role `theirs`. */
export function memberActions(mine: Role, theirs: Role): readonly MemberAction[] {
  if (mine === "owner" && theirs !== "owner") {
    return [theirs === "admin" ? "makeMember" : "makeAdmin", "passOwner", "remove"];
  }
  return mine === "admin" && theirs === "member" ? ["remove"] : [];
}
