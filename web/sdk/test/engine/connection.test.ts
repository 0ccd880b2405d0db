import { describe, expect, test } from "vitest";
import type { Rung } from "../../src/api.js";
import { Connection, type ConnectionEffect, type ConnectionInput } from "../../src/engine/connection.js";
import { CLOSE, type ServerFrame } from "../../src/protocol.gen.js";

const PING_MS = 20_000;
const LIFE_MS = 3_600_000;

/** A connection under a virtual clock, and what it asks for. */
class Line {
  readonly machine = new Connection();
  now = 0;
  said: string[] = [];
  private readonly ids = new Map<Rung, number>();

  put(input: ConnectionInput): this {
    for (const effect of this.machine.handle(this.now, input, 0.5)) this.note(effect);
    return this;
  }

  /** Lets time pass, waking the machine when it asks to be woken. */
  pass(ms: number): this {
    const until = this.now + ms;
    for (
      let due = this.machine.nextDeadline();
      due !== undefined && due <= until;
      due = this.machine.nextDeadline()
    ) {
      this.now = Math.max(this.now, due);
      this.put({ type: "tick" });
    }
    this.now = until;
    return this;
  }

  frame(rung: Rung, frame: ServerFrame): this {
    return this.put({ type: "frame", id: this.id(rung), frame });
  }

  welcome(rung: Rung, life_ms = LIFE_MS): this {
    const [now, expires_at] = [0, life_ms * 1000];
    return this.frame(rung, {
      type: "welcome",
      user: "u",
      device: "d",
      node: "n",
      now,
      ping_ms: PING_MS,
      expires_at,
    });
  }

  live(rung: Rung): this {
    this.put({ type: "start" });
    if (rung !== "socket") this.closed("socket");
    if (rung === "poll") this.closed("stream");
    return this.welcome(rung).frame(rung, { type: "synced" });
  }

  closed(rung: Rung, code = 1006): this {
    return this.put({ type: "closed", id: this.id(rung), code, reason: "closed" });
  }

  heard(rung: Rung): this {
    return this.put({ type: "heard", id: this.id(rung) });
  }

  take(): string[] {
    const { said } = this;
    this.said = [];
    return said;
  }

  get is(): string {
    const { state } = this.machine;
    return "trial" in state ? `${state.is} ${state.trial.rung}` : state.is;
  }

  private id(rung: Rung): number {
    return this.ids.get(rung) ?? 0;
  }

  private note(effect: ConnectionEffect): void {
    if (effect.do === "changed") return;
    if (effect.do === "open") this.ids.set(effect.rung, effect.id);
    const rung = "id" in effect ? [...this.ids].find(([, id]) => id === effect.id)?.[0] : undefined;
    this.said.push([effect.do, "rung" in effect ? effect.rung : rung].filter(Boolean).join(" "));
  }
}

describe("the ladder", () => {
  test("the socket is tried first, and wins", () => {
    const line = new Line().put({ type: "start" });
    expect(line.take()).toEqual(["open socket"]);
    line.welcome("socket");
    expect(line.take()).toEqual(["link socket"]);
    expect(line.is).toBe("syncing socket");
    expect(line.frame("socket", { type: "synced" }).is).toBe("live socket");
  });

  test("a blocked socket costs no time", () => {
    const line = new Line().put({ type: "start" }).closed("socket");
    expect(line.take()).toEqual(["open socket", "open stream"]);
    expect(line.welcome("stream").is).toBe("syncing stream");
    expect(line.machine.reasons.get("socket")).toBe("closed");
  });

  test("a mute socket has the next rung beside it after 1.5 s, and may still win", () => {
    const line = new Line().put({ type: "start" }).pass(1_499);
    expect(line.take()).toEqual(["open socket"]);
    expect(line.pass(1).take()).toEqual(["open stream"]);
    expect(line.welcome("socket").take()).toEqual(["close stream", "link socket"]);
  });

  test("a stream that is buffered on the way falls to the poll, and says why", () => {
    const line = new Line().put({ type: "start" }).closed("socket").pass(1_500);
    expect(line.take()).toEqual(["open socket", "open stream", "open poll"]);
    expect(line.welcome("poll").is).toBe("syncing poll");
    expect(line.machine.reasons.get("stream")).toMatch(/no answer/);
    expect(line.put({ type: "polled", id: 3 }).is).toBe("live poll");
  });

  test("nobody waits more than 2 s, even where both are mute", () => {
    const line = new Line().put({ type: "start" }).pass(1_999);
    expect(line.take()).toEqual(["open socket", "open stream", "open poll"]);
  });

  test("what an old trial says is ignored", () => {
    const line = new Line().live("socket").put({ type: "stop" });
    expect(line.is).toBe("idle");
    expect(line.frame("socket", { type: "synced" }).is).toBe("idle");
    expect(line.closed("socket").is).toBe("idle");
  });

  test("when every rung fails it waits, ever longer up to 15 s, and tries again for ever", () => {
    const line = new Line().put({ type: "start" });
    const waits: number[] = [];
    for (let round = 0; round < 12; round++) {
      for (const rung of ["socket", "stream", "poll"] as const) line.closed(rung);
      expect(line.is).toBe("waiting");
      const wait = (line.machine.nextDeadline() ?? Infinity) - line.now;
      waits.push(wait);
      line.pass(wait);
      expect(line.is).toBe("connecting");
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBe(7_500);
  });

  test("a rung that never answers is given up, too", () => {
    const line = new Line().put({ type: "start" }).pass(11_899);
    expect(line.is).toBe("connecting");
    expect(line.pass(1).is).toBe("waiting");
  });
});

describe("a higher rung", () => {
  test("is probed after 30 s, and taken when it answers", () => {
    const line = new Line().live("poll");
    line.take();
    for (let second = 0; second < 29; second++) line.pass(1_000).heard("poll");
    expect(line.take()).toEqual([]);
    expect(line.pass(1_000).take()).toEqual(["open socket"]);
    expect(line.is).toBe("live poll");
    expect(line.welcome("socket").take()).toEqual(["close poll", "link socket"]);
    expect(line.machine.reasons.size).toBe(0);
  });

  test("is probed ever more rarely while it fails, at least every 5 minutes", () => {
    const line = new Line().live("poll");
    line.take();
    const at: number[] = [];
    for (let second = 1; second <= 2_000; second++) {
      line.pass(1_000).heard("poll");
      const said = line.take();
      if (said.includes("open socket")) at.push(second);
      if (said.includes("open socket")) line.closed("socket").closed("stream");
      line.take();
    }
    const gaps = at.map((second, index) => second - (at[index - 1] ?? 0));
    expect(gaps.slice(0, 6)).toEqual([30, 60, 120, 240, 300, 300]);
  });

  test("is probed at once when the network is back", () => {
    const line = new Line().live("stream");
    line.take();
    expect(line.put({ type: "wake" }).take()).toEqual(["open socket"]);
  });

  test("that refuses the session while a lower one lives changes nothing", () => {
    const line = new Line().live("stream").put({ type: "wake" }).closed("socket", CLOSE.unauthenticated);
    expect(line.is).toBe("live stream");
  });
});

describe("a living connection", () => {
  test("is pinged as often as the server says, and dead after 35 s of silence", () => {
    const line = new Line().live("socket");
    line.take();
    expect(line.pass(PING_MS - 1).take()).toEqual([]);
    expect(line.pass(1).take()).toEqual(["ping socket"]);
    expect(line.pass(14_999).is).toBe("live socket");
    expect(line.pass(1).is).toBe("connecting");
  });

  test("a pong keeps it", () => {
    const line = new Line().live("socket").pass(PING_MS).frame("socket", { type: "pong", n: 1 });
    expect(line.pass(30_000).is).toBe("live socket");
  });

  test("has 2 s to answer when the page comes back", () => {
    const line = new Line().live("socket").pass(5_000);
    line.take();
    expect(line.put({ type: "wake" }).take()).toEqual(["ping socket"]);
    expect(line.pass(1_999).is).toBe("live socket");
    expect(line.pass(1).is).toBe("connecting");
  });

  test("that answered the page's ping stays", () => {
    const line = new Line().live("socket").put({ type: "wake" }).frame("socket", { type: "pong", n: 1 });
    expect(line.pass(2_000).is).toBe("live socket");
  });

  test("does not wait any longer when the network is back", () => {
    const line = new Line().live("socket").closed("socket");
    expect(line.is).toBe("waiting");
    expect(line.put({ type: "wake" }).is).toBe("connecting");
  });

  test("renews its token in band before that expires", () => {
    const line = new Line().live("socket");
    for (let at = 0; at < LIFE_MS - 80_000; at += PING_MS)
      line.pass(PING_MS).frame("socket", { type: "pong", n: 1 });
    expect(line.take()).not.toContain("refresh");
    expect(line.pass(20_000).take()).toContain("refresh");
    expect(line.put({ type: "token", lifeMs: LIFE_MS }).take()).toEqual(["present_token socket"]);
    expect(line.is).toBe("live socket");
  });

  test("over a stream, whose token is in its request, opens another beside it", () => {
    const line = new Line().live("stream");
    line.take();
    expect(line.put({ type: "token", lifeMs: LIFE_MS }).take()).toEqual(["open socket"]);
    expect(line.closed("socket").take()).toEqual(["open stream"]);
  });

  test("that is drained goes elsewhere when it was told to", () => {
    const line = new Line().live("socket").frame("socket", { type: "drain", delay_ms: 3_000 });
    expect(line.pass(2_999).is).toBe("live socket");
    expect(line.pass(1).is).toBe("connecting");
    const closed = new Line()
      .live("socket")
      .frame("socket", { type: "drain", delay_ms: 3_000 })
      .closed("socket", CLOSE.drain);
    expect(closed.machine.nextDeadline()).toBe(3_000);
  });
});

describe("the close codes", () => {
  const { token_expired, unauthenticated, revoked, frame_too_large, protocol_violation, origin_not_allowed } =
    CLOSE;
  const again = [
    1000,
    1006,
    CLOSE.drain,
    CLOSE.silent,
    CLOSE.slow_consumer,
    CLOSE.replaced,
    CLOSE.internal,
    CLOSE.overloaded,
  ];

  test.each(again)("%i connects again", (code) => {
    expect(new Line().live("socket").closed("socket", code).is).toBe("waiting");
  });

  test.each([token_expired, unauthenticated, revoked])("%i gets a fresh token first", (code) => {
    const line = new Line().live("socket");
    line.take();
    expect(line.closed("socket", code).take()).toEqual(["close socket", "link", "refresh"]);
    expect(line.put({ type: "token", lifeMs: LIFE_MS }).is).toBe("connecting");
  });

  test.each([unauthenticated, revoked])("%i after a fresh token asks to sign in", (code) => {
    const line = new Line()
      .put({ type: "start" })
      .closed("socket", code)
      .put({ type: "token", lifeMs: LIFE_MS });
    expect(line.closed("socket", code).is).toBe("needs_auth");
  });

  test.each([frame_too_large, protocol_violation, origin_not_allowed])("%i stops", (code) => {
    const line = new Line().live("socket").closed("socket", code);
    expect(line.is).toBe("closed");
    expect(line.machine.nextDeadline()).toBeUndefined();
  });

  test("no fresh token is to be had: sign in again", () => {
    const line = new Line().live("socket").put({ type: "auth_lost" });
    expect(line.is).toBe("needs_auth");
    expect(line.put({ type: "start" }).is).toBe("connecting");
  });
});
