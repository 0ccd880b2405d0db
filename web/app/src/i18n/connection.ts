import type { Rung } from "@zas/client";
import { plural, table } from "./index.js";

const waitingEs = (n: number) =>
  plural("es", n, { one: "1 mensaje en espera", other: `${n} mensajes en espera` });
const waitingEn = (n: number) =>
  plural("en", n, { one: "1 message waiting", other: `${n} messages waiting` });

export const connection = table({
  es: {
    offline: (waiting: number) => (waiting > 0 ? `Sin conexión: ${waitingEs(waiting)}` : "Sin conexión"),
    connecting: (waiting: number) => (waiting > 0 ? `Reconectando: ${waitingEs(waiting)}` : "Reconectando…"),
    syncing: "Poniéndote al día…",
    needsAuth: "Tu sesión ha caducado. Entra de nuevo para enviar.",
    closed: "El servidor ha cerrado la conexión. Recarga la página para volver.",
    rungs: { socket: "En vivo", stream: "En vivo, por streaming", poll: "Por consultas" } as Record<
      Rung,
      string
    >,
    markLabel: (state: string) => `Conexión: ${state}`,
    offlineShort: "sin conexión",
    connectingShort: "conectando",
    syncingShort: "poniéndose al día",
  },
  en: {
    offline: (waiting: number) => (waiting > 0 ? `Offline: ${waitingEn(waiting)}` : "Offline"),
    connecting: (waiting: number) => (waiting > 0 ? `Reconnecting: ${waitingEn(waiting)}` : "Reconnecting…"),
    syncing: "Catching you up…",
    needsAuth: "Your session has ended. Sign in again to send.",
    closed: "The server closed the connection. Reload the page to come back.",
    rungs: { socket: "Live", stream: "Live, by streaming", poll: "By asking" },
    markLabel: (state: string) => `Connection: ${state}`,
    offlineShort: "offline",
    connectingShort: "connecting",
    syncingShort: "catching up",
  },
});
