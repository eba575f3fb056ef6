#!/bin/sh
# Compiles the benchmark programs into the directory given, or dist/bench. Needs gcc on x86-64 Linux.
set -e
cd "$(dirname "$0")"
out=${1:-../../dist/bench}
mkdir -p "$out"
for source in *.c; do
  gcc -std=gnu17 -O2 -Wall -Wextra -ffreestanding -nostdlib -static -fno-pic -no-pie -fno-stack-protector -fcf-protection=none \
    -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-strict-aliasing -fno-ident -Ilib \
    -Wl,--build-id=none -Wl,-z,noexecstack -s -o "$out/${source%.c}" "$source" lib/runtime.c -lgcc
done
