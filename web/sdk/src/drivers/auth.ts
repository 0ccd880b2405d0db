/**
 * Who is signed in here, and the access token. The refresh token lives in an HttpOnly cookie, in
 * storage, or with the app that embeds the SDK (`external`); one tab renews at a time.
 */
import type { ClientOptions } from "../api.js";
import { ZasFailure } from "../errors.js";
import type { DeviceId, State, Tokens, UserId } from "../protocol.gen.js";
import { request } from "./http.js";
import type { Network } from "./network.js";
import { type Shelf, shelf } from "./shelf.js";

export interface Remembered {
  user: UserId;
  device: DeviceId;
  refresh?: string;
  /** What the embedding app's tokens say of this person, as a hash. */
  claims?: string;
}

/** The life of a token that does not tell, in milliseconds. */
const LIFE_MS = 300_000;

export class Auth {
  /** The access token, of `user`. */
  token?: string;
  /** Whose account is shown here. */
  user?: UserId;
  /** Told before a token of somebody else than `user` is used for anything. */
  onOther: (user: UserId) => void = () => {};
  /** A state that was fetched to learn whose a token is. */
  private seen?: State;
  private renewing?: Promise<number>;
  private readonly store: Shelf;

  constructor(
    private readonly network: Network,
    private readonly name: string,
    readonly options: NonNullable<ClientOptions["auth"]>,
    private readonly profile: string | undefined,
  ) {
    this.store = shelf();
  }

  /** Who was signed in when the page was last here. */
  get remembered(): Remembered | undefined {
    const text = this.store.get(`${this.name}:session`);
    try {
      return text === undefined ? undefined : (JSON.parse(text) as Remembered);
    } catch {
      return undefined;
    }
  }

  remember(session: Remembered): void {
    this.store.set(`${this.name}:session`, JSON.stringify(session));
  }

  async signIn(path: "login" | "register", form: Record<string, string>): Promise<Tokens> {
    this.store.delete(`${this.name}:leaving`);
    const body = { ...form, device_name: deviceName() };
    this.user = undefined;
    return this.take(await this.post(path, body));
  }

  /** Gets a fresh access token and says how long it lives, in milliseconds. */
  refresh(): Promise<number> {
    this.renewing ??= this.renew().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  /** Ends the session here at once; the server is told now, or when it can be reached again. */
  async signOut(): Promise<void> {
    const refresh = this.remembered?.refresh;
    this.forget();
    if (this.options.kind === "external") return;
    this.store.set(`${this.name}:leaving`, refresh ?? "");
    await this.leave();
  }

  /** Tells the server of a sign-out that it did not hear of. */
  async leave(): Promise<void> {
    const refresh = this.store.get(`${this.name}:leaving`);
    if (refresh === undefined) return;
    try {
      await this.post("logout", refresh === "" ? {} : { refresh });
    } catch (error) {
      if (error instanceof ZasFailure && error.code === "offline") return;
    }
    this.store.delete(`${this.name}:leaving`);
  }

  forget(): void {
    this.lock();
    this.store.delete(`${this.name}:session`);
  }

  /** Ends the use of the token, whosever it is. */
  lock(): void {
    this.token = undefined;
    this.user = undefined;
    this.seen = undefined;
  }

  /** The state that was fetched with the token now in use, once. */
  takeState(): State | undefined {
    const { seen } = this;
    this.seen = undefined;
    return seen;
  }

  private async renew(): Promise<number> {
    if (this.options.kind === "external") {
      const token = await this.options.getToken({ fresh: this.token !== undefined });
      await this.adopt(token);
      return lifeOf(token);
    }
    const ask = async () => {
      const refresh = this.remembered?.refresh;
      return this.take(await this.post("refresh", refresh === undefined ? {} : { refresh }));
    };
    const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
    const { access } = await (locks ? locks.request(`${this.name}:refresh`, ask) : ask());
    return lifeOf(access);
  }

  private async post(path: string, body: unknown): Promise<Response> {
    const cookie = this.options.kind === "cookie";
    const headers: Record<string, string> = {};
    if (cookie) headers["X-Zas-Cookie"] = "1";
    if (cookie && this.profile !== undefined) headers["X-Zas-Profile"] = this.profile;
    return request(this.network, "POST", `/v1/auth/${path}`, { body, headers }, cookie ? "include" : "omit");
  }

  private async take(response: Response): Promise<Tokens> {
    // This browser has no cookie: nobody is signed in here.
    if (response.status === 204) throw new ZasFailure("unauthenticated", "no session in this browser");
    const tokens = (await response.json()) as Tokens;
    const session: Remembered = { user: tokens.me.user.id, device: tokens.device };
    if (tokens.refresh !== undefined) session.refresh = tokens.refresh;
    this.remember(session);
    this.use(tokens.access, session.user);
    return tokens;
  }

  /**
   * Takes a token of the embedding app's. Whose it is its claims tell where they are those of the last time,
   * and else the server, since an app's name of a person need not be ours.
   */
  private async adopt(token: string): Promise<void> {
    this.seen = undefined;
    const { remembered } = this;
    const claims = await digest(claimsOf(token));
    if (remembered && claims !== undefined && remembered.claims === claims) {
      return this.use(token, remembered.user);
    }
    const headers = { Authorization: `Bearer ${token}` };
    const state = (await (await request(this.network, "GET", "/v1/state", { headers })).json()) as State;
    const user = state.me.user.id;
    const device = remembered?.user === user ? remembered.device : "";
    this.remember(claims === undefined ? { user, device } : { user, device, claims });
    // Who is here already has a state of their own, and may need none for long.
    if (user !== this.user) this.seen = state;
    this.use(token, user);
  }

  private use(token: string, user: UserId): void {
    const other = this.user !== undefined && this.user !== user;
    this.token = token;
    this.user = user;
    if (other) this.onOther(user);
  }
}

/** What a token says of a person; without what is another in each token (RFC 7519, section 4.1). */
function claimsOf(token: string): string | undefined {
  try {
    const { iat, exp, nbf, jti, ...lasting } = payloadOf(token);
    return JSON.stringify(lasting);
  } catch {
    return undefined;
  }
}

/** SHA-256 in base64; nothing where the page is not secure, which has no Web Crypto. */
async function digest(text: string | undefined): Promise<string | undefined> {
  if (text === undefined || globalThis.crypto?.subtle === undefined) return undefined;
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(hash)));
}

function payloadOf(token: string): Record<string, unknown> {
  const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(part)) as Record<string, unknown>;
}

/**
 * How long a fresh token lives, by its own `iat` and `exp` (RFC 7519), since this device's clock may be
 * anything.
 */
function lifeOf(token: string): number {
  try {
    const { iat, exp } = payloadOf(token) as { iat?: number; exp?: number };
    return iat !== undefined && exp !== undefined && exp > iat ? (exp - iat) * 1000 : LIFE_MS;
  } catch {
    return LIFE_MS;
  }
}

/** What this device is called in one's list of devices. */
function deviceName(): string {
  if (typeof navigator === "undefined") return "Zas";
  const { userAgent } = navigator;
  const find = (known: [RegExp, string][]) => known.find(([pattern]) => pattern.test(userAgent))?.[1];
  const browser = find([
    [/Edg\//, "Edge"],
    [/Firefox\//, "Firefox"],
    [/Chrome\//, "Chrome"],
    [/Safari\//, "Safari"],
  ]);
  const system = find([
    [/Android/, "Android"],
    [/iPhone|iPad/, "iOS"],
    [/Windows/, "Windows"],
    [/Mac OS/, "macOS"],
    [/Linux/, "Linux"],
  ]);
  return [browser ?? "Zas", system].filter(Boolean).join(" · ");
}
