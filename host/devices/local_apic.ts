/**
 * Local APIC of one CPU: accepts interrupt messages, keeps them by priority, interrupts its CPU, sends messages itself.
 *
 *     apic_bus.ts -> receive() -> IRR --(higher than PPR)--> INTR -> acknowledge(): IRR -> ISR -> EOI
 *     apic_lvt.ts, apic_timer.ts -> receive()      8259 on LINT0 (ExtINT) -> INTR -> acknowledge(): its own vector
 *
 * Registers are read and written at offsets in their page (xAPIC, readMmio) or as MSRs (x2APIC, readMsr); each is
 * written once, by its offset. Version 14H with six LVT entries and suppression of EOI broadcasts. Source: SDM vol 3A
 * "Advanced Programmable Interrupt Controller (APIC)", "Extended XAPIC (x2APIC)". QUIRK: SMIs are dropped, as there is
 * no system management mode; thermal and performance entries are kept, but nothing triggers them.
 */
import {
  APIC_BASE_BSP,
  APIC_BASE_ENABLE,
  APIC_BASE_RESET,
  APIC_BASE_X2APIC,
  MSR_APIC_BASE,
  MSR_TSC_DEADLINE,
  MSR_X2APIC,
} from "../../cpu-core/abi/state.ts";
import type { MmioDevice } from "../bus.ts";
import type { Timeline } from "../clock.ts";
import { EXTINT, FIXED, INIT, LOWEST_PRIORITY, NMI, START_UP, wideDestination } from "./apic_bus.ts";
import type { ApicBus, InterruptTarget } from "./apic_bus.ts";
import { ERROR, LINT0, LINT1, LocalVectorTable, NR_ENTRIES, TIMER } from "./apic_lvt.ts";
import { ApicTimer } from "./apic_timer.ts";
import type { TscOffset } from "./apic_timer.ts";
import { VectorSet } from "./apic_vectors.ts";

/** Register offsets; as an MSR, 800H + offset / 16. */
export const ID = 0x020;
export const VERSION = 0x030;
export const TPR = 0x080;
export const APR = 0x090;
export const PPR = 0x0a0;
export const EOI = 0x0b0;
export const RRD = 0x0c0;
export const LDR = 0x0d0;
export const DFR = 0x0e0;
export const SVR = 0x0f0;
export const ISR = 0x100;
export const TMR = 0x180;
export const IRR = 0x200;
export const ESR = 0x280;
export const ICR = 0x300;
export const ICR_HIGH = 0x310;
export const LVT = 0x320;
export const INITIAL_COUNT = 0x380;
export const CURRENT_COUNT = 0x390;
export const DIVIDE = 0x3e0;
/** x2APIC only. */
export const SELF_IPI = 0x3f0;

/** Version 14H, last LVT entry 5, EOI-broadcast suppression. */
const VERSION_VALUE = 0x14 | ((NR_ENTRIES - 1) << 16) | (1 << 24);

const SVR_ENABLE = 1 << 8;
const SVR_SUPPRESS_EOI_BROADCAST = 1 << 12;
const SVR_WRITABLE = 0x11ff;

/** Bits of the ESR. */
export const SEND_ILLEGAL_VECTOR = 1 << 5;
export const RECEIVE_ILLEGAL_VECTOR = 1 << 6;
export const ILLEGAL_REGISTER = 1 << 7;

const ICR_LOGICAL = 1 << 11;
const ICR_ASSERT = 1 << 14;
const ICR_LEVEL = 1 << 15;
const ICR_WRITABLE = 0xc_cfff;
const SELF = 1;
const ALL_INCLUDING_SELF = 2;
const ALL_EXCLUDING_SELF = 3;

const FLAT = 0xf;
const FIRST_LEGAL_VECTOR = 16;
/** The 40 bits of a physical address (CPUID leaf 80000008H). */
const PHYSICAL_HIGH = 0xff;

/** What a local APIC does to its CPU. */
export interface CpuPins {
  /** Level of the interrupt request. */
  intr(level: number): void;
  nmi(): void;
  init(): void;
  /** SIPI: starts a CPU that waits for it at physical address `vector` * 4 KiB. */
  startUp(vector: number): void;
}

export class LocalApic implements InterruptTarget, MmioDevice {
  tpr = 0;
  readonly irr = new VectorSet();
  readonly isr = new VectorSet();
  readonly tmr = new VectorSet();
  readonly lvt = new LocalVectorTable(this);
  readonly timer: ApicTimer;
  readonly counters = { accepted: 0, extint: 0, spurious: 0, errors: 0, ipis: 0, nmis: 0 };
  /** IA32_APIC_BASE in two halves. */
  #base_lo = 0;
  #base_hi = 0;
  #id: number;
  #ldr = 0;
  #dfr = 0xffff_ffff;
  #svr = 0xff;
  /** Errors since the ESR was last written, and what that write left to read. */
  #errors = 0;
  #esr = 0;
  #icr = 0;
  #icr_high = 0;
  /** An I/O APIC passed on the 8259's request. */
  #external_message = false;
  #waits_for_sipi = false;
  #intr = 0;

  /**
   * `initial_id` is unique on the bus; the first CPU, 0, is the bootstrap processor. `external` is the INTA cycle of the 8259
   * pair, which answers with its vector.
   */
  constructor(
    readonly initial_id: number,
    readonly bus: ApicBus,
    readonly pins: CpuPins,
    readonly external: () => number,
    timeline: Timeline,
    tsc: TscOffset,
  ) {
    this.timer = new ApicTimer(timeline, tsc, () => this.lvt.trigger(TIMER));
    this.#id = initial_id;
    bus.targets.push(this);
    this.reset();
  }

  /** RESET#. */
  reset(): void {
    this.#base_lo = this.#isBootstrap() ? APIC_BASE_RESET : APIC_BASE_RESET & ~APIC_BASE_BSP;
    this.#base_hi = 0;
    this.#id = this.initial_id;
    this.#waits_for_sipi = !this.#isBootstrap();
    this.#resetRegisters();
  }

  /** Local APIC state after power-up, RESET# and INIT; the ID is kept. */
  #resetRegisters(): void {
    this.tpr = this.#ldr = this.#errors = this.#esr = this.#icr = this.#icr_high = 0;
    this.#dfr = 0xffff_ffff;
    this.#svr = 0xff;
    this.#external_message = false;
    this.irr.clear();
    this.isr.clear();
    this.tmr.clear();
    this.lvt.reset();
    this.timer.reset();
    this.#update();
  }

  #isBootstrap(): boolean {
    return this.initial_id === 0;
  }

  get #enabled(): boolean {
    return (this.#base_lo & APIC_BASE_ENABLE) !== 0;
  }

  get #x2apic(): boolean {
    return (this.#base_lo & APIC_BASE_X2APIC) !== 0;
  }

  /** Physical address of the registers' page; -1 while they are not in memory. */
  get page(): number {
    return this.#enabled && !this.#x2apic && this.#base_hi === 0 ? (this.#base_lo & 0xffff_f000) >>> 0 : -1;
  }

  // Priorities -----------------------------------------------------------------------------------------------------

  get ppr(): number {
    const in_service = Math.max(this.isr.highest(), 0) & 0xf0;
    return (this.tpr & 0xf0) >= in_service ? this.tpr : in_service;
  }

  /** Arbitration priority register. */
  get #apr(): number {
    const in_service = Math.max(this.isr.highest(), 0) & 0xf0;
    const requested = Math.max(this.irr.highest(), 0) & 0xf0;
    const priority = this.tpr & 0xf0;
    if (priority >= requested && priority > in_service) return this.tpr;
    return Math.max(priority, in_service, requested);
  }

  get accepts_fixed(): boolean {
    return this.#enabled && (this.#svr & SVR_ENABLE) !== 0;
  }

  /** The request that may interrupt now, -1: none. */
  #pending(): number {
    const vector = this.irr.highest();
    return vector >= 0 && vector >> 4 > this.ppr >> 4 ? vector : -1;
  }

  /** Whether the 8259 pair asks: directly while the APIC is disabled, else by a pin or message of mode ExtINT. */
  #asksExternal(): boolean {
    if (!this.#enabled) return this.lvt.pin(LINT0) !== 0;
    return this.#external_message || this.lvt.asksExternal(LINT0) || this.lvt.asksExternal(LINT1);
  }

  /** Drives the CPU's interrupt request. */
  #update(): void {
    const level = (this.#enabled && this.#pending() >= 0) || this.#asksExternal() ? 1 : 0;
    if (level === this.#intr) return;
    this.#intr = level;
    this.pins.intr(level);
  }

  /** The CPU takes an interrupt: its vector. Own requests come before those of the 8259. */
  acknowledge(): number {
    const vector = this.#enabled ? this.#pending() : -1;
    if (vector >= 0) {
      this.irr.delete(vector);
      this.isr.add(vector);
      this.#update();
      return vector;
    }
    if (this.#asksExternal()) {
      this.counters.extint++;
      this.#external_message = false;
      const external = this.external();
      this.#update();
      return external;
    }
    this.counters.spurious++;
    return this.#svr & 0xff;
  }

  // Messages in ----------------------------------------------------------------------------------------------------

  isDestination(destination: number, logical: boolean): boolean {
    if (!this.#enabled) return false;
    if (!logical) return destination === 0xffff_ffff || destination === this.#id;
    if (this.#x2apic) {
      if (destination === 0xffff_ffff) return true;
      const ldr = this.#logicalX2();
      return destination >>> 16 === ldr >>> 16 && (destination & ldr & 0xffff) !== 0;
    }
    const id = this.#ldr >>> 24;
    if (this.#dfr >>> 28 === FLAT) return (destination & id) !== 0;
    if (this.#dfr >>> 28 !== 0) return false;
    const cluster = (destination >> 4) & 15;
    return (cluster === 15 || cluster === id >> 4) && (destination & id & 15) !== 0;
  }

  receive(mode: number, vector: number, level_triggered: boolean): boolean {
    switch (mode) {
      case FIXED:
      case LOWEST_PRIORITY:
        return this.#accept(vector, level_triggered);
      case NMI:
        this.counters.nmis++;
        this.pins.nmi();
        return true;
      case INIT:
        this.#waits_for_sipi = !this.#isBootstrap();
        this.#resetRegisters();
        this.pins.init();
        return true;
      case START_UP:
        if (this.#waits_for_sipi) this.pins.startUp(vector);
        this.#waits_for_sipi = false;
        return true;
      case EXTINT:
        this.#external_message = true;
        this.#update();
        return true;
    }
    return false;
  }

  #accept(vector: number, level_triggered: boolean): boolean {
    if (!this.accepts_fixed) return false;
    if (vector < FIRST_LEGAL_VECTOR) {
      this.#error(RECEIVE_ILLEGAL_VECTOR);
      return false;
    }
    this.counters.accepted++;
    this.irr.add(vector);
    if (level_triggered) this.tmr.add(vector);
    else this.tmr.delete(vector);
    this.#update();
    return true;
  }

  /** Level of a LINT pin: 0 the 8259 pair, 1 the NMI line. While the APIC is disabled they are INTR and NMI. */
  setLint(pin: number, level: number): void {
    const entry = LINT0 + pin;
    const rises = level !== 0 && this.lvt.pin(entry) === 0;
    this.lvt.setPin(entry, level);
    if (!this.#enabled && rises && entry === LINT1) this.pins.nmi();
    this.#update();
  }

  /** An error happened: once logged it does not interrupt again before the ESR is written. */
  #error(bit: number): void {
    if (this.#errors & bit) return;
    this.#errors |= bit;
    this.counters.errors++;
    this.lvt.trigger(ERROR);
  }

  /** Whether a CPU that is halted with interrupts off may be woken from here: the 8259's requests are NMIs. */
  get wakes_masked_cpu(): boolean {
    return !this.lvt.isMasked(LINT0) && this.lvt.mode(LINT0) === NMI;
  }

  // Messages out ---------------------------------------------------------------------------------------------------

  #endOfInterrupt(): void {
    const vector = this.isr.highest();
    if (vector < 0) return;
    this.isr.delete(vector);
    if (this.tmr.has(vector)) {
      this.lvt.endOfInterrupt(vector);
      if (!(this.#svr & SVR_SUPPRESS_EOI_BROADCAST)) this.bus.endOfInterrupt(vector);
    }
    this.#update();
  }

  /** Sends what the ICR says. All but INIT de-assert are edges, whatever its trigger mode bit. */
  #send(icr: number, destination: number): void {
    const mode = (icr >> 8) & 7;
    const vector = icr & 0xff;
    const shorthand = (icr >> 18) & 3;
    const fixed = mode === FIXED || mode === LOWEST_PRIORITY;
    this.counters.ipis++;
    if (fixed && vector < FIRST_LEGAL_VECTOR) {
      this.#error(SEND_ILLEGAL_VECTOR);
      if (shorthand === SELF) this.#error(RECEIVE_ILLEGAL_VECTOR);
      return;
    }
    if (mode === INIT && icr & ICR_LEVEL && !(icr & ICR_ASSERT)) return;
    if (mode === EXTINT || mode === 3) return; // reserved
    switch (shorthand) {
      case SELF:
        if (mode === FIXED) this.receive(mode, vector, false);
        break;
      case ALL_INCLUDING_SELF:
        if (mode === FIXED) this.bus.deliver(mode, vector, false, 0xffff_ffff, false);
        break;
      case ALL_EXCLUDING_SELF:
        this.bus.deliver(mode, vector, false, 0xffff_ffff, false, this);
        break;
      default:
        this.bus.deliver(mode, vector, false, destination, (icr & ICR_LOGICAL) !== 0);
    }
  }

  // Registers ------------------------------------------------------------------------------------------------------

  /** The logical ID of x2APIC mode: cluster of 16 and a bit in it. */
  #logicalX2(): number {
    return (((this.#id >>> 4) << 16) | (1 << (this.#id & 15))) >>> 0;
  }

  /** The register at `offset` (a multiple of 16); -1: none is there. */
  #read(offset: number): number {
    if (offset >= ISR && offset < ESR) {
      const set = offset < TMR ? this.isr : offset < IRR ? this.tmr : this.irr;
      return set.words[(offset >> 4) & 7];
    }
    if (offset >= LVT && offset < LVT + NR_ENTRIES * 16) return this.lvt.entries[(offset - LVT) >> 4];
    switch (offset) {
      case ID:
        return this.#x2apic ? this.#id : (this.#id << 24) >>> 0;
      case VERSION:
        return VERSION_VALUE;
      case TPR:
        return this.tpr;
      case PPR:
        return this.ppr;
      case LDR:
        return this.#x2apic ? this.#logicalX2() : this.#ldr;
      case SVR:
        return this.#svr;
      case ESR:
        return this.#esr;
      case ICR:
        return this.#icr;
      case INITIAL_COUNT:
        return this.timer.initial_count;
      case CURRENT_COUNT:
        return this.timer.currentCount();
      case DIVIDE:
        return this.timer.divide_configuration;
    }
    if (this.#x2apic) return -1;
    switch (offset) {
      case APR:
        return this.#apr;
      case EOI:
      case RRD:
        return 0;
      case DFR:
        return this.#dfr;
      case ICR_HIGH:
        return this.#icr_high;
    }
    return -1;
  }

  /** Writes the register at `offset`; false: there is none that can be written. */
  #write(offset: number, value: number): boolean {
    if (offset >= LVT && offset < LVT + NR_ENTRIES * 16) {
      this.#writeLvt((offset - LVT) >> 4, value);
      return true;
    }
    switch (offset) {
      case TPR:
        this.writeTpr(value & 0xff);
        return true;
      case EOI:
        this.#endOfInterrupt();
        return true;
      case SVR:
        this.#writeSvr(value);
        return true;
      case ESR:
        this.#esr = this.#errors;
        this.#errors = 0;
        return true;
      case ICR:
        this.#icr = value & ICR_WRITABLE;
        this.#send(this.#icr, this.#icrDestination());
        return true;
      case INITIAL_COUNT:
        this.timer.writeInitialCount(value);
        return true;
      case DIVIDE:
        this.timer.writeDivideConfiguration(value);
        return true;
    }
    if (this.#x2apic) {
      if (offset !== SELF_IPI) return false;
      this.#send((SELF << 18) | value, 0);
      return true;
    }
    switch (offset) {
      case ID:
        this.#id = value >>> 24;
        return true;
      case LDR:
        this.#ldr = (value & 0xff00_0000) >>> 0;
        return true;
      case DFR:
        this.#dfr = (value | 0x0fff_ffff) >>> 0;
        return true;
      case ICR_HIGH:
        this.#icr_high = (value & 0xff00_0000) >>> 0;
        return true;
    }
    return false;
  }

  #icrDestination(): number {
    if (this.#x2apic) return this.#icr_high;
    return wideDestination(this.#icr_high >>> 24, (this.#icr & ICR_LOGICAL) !== 0);
  }

  writeTpr(value: number): void {
    this.tpr = value;
    this.#update();
  }

  #writeSvr(value: number): void {
    this.#svr = value & SVR_WRITABLE;
    if (!(value & SVR_ENABLE)) {
      this.lvt.maskAll();
      this.#configureTimer();
    }
    this.#update();
  }

  #writeLvt(entry: number, value: number): void {
    // While the APIC is disabled by software the mask bits cannot be cleared.
    this.lvt.write(entry, this.#svr & SVR_ENABLE ? value : value | (1 << 16));
    if (entry === TIMER) this.#configureTimer();
    this.#update();
  }

  #configureTimer(): void {
    this.timer.configure((this.lvt.entries[TIMER] >> 17) & 3, !this.lvt.isMasked(TIMER));
  }

  // The page of registers: 32-bit accesses at multiples of 16. What else software does there is undefined.

  readMmio(offset: number, size: number): number {
    const value = this.#read(offset & ~15);
    if (value < 0) this.#error(ILLEGAL_REGISTER);
    if ((offset & 15) + size > 4 || value < 0) return 0;
    return value >>> ((offset & 15) * 8);
  }

  writeMmio(offset: number, size: number, value: number): void {
    if (size !== 4 || offset & 15) return;
    if (!this.#write(offset, value) && this.#read(offset) < 0) this.#error(ILLEGAL_REGISTER);
  }

  // MSRs -----------------------------------------------------------------------------------------------------------

  /** A register of x2APIC mode or IA32_TSC_DEADLINE in two halves; null: #GP. */
  readMsr(msr: number): { lo: number; hi: number } | null {
    if (msr === MSR_TSC_DEADLINE) return { lo: this.timer.deadline_lo, hi: this.timer.deadline_hi };
    if (!this.#x2apic) return null;
    const offset = (msr - MSR_X2APIC) << 4;
    const lo = this.#read(offset);
    return lo < 0 ? null : { lo, hi: offset === ICR ? this.#icr_high : 0 };
  }

  /** False: #GP. */
  writeMsr(msr: number, lo: number, hi: number): boolean {
    if (msr === MSR_TSC_DEADLINE) {
      this.timer.writeDeadline(lo, hi);
      return true;
    }
    if (msr === MSR_APIC_BASE) return this.#writeBase(lo, hi);
    const offset = (msr - MSR_X2APIC) << 4;
    if (!this.#x2apic || (hi !== 0 && offset !== ICR) || this.#hasReserved(offset, lo)) return false;
    if (offset === ICR) this.#icr_high = hi;
    return this.#write(offset, lo);
  }

  /** Whether an x2APIC refuses `value` at `offset` for its reserved bits. */
  #hasReserved(offset: number, value: number): boolean {
    if (offset >= LVT && offset < LVT + NR_ENTRIES * 16)
      return this.lvt.hasReserved((offset - LVT) >> 4, value);
    switch (offset) {
      case TPR:
      case SELF_IPI:
        return value > 0xff;
      case EOI:
      case ESR:
        return value !== 0;
      case SVR:
        return (value & ~SVR_WRITABLE) !== 0;
      case ICR:
        return (value & ~ICR_WRITABLE) !== 0;
      case DIVIDE:
        return (value & ~0xb) !== 0;
    }
    return false;
  }

  /** IA32_APIC_BASE. SDM vol 3A "x2APIC State Transitions": only off -> xAPIC -> x2APIC -> off, and xAPIC -> off. */
  #writeBase(lo: number, hi: number): boolean {
    const reserved = ~(0xffff_f000 | APIC_BASE_ENABLE | APIC_BASE_X2APIC | APIC_BASE_BSP);
    if ((lo & reserved) !== 0 || hi > PHYSICAL_HIGH) return false;
    const enable = (lo & APIC_BASE_ENABLE) !== 0;
    const x2apic = (lo & APIC_BASE_X2APIC) !== 0;
    if (x2apic && !(enable && this.#enabled)) return false;
    if (enable && !x2apic && this.#x2apic) return false;
    const leaves = this.#enabled && !enable;
    const enters = x2apic && !this.#x2apic;
    this.#base_lo = lo;
    this.#base_hi = hi;
    if (leaves) this.#resetRegisters();
    if (enters) {
      this.#id = this.initial_id;
      this.#icr_high = 0;
    }
    this.#update();
    return true;
  }
}
