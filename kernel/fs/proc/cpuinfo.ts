/**
 * /proc/cpuinfo, from CPUID. Linux: arch/x86/kernel/cpu/proc.c, common.c; names of flags: cpufeatures.h.
 * SDM vol 2A "CPUID—CPU Identification".
 */
import { CR4_PCIDE, CR4_UMIP } from "../../../cpu-core/abi/state.ts";
import type { Kernel } from "../../kernel.ts";

/**
 * Names by bit; empty: a bit Linux has no name for. Order as in cpufeatures.h: 1.EDX, 0x80000001.EDX, 1.ECX,
 * ...
 */
// prettier-ignore
const LEAF1_EDX = ["fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "", "sep", "mtrr", "pge", "mca", "cmov",
  "pat", "pse36", "pn", "clflush", "", "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe"];
// prettier-ignore
const EXTENDED1_EDX = ["", "", "", "", "", "", "", "", "", "", "", "syscall", "", "", "", "", "", "", "", "mp", "nx", "", "mmxext", "",
  "", "fxsr_opt", "pdpe1gb", "rdtscp", "", "lm", "3dnowext", "3dnow"];
// prettier-ignore
const LEAF1_ECX = ["pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma", "cx16",
  "xtpr", "pdcm", "", "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer", "aes", "xsave",
  "", "avx", "f16c", "rdrand", "hypervisor"];
// prettier-ignore
const EXTENDED1_ECX = ["lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw",
  "ibs", "xop", "skinit", "wdt", "", "lwp", "fma4", "tce", "", "nodeid_msr", "", "tbm", "topoext"];
// prettier-ignore
const LEAF7_EBX = ["fsgsbase", "tsc_adjust", "", "bmi1", "hle", "avx2", "", "smep", "bmi2", "erms", "invpcid", "rtm", "cqm", "", "mpx",
  "rdt_a", "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "", "clflushopt", "clwb", "intel_pt", "avx512pf",
  "avx512er", "avx512cd", "sha_ni", "avx512bw", "avx512vl"];

const LEAF7_ECX = ["", "", "umip"];
const LEAF13_1_EAX = ["xsaveopt", "xsavec", "xgetbv1"];

function names(word: number, table: readonly string[]): string[] {
  return table.filter((name, bit) => name !== "" && (word >>> bit) & 1);
}

const CPUID_1_ECX_XSAVE = 1 << 26;

/** Bytes of registers as text. */
function registersText(...registers: number[]): string {
  let text = "";
  for (const register of registers) {
    for (let shift = 0; shift < 32; shift += 8) text += String.fromCharCode((register >>> shift) & 0xff);
  }
  return text;
}

export function showCpuinfo(kernel: Kernel): string {
  const { cpu } = kernel.machine;
  const leaf0 = cpu.cpuid(0, 0);
  const leaf1 = cpu.cpuid(1, 0);
  const max_extended = cpu.cpuid(0x80000000, 0).eax >>> 0;
  const extended = (leaf: number) =>
    max_extended >= leaf ? cpu.cpuid(leaf, 0) : { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  const extended1 = extended(0x80000001);
  const basic = (leaf: number, subleaf: number) =>
    leaf0.eax >= leaf ? cpu.cpuid(leaf, subleaf) : { eax: 0, ebx: 0, ecx: 0, edx: 0 };
  const leaf7 = basic(7, 0);
  const has_invariant_tsc = (extended(0x80000007).edx & (1 << 8)) !== 0;
  let family = (leaf1.eax >>> 8) & 0xf;
  let model = (leaf1.eax >>> 4) & 0xf;
  if (family === 6 || family === 15) model |= ((leaf1.eax >>> 16) & 0xf) << 4;
  if (family === 15) family += (leaf1.eax >>> 20) & 0xff;
  let model_name = "unknown";
  if (max_extended >= 0x80000004) {
    const words = [0x80000002, 0x80000003, 0x80000004].flatMap((leaf) => {
      const { eax, ebx, ecx, edx } = cpu.cpuid(leaf, 0);
      return [eax, ebx, ecx, edx];
    });
    model_name = registersText(...words)
      .replace(/\0.*$/s, "")
      .trim();
  }
  // What the kernel does not use is not listed: Linux clears such features.
  const unused = [
    ...(cpu.cr4 & CR4_PCIDE ? [] : ["pcid", "invpcid"]),
    ...(cpu.cr4 & CR4_UMIP ? [] : ["umip"]),
  ];
  const flags = [
    ...names(leaf1.edx, LEAF1_EDX),
    ...names(extended1.edx, EXTENDED1_EDX),
    ...(has_invariant_tsc ? ["constant_tsc", "nonstop_tsc"] : []),
    ...names(leaf1.ecx, LEAF1_ECX),
    ...names(extended1.ecx, EXTENDED1_ECX),
    ...names(leaf7.ebx, LEAF7_EBX),
    ...names(leaf1.ecx & CPUID_1_ECX_XSAVE ? basic(13, 1).eax : 0, LEAF13_1_EAX),
    ...names(leaf7.ecx, LEAF7_ECX),
  ].filter((name) => !unused.includes(name));
  const khz = kernel.time.tsc_khz;
  const clflush = ((leaf1.ebx >>> 8) & 0xff) * 8 || 64;
  const sizes = extended(0x80000008).eax;
  const cache_kb = extended(0x80000006).ecx >>> 16;
  const rows: [string, string | number][] = [
    ["processor\t", 0],
    ["vendor_id\t", registersText(leaf0.ebx, leaf0.edx, leaf0.ecx)],
    ["cpu family\t", family],
    ["model\t\t", model],
    ["model name\t", model_name],
    ["stepping\t", leaf1.eax & 0xf],
    ["cpu MHz\t\t", (khz / 1000).toFixed(3)],
  ];
  if (cache_kb) rows.push(["cache size\t", `${cache_kb} KB`]);
  rows.push(
    ["fpu\t\t", leaf1.edx & 1 ? "yes" : "no"],
    ["fpu_exception\t", leaf1.edx & 1 ? "yes" : "no"],
    ["cpuid level\t", leaf0.eax],
    ["wp\t\t", "yes"],
    ["flags\t\t", flags.join(" ")],
    ["bugs\t\t", ""],
    // The delay loop is the TSC: two "instructions" a cycle pair, as on real machines with a TSC clock.
    ["bogomips\t", ((khz * 2) / 1000).toFixed(2)],
    ["clflush size\t", clflush],
    ["cache_alignment\t", clflush],
    ["address sizes\t", `${sizes & 0xff || 36} bits physical, ${(sizes >>> 8) & 0xff || 48} bits virtual`],
    ["power management", ""],
  );
  return `${rows.map(([name, value]) => `${name}:${value === "" ? "" : ` ${value}`}\n`).join("")}\n`;
}
