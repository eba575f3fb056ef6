/* The Mandelbrot set in doubles: a loop of multiplications that ends by a comparison. */
#include "bench.h"

uint64_t work(uint32_t scale) {
  uint64_t sum = 0;
  for (uint32_t round = 0; round < scale; round++)
    for (int py = 0; py < 240; py++)
      for (int px = 0; px < 320; px++) {
        double cx = (px - 220) / 110.0, cy = (py - 120) / 110.0, zx = 0, zy = 0;
        int n = 0;
        for (; n < 200 && zx * zx + zy * zy < 4; n++) {
          double next = zx * zx - zy * zy + cx;
          zy = 2 * zx * zy + cy;
          zx = next;
        }
        sum = sum * 31 + n;
      }
  return sum;
}
