/**
 * The connection: one ladder of rungs (socket, stream, poll). A rung without its first frame in
 * time starts the next beside it, the first live one wins, and the others are closed. A trial is
 * one attempt at one rung; what an old trial says is ignored by its id.
 */
import type { Rung } from "../api.js";
import { CLOSE, type ServerFrame } from "../protocol.gen.js";
import { backoff } from "./backoff.js";
import {
  DEAD_MS,
  LADDER_MS,
  PROBE_CAP_MS,
  PROBE_MS,
  RENEW_AGAIN_MS,
  RENEW_MS,
  RUNG_PATIENCE_MS,
  TRIAL_MS,
  WAKE_PING_MS,
} from "./limits.js";

export const RUNGS: readonly Rung[] = ["socket", "stream", "poll"];

interface Trial {
  id: number;
  rung: Rung;
  openedAt: number;
}

/** Rungs tried beside each other, from the top down to `last`. */
interface Race {
  startedAt: number;
  trials: Trial[];
  next: number;
  last: number;
  /** Whether the rungs are tried one after the other, while a lower one lives. */
  patient: boolean;
}

interface Active {
  trial: Trial;
  heardAt: number;
  pingMs: number;
  pingAt: number;
  /** A ping must be answered by then. */
  pongBy?: number;
  probe?: Race;
  probeAt?: number;
}

export type ConnectionState =
  | { is: "idle" }
  | { is: "connecting"; race: Race; attempt: number }
  /** Waits for a fresh token. */
  | { is: "authenticating"; attempt: number }
  | ({ is: "syncing" } & Active)
  | ({ is: "live" } & Active)
  | { is: "waiting"; until: number; attempt: number }
  | { is: "needs_auth" }
  | { is: "closed"; reason: string };

export type ConnectionInput =
  | { type: "start" | "stop" | "tick" }
  /** The page or the network is back: look at once whether the connection lives. */
  | { type: "wake" }
  /** A fresh token is there, which lives so long. */
  | { type: "token"; lifeMs: number }
  /** No fresh token is to be had: sign in again. */
  | { type: "auth_lost" }
  | { type: "frame"; id: number; frame: ServerFrame }
  /** A poll was answered whole: what was missed is there. */
  | { type: "polled"; id: number }
  /** Bytes that are no frame. */
  | { type: "heard"; id: number }
  /** `code` as a socket's close code; 1006 for what has none. */
  | { type: "closed"; id: number; code: number; reason: string };

export type ConnectionEffect =
  | { do: "open"; id: number; rung: Rung }
  | { do: "close"; id: number }
  | { do: "ping"; id: number; n: number }
  /** Get a fresh token, then say `token` or `auth_lost`. */
  | { do: "refresh" }
  /** The living connection should name the fresh token. */
  | { do: "present_token"; id: number }
  /** Commands now leave by this rung, or none. */
  | { do: "link"; rung: Rung | undefined }
  | { do: "changed" };

export class Connection {
  state: ConnectionState = { is: "idle" };
  /** Why each higher rung failed when it was last tried. */
  readonly reasons = new Map<Rung, string>();
  private ids = 0;
  private pings = 0;
  private renewAt?: number;
  private drainUntil?: number;
  private probeMs = PROBE_MS;
  /** A refusal was answered by a refresh once; the next one ends it. */
  private refreshed = false;
  private out: ConnectionEffect[] = [];

  handle(now: number, input: ConnectionInput, entropy = 0): ConnectionEffect[] {
    this.out = [];
    switch (input.type) {
      case "start":
        if (this.state.is === "idle" || this.state.is === "needs_auth") this.connect(now, 0);
        break;
      case "stop":
        this.enter({ is: "idle" });
        break;
      case "wake":
        this.wake(now);
        break;
      case "token":
        this.token(now, input.lifeMs);
        break;
      case "auth_lost":
        this.enter({ is: "needs_auth" });
        break;
      case "frame":
        this.frame(now, input.id, input.frame);
        break;
      case "polled":
        if (this.active?.trial.id === input.id) this.synced();
        break;
      case "heard":
        if (this.active?.trial.id === input.id) this.active.heardAt = now;
        break;
      case "closed":
        this.closed(now, input.id, input.code, input.reason, entropy);
        break;
      case "tick":
        break;
    }
    this.deadlines(now, entropy);
    return this.out;
  }

  nextDeadline(): number | undefined {
    const { state } = this;
    const due: (number | undefined)[] = [this.active && this.renewAt];
    if (state.is === "waiting") due.push(state.until);
    if (state.is === "connecting") due.push(...raceDeadlines(state.race));
    if (this.active) {
      const { heardAt, pingAt, pongBy, probe, probeAt, trial } = this.active;
      due.push(heardAt + DEAD_MS, pongBy, probe ? undefined : probeAt, this.drainUntil);
      if (trial.rung === "socket") due.push(pingAt);
      if (probe) due.push(...raceDeadlines(probe));
    }
    const set = due.filter((at) => at !== undefined);
    return set.length > 0 ? Math.min(...set) : undefined;
  }

  private get active(): ({ is: "syncing" | "live" } & Active) | undefined {
    return this.state.is === "syncing" || this.state.is === "live" ? this.state : undefined;
  }

  private enter(state: ConnectionState): void {
    const kept = "trial" in state ? state.trial.id : undefined;
    for (const trial of this.trials()) if (trial.id !== kept) this.out.push({ do: "close", id: trial.id });
    const [before, after] = [this.active?.trial.rung, "trial" in state ? state.trial.rung : undefined];
    const moved = this.active?.trial.id !== kept;
    this.state = state;
    if (moved || before !== after) this.out.push({ do: "link", rung: after });
    this.out.push({ do: "changed" });
  }

  private trials(): Trial[] {
    const { state } = this;
    if (state.is === "connecting") return state.race.trials;
    return this.active ? [this.active.trial, ...(this.active.probe?.trials ?? [])] : [];
  }

  private connect(now: number, attempt: number): void {
    this.drainUntil = undefined;
    const race: Race = { startedAt: now, trials: [], next: 0, last: RUNGS.length - 1, patient: false };
    this.enter({ is: "connecting", race, attempt });
    this.next(now, race);
  }

  /** Starts the race's next rung. */
  private next(now: number, race: Race): void {
    const rung = RUNGS[race.next];
    if (rung === undefined || race.next > race.last) return;
    race.next++;
    const trial = { id: ++this.ids, rung, openedAt: now };
    race.trials.push(trial);
    this.out.push({ do: "open", id: trial.id, rung });
  }

  private wait(now: number, attempt: number, entropy: number): void {
    const until = Math.max(now + backoff(attempt, entropy), this.drainUntil ?? 0);
    this.enter({ is: "waiting", until, attempt });
  }

  private wake(now: number): void {
    if (this.state.is === "waiting") this.connect(now, this.state.attempt);
    const { active } = this;
    if (!active) return;
    if (active.trial.rung === "socket") this.ping(now, active, now + WAKE_PING_MS);
    else this.probe(now, active, RUNGS.indexOf(active.trial.rung));
  }

  /** Tries the rungs down to `last` while the present one lives. */
  private probe(now: number, active: Active, last: number): void {
    if (active.probe) return;
    active.probeAt = undefined;
    active.probe = { startedAt: now, trials: [], next: 0, last, patient: true };
    this.next(now, active.probe);
  }

  private ping(now: number, active: Active, pongBy?: number): void {
    active.pingAt = now + active.pingMs;
    if (pongBy !== undefined) active.pongBy = Math.min(active.pongBy ?? pongBy, pongBy);
    this.out.push({ do: "ping", id: active.trial.id, n: ++this.pings });
  }

  private token(now: number, lifeMs: number): void {
    this.renewAt = now + Math.max(RENEW_AGAIN_MS, lifeMs - Math.min(RENEW_MS, lifeMs / 5));
    if (this.state.is === "authenticating") this.connect(now, this.state.attempt);
    else if (this.active?.trial.rung === "stream") this.probe(now, this.active, RUNGS.indexOf("stream"));
    else if (this.active) this.out.push({ do: "present_token", id: this.active.trial.id });
  }

  private frame(now: number, id: number, frame: ServerFrame): void {
    if (this.active?.trial.id !== id) this.first(now, id);
    const { active } = this;
    if (active?.trial.id !== id) return;
    active.heardAt = now;
    active.pongBy = undefined;
    if (frame.type === "welcome") {
      active.pingMs = frame.ping_ms;
      active.pingAt = now + frame.ping_ms;
      const lifeMs = (frame.expires_at - frame.now) / 1000;
      this.renewAt = now + Math.max(RENEW_AGAIN_MS, lifeMs - Math.min(RENEW_MS, lifeMs / 5));
    } else if (frame.type === "synced") this.synced();
    else if (frame.type === "drain") this.drainUntil = now + frame.delay_ms;
  }

  /** The first frame of a trial: it wins its race. */
  private first(now: number, id: number): void {
    const trial = this.trials().find((other) => other.id === id);
    if (!trial) return;
    const place = RUNGS.indexOf(trial.rung);
    for (const other of this.trials()) {
      if (RUNGS.indexOf(other.rung) < place)
        this.reasons.set(other.rung, `no answer in ${RUNG_PATIENCE_MS} ms`);
    }
    for (const rung of RUNGS.slice(place)) this.reasons.delete(rung);
    const active: Active = { trial, heardAt: now, pingMs: DEAD_MS, pingAt: now + DEAD_MS };
    if (place > 0) active.probeAt = now + this.probeMs;
    else this.probeMs = PROBE_MS;
    this.drainUntil = undefined;
    this.enter({ is: "syncing", ...active });
  }

  private synced(): void {
    if (this.state.is !== "syncing") return;
    this.refreshed = false;
    this.state = { ...this.state, is: "live" };
    this.out.push({ do: "changed" });
  }

  private closed(now: number, id: number, code: number, reason: string, entropy: number): void {
    const { state, active } = this;
    const lost = this.trials().find((trial) => trial.id === id);
    if (!lost) return;
    const race = state.is === "connecting" ? state.race : active?.probe;
    if (race?.trials.includes(lost)) {
      race.trials.splice(race.trials.indexOf(lost), 1);
      this.reasons.set(lost.rung, reason);
      if (this.refused(now, code, reason, race.patient)) return;
      this.next(now, race);
      this.ended(now, race, entropy);
      return;
    }
    if (this.refused(now, code, reason, false)) return;
    // The rungs are looked at again from the top; soon, but not all clients in one moment.
    this.wait(now, 0, entropy);
  }

  /** What close codes ask for besides connecting again; whether they did. */
  private refused(now: number, code: number, reason: string, probing: boolean): boolean {
    if (probing || (code !== CLOSE.token_expired && code < 4500)) return false;
    const session = code === CLOSE.unauthenticated || code === CLOSE.revoked || code === CLOSE.token_expired;
    if (!session) this.enter({ is: "closed", reason });
    else if (this.refreshed && code !== CLOSE.token_expired) this.enter({ is: "needs_auth" });
    else {
      this.refreshed = true;
      this.enter({ is: "authenticating", attempt: 0 });
      this.renewAt = now + RENEW_AGAIN_MS;
      this.out.push({ do: "refresh" });
    }
    return true;
  }

  /** Settles a race in which nothing is left to hope for. */
  private ended(now: number, race: Race, entropy: number): void {
    if (race.trials.length > 0 || race.next <= race.last) return;
    if (this.state.is === "connecting") this.wait(now, this.state.attempt + 1, entropy);
    else if (this.active) {
      this.active.probe = undefined;
      this.probeMs = Math.min(PROBE_CAP_MS, this.probeMs * 2);
      if (this.active.trial.rung !== "socket") this.active.probeAt = now + this.probeMs;
      this.out.push({ do: "changed" });
    }
  }

  private deadlines(now: number, entropy: number): void {
    if (this.state.is === "waiting" && now >= this.state.until) this.connect(now, this.state.attempt);
    if (this.state.is === "connecting") this.run(now, this.state.race, entropy);
    const { active } = this;
    if (!active) return;
    if (now >= active.heardAt + DEAD_MS || (active.pongBy !== undefined && now >= active.pongBy)) {
      this.reasons.set(active.trial.rung, "fell silent");
      return this.connect(now, 0);
    }
    if (active.trial.rung === "socket" && now >= active.pingAt) this.ping(now, active);
    if (active.probeAt !== undefined && now >= active.probeAt)
      this.probe(now, active, RUNGS.indexOf(active.trial.rung) - 1);
    if (active.probe) this.run(now, active.probe, entropy);
    if (this.renewAt !== undefined && now >= this.renewAt) {
      this.renewAt = now + RENEW_AGAIN_MS;
      this.out.push({ do: "refresh" });
    }
    if (this.drainUntil !== undefined && now >= this.drainUntil) this.connect(now, 0);
  }

  private run(now: number, race: Race, entropy: number): void {
    for (const trial of [...race.trials]) {
      if (now < trial.openedAt + TRIAL_MS) continue;
      race.trials.splice(race.trials.indexOf(trial), 1);
      this.out.push({ do: "close", id: trial.id });
      this.reasons.set(trial.rung, "no answer");
      this.next(now, race);
    }
    const due = nextRungAt(race);
    if (due !== undefined && now >= due) this.next(now, race);
    this.ended(now, race, entropy);
  }
}

/** When the race's next rung starts beside those under way. */
function nextRungAt(race: Race): number | undefined {
  const last = race.trials.at(-1);
  if (race.patient || !last || race.next > race.last) return undefined;
  return Math.min(last.openedAt + RUNG_PATIENCE_MS, Math.max(last.openedAt, race.startedAt + LADDER_MS));
}

function raceDeadlines(race: Race): (number | undefined)[] {
  return [nextRungAt(race), ...race.trials.map((trial) => trial.openedAt + TRIAL_MS)];
}
