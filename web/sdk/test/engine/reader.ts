/** Answers reads from whole logs, as one person may see them, as far as the logs go by now. */
import type {
  Ack,
  Event,
  LogHead,
  Page,
  Room,
  RoomId,
  RoomState,
  ServerFrame,
  State,
  TxnId,
  User,
  UserId,
} from "../../src/protocol.gen.js";

/** A log with all that its reader ever sees of it, and their stays. */
export interface Log {
  epoch: number;
  stays: [from: number, to: number | null][];
  events: Event[];
}

const PAGE = 20;

export class Reader {
  private readonly upto = new Map<RoomId, number>();

  constructor(
    private readonly me: UserId,
    private readonly logs: Record<RoomId, Log>,
  ) {}

  /** The logs go so far from here on. */
  heads(heads: Record<RoomId, number>): void {
    for (const [room, head] of Object.entries(heads)) this.upto.set(room, head);
  }

  /** What a command became. */
  ack(txn: TxnId): Ack | undefined {
    for (const [room, { events }] of Object.entries(this.logs)) {
      const event = events.find(({ sender, txn_id }) => sender === this.me && txn_id === txn);
      if (!event || event.seq > this.head(room)) continue;
      const ack = { txn_id: txn, room, seq: event.seq, at: event.at };
      return event.kind === "message" ? { ...ack, message: event.message } : ack;
    }
    return undefined;
  }

  /** What a feed says of `from..=to`. */
  between(room: RoomId, from: number, to: number): ServerFrame[] {
    const { events, skips } = this.page(room, from, Math.min(to, from + PAGE - 1));
    const told: [number, ServerFrame][] = [
      ...events.map((event): [number, ServerFrame] => [event.seq, { type: "event", ...event }]),
      ...skips.map(([from, to]): [number, ServerFrame] => [from, { type: "skip", room, from, to }]),
    ];
    const frames = told.sort(([a], [b]) => a - b).map(([, frame]) => frame);
    return from + PAGE > to ? frames : frames.concat(this.between(room, from + PAGE, to));
  }

  /** The answer to a GET; `undefined` where there is nothing to see. */
  get(path: string): unknown {
    const [, what, id = "", , query = ""] = /^\/v1\/(\w+)\/?([^/?]*)(\/events)?\??(.*)$/.exec(path) ?? [];
    if (what === "state") return this.state();
    if (what === "users") return user(id);
    if (!this.isIn(id)) return undefined;
    const [side, seq] = query.split(/[=&]/);
    if (side === "after") return this.page(id, Number(seq) + 1, Infinity);
    if (side === "before") return this.page(id, 1, Number(seq) - 1);
    const state: RoomState = {
      room: this.room(id),
      page: this.page(id, 1, this.head(id)),
      users: [],
      presence: [],
    };
    return state;
  }

  /** The first state, with the logs as they are or as they are said to be. */
  state(logs?: readonly LogHead[]): State {
    const known =
      logs ?? [...this.upto.keys()].filter((room) => this.isIn(room)).map((room) => this.log(room));
    const own_log = known.find(({ room }) => room === this.me) ?? { room: this.me, epoch: 0, head: 0 };
    const rooms = known.filter(({ room }) => room !== this.me).map(({ room, head }) => this.room(room, head));
    const me = { user: user(this.me), email: "", admin: false, prefs: {} } as State["me"];
    return { me, own_log, rooms, users: [me.user], presence: [] } as unknown as State;
  }

  private head(room: RoomId): number {
    return this.upto.get(room) ?? 0;
  }

  private log(room: RoomId): LogHead {
    return { room, epoch: this.logs[room]?.epoch ?? 0, head: this.head(room) };
  }

  private stays(room: RoomId): Log["stays"] {
    return (this.logs[room]?.stays ?? []).filter(([from]) => from <= this.head(room) + 1);
  }

  private isIn(room: RoomId): boolean {
    const stay = this.stays(room).at(-1);
    return stay !== undefined && (stay[1] === null || stay[1] > this.head(room));
  }

  /** The newest events of `from..=to` if it ends below the head, else the oldest: what joins the asker's. */
  private page(room: RoomId, from: number, to: number): Page {
    const { epoch, head } = this.log(room);
    const upwards = to === Infinity;
    const inside = (this.logs[room]?.events ?? []).filter(
      ({ seq }) => seq >= from && seq <= Math.min(to, head),
    );
    const events = upwards ? inside.slice(0, PAGE) : inside.slice(-PAGE);
    const whole = events.length === inside.length;
    const first = upwards || whole ? from : (events[0]?.seq ?? from);
    const last = upwards && !whole ? (events.at(-1)?.seq ?? head) : Math.min(to, head);
    const more_before = (this.logs[room]?.events ?? []).some(({ seq }) => seq < first);
    const skips: [number, number][] = [];
    let next = first;
    for (const seq of [...events.map((event) => event.seq), last + 1]) {
      if (next < seq) skips.push([next, seq - 1]);
      next = seq + 1;
    }
    return { room, epoch, head, from: first, to: last, events, skips, more_before };
  }

  private room(id: RoomId, head = this.head(id)): Room {
    const from = this.stays(id).at(-1)?.[0] ?? 1;
    const members = [{ user: this.me, role: "member" as const }];
    const prefs = { muted: false } as Room["prefs"];
    const { epoch } = this.log(id);
    const { events = [] } = this.logs[id] ?? {};
    // Nobody reads in these runs.
    const news = events.filter(
      ({ kind, sender, seq }) => kind === "message" && sender !== this.me && seq <= head,
    );
    return {
      id,
      kind: "group",
      name: "",
      epoch,
      head,
      from,
      last_at: 0,
      members,
      unread: news.length,
      positions: [],
      prefs,
    };
  }
}

function user(id: UserId): User {
  return { id, username: "someone", display_name: "Someone", bio: "", profile_rev: 1 };
}
