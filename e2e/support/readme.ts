/**
 * An example as its README has it run: every command of it, in its order, with ports and folders of the
 * test's own. Commands that stay running are stopped at the end.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "@playwright/test";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = process.env.ZAS_BIN ?? join(ROOT, "target/quick/zas");
/** Tests sign in faster than people. */
const LIMITS = "sign_ins_per_minute=100000,commands_per_minute=1000000,commands_burst=100000";

/** The commands of a page's `sh` blocks, whole lines. */
function commandsIn(page: string): string[] {
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  return blocks.flatMap((block) => block.replaceAll("\\\n", " ").split("\n").filter(Boolean));
}

/** What stands for the contents of files and of all that is below folders. */
async function stampOf(paths: string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) {
    const below = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
    const files = below?.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const file of files?.sort() ?? [path])
      hash.update(relative(ROOT, file)).update(await readFile(file));
  }
  return hash.digest("hex");
}

interface Options {
  /** The example's folder below `examples`. */
  name: string;
  /** Where its commands run; the example's own folder unless said. */
  folder?: string;
  /** Variables for all of its commands. */
  env?: Record<string, string>;
  /** What is written there, and what it is here: addresses. */
  instead: Record<string, string>;
  /** Commands that install, which need not run again while these are as they were. */
  installs: { commands: RegExp; of: string[]; stamp: string };
  /** Commands that stay, each with the address that answers once it is up. */
  stay: [command: RegExp, address: string][];
}

export class Walk {
  private readonly running = new Map<string, ChildProcess>();
  private readonly said: string[] = [];
  private cwd = ROOT;

  private constructor(
    private readonly options: Options,
    private readonly scratch: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** Does all that the README says. */
  static async follow(options: Options): Promise<Walk> {
    const scratch = await mkdtemp(join(tmpdir(), "zas-example-"));
    await symlink(BINARY, join(scratch, "zas"));
    const env = {
      ZAS_WEB_DIR: join(ROOT, "web/app/dist"),
      ...process.env,
      PATH: `${scratch}:${process.env.PATH}`,
      ZAS_DATA: join(scratch, "data"),
      ZAS_METRICS_LISTEN: "off",
      ZAS_LIMIT: LIMITS,
      NEXT_TELEMETRY_DISABLED: "1",
      PYTHONUNBUFFERED: "1",
      ...options.env,
    };
    const walk = new Walk(options, scratch, env);
    try {
      await walk.all();
    } catch (error) {
      await walk.stop();
      throw error;
    }
    return walk;
  }

  /** Ends what stays running and removes what was written. */
  async stop(): Promise<void> {
    for (const command of [...this.running.keys()]) await this.end(command);
    await rm(this.scratch, { recursive: true, force: true });
  }

  /** Runs one command in the example's folder, and gives what it prints. */
  run(command: string): Promise<string> {
    return this.finished(command, this.cwd);
  }

  private get home(): string {
    return join(ROOT, "examples", this.options.name);
  }

  private async all(): Promise<void> {
    const [english, spanish] = await Promise.all(
      ["README.md", "README.es.md"].map(async (name) =>
        commandsIn(await readFile(join(this.home, name), "utf8")),
      ),
    );
    expect(spanish, "both READMEs have the same commands").toEqual(english);
    const { installs, instead, stay, folder = this.home, name } = this.options;
    const stampFile = join(this.home, installs.stamp);
    const stamp = await stampOf(installs.of.map((path) => join(ROOT, path)));
    const installed = (await readFile(stampFile, "utf8").catch(() => "")) === stamp;
    for (const written of english ?? []) {
      const staying = stay.find(([command]) => command.test(written));
      let command = written;
      for (const [there, here] of Object.entries(instead)) command = command.replaceAll(there, here);
      if (written === `cd examples/${name}`) this.cwd = folder;
      else if (staying) await this.begin(command, staying[1]);
      else if (!installs.commands.test(written)) await this.finished(command, this.cwd);
      else if (!installed) await this.finished(command, this.home);
    }
    await writeFile(stampFile, stamp);
  }

  private spawn(command: string, cwd: string): ChildProcess {
    // A group of its own, so that what it starts ends with it.
    const child = spawn("bash", ["-euo", "pipefail", "-c", command], {
      cwd,
      env: this.env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.said.push(`$ ${command}`);
    child.stderr?.on("data", (chunk) => this.said.push(String(chunk)));
    return child;
  }

  private async finished(command: string, cwd: string): Promise<string> {
    const child = this.spawn(command, cwd);
    this.running.set(command, child);
    let output = "";
    child.stdout?.on("data", (chunk) => {
      output += chunk;
    });
    const code = await new Promise((ended) => child.once("close", ended));
    this.running.delete(command);
    if (code !== 0) throw new Error(`${this.said.join("\n")}\n${output}\n${command}: ended with ${code}`);
    return output;
  }

  private async begin(command: string, address: string): Promise<void> {
    const child = this.spawn(command, this.cwd);
    this.running.set(command, child);
    child.stdout?.on("data", (chunk) => this.said.push(String(chunk)));
    await expect(async () => {
      expect(child.exitCode, this.said.join("\n")).toBeNull();
      await fetch(address);
    }, `${command} answers at ${address}`).toPass({ timeout: 60_000 });
  }

  private async end(command: string): Promise<void> {
    const child = this.running.get(command);
    this.running.delete(command);
    if (child?.pid === undefined || child.exitCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    process.kill(-child.pid, "SIGKILL");
    await ended;
  }
}
