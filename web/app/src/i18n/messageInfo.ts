/** The words of a message's sheet, beside those of the conversation. */
import { table } from "./index.js";

export const messageInfo = table({
  es: {
    copy: "Copiar texto",
    copied: "Copiado",
    measured: "Medido en este dispositivo",
    painted: (ms: string) => `pintado en ${ms} ms`,
    acked: (ms: string) => `enviado a los ${ms} ms`,
    delivered: (ms: string) => `entregado a los ${ms} ms`,
    read: (ms: string) => `leído a los ${ms} ms`,
    receipts: "Entregas y lecturas",
    readAt: (when: string) => `Leído ${when}`,
    deliveredAt: (when: string) => `Entregado ${when}`,
    notYet: "Aún no lo ha recibido",
  },
  en: {
    copy: "Copy text",
    copied: "Copied",
    measured: "Measured on this device",
    painted: (ms: string) => `painted in ${ms} ms`,
    acked: (ms: string) => `sent after ${ms} ms`,
    delivered: (ms: string) => `delivered after ${ms} ms`,
    read: (ms: string) => `read after ${ms} ms`,
    receipts: "Delivered and read",
    readAt: (when: string) => `Read ${when}`,
    deliveredAt: (when: string) => `Delivered ${when}`,
    notYet: "Not received yet",
  },
});
