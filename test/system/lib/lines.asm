; Interrupt request lines that an image moves by itself, each through a device every PC has:
;
;     IRQ 0   timer, channel 0 in mode 0: up when the count is done     IRQ 4   COM1: up while "transmitter empty" is enabled
;     IRQ 1   keyboard controller: a byte written as if it had come     IRQ 8   clock chip: periodic interrupt
;     IRQ 14  first disk: a command without data
;
;     call irqN_up, irqN_down     IRQ 0 can only be made to rise anew; while IRQ 4 is up nothing may be printed
;     call all_down
;     mov eax, 1 << n; call wait_irr     until the 8259s see it
COM1_IER        equ COM1 + 1
COM1_MCR        equ COM1 + 4
WAIT_ROUNDS     equ 2000000

        bits 32
irq0_up:
        outb 0x43, 0x30         ; mode 0: down
        outb 0x40, 0xff
        outb 0x40, 0xff
        outb 0x43, 0x30
        outb 0x40, 0x01
        outb 0x40, 0x00
        push ecx
        mov ecx, WAIT_ROUNDS
.wait:  outb 0x43, 0xe2         ; latch the status of channel 0
        inb 0x40
        bt eax, 7               ; OUT
        jc .up
        loop .wait
.up:    pop ecx
        mov eax, 1 << 0
        jmp wait_irr
irq0_down:
        outb 0x43, 0x30
        ret

irq1_up:
        call kbc_ready
        outb 0x64, 0x60
        call kbc_ready
        outb 0x60, 0x01         ; command byte: interrupt
        call kbc_ready
        outb 0x64, 0xd2
        call kbc_ready
        outb 0x60, 0x55
        mov eax, 1 << 1
        jmp wait_irr
irq1_down:
        push ecx
        mov ecx, 16
.drain: inb 0x64
        bt eax, 0
        jnc .done
        inb 0x60
        loop .drain
.done:  pop ecx
        ret
kbc_ready:
        inb 0x64
        bt eax, 1
        jc kbc_ready
        ret

irq4_up:
        call serial_drain
        outb COM1_MCR, 0x0b     ; OUT2 lets the line through
        outb COM1_IER, 0x02
        ret
irq4_down:
        outb COM1_IER, 0x00
        inb COM1 + 2
        ret

irq8_up:
        outb 0x70, 0x0a
        outb 0x71, 0x26         ; 1024 Hz
        outb 0x70, 0x0c
        inb 0x71
        outb 0x70, 0x0b
        outb 0x71, 0x42         ; periodic interrupt, 24 hours
        mov eax, 1 << 8
        call wait_irr
        outb 0x70, 0x0b
        outb 0x71, 0x02
        ret
irq8_down:
        outb 0x70, 0x0b
        outb 0x71, 0x02
        outb 0x70, 0x0c
        inb 0x71
        ret

irq14_up:
        outb 0x3f6, 0x08
        outb 0x1f6, 0xe0
        outb 0x1f7, 0xe5        ; CHECK POWER MODE
        mov eax, 1 << 14
        jmp wait_irr
irq14_down:
        inb 0x1f7
        ret

all_down:
        push eax
        call irq0_down
        call irq1_down
        call irq4_down
        call irq8_down
        call irq14_down
        pop eax
        ret

; Waits until an 8259 has one of the requests of EAX in its IRR (which OCW3 makes readable).
wait_irr:
        push ebx
        push ecx
        mov ebx, eax
        mov ecx, WAIT_ROUNDS
.wait:  call read_irr
        and eax, ebx
        jnz .there
        loop .wait
.there: pop ecx
        pop ebx
        ret

; IRR and ISR of both 8259s in EAX: the first one's low.
read_irr:
        outb PIC1, 0x0a
        outb PIC2, 0x0a
        jmp read_pics
read_isr:
        outb PIC1, 0x0b
        outb PIC2, 0x0b
read_pics:
        push ebx
        inb PIC2
        mov bh, al
        inb PIC1
        mov bl, al
        movzx eax, bx
        pop ebx
        ret

; Handlers of the 8259s' vectors: the line goes down, then the end of interrupt (interrupts.asm).
serve_line:
        call line_down
        jmp eoi_pic
line_down:
        mov eax, [esp + 8 + 32]
        cmp eax, PIC1_VECTOR + 0
        je irq0_down
        cmp eax, PIC1_VECTOR + 1
        je irq1_down
        cmp eax, PIC1_VECTOR + 4
        je irq4_down
        cmp eax, PIC1_VECTOR + 8
        je irq8_down
        cmp eax, PIC1_VECTOR + 14
        je irq14_down
        ret

lines_init:
        pushad
        mov edi, handlers + PIC1_VECTOR * 4
        mov ecx, 16
        mov eax, serve_line
        rep stosd
        call all_down
        popad
        ret

; The inputs of EAX are let through, and no others.
unmask: push eax
        not eax
        outb PIC2 + 1, ah
        outb PIC1 + 1, al
        pop eax
        ret
