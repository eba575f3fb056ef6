; Hardware interrupts, for images that let them in: handlers that keep a log, the local APIC, the 8259 pair.
;
;     call interrupts_init                  ; handlers for NMI and 10h-FFh, APIC enabled, 8259s at 20h and 28h, all masked
;     mov dword [handlers + 0x41 * 4], nest ; what a vector's handler does; eoi_apic unless said
;     ... make interrupts pending ...
;     call window                           ; IF = 1 for a while
;     call put_log                          ; 51(61()) 41()  -- in 51's handler 61's ran
;
; 32-bit code in protected mode; the log's words are a vector, + 100h when its handler is done.
APIC            equ 0xfee00000
APIC_ID         equ APIC + 0x020
APIC_VERSION    equ APIC + 0x030
APIC_TPR        equ APIC + 0x080
APIC_PPR        equ APIC + 0x0a0
APIC_EOI        equ APIC + 0x0b0
APIC_LDR        equ APIC + 0x0d0
APIC_DFR        equ APIC + 0x0e0
APIC_SVR        equ APIC + 0x0f0
APIC_ISR        equ APIC + 0x100
APIC_TMR        equ APIC + 0x180
APIC_IRR        equ APIC + 0x200
APIC_ESR        equ APIC + 0x280
APIC_ICR        equ APIC + 0x300
APIC_ICR_HIGH   equ APIC + 0x310
APIC_LVT_TIMER  equ APIC + 0x320
APIC_LVT_THERMAL equ APIC + 0x330
APIC_LVT_PERF   equ APIC + 0x340
APIC_LVT_LINT0  equ APIC + 0x350
APIC_LVT_LINT1  equ APIC + 0x360
APIC_LVT_ERROR  equ APIC + 0x370
APIC_INITIAL    equ APIC + 0x380
APIC_CURRENT    equ APIC + 0x390
APIC_DIVIDE     equ APIC + 0x3e0

ICR_NMI         equ 4 << 8
ICR_INIT        equ 5 << 8
ICR_LOWEST      equ 1 << 8
ICR_LOGICAL     equ 1 << 11
ICR_ASSERT      equ 1 << 14
ICR_LEVEL       equ 1 << 15
ICR_SELF        equ 1 << 18
ICR_ALL         equ 2 << 18
ICR_OTHERS      equ 3 << 18
LVT_MASKED      equ 1 << 16

PIC1            equ 0x20
PIC2            equ 0xa0
PIC1_VECTOR     equ 0x20
PIC2_VECTOR     equ 0x28
ELCR            equ 0x4d0

LOG             equ HIGH_FREE
LOG_END         equ LOG + 0x400

%macro apic_write 2             ; register, value: a constant or a register
        mov dword [%1], %2
%endmacro
; Interrupts the CPU itself.
%macro self_ipi 1
        apic_write APIC_ICR, ICR_SELF | ICR_ASSERT | (%1)
%endmacro
%macro outb 2                   ; port, value
        push eax
        push edx
        mov al, %2
        mov dx, %1
        out dx, al
        pop edx
        pop eax
%endmacro
%macro inb 1                    ; port; the value is in EAX
        push edx
        xor eax, eax
        mov dx, %1
        in al, dx
        pop edx
%endmacro
; A check of one line, which prints the log of what happens in a window.
%macro check_log 1
        call clear_log
        check {%1}
%endmacro
%macro end_log 0
        call window
        call put_log
        end_check
%endmacro

        align 4
handlers:       times 256 dd eoi_apic
log_next:       dd LOG
last_ip:        dd 0            ; where the last interrupt came
last_flags:     dd 0

interrupt_stubs:
        times 256 call interrupt_common

interrupt_common:
        pushad
        cld
        mov eax, [esp + 36]
        mov [last_ip], eax
        mov eax, [esp + 44]
        mov [last_flags], eax
        mov eax, [esp + 32]
        sub eax, interrupt_stubs + 5
        xor edx, edx
        mov ecx, 5
        div ecx
        mov [esp + 32], eax
        call log
        call [handlers + eax * 4]
        mov eax, [esp + 32]
        or eax, 0x100
        call log
        popad
        add esp, 4
        iretd

; AX; nothing once the log is full.
log:    push edi
        mov edi, [log_next]
        cmp edi, LOG_END
        jae .full
        mov [edi], ax
        add dword [log_next], 2
.full:  pop edi
        ret

clear_log:
        mov dword [log_next], LOG
        ret

; The handlers' ends. They may change all registers.
eoi_apic:
        apic_write APIC_EOI, 0
no_eoi: ret

eoi_pic:
        cmp dword [esp + 4 + 32], PIC2_VECTOR
        jb .master
        outb PIC2, 0x20
.master:
        outb PIC1, 0x20
        ret

; Lets others in, then ends.
nest:   call window
        jmp eoi_apic

; IF = 1 for some hundred instructions.
window: push ecx
        mov ecx, 200
        sti
.loop:  loop .loop
        cli
        pop ecx
        ret

put_log:
        pushad
        mov esi, LOG
        cmp esi, [log_next]
        jne .first
        puts "nothing"
        jmp .done
.next:  cmp esi, [log_next]
        jae .done
        cmp byte [esi + 1], 0
        jne .end
        cmp byte [esi - 1], 0
        je .first
        putc ' '
.first: movzx eax, word [esi]
        putx 2, eax
        putc '('
        add esi, 2
        jmp .next
.end:   putc ')'
        add esi, 2
        jmp .next
.done:  popad
        ret

; The vectors whose bits are set in the eight registers from ESI on: "41 52", or "none".
put_vectors:
        pushad
        xor ebx, ebx
        xor ebp, ebp
.vector:
        mov eax, ebx
        shr eax, 5
        shl eax, 4
        mov eax, [esi + eax]
        mov ecx, ebx
        and ecx, 31
        bt eax, ecx
        jnc .next
        or ebp, ebp
        jz .first
        putc ' '
.first: inc ebp
        putx 2, ebx
.next:  inc ebx
        cmp ebx, 256
        jb .vector
        or ebp, ebp
        jnz .done
        puts "none"
.done:  popad
        ret

; The ESR after it was written, in EAX.
read_esr:
        apic_write APIC_ESR, 0
        mov eax, [APIC_ESR]
        ret

interrupts_init:
        pushad
        mov ecx, 2
        call .install
        mov ecx, 0x10
.vector:
        call .install
        inc ecx
        cmp ecx, 256
        jb .vector
        mov dword [handlers + 2 * 4], no_eoi
        mov dword [handlers + 0xff * 4], no_eoi         ; spurious
        mov edi, handlers + PIC1_VECTOR * 4
        mov ecx, 16
        mov eax, eoi_pic
        rep stosd
        call apic_init
        mov al, 0x01
        call pic_init
        popad
        ret
.install:
        imul eax, ecx, 5
        add eax, interrupt_stubs
        lea edi, [IDT32 + ecx * 8]
        mov [edi], ax
        shr eax, 16
        mov [edi + 6], ax
        ret

; The local APIC: enabled, nothing masked by priority, LVT masked, logical ID 1 in the flat model, nothing in service.
apic_init:
        push ecx
        apic_write APIC_SVR, 0x1ff
        apic_write APIC_TPR, 0
        apic_write APIC_LDR, 1 << 24
        apic_write APIC_DFR, 0xffffffff
        apic_write APIC_INITIAL, 0
        apic_write APIC_LVT_TIMER, LVT_MASKED
        apic_write APIC_LVT_PERF, LVT_MASKED
        apic_write APIC_LVT_LINT0, LVT_MASKED
        apic_write APIC_LVT_LINT1, LVT_MASKED
        apic_write APIC_LVT_ERROR, LVT_MASKED
        mov ecx, 16
.eoi:   apic_write APIC_EOI, 0
        loop .eoi
        call read_esr
        pop ecx
        ret

; Both 8259s, ICW4 in AL; all inputs masked.
pic_init:
        outb PIC1, 0x11
        outb PIC2, 0x11
        outb PIC1 + 1, PIC1_VECTOR
        outb PIC2 + 1, PIC2_VECTOR
        outb PIC1 + 1, 0x04
        outb PIC2 + 1, 0x02
        outb PIC1 + 1, al
        outb PIC2 + 1, al
        outb PIC1 + 1, 0xff
        outb PIC2 + 1, 0xff
        ret
