/** Conversions of whole vectors between f32, f64 and i32. Scalar ones are in ops/simd_float.ts. SDM vol 2A "CVT...". */
import { softConvert, softFromInteger, softToInteger } from "../x87/binary";
import { beginSoft, commitSoft, lane32 } from "./simd_float";

/** Two f32 (the low ones of a) to two f64. CVTPS2PD. */
export function widenPair(a: v128): v128 {
  beginSoft();
  let r = i64x2.splat(softConvert<f32, f64>(lane32(a, 0)));
  r = i64x2.replace_lane(r, 1, softConvert<f32, f64>(lane32(a, 1)));
  commitSoft();
  return r;
}

/** Two f64 to two f32 in the low half, the high half 0. CVTPD2PS. */
export function narrowPair(a: v128): v128 {
  beginSoft();
  let r = i64x2.splat(0);
  r = i32x4.replace_lane(r, 0, <i32>softConvert<f64, f32>(i64x2.extract_lane(a, 0)));
  r = i32x4.replace_lane(r, 1, <i32>softConvert<f64, f32>(i64x2.extract_lane(a, 1)));
  commitSoft();
  return r;
}

/** Four i32 to four f32. CVTDQ2PS. */
export function integersToFloats(a: v128): v128 {
  beginSoft();
  let r = i64x2.splat(0);
  r = i32x4.replace_lane(r, 0, <i32>softFromInteger<f32>(i32x4.extract_lane(a, 0)));
  r = i32x4.replace_lane(r, 1, <i32>softFromInteger<f32>(i32x4.extract_lane(a, 1)));
  r = i32x4.replace_lane(r, 2, <i32>softFromInteger<f32>(i32x4.extract_lane(a, 2)));
  r = i32x4.replace_lane(r, 3, <i32>softFromInteger<f32>(i32x4.extract_lane(a, 3)));
  commitSoft();
  return r;
}

/** The two low i32 of a to f32 in the low half of r; CVTPI2PS leaves the rest of r. */
export function integerPairToFloats(r: v128, a: u64): v128 {
  beginSoft();
  r = i32x4.replace_lane(r, 0, <i32>softFromInteger<f32>(<i64>(<i32>a)));
  r = i32x4.replace_lane(r, 1, <i32>softFromInteger<f32>((<i64>a) >> 32));
  commitSoft();
  return r;
}

/** Two i32 to two f64: exact. CVTDQ2PD, CVTPI2PD. */
export function integerPairToDoubles(a: u64): v128 {
  return f64x2.replace_lane(f64x2.splat(<f64>(<i32>a)), 1, <f64>(<i32>(a >> 32)));
}

/** Four f32 to four i32. CVTPS2DQ, CVTTPS2DQ. */
export function floatsToIntegers(a: v128, truncate: bool): v128 {
  beginSoft();
  let r = i64x2.splat(0);
  r = i32x4.replace_lane(r, 0, <i32>softToInteger<f32>(lane32(a, 0), 32, truncate));
  r = i32x4.replace_lane(r, 1, <i32>softToInteger<f32>(lane32(a, 1), 32, truncate));
  r = i32x4.replace_lane(r, 2, <i32>softToInteger<f32>(lane32(a, 2), 32, truncate));
  r = i32x4.replace_lane(r, 3, <i32>softToInteger<f32>(lane32(a, 3), 32, truncate));
  commitSoft();
  return r;
}

/** Two f32 to two i32. CVTPS2PI, CVTTPS2PI. */
export function floatPairToIntegers(a: u64, truncate: bool): u64 {
  beginSoft();
  const low = <u32>softToInteger<f32>(a & 0xffff_ffff, 32, truncate);
  const high = <u64>softToInteger<f32>(a >> 32, 32, truncate);
  commitSoft();
  return (<u64>low) | (high << 32);
}

/** Two f64 to two i32. CVTPD2DQ, CVTTPD2DQ, CVTPD2PI, CVTTPD2PI. */
export function doublePairToIntegers(a: v128, truncate: bool): u64 {
  beginSoft();
  const low = <u32>softToInteger<f64>(i64x2.extract_lane(a, 0), 32, truncate);
  const high = <u64>softToInteger<f64>(i64x2.extract_lane(a, 1), 32, truncate);
  commitSoft();
  return (<u64>low) | (high << 32);
}
