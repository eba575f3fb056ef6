; Offsets in boot_params, the page that the setup code hands on (kernel/arch/x86/boot_params.ts reads it).
; Source: Linux: Documentation/arch/x86/zero-page.rst, include/uapi/linux/screen_info.h.

SI_ORIG_X               equ 0x00        ; u8, cursor column
SI_ORIG_Y               equ 0x01        ; u8
SI_EXT_MEM_K            equ 0x02        ; u16, INT 15h/88h
SI_VIDEO_PAGE           equ 0x04        ; u16
SI_VIDEO_MODE           equ 0x06        ; u8
SI_VIDEO_COLS           equ 0x07        ; u8
SI_VIDEO_EGA_BX         equ 0x0a        ; u16
SI_VIDEO_LINES          equ 0x0e        ; u8
SI_VIDEO_TYPE           equ 0x0f        ; u8, orig_video_isVGA
SI_VIDEO_POINTS         equ 0x10        ; u16
SI_LFB_WIDTH            equ 0x12        ; u16
SI_LFB_HEIGHT           equ 0x14        ; u16
SI_LFB_DEPTH            equ 0x16        ; u16
SI_LFB_BASE             equ 0x18        ; u32
SI_LFB_SIZE             equ 0x1c        ; u32, 64 KiB units
SI_LFB_LINELENGTH       equ 0x24        ; u16
SI_RED_SIZE             equ 0x26        ; 8 x u8: size and position of red, green, blue, reserved
SI_PAGES                equ 0x32        ; u16
SI_VESA_ATTRIBUTES      equ 0x34        ; u16

VIDEO_TYPE_TEXT         equ 1
VIDEO_TYPE_VLFB         equ 0x23

BP_ALT_MEM_K            equ 0x1e0       ; u32, INT 15h/E801h
BP_E820_ENTRIES         equ 0x1e8       ; u8
BP_KBD_STATUS           equ 0x1eb       ; u8
BP_HEADER               equ 0x1f1
BP_E820_TABLE           equ 0x2d0       ; 20 bytes each
E820_ENTRY_SIZE         equ 20
E820_MAX                equ 128
BOOT_PARAMS_SIZE        equ 4096
