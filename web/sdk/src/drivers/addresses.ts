/** Signed addresses of attachments: what `img`, `video` and `audio` can fetch without a token, for a while. */
import type { FileId } from "../protocol.gen.js";
import { wall } from "./clock.js";
import type { Api } from "./http.js";

/** Addresses kept at once. */
const KEPT = 500;
/** One is renewed this long before it ends, in milliseconds: a film is still being read by then. */
const MARGIN_MS = 60_000;
/** One that was refused is asked for again after this long at the earliest. */
const AGAIN_MS = 5_000;

interface Address {
  url?: string | "failed";
  until: number;
  asked: number;
  busy: boolean;
}

export class Addresses {
  private readonly known = new Map<FileId, Address>();

  constructor(
    private readonly api: Api,
    private readonly server: string,
    private readonly changed: (file: FileId) => void,
  ) {}

  /** The file's address; `undefined` until it is there. */
  url(file: FileId): string | undefined {
    const known = this.known.get(file);
    if (!known || (!known.busy && known.url !== "failed" && known.until - MARGIN_MS < wall()))
      void this.ask(file);
    return this.known.get(file)?.url;
  }

  /** What was there cannot be loaded. */
  renew(file: FileId): void {
    const known = this.known.get(file);
    if (known && !known.busy && wall() - known.asked >= AGAIN_MS) void this.ask(file);
  }

  clear(): void {
    this.known.clear();
  }

  private async ask(file: FileId): Promise<void> {
    const old = this.known.get(file);
    const entry: Address = { until: 0, asked: wall(), busy: true };
    if (old?.url !== undefined) entry.url = old.url;
    this.known.delete(file);
    this.known.set(file, entry);
    for (const oldest of this.known.keys()) {
      if (this.known.size <= KEPT) break;
      this.known.delete(oldest);
    }
    try {
      const path = `/v1/files/${file}/address`;
      const { address, expires_at } = await this.api.json<{ address: string; expires_at: number }>(
        "GET",
        path,
      );
      entry.url = `${this.server}${address}`;
      entry.until = Math.floor(expires_at / 1_000);
    } catch {
      entry.url = "failed";
    }
    entry.busy = false;
    if (this.known.get(file) === entry) this.changed(file);
  }
}
