import { table } from "./index.js";

export const shell = table({
  es: {
    opening: "Conectando…",
    unreachable: "No llegamos al servidor. Seguimos intentándolo.",
    sidebar: "Lista de chats",
    resize: "Ancho de la lista",
    info: "Información",
    pick: "Elige un chat",
    pickBody: "O pulsa Nuevo chat y escribe a alguien.",
    keys: "Atajos de teclado",
    keyRows: [
      ["↑ ↓  ·  j k", "Moverse por la lista"],
      ["Intro", "Abrir el chat, enviar el mensaje"],
      ["Mayús + Intro", "Línea nueva"],
      ["Esc", "Volver"],
      ["Ctrl/⌘ + K", "Buscar chats o personas"],
      ["?", "Esta hoja"],
    ] as [keys: string, what: string][],
  },
  en: {
    opening: "Connecting…",
    unreachable: "We can't reach the server. Still trying.",
    sidebar: "Chat list",
    resize: "Width of the list",
    info: "Details",
    pick: "Pick a chat",
    pickBody: "Or press New chat and write to someone.",
    keys: "Keyboard shortcuts",
    keyRows: [
      ["↑ ↓  ·  j k", "Move through the list"],
      ["Enter", "Open the chat, send the message"],
      ["Shift + Enter", "New line"],
      ["Esc", "Back"],
      ["Ctrl/⌘ + K", "Search chats or people"],
      ["?", "This sheet"],
    ],
  },
});
