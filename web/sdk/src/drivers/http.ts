/** Requests with JSON both ways, and what a refusal means. */

import { ZasFailure } from "../errors.js";
import type { ErrorBody, ErrorCode } from "../protocol.gen.js";
import type { Auth } from "./auth.js";
import type { Network } from "./network.js";

export interface Call {
  body?: unknown;
  /** Sent as they are, instead of `body` as JSON. */
  bytes?: Blob;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** How long the answer may take to come, where that is longer than usual. */
  patienceMs?: number;
}

/** One request without a token. Rejects with {@link ZasFailure}. */
export async function request(
  network: Network,
  method: string,
  path: string,
  call: Call = {},
  credentials?: RequestCredentials,
) {
  const headers: Record<string, string> = { ...call.headers };
  const init: RequestInit = { method, headers };
  if (credentials) init.credentials = credentials;
  if (call.signal) init.signal = call.signal;
  if (call.bytes) init.body = call.bytes;
  else if (call.body !== undefined) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(call.body);
  }
  const patience = call.patienceMs === undefined ? {} : { patienceMs: call.patienceMs };
  const response = await network.fetch(path, init, patience);
  if (!response.ok) throw await refusal(response);
  return response;
}

/** The refusal that a response is; one without our body came from something in between. */
export async function refusal(response: Response): Promise<ZasFailure> {
  const body = (await response.json().catch(() => undefined)) as Partial<ErrorBody> | undefined;
  const code = body?.code ?? codeOf(response.status);
  return new ZasFailure(code, body?.message ?? `HTTP ${response.status}`, body?.retry_after_ms);
}

function codeOf(status: number): ErrorCode | "offline" {
  if (status === 401) return "unauthenticated";
  if (status === 413) return "too_large";
  if (status === 429) return "rate_limited";
  // A proxy that cannot reach the server.
  return status >= 500 ? "offline" : "internal";
}

/** The API as one person: with their token, renewed once where it is refused. */
export class Api {
  constructor(
    readonly network: Network,
    private readonly auth: Auth,
  ) {}

  async json<T>(method: string, path: string, call?: Call): Promise<T> {
    return (await this.call(method, path, call)).json() as Promise<T>;
  }

  async call(method: string, path: string, call: Call = {}): Promise<Response> {
    const { user } = this.auth;
    const token = this.auth.token ?? (await this.renewed());
    // What one person does is not done as another who has come meanwhile.
    if (user !== undefined && this.auth.user !== user)
      throw new ZasFailure("offline", "somebody else is here");
    try {
      return await this.once(method, path, call, token);
    } catch (error) {
      if (!(error instanceof ZasFailure) || error.code !== "unauthenticated") throw error;
      // Another request may have renewed it meanwhile.
      const next =
        this.auth.token !== undefined && this.auth.token !== token ? this.auth.token : await this.renewed();
      if (user !== undefined && this.auth.user !== user) throw error;
      return this.once(method, path, call, next);
    }
  }

  private async renewed(): Promise<string> {
    await this.auth.refresh();
    return this.auth.token ?? "";
  }

  private once(method: string, path: string, call: Call, token: string): Promise<Response> {
    return request(this.network, method, path, {
      ...call,
      headers: { ...call.headers, Authorization: `Bearer ${token}` },
    });
  }
}
