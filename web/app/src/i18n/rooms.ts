import { plural, table } from "./index.js";

export const rooms = table({
  es: {
    title: "Chats",
    newChat: "Nuevo chat",
    search: "Buscar",
    searchHint: "Buscar chats o personas",
    settings: "Ajustes",
    muted: "Silenciado",
    unread: (n: number) => plural("es", n, { one: "1 mensaje sin leer", other: `${n} mensajes sin leer` }),
    noMessages: "Sin mensajes todavía",
    emptyTitle: "Aquí vivirán tus conversaciones",
    emptyBody: "Escribe a alguien para empezar.",
    emptyAction: "Buscar a alguien",
    coldOffline: "Aún no hay nada que mostrar",
    coldOfflineBody: "Tus chats aparecerán en cuanto haya conexión.",
  },
  en: {
    title: "Chats",
    newChat: "New chat",
    search: "Search",
    searchHint: "Search chats or people",
    settings: "Settings",
    muted: "Muted",
    unread: (n: number) => plural("en", n, { one: "1 unread message", other: `${n} unread messages` }),
    noMessages: "No messages yet",
    emptyTitle: "Your conversations will live here",
    emptyBody: "Write to someone to begin.",
    emptyAction: "Find someone",
    coldOffline: "Nothing to show yet",
    coldOfflineBody: "Your chats will appear as soon as there's a connection.",
  },
});
