import { describe, expect, it } from "vitest";
import { pieces } from "../src/conversation/links.js";
import { charsOver, emojiCount, MESSAGE_CHARS, mayLink } from "../src/conversation/text.js";

const links = (text: string) => (mayLink(text) ? pieces(text).flatMap((piece) => piece.href ?? []) : []);

describe("links", () => {
  it("are addresses with or without a scheme, and mail", () => {
    expect(links("mira https://zas.chat/a?b=1#c, www.example.com y ana@example.com.")).toEqual([
      "https://zas.chat/a?b=1#c",
      "https://www.example.com/",
      "mailto:ana@example.com",
    ]);
  });

  it.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(document.domain)//https",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "ftp://example.com/x",
    "<img src=x onerror=alert(1)>",
  ])("never lead anywhere but to http, https or mailto: %s", (text) => {
    for (const href of links(text)) expect(href).toMatch(/^(https?|mailto):/);
    expect(links(text).filter((href) => /script|data:|file:|ftp:/i.test(href.split("//")[0] ?? ""))).toEqual(
      [],
    );
  });

  it.each([
    "hola",
    "",
    " a.b ",
    "https://a.es/\u202Egnp.exe y más\n\ntexto",
    "<b>https://a.es</b>&amp;\"'`",
    "a@".repeat(500),
    "https://".repeat(400),
    "\uD800.\uDC00@x",
  ])("leave the text as it was: %j", (text) => {
    expect(
      pieces(text)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(text);
  });
});

describe("emoji", () => {
  it.each([
    ["😀", 1],
    ["👍🏽", 1],
    ["👩‍👩‍👧‍👦", 1],
    ["🇪🇸", 1],
    ["❤️", 1],
    ["1️⃣", 1],
    ["🏴󠁧󠁢󠁥󠁮󠁧󠁿", 1],
    ["🎉 🎉\n🥳", 3],
    ["😀".repeat(8), 8],
  ])("%s are counted: %i", (text, count) => expect(emojiCount(text)).toBe(count));

  it.each(["", " ", "1", "12", "#", "hola 😀", "😀!", "©", "😀".repeat(9)])("%j is text", (text) =>
    expect(emojiCount(text)).toBe(0),
  );
});

describe("length", () => {
  it("counts what the server counts, at the limit and beyond", () => {
    expect(charsOver("a".repeat(MESSAGE_CHARS))).toBe(0);
    expect(charsOver("a".repeat(MESSAGE_CHARS + 1))).toBe(1);
    expect(charsOver("😀".repeat(MESSAGE_CHARS))).toBe(0);
    expect(charsOver("😀".repeat(MESSAGE_CHARS + 2))).toBe(2);
  });
});
