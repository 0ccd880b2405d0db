/** Which field a refusal belongs under, and what can be said before asking the server. */
import type { ErrorCode } from "@zas/client";

export type Field = "login" | "username" | "displayName" | "email" | "password";
export type Mode = "signIn" | "signUp";
export type Form = Record<Field, string>;

export const FIELDS: Record<Mode, readonly Field[]> = {
  signIn: ["login", "password"],
  signUp: ["username", "displayName", "email", "password"],
};

const BELONGS: Partial<Record<ErrorCode | "offline", Field>> = {
  username_invalid: "username",
  username_taken: "username",
  name_invalid: "displayName",
  email_invalid: "email",
  email_taken: "email",
  password_invalid: "password",
  bad_credentials: "password",
};

/** The field that a refusal is about; `undefined` where it is about none of those shown. */
export function fieldOf(code: ErrorCode | "offline", mode: Mode): Field | undefined {
  const field = BELONGS[code];
  return field && FIELDS[mode].includes(field) ? field : undefined;
}

/** The fields that must be filled and are not, in order. A display name defaults to the username. */
export function missing(form: Form, mode: Mode): readonly Field[] {
  return FIELDS[mode].filter((field) => field !== "displayName" && form[field].trim() === "");
}
