/** What things of one account are called in the browser's storage, locks and channels. */
export interface Names {
  /** Before anyone is known: one server and profile. */
  readonly client: string;
  /** One person's. */
  account(user: string): string;
}

export function namesFor(server: string, profile: string | undefined): Names {
  const client = `zas:${server}:${profile ?? ""}`;
  return { client, account: (user) => `${client}:${user}` };
}
