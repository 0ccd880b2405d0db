/**
 * The app's messaging service, over `@zas/client`. It asks for what the old one asked for, and gives what
 * that gave; nothing polls, and what is given from here on changes by itself (`chats`, `messages`).
 * Signing in stays the backend's: its tokens are in `localStorage`, and are renewed at `auth/refresh/`.
 */
import {
  createClient,
  REACTIONS,
  type Reaction,
  type Readable,
  type Row,
  type User as ZasUser,
} from "@zas/client";

/** Where Zas answers; the backend is behind it (`zas serve --upstream`), or Zas stands alone. */
const SERVER = process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:8000";

export interface User {
  id: string;
  username: string;
  display_name: string;
  avatar_url: string | null;
}

export interface Message {
  /** The same from the first bubble for ever, so that it does as a React key; opaque. */
  id: string;
  chat_room: string;
  sender: User;
  content: string;
  message_type: "text" | "image" | "video" | "audio" | "file";
  /** Of an attachment; empty until it is known. */
  file_url?: string;
  file_name?: string;
  file_size?: number;
  reply_to: { id: string; sender: User; content: string } | null;
  is_edited: boolean;
  is_deleted: boolean;
  created_at: string;
  /** In a group Zas says how often, and not who: others come without a name. */
  reactions: { user: User; reaction_type: string }[];
  user_reaction: string | null;
  /** All others, once all of them have read it. */
  read_by: { user: User }[];
  /** How far one's own message is; what the old page did not have. */
  status: "sending" | "sent" | "delivered" | "read" | "failed";
}

export interface Chat {
  id: string;
  chat_type: "private" | "group";
  display_name: string;
  other_user: User | null;
  participants: { user: User; role: string }[];
  last_message: { content: string; sender: User; created_at: string } | null;
  last_activity: string;
  unread_count: number;
}

// Signing in: as it was.

export const token = () => localStorage.getItem("access_token") ?? "";

let lastUser: { text: string; user: User } | undefined;

export function user(): User | undefined {
  const text = localStorage.getItem("user");
  if (text === null) return undefined;
  if (lastUser?.text !== text) lastUser = { text, user: JSON.parse(text) };
  return lastUser.user;
}

interface Tokens {
  access: string;
  refresh?: string;
  user?: User;
}

function keep({ access, refresh, user }: Tokens): void {
  localStorage.setItem("access_token", access);
  if (refresh) localStorage.setItem("refresh_token", refresh);
  if (user) localStorage.setItem("user", JSON.stringify(user));
}

async function ask<T>(path: string, body: object): Promise<T> {
  const answer = await fetch(`${SERVER}/api/auth/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": "es" },
    body: JSON.stringify(body),
  });
  // What a proxy says for a backend that is away is no refusal: a TypeError, as of `fetch`, is tried again.
  if (answer.status >= 500) throw new TypeError(`${path}: ${answer.status}`);
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail ?? said.error ?? Object.values(said).flat().join(" "));
  return said;
}

export async function login(name: string, password: string): Promise<void> {
  keep(await ask<Tokens>("login/", { login: name, password }));
  await zas.start();
}

export async function logout(): Promise<void> {
  const refresh_token = localStorage.getItem("refresh_token");
  for (const name of ["access_token", "refresh_token", "user"]) localStorage.removeItem(name);
  await zas.signOut({ discard: false });
  zas.stop();
  await ask("logout/", { refresh_token }).catch(console.warn);
}

let given = "";

/** Zas asks for a fresh token when the one it has is refused, or soon will be. */
async function getToken({ fresh }: { fresh: boolean }): Promise<string> {
  // Another tab may have renewed it.
  if (fresh && token() === given)
    keep(await ask<Tokens>("refresh/", { refresh: localStorage.getItem("refresh_token") }));
  given = token();
  if (!given) throw new Error("nobody is signed in");
  return given;
}

/** One client for all chats: one connection for the whole browser, and what is sent survives a reload. */
export const zas = createClient({ url: SERVER, auth: { kind: "external", getToken } });
if (typeof window !== "undefined" && token()) void zas.start();

// What Zas knows, in the shapes of the app.

type Read = <T>(name: string, view: Readable<T>) => T;

/** A view made of others: it changes when one that it was made of does. */
function made<T>(make: (read: Read) => T): Readable<T> {
  const listeners = new Set<() => void>();
  let sources = new Map<string, () => void>();
  let last: { value: T } | undefined;
  const changed = () => {
    last = undefined;
    for (const listener of [...listeners]) listener();
  };
  const get = (): T => {
    if (last) return last.value;
    const next = new Map<string, () => void>();
    const value = make((name, view) => {
      if (listeners.size > 0 && !next.has(name)) next.set(name, sources.get(name) ?? view.subscribe(changed));
      return view.get();
    });
    for (const [name, leave] of sources) if (!next.has(name)) leave();
    sources = next;
    if (listeners.size > 0) last = { value };
    return value;
  };
  const subscribe = (listener: () => void) => {
    // Its own function, so that one listener given twice leaves twice.
    const entry = () => listener();
    listeners.add(entry);
    get();
    return () => {
      listeners.delete(entry);
      if (listeners.size > 0) return;
      for (const leave of sources.values()) leave();
      sources = new Map();
      last = undefined;
    };
  };
  return { get, subscribe };
}

const memory = new WeakMap<object, { parts: readonly unknown[]; result: unknown }>();

/** What is made of the same things is the same object, so that `memo` renders only what changed. */
function once<T>(of: object, parts: readonly unknown[], make: () => T): T {
  const known = memory.get(of);
  if (known?.parts.length === parts.length && known.parts.every((part, n) => part === parts[n]))
    return known.result as T;
  const result = make();
  memory.set(of, { parts, result });
  return result;
}

const nameless = new Map<string, User>();

function stranger(id: string): User {
  const known = nameless.get(id) ?? { id, username: "", display_name: "", avatar_url: null };
  nameless.set(id, known);
  return known;
}

function person(read: Read, id: string): User {
  const found: ZasUser | undefined = read(`user:${id}`, zas.user(id));
  if (!found) return stranger(id);
  const session = zas.session.get();
  // One's own id is the app's, whose accounts may have other ids than Zas gives them.
  const own = session.state === "signed_in" && session.me.user.id === id ? user()?.id : undefined;
  const { avatar, username, display_name } = found;
  const avatar_url = avatar ? (read(`file:${avatar}`, zas.fileUrl(avatar)) ?? null) : null;
  return once(found, [own, avatar_url], () => ({ id: own ?? id, username, display_name, avatar_url }));
}

const time = (ms: number) => new Date(ms).toISOString();

function message(read: Read, chat: string, row: Row | undefined): Message | undefined {
  // Who came and went, in a group, the old page did not show.
  if (row?.type !== "message") return undefined;
  const sender = person(read, row.sender);
  const quoted = row.replyTo?.sender === undefined ? undefined : person(read, row.replyTo.sender);
  const { attachment, delivery } = row;
  const found = attachment && read(`media:${attachment.file}`, zas.mediaUrl(attachment.file));
  const file_url = found === "failed" ? undefined : found;
  const room = read(`room:${chat}`, zas.room(chat));
  const others = (room?.members ?? []).filter(({ user }) => user !== row.sender);
  const readers =
    delivery.state === "stored" && delivery.tick === "read"
      ? others.map(({ user }) => person(read, user))
      : [];
  const other = room?.other === undefined ? undefined : person(read, room.other);
  return once(row, [sender, quoted, file_url, other, ...readers], (): Message => {
    const me = user();
    const reactions = (row.reactions ?? []).flatMap(({ reaction, count }) =>
      Array.from({ length: count }, (_, n) => {
        const mine = reaction === row.mine && n === 0;
        return {
          reaction_type: reaction,
          user: (mine ? me : other) ?? stranger(`${reaction}-${n}`),
        };
      }),
    );
    const status =
      delivery.state === "stored" ? delivery.tick : delivery.state === "failed" ? "failed" : "sending";
    return {
      id: row.key,
      chat_room: chat,
      sender,
      content: row.text,
      message_type: attachment?.media ?? "text",
      ...(attachment && { file_url, file_name: attachment.name, file_size: attachment.bytes }),
      reply_to: row.replyTo
        ? {
            id: row.replyTo.key ?? row.replyTo.message,
            sender: quoted ?? stranger(""),
            content: row.replyTo.text,
          }
        : null,
      is_edited: row.editedAt !== undefined,
      is_deleted: row.deletedAt !== undefined,
      created_at: time(row.at),
      reactions,
      user_reaction: row.mine ?? null,
      read_by: readers.map((user) => ({ user })),
      status,
    };
  });
}

const conversations = new Map<string, Readable<readonly Message[]>>();

/** What is loaded of a chat, oldest first; what one sends is in it at once. */
export function messages(chat: string): Readable<readonly Message[]> {
  const view =
    conversations.get(chat) ??
    made((read): readonly Message[] => {
      const timeline = read("timeline", zas.timeline(chat));
      const all = timeline.keys.flatMap(
        (key) => message(read, chat, read(`row:${key}`, zas.row(chat, key))) ?? [],
      );
      return once(timeline, all, () => all);
    });
  conversations.set(chat, view);
  return view;
}

/** One's chats, newest activity first; `undefined` until they are known. */
export const chats: Readable<readonly Chat[] | undefined> = made((read) => {
  const rooms = read("rooms", zas.rooms);
  const all = rooms?.map((room) => {
    const people = room.members.map(({ user }) => person(read, user));
    const other = room.other === undefined ? null : person(read, room.other);
    const sender = room.last && person(read, room.last.sender);
    return once(
      room,
      [other, sender, ...people],
      (): Chat => ({
        id: room.id,
        chat_type: room.kind,
        display_name: room.title,
        other_user: other,
        participants: room.members.map(({ role }, n) => ({ user: people[n] as User, role })),
        last_message:
          room.last && sender
            ? {
                content: room.last.text || (room.last.attachment?.name ?? ""),
                sender,
                created_at: time(room.last.at),
              }
            : null,
        last_activity: time(room.at),
        unread_count: room.unread,
      }),
    );
  });
  return rooms && all && once(rooms, all, () => all);
});

/** Resolves with what a view shows once it is as wanted. */
function until<T, U extends T>(view: Readable<T>, wanted: (value: T) => value is U): Promise<U> {
  return new Promise((resolve) => {
    const look = () => {
      const value = view.get();
      if (!wanted(value)) return;
      leave();
      resolve(value);
    };
    const leave = view.subscribe(look);
    look();
  });
}

// What the old service had.

export const getChats = (): Promise<readonly Chat[]> => until(chats, (all) => all !== undefined);

/** The newest, oldest first. */
export async function getMessages(chat: string): Promise<readonly Message[]> {
  await getChats();
  const close = zas.open(chat);
  const { phase } = await until(
    zas.timeline(chat),
    (now): now is typeof now => now.phase === "ready" || now.phase === "failed",
  );
  close();
  if (phase === "failed") throw new Error("No se pudieron cargar los mensajes");
  return messages(chat).get();
}

export const getMessagesSince = async (chat: string, since: string): Promise<readonly Message[]> =>
  (await getMessages(chat)).filter(({ created_at }) => created_at > since);

export interface Extras {
  /** The id of the message that it answers. */
  reply_to?: string;
  file?: File;
}

/**
 * Its bubble is in `messages(chat)` when this returns, but for a file, which is stored first. Resolves once
 * the server has it, which may be days and a reload later; rejects, with the bubble gone, if it is refused.
 */
export function sendMessage(chat: string, content: string, extras: Extras = {}): Promise<Message> {
  const { reply_to: replyTo, file } = extras;
  const draft = { text: content, ...(replyTo && { replyTo }) };
  return file
    ? zas.upload(file, { name: file.name }).then((attachment) => sent(chat, { ...draft, attachment }))
    : sent(chat, draft);
}

async function sent(chat: string, draft: Parameters<typeof zas.send>[1]): Promise<Message> {
  const key = zas.send(chat, draft);
  if (key === undefined) throw new Error("it could not be sent");
  const isDecided = (row: Row | undefined): row is Row | undefined =>
    row?.type !== "message" || row.delivery.state === "stored" || row.delivery.state === "failed";
  const row = await until(zas.row(chat, key), isDecided);
  const real = message((_, view) => view.get(), chat, row);
  if (real?.status === "failed") zas.discard(key);
  if (!real || real.status === "failed") throw new Error("it was refused");
  return real;
}

export const editMessage = (chat: string, id: string, content: string) => zas.edit(chat, id, content);

export async function deleteMessage(chat: string, id: string): Promise<void> {
  const row = zas.row(chat, id).get();
  if (row?.type === "message" && row.delivery.state !== "stored") zas.discard(id);
  else await zas.delete(chat, id);
}

/** Toggles. */
export async function reactToMessage(chat: string, id: string, type: string): Promise<void> {
  const row = zas.row(chat, id).get();
  const reaction = REACTIONS.find((known): known is Reaction => known === type);
  const again = row?.type === "message" && row.mine === reaction;
  if (reaction) await zas.react(chat, id, again ? null : reaction);
}

export async function markAsRead(chat: string): Promise<void> {
  zas.markRead(chat, zas.timeline(chat).get().head);
}

export const searchUsers = async (text: string): Promise<User[]> =>
  (await zas.searchUsers(text)).map(({ id, username, display_name }) => ({
    id,
    username,
    display_name,
    avatar_url: null,
  }));

/** Opens or finds the private chat with somebody; its id. */
export async function startChat(username: string): Promise<string> {
  const found = (await searchUsers(username)).find((user) => user.username === username.toLowerCase());
  if (!found) throw new Error("No existe ese usuario");
  return zas.openPrivate(found.id);
}
