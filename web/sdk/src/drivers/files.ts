/** Pictures to show: fetched once with the token, since an `img` cannot name one, and kept as `blob:` addresses. */
import type { FileId } from "../protocol.gen.js";
import type { Api } from "./http.js";

/** Pictures kept at once. */
const KEPT = 500;

export class Files {
  private readonly urls = new Map<FileId, string | undefined>();

  constructor(
    private readonly api: Api,
    private readonly changed: (file: FileId) => void,
  ) {}

  /** The file's address; `undefined` until it is there. */
  url(file: FileId): string | undefined {
    if (!this.urls.has(file) && typeof URL.createObjectURL === "function") {
      this.urls.set(file, undefined);
      void this.fetch(file);
    }
    return this.urls.get(file);
  }

  clear(): void {
    for (const url of this.urls.values()) if (url !== undefined) URL.revokeObjectURL(url);
    this.urls.clear();
  }

  private async fetch(file: FileId): Promise<void> {
    try {
      const response = await this.api.call("GET", `/v1/files/${file}`);
      const url = URL.createObjectURL(await response.blob());
      if (this.urls.has(file)) this.urls.set(file, url);
      else URL.revokeObjectURL(url);
    } catch {
      // Asked for again when it is next shown.
      this.urls.delete(file);
      return;
    }
    const oldest = this.urls.keys().next().value;
    if (this.urls.size > KEPT && oldest !== undefined) {
      URL.revokeObjectURL(this.urls.get(oldest) ?? "");
      this.urls.delete(oldest);
    }
    this.changed(file);
  }
}
