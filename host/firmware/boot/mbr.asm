; The first sector of the boot disk: reads the boot map, the command line and the loader that follow it and jumps to the
; loader. The partition table (host/build/images.ts) takes the last 66 bytes.
; Constants in capitals come from host/build/firmware.ts.
        bits 16
        org 0x7c00

%include "boot_map.asm"

start:
        cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        cld
        push dx                 ; DL: the drive we come from
        mov ah, 0x41
        mov bx, 0x55aa
        int 0x13
        mov si, no_edd_text
        jc fail
        cmp bx, 0xaa55
        jne fail
        pop dx
        push dx
        mov si, packet
        mov ah, 0x42
        int 0x13
        mov si, read_error_text
        jc fail
        pop dx
        jmp 0x0000:LOADER_ADDRESS

; Prints the string at SI and stops.
fail:   lodsb
        test al, al
        jz .halt
        mov ah, 0x0e
        mov bx, 0x0007
        int 0x10
        jmp fail
.halt:  hlt
        jmp .halt

no_edd_text:
        db "No EDD BIOS", 13, 10, 0
read_error_text:
        db "Disk read error", 13, 10, 0

        align 4
packet: db 16, 0
        dw LOADER_SECTOR - BOOT_MAP_SECTOR + LOADER_SECTORS
        dw MAP_ADDRESS, 0
        dq BOOT_MAP_SECTOR

        times 446 - ($ - $$) db 0
        times 64 db 0           ; partition table
        dw 0xaa55
