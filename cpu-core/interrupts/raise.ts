/**
 * Raising an exception: note which one, then unwind to the host, which calls deliver_raised() (deliver.ts). The
 * instruction that raised it has not changed any architectural state, so it can be restarted. SDM vol 3A "Exception
 * Classifications".
 */
import { NO_ERROR_CODE } from "../abi/state";
import { raiseUnwind } from "../host";
import { cpu } from "../state/cpu";
import {
  VECTOR_GP,
  VECTOR_NM,
  VECTOR_PF,
  VECTOR_SS,
  VECTOR_TS,
  VECTOR_UD,
} from "../abi/vectors";

/**
 * The EXT bit of selector error codes: 1 while an event from outside the program (an interrupt, an earlier exception) is being
 * delivered. SDM vol 3A "Error Code".
 */
let ext: u32 = 0;

export function setExternal(value: u32): void {
  ext = value;
}

/** Raises an exception without error code. Does not return. */
export function raise(vector: u32): void {
  raiseWithCode(vector, NO_ERROR_CODE);
}

/** Raises an exception with an error code. Does not return. */
export function raiseWithCode(vector: u32, code: u32): void {
  const ofSelector = vector >= VECTOR_TS && vector <= VECTOR_GP && code != NO_ERROR_CODE;
  cpu().raisedVector = vector;
  cpu().raisedCode = ofSelector ? code | ext : code;
  raiseUnwind();
  unreachable();
}

export function raiseUD(): void {
  raise(VECTOR_UD);
}

export function raiseNM(): void {
  raise(VECTOR_NM);
}

/** #GP with a selector's error code, or 0. */
export function raiseGP(code: u32): void {
  raiseWithCode(VECTOR_GP, code);
}

export function raiseSS(code: u32): void {
  raiseWithCode(VECTOR_SS, code);
}

/** #PF at `address` (into CR2). */
export function raisePF(address: u64, code: u32): void {
  cpu().cr2 = address;
  raiseWithCode(VECTOR_PF, code);
}
