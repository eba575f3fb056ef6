/**
 * The meters: instructions retired, speed with its last minute as a line, where the time went since the last reading,
 * and counts of the memory and interrupt hardware. Reads api.stats() a few times a second while the panel is open, the
 * page is shown and the machine is on. All numbers are the machine's own; nothing is estimated here.
 */
import type { MachineStats } from "../../host/api.ts";
import type { Machine } from "../machine.ts";
import { byId } from "../ui/dom.ts";
import { whileShown } from "./poll.ts";

const READ_MS = 400;
/** One minute of readings. */
const HISTORY = 150;
const CHART_WIDTH = 240;
const CHART_HEIGHT = 44;

const integer = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export class Meters {
  private last: MachineStats | null = null;
  private readonly speeds: number[] = [];

  constructor(private readonly machine: Machine) {
    whileShown(byId<HTMLDetailsElement>("meters"), READ_MS, async () => {
      if (!machine.present || (!machine.on && this.last?.state === machine.state)) return;
      const stats = await machine.ask((api) => api.stats());
      if (!stats) return;
      this.show(stats);
      machine.observe(stats.state);
    });
    machine.listen({
      state: (state) => {
        if (state === "off") this.speeds.length = 0;
      },
    });
  }

  private show(stats: MachineStats): void {
    // Counters that went back belong to a machine that was switched on in between.
    const last =
      this.last && stats.seconds >= this.last.seconds && stats.instructions >= this.last.instructions
        ? this.last
        : null;
    this.last = stats;

    set("instructions", integer.format(stats.instructions));
    set("instructions-user", share(stats.instructions_user, stats.instructions, "in user mode"));
    set("uptime", duration(stats.seconds));
    set("tlb", integer.format(stats.tlb_misses));
    set("blocks", integer.format(stats.decoded_blocks));
    set("exceptions", integer.format(stats.exceptions));
    set("interrupts", integer.format(stats.interrupts));

    const seconds = stats.seconds - (last?.seconds ?? 0);
    if (seconds <= 0) return;
    const mips = this.machine.on ? (stats.instructions - (last?.instructions ?? 0)) / seconds / 1e6 : 0;
    this.speeds.push(mips);
    if (this.speeds.length > HISTORY) this.speeds.shift();
    set("mips", mips >= 100 ? integer.format(mips) : mips.toFixed(1));
    this.drawSpeeds();
    this.drawTimes(stats, last);
  }

  private drawSpeeds(): void {
    const peak = Math.max(1, ...this.speeds);
    set("mips-peak", `peak ${short.format(peak)}`);
    const step = CHART_WIDTH / (HISTORY - 1);
    const start = CHART_WIDTH - (this.speeds.length - 1) * step;
    const points = this.speeds.map((mips, i) => {
      const y = CHART_HEIGHT - 1.5 - (mips / peak) * (CHART_HEIGHT - 4);
      return `${(start + i * step).toFixed(1)},${y.toFixed(1)}`;
    });
    byId("mips-line").setAttribute("points", points.join(" "));
    byId("mips-area").setAttribute(
      "points",
      `${start.toFixed(1)},${CHART_HEIGHT} ${points.join(" ")} ${CHART_WIDTH},${CHART_HEIGHT}`,
    );
  }

  private drawTimes(stats: MachineStats, last: MachineStats | null): void {
    const spent = {
      user: stats.user_seconds - (last?.user_seconds ?? 0),
      kernel: stats.kernel_seconds - (last?.kernel_seconds ?? 0),
      idle: stats.idle_seconds - (last?.idle_seconds ?? 0),
    };
    const all = spent.user + spent.kernel + spent.idle;
    if (all <= 0) return;
    for (const kind of ["user", "kernel", "idle"] as const) {
      const percent = (spent[kind] / all) * 100;
      byId(`time-${kind}`).style.flexGrow = String(percent);
      set(`percent-${kind}`, `${percent.toFixed(0)} %`);
    }
  }
}

function set(meter: string, text: string): void {
  const element = byId(`meter-${meter}`);
  if (element.textContent !== text) element.textContent = text;
}

function share(part: number, whole: number, words: string): string {
  return whole > 0 ? `${((part / whole) * 100).toFixed(0)} % ${words}` : "";
}

function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  const two = (n: number) => String(n).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
