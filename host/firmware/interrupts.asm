; The interrupt vector table, and what happens on interrupts that nobody handles.

; Every vector gets a harmless handler, then the services get theirs.
init_vectors:
        push ds
        push es
        xor ax, ax
        mov es, ax
        xor di, di
        mov cx, 256
.fill:  mov ax, ignore_interrupt
        stosw
        mov ax, 0xf000
        stosw
        loop .fill
        mov di, 0x08 * 4        ; IRQ 0-7
        mov cx, 8
        call .hardware
        mov di, 0x70 * 4        ; IRQ 8-15
        mov cx, 8
        call .hardware
        mov si, vectors
.next:  cs lodsw
        mov di, ax
        cs lodsw
        test ax, ax
        jz .done
        shl di, 2
        stosw
        jmp .next
.done:  pop es
        pop ds
        ret
.hardware:
        mov ax, unexpected_irq
        stosw
        add di, 2
        loop .hardware
        ret

vectors:
        dw 0x08, irq_timer
        dw 0x09, irq_keyboard
        dw 0x10, int10_video
        dw 0x11, int11_equipment
        dw 0x12, int12_memory
        dw 0x13, int13_disk
        dw 0x15, int15_system
        dw 0x16, int16_keyboard
        dw 0x18, int18_no_boot
        dw 0x19, int19_boot
        dw 0x1a, int1a_clock
        dw 0x00, 0

ignore_interrupt:
        iret

; An interrupt line without a handler: told to be done, so that the others get through. Lines that are up although the
; controller says none is in service are spurious (IRQ 7 and 15) and want no end of interrupt.
unexpected_irq:
        push ax
        mov al, 0x0b            ; OCW3: read the in-service register next
        out PIC2_COMMAND, al
        in al, PIC2_COMMAND
        test al, al
        jz .master
        mov al, 0x20            ; OCW2: non-specific end of interrupt
        out PIC2_COMMAND, al
.master:
        mov al, 0x0b
        out PIC1_COMMAND, al
        in al, PIC1_COMMAND
        test al, al
        jz .done
        mov al, 0x20
        out PIC1_COMMAND, al
.done:  pop ax
        iret
