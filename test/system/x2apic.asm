; The local APIC in x2APIC mode: the transitions of IA32_APIC_BASE, the registers as MSRs, messages by one write.
%define IMAGE "x2apic"
%include "lib/system.asm"
%include "lib/interrupts.asm"

MSR_APIC_BASE   equ 0x1b
BASE_XAPIC      equ 0xfee00900
BASE_X2APIC     equ 0xfee00d00
BASE_OFF        equ 0xfee00100
X2_ID           equ 0x802
X2_TPR          equ 0x808
X2_PPR          equ 0x80a
X2_EOI          equ 0x80b
X2_LDR          equ 0x80d
X2_SVR          equ 0x80f
X2_ISR          equ 0x810
X2_IRR          equ 0x820
X2_ESR          equ 0x828
X2_ICR          equ 0x830
X2_LVT_TIMER    equ 0x832
X2_INITIAL      equ 0x838
X2_DIVIDE       equ 0x83e
X2_SELF_IPI     equ 0x83f

        bits 32
offered:        dd 0
observed:       dd 0

; A check that is left out where there is no x2APIC.
%assign X2_CHECK 0
%macro check_x2 1
        check {%1}
        if_offered
%endmacro
%macro if_offered 0
%assign X2_CHECK X2_CHECK + 1
        call clear_log
        cmp dword [offered], 0
        jne x2_do_ %+ X2_CHECK
        puts "not offered"
        jmp x2_end_ %+ X2_CHECK
x2_do_ %+ X2_CHECK:
%endmacro
%macro end_x2 0
x2_end_ %+ X2_CHECK:
        end_check
%endmacro
%macro msr_write 2-3 0          ; MSR, low half, high half
        mov ecx, %1
        mov eax, %2
        mov edx, %3
        wrmsr
%endmacro
%macro msr_read 1
        mov ecx, %1
        rdmsr
%endmacro
; WRMSR as a trial: done or #GP.
%macro try_write 2-3 0
        with ecx, %1
        with eax, %2
        with edx, %3
        run PROTECTED32_0
        wrmsr
        end_run
        call report_event
%endmacro
%macro try_read 1
        with ecx, %1
        run PROTECTED32_0
        rdmsr
        end_run
        call report_event
%endmacro

; From xAPIC mode, or in x2APIC mode already: the registers as after apic_init.
to_x2apic:
        pushad
        msr_write MSR_APIC_BASE, BASE_X2APIC
        msr_write X2_SVR, 0x1ff
        msr_write X2_TPR, 0
        msr_write X2_INITIAL, 0
        mov ebx, 16
.eoi:   msr_write X2_EOI, 0
        dec ebx
        jnz .eoi
        mov ebx, X2_LVT_TIMER
.lvt:   msr_write ebx, LVT_MASKED
        inc ebx
        cmp ebx, X2_LVT_TIMER + 6
        jb .lvt
        popad
        ret
in_xapic:
in_off: ret

eoi_x2: msr_write X2_EOI, 0
        ret
nest_x2:
        call window
        jmp eoi_x2

main:   call interrupts_init
        mov edi, handlers + 0x10 * 4
        mov ecx, 0xff - 0x10
        mov eax, eoi_x2
        rep stosd
        mov eax, 1
        cpuid
        shr ecx, 21
        and ecx, 1
        mov [offered], ecx
        check "cpuid"
        putx 1, [offered]
        end_check

; --- Transitions. Off comes last: Bochs does not come back from there. ---------------------------------------------
%macro transition 4              ; name, from, low half, high half
        check_x2 {"transition/", %1}
        call %2
        try_write MSR_APIC_BASE, %3, %4
        msr_read MSR_APIC_BASE
        and eax, 0xc00
        putc ' '
        putx 4, eax
        end_x2
%endmacro
        transition "xapic to xapic", in_xapic, BASE_XAPIC, 0
        transition "xapic to extd without en", in_xapic, 0xfee00500, 0
        transition "reserved bit 0", in_xapic, 0xfee00901, 0
        transition "reserved bit 7", in_xapic, 0xfee00980, 0
        transition "reserved bit 9", in_xapic, 0xfee00b00, 0
        transition "beyond the physical address", in_xapic, BASE_XAPIC, 0x80000000

; --- MSRs ------------------------------------------------------------------------------------------------------------
        check_x2 "xapic/msr 802"
        try_read X2_ID
        end_x2
        check_x2 "xapic/msr 808"
        try_write X2_TPR, 0
        end_x2
        transition "xapic to x2apic", in_xapic, BASE_X2APIC, 0
        mov ebx, 0x800
each_msr:
        begin_check
        puts "read/"
        putx 4, ebx
        end_name
        if_offered
        call to_x2apic
        try_read ebx
        end_x2
        begin_check
        puts "write/"
        putx 4, ebx
        end_name
        if_offered
        call to_x2apic
        try_write ebx, 0
        end_x2
        inc ebx
        cmp ebx, 0x82f                  ; LVT CMCI: not every CPU has it
        sete al
        movzx eax, al
        add ebx, eax
        cmp ebx, 0x840
        jb each_msr
%macro reserved 3-4 0           ; name, MSR, low half, high half
        check_x2 {"reserved/", %1}
        call to_x2apic
        try_write %2, %3, %4
        end_x2
%endmacro
        reserved "tpr bit 8", X2_TPR, 0x100
        reserved "tpr bit 32", X2_TPR, 0, 1
        reserved "eoi 1", X2_EOI, 1
        reserved "svr bit 13", X2_SVR, 0x21ff
        reserved "svr bit 32", X2_SVR, 0x1ff, 1
        reserved "esr 1", X2_ESR, 1
        reserved "icr bit 13", X2_ICR, 0x2040, 0x55
        reserved "icr bit 16", X2_ICR, 0x10040, 0x55
        reserved "icr bit 20", X2_ICR, 0x100040, 0x55
        reserved "lvt timer bit 19", X2_LVT_TIMER, 0x90000
        reserved "lvt timer bit 8", X2_LVT_TIMER, 0x10100
        reserved "lvt timer bit 32", X2_LVT_TIMER, 0x10000, 1
        reserved "initial count bit 32", X2_INITIAL, 0, 1
        reserved "divide bit 2", X2_DIVIDE, 4
        reserved "divide bit 4", X2_DIVIDE, 0x10
        reserved "self ipi bit 8", X2_SELF_IPI, 0x100

; --- Values ----------------------------------------------------------------------------------------------------------
%macro value 2
        check_x2 {"value/", %1}
        call to_x2apic
        msr_read %2
        putx 8, edx
        putc ' '
        putx 8, eax
        end_x2
%endmacro
        value "id", X2_ID
        value "ldr", X2_LDR
        value "svr", X2_SVR
        value "tpr", X2_TPR
        value "lvt timer", X2_LVT_TIMER
        check_x2 "value/icr is 64 bits"
        msr_write X2_ICR, 0x4141, 0x12345678
        msr_read X2_ICR
        putx 8, edx
        putc ' '
        and eax, 0xfff
        putx 8, eax
        end_x2
        check_x2 "value/cr8 is the tpr"
        call to_x2apic
        msr_write X2_TPR, 0x75
        with ecx, 0
        run LONG_0
        mov rcx, cr8
        end_run
        putx 2, [rec_regs + REG_ecx * 8]
        end_x2
        check_x2 "value/tpr is cr8"
        with eax, 9
        run LONG_0
        mov cr8, rax
        end_run
        msr_read X2_TPR
        putx 2, eax
        end_x2

; --- Messages ----------------------------------------------------------------------------------------------------------
%macro send 3                   ; name, ICR low, ICR high
        check_x2 {"icr/", %1}
        call to_x2apic
        msr_write X2_ICR, %2, %3
        call window
        call put_log
        end_x2
%endmacro
        send "physical 0", 0x4041, 0
        send "physical 1", 0x4041, 1
        send "physical ff", 0x4041, 0xff
        send "broadcast", 0x4041, 0xffffffff
        send "self", ICR_SELF | 0x4041, 0x1234
        send "all", ICR_ALL | 0x4041, 0
        send "others", ICR_OTHERS | 0x4041, 0
        send "logical, cluster 0, bit 0", ICR_LOGICAL | 0x4041, 1
        send "logical, cluster 0, bit 1", ICR_LOGICAL | 0x4041, 2
        send "logical, cluster 0, all bits", ICR_LOGICAL | 0x4041, 0xffff
        send "logical, cluster 1, bit 0", ICR_LOGICAL | 0x4041, 0x10001
        send "logical, everybody", ICR_LOGICAL | 0x4041, 0xffffffff
        send "lowest priority", ICR_LOGICAL | ICR_LOWEST | 0x4041, 1
        check_x2 "self ipi/comes"
        call to_x2apic
        msr_write X2_SELF_IPI, 0x41
        call window
        call put_log
        end_x2
        check_x2 "self ipi/three, highest first"
        msr_write X2_SELF_IPI, 0x41
        msr_write X2_SELF_IPI, 0x61
        msr_write X2_SELF_IPI, 0x51
        call window
        call put_log
        end_x2
        check_x2 "self ipi/irr"
        msr_write X2_SELF_IPI, 0x41
        msr_read X2_IRR + 2
        putx 8, eax
        call window
        msr_read X2_IRR + 2
        putc ' '
        putx 8, eax
        end_x2
        check_x2 "self ipi/held back by tpr"
        msr_write X2_TPR, 0x40
        msr_write X2_SELF_IPI, 0x41
        call window
        call put_log
        putc ' '
        msr_write X2_TPR, 0x30
        call window
        call put_log
        end_x2
        check_x2 "self ipi/nests"
        call to_x2apic
        mov dword [handlers + 0x41 * 4], x2_raises_61
        msr_write X2_SELF_IPI, 0x41
        call window
        call put_log
        end_x2
        check_x2 "isr/in service"
        mov dword [handlers + 0x41 * 4], x2_sees_isr
        msr_write X2_SELF_IPI, 0x41
        call window
        putx 8, [observed]
        end_x2
        check_x2 "ppr/in service"
        mov dword [handlers + 0x41 * 4], x2_sees_ppr
        msr_write X2_SELF_IPI, 0x41
        call window
        putx 8, [observed]
        end_x2
        check_x2 "error/icr with an illegal vector"
        call to_x2apic
        msr_write X2_ESR, 0
        msr_write X2_ICR, 0x4005, 0
        msr_write X2_ESR, 0
        msr_read X2_ESR
        putx 8, eax
        end_x2
        transition "x2apic to xapic", to_x2apic, BASE_XAPIC, 0
        transition "x2apic to x2apic", to_x2apic, BASE_X2APIC, 0
        transition "x2apic to extd without en", to_x2apic, 0xfee00500, 0
        transition "x2apic to off", to_x2apic, BASE_OFF, 0
        check_x2 "transition/cpuid shows off"
        mov eax, 1
        cpuid
        and edx, 1 << 9
        putx 4, edx
        end_x2
        transition "off to off", in_off, BASE_OFF, 0
        transition "off to x2apic", in_off, BASE_X2APIC, 0
        transition "off to extd without en", in_off, 0xfee00500, 0
        transition "off to xapic", in_off, BASE_XAPIC, 0
        transition "xapic to off", in_off, BASE_OFF, 0
        finish

x2_raises_61:
        msr_write X2_SELF_IPI, 0x61
        msr_write X2_SELF_IPI, 0x31
        jmp nest_x2
x2_sees_isr:
        msr_read X2_ISR + 2
        mov [observed], eax
        jmp eoi_x2
x2_sees_ppr:
        msr_read X2_PPR
        mov [observed], eax
        jmp eoi_x2
