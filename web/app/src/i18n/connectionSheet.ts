import type { Rung } from "@zas/client";
import { plural, table } from "./index.js";

export const connectionSheet = table({
  es: {
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
  },
  en: {
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
  },
});
