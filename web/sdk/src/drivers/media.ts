/**
 * Files in messages: uploading them, and their signed addresses, which `img`, `video` and `audio` can fetch
 * without a token for a while. Loaded when the first one is shown or sent.
 */
import type { Attachment, FileId } from "../protocol.gen.js";
import { wall } from "./clock.js";
import type { Api, Call } from "./http.js";

/** Addresses kept at once. */
const KEPT = 500;
/** One is renewed this long before it ends, in milliseconds: a film is still being read by then. */
const MARGIN_MS = 60_000;

/** How long an upload may take until its answer begins, in milliseconds: the largest file, on a slow line. */
const UPLOAD_MS = 600_000;

interface Address {
  url?: string | "failed";
  until: number;
  busy: boolean;
}

export class Media {
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
    if (known && !known.busy) void this.ask(file);
  }

  async upload(file: Blob, name: string, signal?: AbortSignal): Promise<Attachment> {
    const call: Call = { bytes: file, patienceMs: UPLOAD_MS };
    if (signal) call.signal = signal;
    const path = `/v1/files?name=${encodeURIComponent(name)}`;
    return (await this.api.json<{ attachment: Attachment }>("POST", path, call)).attachment;
  }

  private async ask(file: FileId): Promise<void> {
    const old = this.known.get(file);
    const entry: Address = { until: 0, busy: true };
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
