/** One person's page, in the words of a person. */
import { expect, type Locator, type Page } from "@playwright/test";
import type { Sent } from "./probes.ts";

export class Chat {
  /** Addresses of all requests so far but the page's own files. */
  readonly requests: string[] = [];
  /** Sockets that are open. */
  sockets = 0;

  constructor(
    readonly page: Page,
    private readonly touch: boolean,
  ) {
    page.on("request", (request) => {
      if (/^\/(v1|api)\//.test(new URL(request.url()).pathname)) this.requests.push(request.url());
    });
    page.on("websocket", (socket) => {
      this.sockets++;
      socket.on("close", () => this.sockets--);
    });
  }

  get messages(): Locator {
    return this.page.getByRole("region", { name: "Mensajes" });
  }

  get rows(): Locator {
    return this.messages.getByRole("article");
  }

  get box(): Locator {
    return this.page.getByRole("textbox", { name: "Escribe un mensaje" });
  }

  get sendButton(): Locator {
    return this.page.getByRole("button", { name: "Enviar mensaje" });
  }

  get list(): Locator {
    return this.page.getByRole("list", { name: "Chats" });
  }

  row(text: string | RegExp): Locator {
    return this.rows.filter({ hasText: text });
  }

  /** The mark of one's own message. */
  tick(text: string | RegExp, name: "Pendiente" | "Enviado" | "Entregado" | "Leído" | "No enviado"): Locator {
    return this.row(text).getByRole("img", { name });
  }

  /**
   * Waits until the feed is live. A busy machine may have let the rung below win the first race; the one
   * above is tried again after half a minute.
   */
  async live(rung: "En vivo" | "En vivo, por streaming" | "Por consultas" = "En vivo"): Promise<void> {
    await expect(this.page.getByRole("button", { name: `Conexión: ${rung}`, exact: true })).toBeAttached({
      timeout: 45_000,
    });
  }

  /** Cuts the network once the page has all its parts: those that are not there yet could not come later. */
  async goOffline(): Promise<void> {
    await this.page.waitForFunction(() => performance.getEntriesByName("zas:parts").length > 0);
    await this.page.context().setOffline(true);
  }

  /** Writes and sends, the way this device does. */
  async send(text: string): Promise<void> {
    await this.box.fill(text);
    await this.sendWritten();
  }

  /** Sends what is in the box. */
  async sendWritten(): Promise<void> {
    if (this.touch) await this.sendButton.tap();
    else await this.box.press("Enter");
  }

  /** Sends and says what the press led to. */
  async sendWatched(text: string): Promise<Sent> {
    await this.box.fill(text);
    await this.page.evaluate((text) => window.probes.watchSend(text), text);
    await this.sendWritten();
    const sent = await this.page.evaluate(() => window.probes.sent);
    if (!sent) throw new Error("nothing was watched");
    return sent;
  }

  /** When this text appears, in ms since 1970. Ask before it can. */
  appears(text: string): Promise<number> {
    return this.page.evaluate((text) => window.probes.appears(text), text);
  }

  async soundStarts(): Promise<number> {
    return Number((await this.page.locator("html").getAttribute("data-sound-starts")) ?? 0);
  }
}
