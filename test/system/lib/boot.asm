; The boot sector: reads the rest of the image behind itself with INT 13h, function 42h, and enters protected mode.
        bits 16
        org IMAGE_BASE

LOAD_SECTORS    equ 960
CHUNK_SECTORS   equ 64          ; 32 KiB: stays clear of what some BIOSes do at 64 KiB

boot:   cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, IMAGE_BASE
        jmp 0:.start
.start: sti
        cld
        mov [boot_drive], dl
        mov cx, LOAD_SECTORS / CHUNK_SECTORS
.chunk: mov si, packet
        mov dl, [boot_drive]
        mov ah, 0x42
        push cx
        int 0x13
        pop cx
        jc .failed
        add word [packet_segment], CHUNK_SECTORS * 512 / 16
        add dword [packet_lba], CHUNK_SECTORS
        loop .chunk
        mov ax, 0x2401          ; A20 on; port 92h for a BIOS that does not know the call
        int 0x15
        in al, 0x92
        or al, 2
        and al, ~1
        out 0x92, al
        cli
        mov al, 0xff            ; no hardware interrupts
        out 0x21, al
        out 0xa1, al
        lgdt [gdt_pointer]
        mov eax, CR0_DEFAULT | CR0_PE
        mov cr0, eax
        jmp CODE32:start32
.failed:
        mov al, '!'
        mov dx, 0x3f8
        out dx, al
.stop:  hlt
        jmp .stop

boot_drive:     db 0
        align 4
packet:         db 16, 0
                dw CHUNK_SECTORS
                dw 0                    ; offset
packet_segment: dw (IMAGE_BASE + 512) / 16
packet_lba:     dq 1
        times 510 - ($ - $$) db 0
        dw 0xaa55

        bits 32
start32:
        mov ax, DATA32
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, MAIN_SP
        mov edi, VARIABLES
        mov ecx, VARIABLES_END - VARIABLES
        xor eax, eax
        rep stosb
        call serial_init
        call build_tables
        lidt [idt32_pointer]
        call reset_trial
        jmp main
