/** Frame buffer devices. Linux: include/uapi/linux/fb.h. */
export const FBIOGET_VSCREENINFO = 0x4600;
export const FBIOPUT_VSCREENINFO = 0x4601;
export const FBIOGET_FSCREENINFO = 0x4602;
export const FBIOGETCMAP = 0x4604;
export const FBIOPUTCMAP = 0x4605;
export const FBIOPAN_DISPLAY = 0x4606;
export const FBIOBLANK = 0x4611;

export const FB_TYPE_PACKED_PIXELS = 0;
export const FB_VISUAL_TRUECOLOR = 2;
export const FB_ACCEL_NONE = 0;
export const FB_VMODE_NONINTERLACED = 0;
