/**
 * A value without half characters: a paste or an input method can leave one surrogate of a pair, which
 * is no text (Unicode D76) and which no server takes; it becomes U+FFFD.
 */
export function wellFormed<T>(value: T): T {
  const mend = (_: string, part: unknown) =>
    typeof part === "string" ? part.replace(/\p{Surrogate}/gu, "\ufffd") : part;
  return JSON.parse(JSON.stringify(value), mend) as T;
}
