/**
 * What to tell a person for each refusal. The sentences are those of `crates/protocol/src/error.rs`,
 * so that they show at once and in the language of the screen; `test/i18n.test.ts` keeps them equal.
 */
import type { ErrorCode } from "@zas/client";
import { table, useText } from "./index.js";

type Sentences = Record<ErrorCode | "offline", string>;

export const errors = table<Sentences>({
  es: {
    bad_request: "La petición no es válida.",
    text_blank: "Escribe algo antes de enviar.",
    text_too_long: "El mensaje es demasiado largo. Divídelo en varios.",
    name_invalid: "Ese nombre no vale. Usa entre 1 y 60 caracteres.",
    username_invalid: "El nombre de usuario lleva de 3 a 30 letras, números o guiones bajos.",
    username_taken: "Ese nombre de usuario ya está en uso. Prueba con otro.",
    email_invalid: "Ese correo no parece válido.",
    email_taken: "Ya hay una cuenta con ese correo. Entra con ella.",
    password_invalid: "La contraseña necesita al menos 8 caracteres.",
    bad_credentials: "Usuario o contraseña incorrectos.",
    image_invalid: "Esa imagen no se puede usar. Prueba con una JPEG, PNG o WebP.",
    too_large: "Es demasiado grande.",
    quota_exceeded: "No te queda espacio para archivos. Borra mensajes con archivos que ya no necesites.",
    unauthenticated: "Tu sesión ha caducado. Entra de nuevo.",
    revoked: "Esta sesión se ha cerrado. Entra de nuevo.",
    forbidden: "No tienes permiso para hacer eso.",
    not_found: "No existe o ya no está a tu alcance.",
    method_not_allowed: "La petición no es válida.",
    txn_conflict: "Ese envío ya se usó para otra cosa.",
    room_full: "El grupo está completo.",
    too_many_rooms: "Alguien está ya en demasiadas conversaciones.",
    already_member: "Esa persona ya está en el grupo.",
    retry_in_order: "Esperando al mensaje anterior.",
    rate_limited: "Vas muy rápido. Se enviará en un momento.",
    unknown: "No sabemos aún si llegó. Lo comprobamos.",
    overloaded: "Hay mucho movimiento. Se reintenta en un momento.",
    draining: "El servidor se está reiniciando. Se reintenta en un momento.",
    storage_full: "El servidor no puede guardar ahora. Tu mensaje espera aquí.",
    upstream_unreachable:
      "El chat funciona, pero el resto de la aplicación no responde. Prueba dentro de un momento.",
    upstream_timeout:
      "El chat funciona, pero el resto de la aplicación tarda demasiado. Prueba dentro de un momento.",
    upstream_loop: "El servidor está mal configurado: se llama a sí mismo.",
    internal: "Algo ha fallado de nuestro lado. Se reintenta.",
    offline: "No hay conexión. Vuelve a intentarlo cuando la haya.",
  },
  en: {
    bad_request: "The request is not valid.",
    text_blank: "Write something before you send.",
    text_too_long: "The message is too long. Split it into several.",
    name_invalid: "That name won't do. Use 1 to 60 characters.",
    username_invalid: "A username has 3 to 30 letters, digits or underscores.",
    username_taken: "That username is taken. Try another.",
    email_invalid: "That email doesn't look right.",
    email_taken: "There is an account with that email. Sign in with it.",
    password_invalid: "A password needs at least 8 characters.",
    bad_credentials: "Wrong username or password.",
    image_invalid: "That image can't be used. Try a JPEG, PNG or WebP.",
    too_large: "It is too large.",
    quota_exceeded: "You have no room left for files. Delete messages with files you no longer need.",
    unauthenticated: "Your session has ended. Sign in again.",
    revoked: "This session was signed out. Sign in again.",
    forbidden: "You may not do that.",
    not_found: "It doesn't exist, or is out of your reach.",
    method_not_allowed: "The request is not valid.",
    txn_conflict: "That send was already used for something else.",
    room_full: "The group is full.",
    too_many_rooms: "Somebody is in too many conversations already.",
    already_member: "That person is already in the group.",
    retry_in_order: "Waiting for the message before.",
    rate_limited: "You're going fast. It will be sent in a moment.",
    unknown: "We don't know yet whether it arrived. Checking.",
    overloaded: "It's busy. Trying again in a moment.",
    draining: "The server is restarting. Trying again in a moment.",
    storage_full: "The server can't store right now. Your message waits here.",
    upstream_unreachable: "The chat works, but the rest of the app doesn't answer. Try again in a moment.",
    upstream_timeout: "The chat works, but the rest of the app takes too long. Try again in a moment.",
    upstream_loop: "The server is misconfigured: it calls itself.",
    internal: "Something failed on our side. Trying again.",
    offline: "There's no connection. Try again when there is.",
  },
});

/** The code that a failed call carries; a bug of ours reads as `internal`. */
export function errorCode(error: unknown): keyof Sentences {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && code in errors.es ? (code as keyof Sentences) : "internal";
}

/** Turns a failed call into its sentence, in the language of the screen. */
export function useErrorText(): (error: unknown) => string {
  const sentences = useText(errors);
  return (error) => sentences[errorCode(error)];
}
