/**
 * The machines that run an image: Vitrine in this process, Bochs and QEMU as they are installed (Debian: bochs,
 * qemu-system-x86). Each gives what the image wrote on the first serial port until it switched the power off.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Machine } from "../../host/machine.ts";
import { MemoryDisk } from "../../host/disks/memory_disk.ts";
import { loadNodeAssets } from "../../host/node.ts";

export type MachineName = "vitrine" | "bochs" | "qemu";
export const REFERENCES: readonly MachineName[] = ["bochs", "qemu"];

/** Host time after which a machine is stopped; what it has written until then is its answer. */
export const TIMEOUT_MS = 150_000;
const MEMORY_MIB = 64;

const BOCHS = "bochs";
const BOCHS_DATA = "/usr/share/bochs";
const QEMU = "qemu-system-x86_64";

/** Bochs's model with most of what x86-64-v2 and its system side know. */
const BOCHS_CPU = "corei7_skylake_x";
/** Bochs's second has so many instructions: few, as its BIOS waits for some seconds. */
const BOCHS_IPS = 4_000_000;
/** An image that resets the machine more often than this has lost its way. (Bochs's debugger, built in by Debian, stops at each.) */
const MAX_RESETS = 20;

/** Whether the machine can run here. */
export function isInstalled(machine: MachineName): boolean {
  if (machine === "vitrine") return true;
  const program = machine === "bochs" ? BOCHS : QEMU;
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

/** Runs `image` (a disk) to its power-off. The last line says so if it did not come to that. */
export function runImage(machine: MachineName, image: Uint8Array): Promise<string> {
  if (machine === "vitrine") return runVitrine(image);
  return machine === "bochs" ? runBochs(image) : runQemu(image);
}

async function runVitrine(image: Uint8Array): Promise<string> {
  let output = "";
  let why = "";
  let resets = 0;
  let end: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const machine = new Machine(await loadNodeAssets(), {
    boot_disk: new MemoryDisk(image.slice()),
    haltedForGood: () => {
      why = "halted";
      end();
    },
  });
  await machine.listen({
    serial: (bytes) => (output += Buffer.from(bytes).toString("latin1")),
    power: (state, detail) => {
      if (state === "crashed") why = `crashed: ${detail}`;
      if (state === "running" && detail !== "" && ++resets > MAX_RESETS) why = "too many resets";
      if (why !== "" || state === "off") end();
    },
  });
  const timer = setTimeout(() => {
    why = "timeout";
    end();
  }, TIMEOUT_MS);
  await machine.powerOn({ clock: "virtual", memory_bytes: MEMORY_MIB << 20 });
  await ended;
  clearTimeout(timer);
  await machine.powerOff();
  return why === "" ? output : `${output}\n[${why}]\n`;
}

async function runBochs(image: Uint8Array): Promise<string> {
  return inDirectory(image, async (directory, disk) => {
    const config = join(directory, "bochsrc");
    const commands = join(directory, "commands");
    writeFileSync(
      config,
      [
        `megs: ${MEMORY_MIB}`,
        `romimage: file=${BOCHS_DATA}/BIOS-bochs-latest`,
        `vgaromimage: file=${BOCHS_DATA}/VGABIOS-lgpl-latest`,
        `ata0-master: type=disk, path=${disk}, mode=flat`,
        "boot: disk",
        `log: ${join(directory, "log")}`,
        `com1: enabled=1, mode=file, dev=${join(directory, "serial")}`,
        'display_library: rfb, options="timeout=0"',
        `cpu: model=${BOCHS_CPU}, count=1, ips=${BOCHS_IPS}, reset_on_triple_fault=1, ignore_bad_msrs=0`,
        "clock: sync=none",
        "panic: action=fatal",
        "",
      ].join("\n"),
    );
    writeFileSync(commands, "c\n".repeat(MAX_RESETS));
    return execute(BOCHS, ["-q", "-f", config, "-rc", commands]);
  });
}

async function runQemu(image: Uint8Array): Promise<string> {
  return inDirectory(image, (directory, disk) =>
    execute(QEMU, [
      ...["-nodefaults", "-display", "none", "-accel", "tcg", "-cpu", "max", "-m", String(MEMORY_MIB)],
      ...["-serial", `file:${join(directory, "serial")}`],
      ...["-drive", `file=${disk},format=raw,if=ide`],
      ...["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
    ]),
  );
}

/** Calls `run` with a temporary directory that holds the disk; gives what is then in its file `serial`. */
async function inDirectory(
  image: Uint8Array,
  run: (directory: string, disk: string) => Promise<string>,
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "vitrine-system-"));
  try {
    const disk = join(directory, "disk");
    writeFileSync(disk, image);
    const why = await run(directory, disk);
    const serial = join(directory, "serial");
    const output = existsSync(serial) ? readFileSync(serial, "latin1") : "";
    return why === "" ? output : `${output}\n[${why}]\n`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs a program to its end; says why it had to be stopped, or "". */
function execute(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: "ignore" });
    let why = "";
    const timer = setTimeout(() => {
      why = "timeout";
      child.kill("SIGKILL");
    }, TIMEOUT_MS);
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve(error.message);
    });
    child.on("close", () => {
      clearTimeout(timer);
      resolve(why);
    });
  });
}
