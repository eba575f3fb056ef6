; The system ROM: what runs from the reset vector until the boot sector does, and the BIOS calls it leaves behind.
; Assembled for segment F000 (the last 64 KiB below 1 MiB, and below 4 GiB where the CPU starts); host/build pads it in
; front to 128 KiB. README.md draws the path and tells how to add a call.
; Source: IBM PC AT Technical Reference; Ralf Brown's Interrupt List; VBE 2.0; Phoenix EDD 3.0.
        bits 16
        org 0

%include "bios_data.asm"

; The fixed entry addresses of the IBM BIOS are not kept: calls go through the interrupt table.
%include "post.asm"
%include "apic.asm"
%include "interrupts.asm"
%include "timer.asm"
%include "keyboard.asm"
%include "video.asm"
%include "vbe.asm"
%include "disk.asm"
%include "system.asm"
%include "boot.asm"
%include "tables.asm"

        times 0xfff0 - ($ - $$) db 0xff
; FFFF:0000, physical FFFFFFF0: the first instruction of all.
reset_vector:
        jmp 0xf000:power_on
        db "11/21/25"           ; release date, where programs look for it
        times 0xfffe - ($ - $$) db 0xff
        db 0xfc                 ; model: AT
        db 0
