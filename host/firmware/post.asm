; Power-on self test: from the reset vector to INT 19h. Brings every chip of the board into the state that the services
; and boot programs expect, and fills in the data areas.

power_on:
        cli
        cld
        mov al, 0x01
        out POST_CODE, al

; A reset may be a program's way back from protected mode: CMOS 0Fh tells.
        mov al, CMOS_SHUTDOWN | 0x80
        out CMOS_INDEX, al
        in al, CMOS_DATA
        mov bl, al
        mov al, CMOS_SHUTDOWN | 0x80
        out CMOS_INDEX, al
        mov al, 0
        out CMOS_DATA, al
        xor ax, ax
        mov ds, ax
        cmp bl, 0x0a            ; jump to 40:67 without end of interrupt
        jne .cold
        jmp far [0x467]

.cold:  mov ss, ax
        mov sp, POST_STACK
        in al, PORT_92          ; A20 open, as every program since the 1990s assumes
        or al, 2
        and al, 0xfe
        out PORT_92, al

        mov al, 0x02
        out POST_CODE, al
        call init_pic
        call init_apic
        call init_pit
        call init_data_areas
        call init_vectors

        mov al, 0x03
        out POST_CODE, al
        call detect_ports
        call init_keyboard

        mov al, 0x04
        out POST_CODE, al
        call init_video
        mov si, banner
        call print
        call print_memory

        mov al, 0x05
        out POST_CODE, al
        call init_clock
        call init_disks
        sti
        mov si, new_line
        call print
        int 0x19

banner:
        db 13, 10, "Vitrine BIOS", 13, 10, 13, 10, 0
new_line:
        db 13, 10, 0
memory_text:
        db " KiB of memory", 13, 10, 0

; 8259 pair: IRQ 0-7 at INT 08h, IRQ 8-15 at INT 70h; only timer, keyboard and the cascade are let through.
init_pic:
        mov al, 0x11            ; ICW1: edge-triggered, cascade, ICW4 follows
        out PIC1_COMMAND, al
        out PIC2_COMMAND, al
        mov al, 0x08            ; ICW2: vector base
        out PIC1_DATA, al
        mov al, 0x70
        out PIC2_DATA, al
        mov al, 0x04            ; ICW3: slave on IRQ 2
        out PIC1_DATA, al
        mov al, 0x02
        out PIC2_DATA, al
        mov al, 0x01            ; ICW4: 8086 mode
        out PIC1_DATA, al
        out PIC2_DATA, al
        mov al, 0xf8
        out PIC1_DATA, al
        mov al, 0xff
        out PIC2_DATA, al
        ret

; 8254: channel 0 gives 18.2 ticks a second, channel 1 was DRAM refresh, channel 2 drives the speaker.
init_pit:
        mov al, 0x36            ; channel 0, low then high byte, mode 3
        out PIT_CONTROL, al
        xor al, al
        out PIT_CHANNEL0, al    ; divisor 65536
        out PIT_CHANNEL0, al
        mov al, 0x54            ; channel 1, low byte, mode 2
        out PIT_CONTROL, al
        mov al, 18
        out PIT_CHANNEL1, al
        in al, PORT_B
        and al, 0xfc            ; speaker off
        out PORT_B, al
        ret

; Clears interrupt table, data area and extended data area, and fills in what is known without looking.
init_data_areas:
        mov bx, [0x400 + BDA_RESET_FLAG]
        xor eax, eax
        mov es, ax
        xor di, di
        mov cx, 0x600 / 4
        rep stosd
        mov [0x400 + BDA_RESET_FLAG], bx
        mov ax, EBDA
        mov es, ax
        xor eax, eax
        xor di, di
        mov cx, 1024 / 4
        rep stosd
        mov byte [es:EBDA_SIZE], 1
        mov ax, BDA
        mov ds, ax
        mov word [BDA_EBDA], EBDA
        mov word [BDA_MEMORY], LOW_MEMORY_KIB
        mov word [BDA_EQUIPMENT], 0x0026        ; coprocessor, PS/2 mouse port, 80x25 colour
        mov word [BDA_KEY_HEAD], BDA_KEY_BUFFER
        mov word [BDA_KEY_TAIL], BDA_KEY_BUFFER
        mov word [BDA_KEY_START], BDA_KEY_BUFFER
        mov word [BDA_KEY_END], BDA_KEY_BUFFER + 32
        mov byte [BDA_KEY_MODE], 0x10           ; enhanced keyboard
        ret

; Serial ports answer in the scratch register, printer ports in the data latch.
detect_ports:
        xor di, di
        mov si, com_ports
        xor bl, bl
.com:   cs lodsw
        test ax, ax
        jz .count
        mov dx, ax
        add dx, 7               ; scratch register
        mov al, 0x5a
        out dx, al
        in al, dx
        cmp al, 0x5a
        jne .com
        mov al, 0xa5
        out dx, al
        in al, dx
        cmp al, 0xa5
        jne .com
        sub dx, 7
        mov [BDA_COM + di], dx
        add di, 2
        inc bl
        jmp .com
.count: shl bl, 1               ; equipment bits 11-9
        or [BDA_EQUIPMENT + 1], bl
        xor di, di
        xor bl, bl
.lpt:   cs lodsw
        test ax, ax
        jz .done
        mov dx, ax
        mov al, 0xaa
        out dx, al
        in al, dx
        cmp al, 0xaa
        jne .lpt
        mov [BDA_LPT + di], dx
        add di, 2
        add bl, 0x40            ; equipment bits 15-14
        jmp .lpt
.done:  or [BDA_EQUIPMENT + 1], bl
        ret

com_ports:
        dw 0x3f8, 0x2f8, 0x3e8, 0x2e8, 0
        dw 0x378, 0x278, 0

; "262144 KiB of memory": the counter of old machines, without the counting.
print_memory:
        call memory_kib
        call print_decimal
        mov si, memory_text
        jmp print

; All memory, KiB, in EAX.
memory_kib:
        call high_blocks
        test eax, eax
        jz .small
        shl eax, 6
        add eax, 16 * 1024
        ret
.small: call extended_kib
        add eax, 1024
        ret

; 64 KiB blocks above 16 MiB, in EAX; 0: less memory than that.
high_blocks:
        push bx
        mov ah, CMOS_HIGH
        call read_cmos_word
        pop bx
        ret

; KiB between 1 MiB and 64 MiB, in EAX.
extended_kib:
        push bx
        mov ah, CMOS_EXTENDED
        call read_cmos_word
        pop bx
        ret

; Two CMOS registers from AH on, in EAX. Changes BX.
read_cmos_word:
        call read_cmos
        mov bl, al
        inc ah
        call read_cmos
        mov bh, al
        movzx eax, bx
        ret

; CMOS register AH in AL.
read_cmos:
        mov al, ah
        out CMOS_INDEX, al
        in al, CMOS_DATA
        ret

; Prints the string at CS:SI.
print:
        push ax
        push bx
        jmp .first
.next:  mov ah, 0x0e
        mov bx, 0x0007
        int 0x10
.first: cs lodsb
        test al, al
        jnz .next
        pop bx
        pop ax
        ret

; Prints EAX in decimal.
print_decimal:
        pushad
        mov ebx, 10
        xor cx, cx
.digit: xor edx, edx
        div ebx
        push dx
        inc cx
        test eax, eax
        jnz .digit
.out:   pop ax
        add al, '0'
        mov ah, 0x0e
        mov bx, 0x0007
        int 0x10
        loop .out
        popad
        ret
