/**
 * How an instruction's meaning is written once and serves twice.
 *
 * A semantic function is generic over a backend B: with `Interpreter` (interpreter/backend.ts) every operation
 * computes at once; with `Translator` (jit/backend.ts) the same call writes the WebAssembly that will compute it.
 * A backend is a class without fields; on<B>() is its only, imaginary, instance, so that `on<B>().add<T>(a, b)` is
 * resolved and inlined when compiling. What `readSrc` returns is inferred: T itself in the interpreter, the number of
 * a wasm local in the translator. So semantics pass values around and never look at them:
 *
 *     never  if (value == 0) ...       say  b.select<T>(condition, x, y)
 *     may    if (insn.cc == 4) ...     fields of the Insn are known when translating
 *
 * All faulting accesses come before the first write of a register or flag: an instruction that unwinds can be
 * restarted.
 *
 * The vocabulary (T is u8, u16, u32 or u64; V<T> is T or a local):
 *
 *     constant<T>(i64)                              V<T>
 *     readSrc<T>(insn), readDst<T>(insn)            operands; readDst only reads
 *     readUpdate<T>(insn), writeUpdate<T>(insn, v)  destination of a read-modify-write
 *     writeDst<T>(insn, v)                          destination that is only written
 *     readRegister<T>(offset), writeRegister<T>(offset, v)
 *     effectiveAddress(insn)                        what LEA computes, V<u64>
 *     push<T>(v), pop<T>(), top<T>()                64-bit stacks or by SS.B; pop moves RSP, top does not
 *     add sub and or xor <T>(a, b), not<T>(a)
 *     shl shr sar rotateLeft rotateRight <T>(a, count)
 *     multiplyLow multiplyHigh multiplyHighSigned <T>(a, b)
 *     divideUnsigned divideSigned <T>(high, low, divisor)   #DE; then quotient<T>(), remainder<T>()
 *     lowestBit highestBit countBits swapBytes <T>(a)
 *     zeroExtend<F, T>(v), signExtend<F, T>(v)
 *     carry<T>()                                    CF as 0 or 1
 *     condition(cc), equal<T>(a, b)                 V<bool>
 *     select<T>(bool, x, y)
 *     setFlags<T>(kind, a, b, result), keepCarry()  late flags (state/rflags.ts); keepCarry before INC, DEC
 *     shiftFlags<T>(ShiftOf, a, count, result), multiplyFlags<T>(a, b, result)
 *     overrideFlags<T>(FlagOverride, v), rotateFlags<T>(FlagOverride, count, result)   some flags, the others stay
 *     shiftCount<T>(insn), bitOffset<T>(insn)       masked to 5 or 6 bits; to the operand; V<u32>
 *     jump(insn), jumpIf(bool, insn)                relative branches
 *     jumpTo<T>(v)                                  absolute near branch
 *     checkJump(insn), checkTarget<T>(v)            #GP(0) if the branch leaves the code segment or is not canonical
 *     nextRip<T>()                                  address of the following instruction
 *     releaseStack(bytes)                           RSP += bytes
 *     writeRegisterUnless<T>(bool, offset, v)       all 64 bits stay if it is true
 *     leaveFrame<T>()                               LEAVE
 *
 * Vector values (V is V<v128>; S is u32, u64, f32 or f64; a scalar is lane 0 of an XMM register, or memory):
 *
 *     requireSimd()                                 #UD, #NM; the first thing every vector instruction does
 *     readXmm(offset), readXmmScalar<S>(offset)     a register by its offset
 *     readVectorDst(insn), writeVectorDst(insn, v)  destination register, 16 bytes
 *     readVectorSrc(insn), readVectorSrcUnaligned   register or memory; the first raises #GP if not aligned
 *     storeVector(insn, v), storeVectorUnaligned    destination register or memory
 *     readScalarDst<S>(insn), writeScalarDst<S>     lane 0 of the destination register, the others stay
 *     readScalarSrc<S>(insn), storeScalar<S>        register lane or memory
 *     vectorFromScalar<S>(v)                        V, the other lanes 0
 *     integerVector(op, a, b)                       V; Simd.PUNPCKLBW ... Simd.UNPCKHPS
 *     upperOf(v), writeUpperDst(insn, v)            V<u64>, the upper half
 *     shuffleDoublewords(a, b, order)               lanes 0 and 1 from a, 2 and 3 from b, by 2-bit fields
 *     shuffleWords(v, order, upper)                 of one half; the other stays
 *     alignRight(high, low, bytes), shiftVector(op, which, v, count)
 *     signBits<T>(v), wordOf(v, lane), withWord(v, lane, word)   V<u32>, V<u32>, V
 *     hasIntegerVector(op), hasFloatPacked(FloatOp) bool now: whether the backend has that operation
 *     floatScalar<S>(FloatOp, a, b)                 with MXCSR: flags, rounding, #XM
 *     floatPacked<S>(FloatOp, a, b)
 *     floatFlags<S>(a, b, signalsQuiet)             RFLAGS of COMISD, UCOMISD
 *     integerToFloat<S>(V<i64>), floatToInteger<S>(v, bits, truncate), widenFloat(v), narrowFloat(v)
 *
 * An instruction without a generic form is a plain function on CpuState (slow tier); translated code calls it.
 */

/** The imaginary instance of a backend. */
// prettier-ignore
@inline
export function on<B>(): B {
  return changetype<B>(0);
}

export const enum ShiftOf {
  SHL,
  SHR,
  SAR,
}
