; Control registers, MSRs, and the instructions that depend on them: what is kept, what is refused, and with which exception.
; SDM vol 3A "Control Registers", vol 2 by mnemonic.
%define IMAGE "control"
%include "lib/system.asm"

CR4_FSGSBASE    equ 1 << 16
CR4_OSXSAVE     equ 1 << 18
SPARE           equ HIGH_FREE           ; 4 KiB

        bits 32
; The event, and EBX if it was changed.
put_outcome:
        call report_event
        push eax
        mov eax, [rec_regs + REG_ebx * 8]
        cmp eax, [used_regs + REG_ebx * 8]
        je .same
        puts " ebx="
        putx 8, eax
.same:  pop eax
        ret
%macro try 2                    ; mode, name
        check {%2}
        run %1
%endmacro
%macro end_try 0
        end_run
        call put_outcome
        end_check
%endmacro

; The same where what is tried must be refused.
%macro try_refused 2
        guard checks_cr, {%2}
        check {%2}
        run %1
%endmacro
%macro end_refused 0
        end_run
        call put_outcome
        end_check
        end_guard
%endmacro

v_bit:          dd 0
%macro bit_name 1               ; text, then the bit
        begin_check
        puts %1
        push eax
        mov eax, [v_bit]
        call put_decimal
        pop eax
        end_name
%endmacro
%macro over_bits 2              ; label, first bit behind
        end_run
        call put_outcome
        end_check
        inc dword [v_bit]
        cmp dword [v_bit], %2
        jb %1
%endmacro

; Each bit of CR0 set beside what is there: reserved ones stay clear.
each_bit_of_cr0:
        mov dword [v_bit], 0
each_bit_of_cr0_next:  bit_name "cr0 bit "
        mov ecx, [v_bit]
        with ecx, ecx
        run PROTECTED32_0
        mov eax, cr0
        and eax, ~(1 << 30)
        bts eax, ecx
        mov cr0, eax
        mov ebx, cr0
        over_bits each_bit_of_cr0_next, 31
        try LONG_0, "cr0 bit 32"
        mov rax, cr0
        bts rax, 32
        mov cr0, rax
        end_try
        try LONG_0, "cr0 bit 63"
        mov rax, cr0
        bts rax, 63
        mov cr0, rax
        end_try
        ret

; The bits of CR4 that this CPU and the references know (SMEP and SMAP would refuse the page this runs in), and those that
; nobody knows.
cr4_bits:       db 2, 3, 4, 6, 7, 8, 9, 10, 16, 17, 18, 25, 26, 27, 29, 30, 31, 32, 63, 0xff
checks_cr:         db 0
each_bit_of_cr4:
        mov eax, 0x40000000
        cpuid
        cmp ebx, "TCGT"
        setne [checks_cr]               ; QEMU takes what is reserved, and does not come back
        mov esi, cr4_bits
each_bit_of_cr4_next:  movzx ecx, byte [esi]
        cmp cl, 0xff
        je each_bit_of_cr4_done
        mov [v_bit], ecx
        bit_name "cr4 bit "
        cmp ecx, 18
        jbe each_bit_of_cr4_try
        cmp byte [checks_cr], 0
        jne each_bit_of_cr4_try
        puts "not tried"
        end_check
        jmp each_bit_of_cr4_over
each_bit_of_cr4_try:
        with ecx, ecx
        run LONG_0
        mov rax, cr4
        bts rax, rcx
        mov cr4, rax
        mov rbx, cr4
        and ebx, ~CR4_PCIDE
        mov cr4, rbx
        mov rbx, rax
        end_run
        call put_outcome
        end_check
each_bit_of_cr4_over:
        inc esi
        jmp each_bit_of_cr4_next
each_bit_of_cr4_done:  ret

; EFER outside long mode.
each_bit_of_efer:
        mov dword [v_bit], 0
each_bit_of_efer_next:  bit_name "efer bit "
        mov ecx, [v_bit]
        with edi, ecx
        run PROTECTED32_0
        mov ecx, MSR_EFER
        xor eax, eax
        xor edx, edx
        bts eax, edi
        wrmsr
        rdmsr
        mov ebx, eax
        xor eax, eax
        wrmsr
        over_bits each_bit_of_efer_next, 16
        ret

combinations:
        try_refused PROTECTED32_0, "cr0 pg without pe"
        mov eax, CR0_PG | CR0_ET
        mov cr0, eax
        end_refused
        try PROTECTED32_0, "cr0 nw without cd"
        mov eax, CR0_PE | CR0_ET | 1 << 29
        mov cr0, eax
        end_try
        try PROTECTED32_0, "cr0 nw and cd"
        mov eax, CR0_PE | CR0_ET | CR0_NE | 3 << 29
        mov cr0, eax
        mov ebx, cr0
        end_try
        try PROTECTED32_0, "cr0 et cleared"
        mov eax, CR0_PE
        mov cr0, eax
        mov ebx, cr0
        end_try
        try_refused PROTECTED32_0, "cr0 pg with lme and without pae"
        mov ecx, MSR_EFER
        mov eax, EFER_LME
        xor edx, edx
        wrmsr
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        end_refused
        try_refused LONG_0, "cr0 pg cleared in 64-bit mode"
        mov eax, CR0_PE | CR0_ET
        mov cr0, rax
        end_refused
        try_refused LONG_0, "cr4 pae cleared in long mode"
        xor eax, eax
        mov cr4, rax
        end_refused
        try_refused COMPAT32_0, "cr4 pae cleared in compatibility mode"
        xor eax, eax
        mov cr4, eax
        end_refused
        try_refused LONG_0, "efer lme cleared with pg"
        mov ecx, MSR_EFER
        rdmsr
        and eax, ~EFER_LME
        wrmsr
        end_refused
        try LONG_0, "efer lma cleared"
        mov ecx, MSR_EFER
        rdmsr
        and eax, ~(1 << 10)
        wrmsr
        rdmsr
        mov ebx, eax
        end_try
        try LONG_0, "efer bit 32"
        mov ecx, MSR_EFER
        rdmsr
        mov edx, 1
        wrmsr
        end_try
        try LONG_0, "cr8 15"
        mov eax, 15
        mov cr8, rax
        mov rbx, cr8
        xor eax, eax
        mov cr8, rax
        end_try
        try LONG_0, "cr8 16"
        mov eax, 16
        mov cr8, rax
        end_try
        try LONG_0, "cr8 bit 63"
        mov rax, 1 << 63
        mov cr8, rax
        end_try
        try LONG_0, "cr2 kept"
        mov rax, 0x1234567887654321
        mov cr2, rax
        mov rbx, cr2
        shr rbx, 32
        end_try
        try PROTECTED32_0, "lmsw sets mp em ts"
        mov eax, 0xf
        lmsw ax
        mov ebx, cr0
        end_try
        try PROTECTED32_0, "lmsw does not clear pe"
        xor eax, eax
        lmsw ax
        mov ebx, cr0
        end_try
        try PROTECTED32_0, "clts"
        mov eax, cr0
        or eax, CR0_TS
        mov cr0, eax
        clts
        mov ebx, cr0
        end_try
        try PROTECTED32_0, "smsw, 32 bits"
        smsw ebx
        end_try
        try PROTECTED32_0, "smsw, 16 bits"
        smsw bx
        end_try
; The last: the next trial in protected mode loads TR again.
        try_refused PROTECTED32_0, "cr0 pg with lme and a 16-bit tss"
        mov ecx, MSR_EFER
        mov eax, EFER_LME
        xor edx, edx
        wrmsr
        mov eax, CR4_PAE
        mov cr4, eax
        mov eax, PAGE_TABLES
        mov cr3, eax
        mov byte [gdt + TSS32 + 5], 0x81
        mov eax, TSS32
        ltr ax
        mov eax, cr0
        or eax, CR0_PG
        mov cr0, eax
        end_refused
        ret

; MOV to and from control registers that do not exist, and at CPL 3.
%macro encodings 2              ; mode, name
        try %1, {%2, ", mov from cr1"}
        db 0x0f, 0x20, 0xc8
        end_try
        try %1, {%2, ", mov to cr1"}
        db 0x0f, 0x22, 0xc8
        end_try
        try %1, {%2, ", mov from cr5"}
        db 0x0f, 0x20, 0xe8
        end_try
        try %1, {%2, ", mov to cr7"}
        db 0x0f, 0x22, 0xf8
        end_try
        try %1, {%2, ", mov from cr0"}
        db 0x0f, 0x20, 0xc0
        end_try
        try %1, {%2, ", mov from cr0 with a memory form"}
        db 0x0f, 0x20, 0x00
        end_try
        try %1, {%2, ", clts"}
        clts
        end_try
        try %1, {%2, ", lmsw"}
        mov eax, 1
        lmsw ax
        end_try
        try %1, {%2, ", smsw"}
        smsw ax
        end_try
        try %1, {%2, ", invd"}
        invd
        end_try
        try %1, {%2, ", wbinvd"}
        wbinvd
        end_try
        try %1, {%2, ", rdmsr"}
        mov ecx, 0x10
        rdmsr
        end_try
        try %1, {%2, ", wrmsr"}
        mov ecx, 0x174
        xor eax, eax
        xor edx, edx
        wrmsr
        end_try
        try %1, {%2, ", clac"}
        clac
        end_try
        try %1, {%2, ", stac"}
        stac
        end_try
        try %1, {%2, ", rdtsc"}
        rdtsc
        end_try
%endmacro

encoding_checks:
        encodings PROTECTED32_0, "cpl 0"
        encodings PROTECTED32_3, "cpl 3"
        encodings LONG_3, "long, cpl 3"
        encodings V86, "v86"
        try LONG_0, "mov from cr9"
        db 0x44, 0x0f, 0x20, 0xc8
        end_try
        try LONG_0, "lock mov from cr0"
        db 0xf0, 0x0f, 0x20, 0xc0
        end_try
        ret

%macro umip 2                   ; mode, its name
        umip_one %1, %2, "sgdt", {sgdt [SPARE]}
        umip_one %1, %2, "sidt", {sidt [SPARE]}
        umip_one %1, %2, "sldt", {sldt eax}
        umip_one %1, %2, "sldt to memory", {sldt [SPARE]}
        umip_one %1, %2, "str", {str eax}
        umip_one %1, %2, "str to memory", {str [SPARE]}
        umip_one %1, %2, "smsw", {smsw eax}
        umip_one %1, %2, "smsw to memory", {smsw [SPARE]}
%endmacro
%macro umip_one 4
        check {"umip=0 ", %2, ", ", %3}
        run %1
        %4
        end_try
        guard has_umip, {"umip=1 ", %2, ", ", %3}
        check {"umip=1 ", %2, ", ", %3}
        with_cr4 CR4_UMIP
        run %1
        %4
        end_try
        end_guard
%endmacro

has_umip:       db 0
umip_checks:
        mov eax, 7
        xor ecx, ecx
        cpuid
        bt ecx, 2
        setc [has_umip]
        umip PROTECTED32_0, "cpl 0"
        umip PROTECTED32_1, "cpl 1"
        umip PROTECTED32_3, "cpl 3"
        umip LONG_3, "long, cpl 3"
        ret

%macro tsc 3                    ; mode, name, CR4
        check {%2, ", rdtsc"}
        with_cr4 %3
        run %1
        rdtsc
        end_try
        check {%2, ", rdtscp"}
        with_cr4 %3
        run %1
        rdtscp
        end_try
%endmacro
%macro with_bit 4               ; mode, name, CR4, instruction
        check {%2}
        with_cr4 %3
        run %1
        %4
        end_try
%endmacro

feature_checks:
        tsc PROTECTED32_0, "tsd=0 cpl 0", 0
        tsc PROTECTED32_3, "tsd=0 cpl 3", 0
        tsc PROTECTED32_0, "tsd=1 cpl 0", CR4_TSD
        tsc PROTECTED32_1, "tsd=1 cpl 1", CR4_TSD
        tsc PROTECTED32_3, "tsd=1 cpl 3", CR4_TSD
        tsc V86, "tsd=1 v86", CR4_TSD
        tsc REAL, "tsd=1 real", CR4_TSD
        with_bit PROTECTED32_3, "pce=0 cpl 3, rdpmc", 0, {rdpmc}
        with_bit LONG_0, "fsgsbase=0, rdfsbase", 0, {rdfsbase rax}
        with_bit LONG_3, "fsgsbase=0 cpl 3, wrgsbase", 0, {wrgsbase rax}
        with_bit COMPAT32_0, "fsgsbase=1 compatibility mode, rdfsbase", CR4_FSGSBASE, {db 0xf3, 0x0f, 0xae, 0xc0}
        check "fsgsbase=1 cpl 3, wrfsbase, rdfsbase"
        with_cr4 CR4_FSGSBASE
        run LONG_3
        mov eax, 0x12345678
        wrfsbase rax
        rdfsbase rbx
        end_try
        check "fsgsbase=1, wrgsbase of 32 bits"
        with_cr4 CR4_FSGSBASE
        run LONG_0
        mov rax, 0xffff8000_87654321
        wrgsbase eax
        rdgsbase rbx
        bswap rbx
        end_try
        check "fsgsbase=1, wrfsbase not canonical"
        with_cr4 CR4_FSGSBASE
        run LONG_0
        mov rax, 1 << 47
        wrfsbase rax
        end_try
        try LONG_3, "swapgs at cpl 3"
        swapgs
        end_try
        try COMPAT32_0, "swapgs in compatibility mode"
        db 0x0f, 0x01, 0xf8
        end_try
        try LONG_0, "clflush of a page not present"
        mov rax, 0x50000000
        clflush [rax]
        end_try
        try LONG_0, "clflush not canonical"
        mov rax, 1 << 47
        clflush [rax]
        end_try
        try LONG_0, "clflushopt of a page not present"
        mov rax, 0x50000000
        clflushopt [rax]
        end_try
        try LONG_0, "prefetch of a page not present"
        mov rax, 0x50000000
        prefetcht0 [rax]
        prefetchw [rax]
        end_try
        ret

main:   call each_bit_of_cr0
        call each_bit_of_cr4
        call each_bit_of_efer
        call combinations
        call encoding_checks
        call umip_checks
        call feature_checks
        finish
