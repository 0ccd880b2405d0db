/** The old app's messaging service: its paths, its tokens in `localStorage`, a refresh on 401. */

const options = new URLSearchParams(location.search);
/** The one base URL that such an app changes. */
export const SERVER = options.get("server") ?? "";
export const CHAT = options.get("chat") ?? "";
/** `polling`, `improved`, or `twice`: the improved one that sends by socket and by POST. */
export const PAGE = options.get("page") ?? "improved";

export interface Person {
  id: string;
  username: string;
  display_name: string;
}

export interface Message {
  id: string;
  sender: Person;
  content: string;
  created_at: string;
  is_edited: boolean;
  is_deleted: boolean;
  reactions: { user: Person; reaction_type: string }[];
  read_by: { user: Person }[];
  txn_id?: string;
}

interface Tokens {
  access: string;
  refresh: string;
  user?: Person;
}

export const token = () => localStorage.getItem("access_token") ?? "";
export const user = (): Person | undefined => JSON.parse(localStorage.getItem("user") ?? "null") ?? undefined;

function keep({ access, refresh, user }: Tokens): void {
  localStorage.setItem("access_token", access);
  localStorage.setItem("refresh_token", refresh);
  if (user) localStorage.setItem("user", JSON.stringify(user));
}

async function call<T>(path: string, body?: object): Promise<T> {
  const ask = () =>
    fetch(`${SERVER}/api/${path}`, {
      method: body ? "POST" : "GET",
      headers: {
        "Content-Type": "application/json",
        ...(token() && { Authorization: `Bearer ${token()}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  let answer = await ask();
  if (answer.status === 401 && path !== "auth/refresh/") {
    keep(await call<Tokens>("auth/refresh/", { refresh: localStorage.getItem("refresh_token") }));
    answer = await ask();
  }
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return (await answer.json()) as T;
}

export const login = async (name: string, password: string) =>
  keep(await call<Tokens>("auth/login/", { login: name, password }));

const messages = (chat: string) => `messaging/chats/${chat}/messages/`;

/** The newest, oldest first. */
export const getMessages = async (chat: string) =>
  (await call<{ results: Message[] }>(messages(chat))).results.reverse();

export const getMessagesSince = async (chat: string, since: string) =>
  (await call<{ results: Message[] }>(`${messages(chat)}?since=${encodeURIComponent(since)}`)).results;

export const sendMessage = (chat: string, content: string, txn_id?: string) =>
  call<Message>(messages(chat), { content, message_type: "text", txn_id });
