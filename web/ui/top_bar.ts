/**
 * The bar at the top: power, reset, and the state in words, which screen readers hear when it changes. Buttons act on
 * machine.ts; the settings dialog has its own module.
 */
import type { PowerState } from "../../host/api.ts";
import type { Machine } from "../machine.ts";
import { byId } from "./dom.ts";

const STATE_WORDS: Record<PowerState, string> = {
  off: "Off",
  running: "Running",
  asleep: "Idle",
  crashed: "Crashed",
};

/** A state that lasts shorter than this is not shown: an idle machine wakes many times a second. */
const SETTLE_MS = 400;

/** `powerOn` starts the machine with the settings of the moment. */
export function setUpTopBar(machine: Machine, powerOn: () => void): void {
  const power = byId<HTMLButtonElement>("power");
  const reset = byId<HTMLButtonElement>("reset");
  const chip = byId("state");
  const word = byId("state-word");
  const detail = byId("state-detail");
  const announcer = byId("announcer");
  let settle: ReturnType<typeof setTimeout> | undefined;
  let announced = "";

  power.addEventListener("click", () => {
    if (machine.on) void machine.powerOff();
    else powerOn();
  });
  reset.addEventListener("click", () => void machine.reset());

  const show = () => {
    const shown = machine.starting ? "starting" : machine.state;
    chip.dataset.state = shown;
    word.textContent = machine.starting ? "Starting" : STATE_WORDS[machine.state];
    const why = machine.starting ? "" : machine.detail;
    detail.textContent = why;
    detail.title = why;
    // Between running and asleep there is nothing to announce.
    const heard = machine.on && !machine.starting ? "on" : shown;
    if (heard !== announced) {
      announcer.textContent = `The machine is ${heard === "on" ? "running" : heard}. ${why}`;
      announced = heard;
    }
  };

  machine.listen({
    state: () => {
      const on = machine.on || machine.starting;
      power.setAttribute("aria-pressed", String(on));
      power.setAttribute("aria-label", on ? "Power: switch the machine off" : "Power: switch the machine on");
      power.title = on ? "Switch off" : "Switch on";
      power.disabled = machine.starting;
      reset.disabled = !machine.present || machine.starting || machine.state === "off";
      document.documentElement.dataset.power = machine.starting ? "starting" : machine.state;
      clearTimeout(settle);
      const passing =
        machine.on &&
        !machine.starting &&
        (chip.dataset.state === "running" || chip.dataset.state === "asleep");
      if (passing) settle = setTimeout(show, SETTLE_MS);
      else show();
    },
  });
}
