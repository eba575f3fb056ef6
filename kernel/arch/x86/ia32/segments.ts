/** Selectors of i386 programs; boot/startup_64.asm has the descriptors. Linux: arch/x86/include/asm/segment.h. */
export const USER32_CS = 0x23;
export const USER_DS = 0x2b;
