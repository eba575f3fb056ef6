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
