/**
 * React hooks. Each reads one view and renders again when that view changes, and only then; a row
 * of a conversation is read by its own component through {@link useRow}. On a server every view is what it
 * is before anything is known, so pages render there and hydrate without a mismatch.
 *
 * To add one: a view in `ZasClient`, and here its name with the value it has on a server.
 */
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useLayoutEffect,
  useMemo,
  useSyncExternalStore,
} from "react";
import type {
  ConnectionView,
  Draft,
  PresenceView,
  Readable,
  RoomView,
  Row,
  RowKey,
  Session,
  Stages,
  TimelineView,
  ZasClient,
} from "../api.js";
import type { FileId, Reaction, RoomId, User, UserId } from "../protocol.gen.js";

const ClientContext = createContext<ZasClient | undefined>(undefined);

/** Gives a client to all hooks below it. The client's life is its owner's: this neither starts nor stops it. */
export function ZasProvider({ client, children }: { client: ZasClient; children: ReactNode }) {
  return <ClientContext value={client}>{children}</ClientContext>;
}

/** The client itself, for what is done rather than shown. */
export function useZas(): ZasClient {
  const client = useContext(ClientContext);
  if (!client) throw new Error("useZas needs a <ZasProvider> above it");
  return client;
}

const UNKNOWN: Session = { state: "unknown" };
const CONNECTING: ConnectionView = { state: "connecting", waiting: 0, attempt: 0 };
const AWAY: PresenceView = { online: false, lastSeen: 0 };
const NOTHING: Readable<undefined> = { get: () => undefined, subscribe: () => () => {} };

function useView<T>(view: Readable<T>, onServer: T): T {
  return useSyncExternalStore(view.subscribe, view.get, () => onServer);
}

export function useSession(): Session {
  return useView(useZas().session, UNKNOWN);
}

export function useConnection(): ConnectionView {
  return useView(useZas().connection, CONNECTING);
}

/** One's rooms, newest activity first; `undefined` until known. */
export function useRooms(): readonly RoomView[] | undefined {
  return useView(useZas().rooms, undefined);
}

/** One row; its component renders again when this message changes, and not for any other. */
export function useRow(room: RoomId, key: RowKey): Row | undefined {
  const client = useZas();
  return useView(
    useMemo(() => client.row(room, key), [client, room, key]),
    undefined,
  );
}

export function useUser(id: UserId | undefined): User | undefined {
  const client = useZas();
  return useView(
    useMemo(() => (id === undefined ? NOTHING : client.user(id)), [client, id]),
    undefined,
  );
}

export function usePresence(id: UserId | undefined): PresenceView {
  const client = useZas();
  return (
    useView(
      useMemo(() => (id === undefined ? NOTHING : client.presence(id)), [client, id]),
      undefined,
    ) ?? AWAY
  );
}

/** What was measured for a message of one's own; `undefined` for one of another session. */
export function useStages(key: RowKey): Stages | undefined {
  const client = useZas();
  return useView(
    useMemo(() => client.stages(key), [client, key]),
    undefined,
  );
}

/** An address to show a file at, once it is there. */
export function useFileUrl(file: FileId | undefined): string | undefined {
  const client = useZas();
  return useView(
    useMemo(() => (file === undefined ? NOTHING : client.fileUrl(file)), [client, file]),
    undefined,
  );
}

/** An address of an attachment for `img`, `video`, `audio` or a download, once it is there. */
export function useMediaUrl(file: FileId | undefined): string | "failed" | undefined {
  const client = useZas();
  return useView(
    useMemo(() => (file === undefined ? NOTHING : client.mediaUrl(file)), [client, file]),
    undefined,
  );
}

/** A room on screen. */
export interface UseRoom {
  room: RoomView | undefined;
  timeline: TimelineView;
  connection: ConnectionView;
  /** The key of the new row, which exists when this returns; `undefined` where there is nothing to send. */
  send(what: string | Draft): RowKey | undefined;
  /** As of the client: shown at once, and undone where they reject. */
  edit(key: RowKey, text: string): Promise<void>;
  delete(key: RowKey): Promise<void>;
  react(key: RowKey, reaction: Reaction | null): Promise<void>;
  retry(key: RowKey): void;
  discard(key: RowKey): string | undefined;
  loadOlder(): Promise<void>;
  typing(on: boolean): void;
  markRead(seq: number): void;
}

/** Opens a room for as long as the component is mounted. */
export function useRoom(id: RoomId): UseRoom {
  const client = useZas();
  const room = useView(
    useMemo(() => client.room(id), [client, id]),
    undefined,
  );
  const cold = useMemo<TimelineView>(
    () => ({ room: id, keys: [], moreBefore: false, phase: "cold", head: 0 }),
    [id],
  );
  const timeline = useView(
    useMemo(() => client.timeline(id), [client, id]),
    cold,
  );
  const connection = useConnection();
  const signedIn = useSession().state === "signed_in";
  // A room opened before anyone is known is opened again for whoever comes.
  // What is unread is fixed before effects below can read it.
  useLayoutEffect(() => (signedIn ? client.open(id) : undefined), [client, id, signedIn]);
  const send = useCallback((what: string | Draft) => client.send(id, what), [client, id]);
  const edit = useCallback((key: RowKey, text: string) => client.edit(id, key, text), [client, id]);
  const remove = useCallback((key: RowKey) => client.delete(id, key), [client, id]);
  const react = useCallback(
    (key: RowKey, reaction: Reaction | null) => client.react(id, key, reaction),
    [client, id],
  );
  const retry = useCallback((key: RowKey) => client.retry(key), [client]);
  const discard = useCallback((key: RowKey) => client.discard(key), [client]);
  const loadOlder = useCallback(() => client.loadOlder(id), [client, id]);
  const typing = useCallback((on: boolean) => client.typing(id, on), [client, id]);
  const markRead = useCallback((seq: number) => client.markRead(id, seq), [client, id]);
  const shown = { room, timeline, connection };
  return { ...shown, send, edit, delete: remove, react, retry, discard, loadOlder, typing, markRead };
}
