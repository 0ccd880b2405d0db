/** The server under test: one process for each worker, on a free port, with a folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Tests sign in and write faster than people; every other limit is the product's own. */
const LIMITS = ["sign_ins_per_minute=100000", "commands_per_minute=1000000", "commands_burst=100000"];

export class Server {
  private process: ChildProcess | undefined;

  private constructor(
    private readonly data: string,
    readonly port: number,
    private readonly options: string[],
  ) {}

  /** Starts one; `options` go to `zas serve`. */
  static async start(...options: string[]): Promise<Server> {
    const data = await mkdtemp(join(tmpdir(), "zas-e2e-"));
    const server = new Server(data, await freePort(), options);
    await server.boot();
    return server;
  }

  /** Its address; `host` may be any name that leads here. */
  url(host = "127.0.0.1"): string {
    return `http://${host}:${this.port}`;
  }

  /** Kills it as a power cut would, and starts it again on the same data. */
  async crash(): Promise<void> {
    await this.end("SIGKILL");
    await this.boot();
  }

  async stop(): Promise<void> {
    await this.end("SIGKILL");
    await rm(this.data, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const ended = new Promise((done) => this.process?.once("exit", done));
    this.process?.kill(signal);
    await ended;
  }

  private boot(): Promise<void> {
    const binary = process.env.ZAS_BIN ?? join(root, "target/quick/zas");
    const args = [
      "serve",
      "--listen",
      `127.0.0.1:${this.port}`,
      "--metrics-listen",
      "off",
      "--data",
      this.data,
    ];
    const limits = LIMITS.flatMap((limit) => ["--limit", limit]);
    const child = spawn(binary, [...args, ...limits, ...this.options], {
      env: { ZAS_WEB_DIR: join(root, "web/app/dist"), ...process.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    const said: string[] = [];
    return new Promise((ready, failed) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          said.push(line);
          if (line.includes("listening")) ready();
        });
      }
      child.once("exit", () => failed(new Error(`the server ended:\n${said.join("\n")}`)));
    });
  }
}

export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() =>
        address && typeof address === "object" ? found(address.port) : failed(new Error("no port")),
      );
    });
  });
}
