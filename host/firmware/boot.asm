; INT 19h: loads the first sector of the first disk and jumps to it. INT 18h: there is nothing to boot.

int19_boot:
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, POST_STACK
        sti
        mov ax, 0x0201          ; read one sector: cylinder 0, head 0, sector 1
        mov cx, 0x0001
        mov dx, 0x0080
        mov bx, BOOT_SECTOR
        int 0x13
        jc int18_no_boot
        cmp word [BOOT_SECTOR + 510], 0xaa55
        jne int18_no_boot
        mov al, 0x06
        out POST_CODE, al
        mov dx, 0x0080
        jmp 0x0000:BOOT_SECTOR

int18_no_boot:
        mov si, no_boot_text
        call print
.halt:  sti
        hlt
        jmp .halt

no_boot_text:
        db "No bootable disk.", 13, 10, 0
