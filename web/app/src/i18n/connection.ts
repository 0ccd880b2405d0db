import type { Rung } from "@zas/client";
import { plural, table } from "./index.js";

const waitingEs = (n: number) =>
  plural("es", n, { one: "1 mensaje en espera", other: `${n} mensajes en espera` });
const waitingEn = (n: number) =>
  plural("en", n, { one: "1 message waiting", other: `${n} messages waiting` });

export const connection = table({
  es: {
    title: "Conexión",
    offline: (waiting: number) => (waiting > 0 ? `Sin conexión: ${waitingEs(waiting)}` : "Sin conexión"),
    connecting: (waiting: number) => (waiting > 0 ? `Reconectando: ${waitingEs(waiting)}` : "Reconectando…"),
    syncing: "Poniéndote al día…",
    needsAuth: "Tu sesión ha caducado. Entra de nuevo para enviar.",
    closed: "El servidor ha cerrado la conexión. Recarga la página para volver.",
    rungs: { socket: "En vivo", stream: "En vivo, por streaming", poll: "Por consultas" } as Record<
      Rung,
      string
    >,
    explain: {
      socket: "WebSocket: los mensajes llegan al instante y sin gastar peticiones.",
      stream:
        "Algo en tu red no deja pasar WebSocket. Los mensajes llegan igual de rápido por una respuesta HTTP que no se cierra.",
      poll: "Tu red corta las conexiones largas. Preguntamos al servidor y él contesta en cuanto hay algo.",
    } as Record<Rung, string>,
    explainOffline:
      "Puedes seguir escribiendo: lo que envíes espera aquí y sale solo en cuanto vuelva la conexión.",
    explainConnecting: "Buscamos el camino más rápido hasta el servidor. Lo que escribas no se pierde.",
    explainSyncing: "Conectado. Traemos lo que pasó mientras no estabas.",
    why: "Por qué no uno más rápido",
    traffic: (requests: number, frames: number) =>
      `Último minuto: ${plural("es", requests, { one: "1 petición", other: `${requests} peticiones` })} HTTP, ${plural("es", frames, { one: "1 mensaje", other: `${frames} mensajes` })} por el socket.`,
    markLabel: (state: string) => `Conexión: ${state}`,
    offlineShort: "sin conexión",
    connectingShort: "conectando",
    syncingShort: "poniéndose al día",
  },
  en: {
    title: "Connection",
    offline: (waiting: number) => (waiting > 0 ? `Offline: ${waitingEn(waiting)}` : "Offline"),
    connecting: (waiting: number) => (waiting > 0 ? `Reconnecting: ${waitingEn(waiting)}` : "Reconnecting…"),
    syncing: "Catching you up…",
    needsAuth: "Your session has ended. Sign in again to send.",
    closed: "The server closed the connection. Reload the page to come back.",
    rungs: { socket: "Live", stream: "Live, by streaming", poll: "By asking" },
    explain: {
      socket: "WebSocket: messages arrive at once and cost no requests.",
      stream:
        "Something in your network blocks WebSocket. Messages arrive as fast over an HTTP answer that stays open.",
      poll: "Your network cuts long connections. We ask the server, and it answers as soon as there is something.",
    },
    explainOffline:
      "Keep writing: what you send waits here and leaves by itself when the connection is back.",
    explainConnecting: "Looking for the fastest way to the server. Nothing you write is lost.",
    explainSyncing: "Connected. Fetching what happened while you were away.",
    why: "Why not a faster one",
    traffic: (requests: number, frames: number) =>
      `Last minute: ${plural("en", requests, { one: "1 HTTP request", other: `${requests} HTTP requests` })}, ${plural("en", frames, { one: "1 socket frame", other: `${frames} socket frames` })}.`,
    markLabel: (state: string) => `Connection: ${state}`,
    offlineShort: "offline",
    connectingShort: "connecting",
    syncingShort: "catching up",
  },
});
