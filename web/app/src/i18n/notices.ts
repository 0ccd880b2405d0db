/** What a conversation says of what is no message. */
import { table } from "./index.js";

export const notices = table({
  es: {
    // Of whom nothing is given is the reader.
    created: (who?: string) => (who ? `${who} creó la conversación` : "Creaste la conversación"),
    createdNamed: (name: string, who?: string) =>
      who ? `${who} creó el grupo «${name}»` : `Creaste el grupo «${name}»`,
    renamed: (name: string, who?: string) => `${who ? `${who} llamó` : "Llamaste"} al grupo «${name}»`,
    described: (who?: string) => `${who ? `${who} cambió` : "Cambiaste"} la descripción del grupo`,
    pictured: (who?: string) => `${who ? `${who} cambió` : "Cambiaste"} la foto del grupo`,
    added: (who?: string, whom?: string) =>
      whom ? `${who ? `${who} añadió` : "Añadiste"} a ${whom}` : `${who ?? "Alguien"} te añadió`,
    removed: (who?: string, whom?: string) =>
      whom ? `${who ? `${who} sacó` : "Sacaste"} a ${whom}` : `${who ?? "Alguien"} te sacó del grupo`,
    left: (who?: string) => (who ? `${who} salió del grupo` : "Saliste del grupo"),
    role: {
      owner: (who?: string) => (who ? `El grupo es ahora de ${who}` : "El grupo es ahora tuyo"),
      admin: (who?: string) => (who ? `${who} ahora administra el grupo` : "Ahora administras el grupo"),
      member: (who?: string) => (who ? `${who} ya no administra el grupo` : "Ya no administras el grupo"),
    },
  },
  en: {
    created: (who?: string) => `${who ?? "You"} started the conversation`,
    createdNamed: (name: string, who?: string) => `${who ?? "You"} created the group “${name}”`,
    renamed: (name: string, who?: string) => `${who ?? "You"} named the group “${name}”`,
    described: (who?: string) => `${who ?? "You"} changed the group's description`,
    pictured: (who?: string) => `${who ?? "You"} changed the group's picture`,
    added: (who?: string, whom?: string) => `${who ?? (whom ? "You" : "Someone")} added ${whom ?? "you"}`,
    removed: (who?: string, whom?: string) => `${who ?? (whom ? "You" : "Someone")} removed ${whom ?? "you"}`,
    left: (who?: string) => `${who ?? "You"} left the group`,
    role: {
      owner: (who?: string) => (who ? `The group is now ${who}'s` : "The group is now yours"),
      admin: (who?: string) => (who ? `${who} is now an admin` : "You are now an admin"),
      member: (who?: string) => (who ? `${who} is no longer an admin` : "You are no longer an admin"),
    },
  },
});
