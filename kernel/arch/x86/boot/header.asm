; The first sector of the kernel image and the setup header behind it: what boot loaders read and fill in.
; Constants in capitals come from host/build/kernel_image.ts. Source: Linux: Documentation/arch/x86/boot.rst, protocol 2.15.

; The image starts like a boot sector. Whoever boots it as one is told what to use instead.
boot_sector:
        jmp 0x07c0:.start
.start: mov ax, cs
        mov ds, ax
        mov ss, ax
        xor sp, sp
        cld
        sti
        mov si, .text
.next:  lodsb
        test al, al
        jz .key
        mov ah, 0x0e
        mov bx, 0x0007
        int 0x10
        jmp .next
.key:   xor ax, ax
        int 0x16
        int 0x19
        hlt
.text:  db "This is a kernel, use a boot loader.", 13, 10, "Remove disk and press any key to reboot...", 13, 10, 0

        times 0x1f1 - ($ - $$) db 0
header:
setup_sects:            db (setup_code_end + 511) / 512 - 1
root_flags:             dw 0
syssize:                dd SYSTEM_PARAGRAPHS    ; of 16 bytes: the protected-mode part
ram_size:               dw 0
vid_mode:               dw 0xffff               ; normal
root_dev:               dw 0
boot_flag:              dw 0xaa55
        db 0xeb, start_of_setup - header_magic  ; 200h: where the boot loader jumps to
header_magic:           db "HdrS"
version:                dw 0x020f
realmode_swtch:         dd 0
start_sys_seg:          dw 0x1000
kernel_version:         dw version_text - 0x200
type_of_loader:         db 0                    ; the boot loader's from here on
loadflags:              db LOADED_HIGH
setup_move_size:        dw 0x8000
code32_start:           dd 0x100000
ramdisk_image:          dd 0
ramdisk_size:           dd 0
bootsect_kludge:        dd 0
heap_end_ptr:           dw 0
ext_loader_ver:         db 0
ext_loader_type:        db 0
cmd_line_ptr:           dd 0
initrd_addr_max:        dd 0x7fffffff
kernel_alignment:       dd 0x200000
relocatable_kernel:     db 0
min_alignment:          db 0
xloadflags:             dw 0
cmdline_size:           dd 2047
hardware_subarch:       dd 0
hardware_subarch_data:  dq 0
payload_offset:         dd 0
payload_length:         dd 0
setup_data:             dq 0
pref_address:           dq KERNEL_PHYSICAL
init_size:              dd INIT_SIZE            ; memory the kernel needs there before it has read its map
handover_offset:        dd 0
kernel_info_offset:     dd KERNEL_INFO_OFFSET
header_end:

LOADED_HIGH             equ 0x01
CAN_USE_HEAP            equ 0x80
