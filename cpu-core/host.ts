/** What the core imports from the host: buses, clock, entropy, and the unwinding of a faulting instruction. */

@external("env", "port_read")
export declare function portRead(port: u32, size: u32): u32;
@external("env", "port_write")
export declare function portWrite(port: u32, size: u32, value: u32): void;
/** `pa` is a physical address below 4 GiB that is not plain memory. */
@external("env", "mmio_read")
export declare function mmioRead(pa: u32, size: u32): u32;
@external("env", "mmio_write")
export declare function mmioWrite(pa: u32, size: u32, value: u32): void;
/** The INTA cycle: the vector of the interrupt being acknowledged. */
@external("env", "interrupt_acknowledge")
export declare function interruptAcknowledge(): u32;
/** CR8: bits 7:4 of the local APIC's TPR. */
@external("env", "read_cr8")
export declare function readCr8(): u32;
@external("env", "write_cr8")
export declare function writeCr8(value: u32): void;
/** RDMSR of one of the local APIC's MSRs; the value goes to CPU_SCRATCH. 0: #GP(0). */
@external("env", "apic_read_msr")
export declare function apicReadMsr(number: u32): u32;
/** WRMSR of IA32_APIC_BASE and the local APIC's MSRs. 0: #GP(0). */
@external("env", "apic_write_msr")
export declare function apicWriteMsr(number: u32, lo: u32, hi: u32): u32;
/** The TSC was set: what waits for a value of it looks again. */
@external("env", "tsc_written")
export declare function tscWritten(): void;
/** Cycles since power-on. */
@external("env", "read_tsc")
export declare function readTsc(): f64;
@external("env", "random32")
export declare function random32(): u32;
/** Throws a constant object: unwinds to the host's call of run(), about 2 us. Does not return. */
@external("env", "raise_unwind")
export declare function raiseUnwind(): void;
/** Compiles and links the translated module at `address`; returns the table slot of its first function, or -1. */
@external("env", "link_module")
export declare function linkModule(address: u32, length: u32, nrFunctions: u32): i32;
/** Frees the slots of all that was linked: none of it will be called again. */
@external("env", "unlink_modules")
export declare function unlinkModules(): void;
