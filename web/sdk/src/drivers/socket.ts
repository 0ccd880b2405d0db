import { FIRST_FRAME_BYTES } from "../engine/limits.js";
import { type ClientFrame, type ServerFrame, SUBPROTOCOL } from "../protocol.gen.js";
import { ABNORMAL, type Carrier, type CarrierEvents, type Opening } from "./carrier.js";
import { Line } from "./network.js";

/** The feed and all commands over one WebSocket. */
export function openSocket({ network, token, hello }: Opening, on: CarrierEvents): Carrier {
  const [up, down] = [new Line(network), new Line(network)];
  let socket: WebSocket | undefined;
  let over = false;

  const end = () => {
    over = true;
    release();
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  };
  const closed = (code: number, reason: string) => {
    if (over) return;
    end();
    on.closed(code, reason);
  };
  const release = network.guard("socket", () => closed(ABNORMAL, "no network"));
  const send = (frame: ClientFrame) => {
    network.countFrame();
    const text = JSON.stringify(frame);
    up.pass(() => {
      if (!over && socket?.readyState === WebSocket.OPEN) socket.send(text);
    });
  };

  queueMicrotask(() => {
    if (over) return;
    if (network.blocked("socket")) return closed(ABNORMAL, "blocked");
    try {
      socket = new WebSocket(address(network.server), SUBPROTOCOL);
    } catch {
      return closed(ABNORMAL, "no WebSocket here");
    }
    socket.onopen = () => {
      const { cursor, ...rest } = hello();
      const first: ClientFrame = { type: "hello", token: token(), ...rest };
      const whole: ClientFrame = cursor ? { ...first, cursor } : first;
      if (!cursor || new TextEncoder().encode(JSON.stringify(whole)).length <= FIRST_FRAME_BYTES)
        return send(whole);
      send(first);
      send({ type: "resume", cursor });
    };
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return;
      network.countFrame();
      down.pass(() => {
        if (over) return;
        const frame = parsed(data);
        if (frame) on.frame(frame);
        else on.heard();
      });
    };
    socket.onclose = ({ code, reason }) => down.pass(() => closed(code, reason || `closed with ${code}`));
  });
  return { send, close: end };
}

/** A frame, or `undefined` for what is none. */
export function parsed(text: string): ServerFrame | undefined {
  try {
    return JSON.parse(text) as ServerFrame;
  } catch {
    return undefined;
  }
}

function address(server: string): string {
  const url = new URL("/v1/ws", server || location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
