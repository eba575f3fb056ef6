/**
 * What is not compared, and why: forms that cannot be, and where the AMD processors that these tests mostly run on differ from
 * the SDM, which the core follows. Each rule is as narrow as it can be said.
 */
import { Simd } from "../../cpu-core/ops/simd_op.ts";
import { Op } from "../../cpu-core/ops/op.ts";
import {
  FX_MXCSR,
  INPUT_FS_BASE,
  INPUT_GS_BASE,
  type Input,
  MODE_64,
  NO_TRAP,
  OUTPUT_CR2,
  OUTPUT_ERROR,
  OUTPUT_FX,
  OUTPUT_SELECTORS,
  type Output,
  SS as SS_REGISTER,
} from "./case.ts";
import { USER_CS } from "./segments.ts";
import type { Form } from "./forms.ts";
import { isX87Image, shiftOf } from "./undefined.ts";

/** Forms without cases, by Op. */
export const LEFT_OUT: readonly { ops: readonly number[]; reason: string }[] = [
  { ops: [Op.SYSCALL, Op.SYSENTER], reason: "they call Linux" },
  { ops: [Op.SYSRET, Op.SYSEXIT], reason: "with the entry instructions: test/system" },
  { ops: [Op.CPUID, Op.XGETBV], reason: "they tell which processor it is" },
  { ops: [Op.INT1], reason: "hypervisors intercept it, and not all report RIP after it: test/system" },
  { ops: [Op.VMCALL], reason: "it calls the hypervisor under Linux" },
  { ops: [Op.SGDT, Op.SIDT, Op.SLDT, Op.STR, Op.SMSW], reason: "UMIP: Linux answers for the processor" },
];

export function isLeftOut(form: Form): boolean {
  // D9 D8+i, an alias of FSTP that no manual has, knows no stack faults on AMD.
  return LEFT_OUT.some(({ ops }) => ops.includes(form.op)) || form.mnemonic === "fstpnce";
}

interface Rule {
  /** What the SDM says and where. */
  reason: string;
  applies(form: Form, input: Input, native: Output, core: Output, found: readonly string[]): boolean;
}

const UD = 6;
const NP = 11;
const GP = 13;
const SS = 12;
const PF = 14;
const AC = 17;

const RSP = 4;
/** Bit of a page fault's error code: an instruction fetch. */
const FETCH = 0x10;

const XSAVES: readonly number[] = [Op.XSAVE, Op.XSAVEC, Op.XSAVEOPT, Op.XRSTOR];
const isCanonical = (address: bigint) => BigInt.asIntN(48, address) === BigInt.asIntN(64, address);
/** FLD m80, FSTP m80, FBLD, FBSTP. */
const isTenBytes = (form: Form) =>
  form.op === Op.X87 && form.kind === "memory" && [0xdb, 0xdf].includes(form.opcode[0]!) && form.digit >= 4;
/** Whether the memory operand may have to be aligned. */
const isAligned = (form: Form) => form.op >= Op.SIMD || XSAVES.includes(form.op);
const hasLock = (input: Input) => [...input.code].includes(0xf0);

const RULES: readonly Rule[] = [
  {
    reason:
      "selector 78H: the limit of Linux's segment there is the number of the processor, so the core has none",
    applies: (form, input, _native, core) =>
      (core.trap === GP && core.u32(OUTPUT_ERROR) === 0x78) ||
      ([Op.LAR, Op.LSL, Op.VERR, Op.VERW].includes(form.op) &&
        Array.from({ length: 16 }, (_, i) => input.reg(i)).some((value) => (value & 0xfff8n) === 0x78n)),
  },
  {
    reason:
      'SDM vol 1 "Canonical Addressing": of the linear address; AMD looks at the address before the base of FS or GS is added, too',
    applies: (_form, input, native, core) =>
      input.mode === MODE_64 &&
      [GP, SS].includes(native.trap) &&
      core.trap === PF &&
      [[0x64, INPUT_FS_BASE] as const, [0x65, INPUT_GS_BASE] as const].some(
        ([prefix, base]) =>
          input.code.includes(prefix) &&
          !isCanonical(core.u64(OUTPUT_CR2) - input.view.getBigUint64(base, true)),
      ),
  },
  {
    reason:
      'SDM vol 2 "RET", "IRET": in which order the frame is read and checked is not said, and AMD looks beyond it first',
    applies: (form, _input, native, core) =>
      (form.op === Op.RET_FAR || form.op === Op.IRET) &&
      [NP, GP, SS, PF, AC].includes(native.trap) &&
      [NP, GP, SS, PF, AC].includes(core.trap),
  },
  {
    reason:
      'SDM vol 3A "Priority Among Concurrent Events": which part faults first of two operands of CMPS, of a far pointer, an 80-bit number or an image of the FPU is not said',
    applies: (form, _input, native, core) =>
      ([Op.CMPS, Op.JMP_FAR_INDIRECT, Op.CALL_FAR_INDIRECT, Op.LOAD_FAR].includes(form.op) ||
        form.op === Simd.FXSAVE ||
        form.op === Simd.FXRSTOR ||
        isX87Image(form) ||
        isTenBytes(form)) &&
      [GP, SS, PF, AC].includes(native.trap) &&
      [GP, SS, PF, AC].includes(core.trap),
  },
  {
    reason:
      'SDM vol 2 "XSAVE", "XRSTOR": which is seen first, a bad address or header or a bad page, is not said, nor whether what is not asked for is looked at',
    applies: (form, _input, native, core) =>
      XSAVES.includes(form.op) && [GP, PF].includes(native.trap) && [GP, PF, NO_TRAP].includes(core.trap),
  },
  {
    reason:
      'SDM vol 2 "MOVUPS", "MOVDQU": "an alignment-check exception may or may not be generated (depending on processor implementation)"',
    applies: (form, _input, native, core) =>
      form.op >= Op.SIMD && form.kind === "memory" && native.trap === AC && core.trap === NO_TRAP,
  },
  {
    reason: 'SDM vol 2 "MOVSXD": with a 16-bit operand it reads a word; AMD reads a doubleword',
    applies: (form, _input, native, core) =>
      form.op === Op.MOVSXD && native.trap === PF && core.trap === NO_TRAP,
  },
  {
    reason: 'SDM vol 2 "SHLD": "if the count is greater than the operand size, the result is undefined"',
    applies: (form, input, native, core) => {
      const { bits, count } = shiftOf(form, input);
      return [Op.SHLD, Op.SHRD].includes(form.op) && count > bits && native.trap === core.trap;
    },
  },
  {
    reason:
      "an undefined opcode at the end of a page: whether its ModRM byte is fetched before #UD is not said",
    applies: (_form, _input, native, core) =>
      native.trap === PF && (native.u32(OUTPUT_ERROR) & FETCH) !== 0 && core.trap === UD,
  },
  {
    reason: 'SDM vol 3A "Priority Among Concurrent Events": a page fault comes before #AC; on AMD after it',
    applies: (_form, _input, native, core) => native.trap === AC && core.trap === PF,
  },
  {
    reason:
      'SDM vol 2 "FXSAVE": "signaling of #AC is not guaranteed and may vary with implementation", else it is #GP',
    applies: (form, _input, native, core) => isAligned(form) && native.trap === AC && core.trap === GP,
  },
  {
    reason: 'SDM vol 2 "ENTER": the final stack pointer is tried for a page fault; AMD tries it for #AC, too',
    applies: (form, _input, native, core) =>
      form.op === Op.ENTER && native.trap === AC && core.trap === NO_TRAP,
  },
  {
    reason: 'SDM vol 2 "MASKMOVQ": bytes are stored; AMD raises #AC for the whole',
    applies: (form, _input, native, core) =>
      (form.op === Simd.MASKMOVQ || form.op === Simd.MASKMOVDQU) &&
      native.trap === AC &&
      core.trap === NO_TRAP,
  },
  {
    reason:
      'SDM vol 2 "FIST": an unmasked invalid operation stores nothing, so nothing is misaligned; AMD looks first',
    applies: (form, _input, native, core) =>
      form.op === Op.X87 &&
      /^(fi?sttp|fistp?|fbstp|fstp?)$/.test(form.mnemonic) &&
      native.trap === AC &&
      core.trap === NO_TRAP,
  },
  {
    reason:
      'SDM vol 3A "Priority Among Concurrent Events": whether CALL sees a bad target or a bad stack first is not said',
    applies: (form, _input, native, core) =>
      (form.op === Op.CALL || form.op === Op.CALL_INDIRECT) &&
      [PF, SS, AC].includes(native.trap) &&
      core.trap === GP,
  },
  {
    reason: 'SDM vol 2 "MASKMOVQ": with a mask of zeroes an access may fault or not',
    applies: (form, _input, native, core, found) =>
      (form.op === Simd.MASKMOVQ || form.op === Simd.MASKMOVDQU) &&
      native.trap !== NO_TRAP &&
      // What follows may lie in the next page.
      (core.trap === NO_TRAP || (core.u32(OUTPUT_ERROR) & FETCH) !== 0) &&
      !found.some((line) => line.startsWith("memory")),
  },
  {
    reason:
      'SDM vol 3A "Exception Classifications": a fault leaves the state as it was; AMD enters MMX state before MASKMOVQ faults',
    applies: (form, _input, native, core, found) =>
      form.op === Simd.MASKMOVQ &&
      native.trap !== NO_TRAP &&
      core.trap === native.trap &&
      found.every((line) => /^(fsw|tags|st\d):/.test(line)),
  },
  {
    reason:
      'SDM vol 3A "Exception Classifications": a fault leaves the state as it was; AMD keeps what POPA had popped before it',
    applies: (form, _input, native, core, found) =>
      form.op === Op.POPA &&
      native.trap !== NO_TRAP &&
      core.trap === native.trap &&
      found.every((line) => /^r(di|si|bp|bx|dx|cx|ax):/.test(line)),
  },
  {
    reason:
      'SDM vol 1 "MXCSR Control and Status Register": bits 16 to 31 are reserved; AMD has a mask of misalignment in bit 17',
    applies: (form, _input, native, core) =>
      (form.op === Simd.LDMXCSR || form.op === Simd.FXRSTOR || form.op === Op.XRSTOR) &&
      native.trap === NO_TRAP &&
      core.trap === GP &&
      (native.u32(OUTPUT_FX + FX_MXCSR) & (1 << 17)) !== 0,
  },
  {
    reason: 'SDM vol 2 "PREFETCHW": with a register 0F 0D is a NOP; AMD #UD',
    applies: (form, _input, native) =>
      form.opcode[1] === 0x0d && form.kind === "register" && native.trap === 6,
  },
  {
    reason: 'SDM vol 2 "MOV - Move to/from Control Registers": LOCK is #UD; on AMD it names CR8',
    applies: (form, input, native) =>
      (form.op === Op.MOV_FROM_CR || form.op === Op.MOV_TO_CR) && hasLock(input) && native.trap === GP,
  },
  {
    reason: 'SDM vol 2 "VERR/VERW": LOCK is #UD; AMD executes VERW',
    applies: (form, input) => form.op === Op.VERW && hasLock(input),
  },
  {
    reason:
      'SDM vol 2 "CALL", "RET": the stack is used as it was; AMD uses it by the rules of the mode that is entered',
    applies: (form, input, native, core) =>
      input.mode === MODE_64
        ? form.op === Op.CALL_FAR_INDIRECT &&
          core.trap === SS &&
          !isCanonical(input.reg(RSP)) &&
          native.u16(OUTPUT_SELECTORS + 2) !== USER_CS
        : (form.op === Op.CALL_FAR_INDIRECT || form.op === Op.RET_FAR) &&
          (input.selector(SS_REGISTER) & 4) !== 0 &&
          [native, core].some((output) => output.u16(OUTPUT_SELECTORS + 2) === USER_CS),
  },
  {
    reason:
      'SDM vol 3A "Priority Among Concurrent Events": which of #SS and #GP (not aligned) comes first is not said',
    applies: (form, _input, native, core) =>
      isAligned(form) && [GP, SS].includes(native.trap) && [GP, SS].includes(core.trap),
  },
];

/** The rule that excuses all of the differences found, or null. */
export function exception(
  form: Form,
  input: Input,
  native: Output,
  core: Output,
  found: readonly string[],
): string | null {
  return RULES.find((rule) => rule.applies(form, input, native, core, found))?.reason ?? null;
}
