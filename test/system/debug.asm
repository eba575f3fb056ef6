; Debug exceptions: single-step, breakpoints on instructions, data and ports, general detect; RF, the shadow of MOV SS, INT1 and INT3.
; SDM vol 3B "Debug, Branch Profile, TSC, and Intel Resource Director Technology Features".
%define IMAGE "debug"
%include "lib/system.asm"

DATA            equ LOW_FREE + 0x100    ; what data breakpoints watch
DATA16_SEGMENT  equ LOW_FREE >> 4
VECTOR          equ 0x40
PORT            equ 0x84                ; a scratch register of the DMA page registers

; DR7: Ln and Gn, and type and length of breakpoint n.
L0              equ 1 << 0
G0              equ 1 << 1
L1              equ 1 << 2
L2              equ 1 << 4
L3              equ 1 << 6
GD              equ 1 << 13
ON_EXECUTE      equ 0
ON_WRITE        equ 1
ON_IO           equ 2
ON_ACCESS       equ 3
LENGTH_1        equ 0 << 2
LENGTH_2        equ 1 << 2
LENGTH_8        equ 2 << 2
LENGTH_4        equ 3 << 2

        variable breakpoint, 4
        variable control, 4
        variable offset, 4

; Snippets of any size ------------------------------------------------------------------------------------------------
%define IS_16   RUN_BITS == 16
%define IS_64   RUN_BITS == 64
%define RUN_START run_start_ %+ RUN_NUMBER

; TF becomes 1: the instruction behind this is the first that is trapped.
%macro tf_on 0
%if IS_64
        pushfq
        or dword [rsp], FLAG_TF
        popfq
%elif IS_16
        pushf
        pop bp
        or bp, FLAG_TF
        push bp
        popf
%else
        pushfd
        or dword [esp], FLAG_TF
        popfd
%endif
%endmacro

%macro mov_dr 2                         ; number, value
%if IS_64
        mov eax, %2
        mov dr%1, rax
%else
        mov eax, %2
        mov dr%1, eax
%endif
%endmacro
; Sets breakpoint n to a label of the snippet (which is copied if it is one of 16 bits).
%macro break_at 2
%if IS_16
        mov_dr %1, SNIPPET + %2 - RUN_START
%else
        mov_dr %1, %2
%endif
%endmacro

%macro stepping 2                       ; mode, name
        with_flags FLAG_TF
        trial %1, {%2, "/tf/from the start"}
        nop
        nop
        end_trial
        trial %1, {%2, "/tf/behind popf"}
        tf_on
        nop
        nop
        end_trial
        trial %1, {%2, "/tf/mov ss"}
        mov edx, ss
        tf_on
        mov ss, dx
        nop
        nop
        end_trial
        trial %1, {%2, "/tf/mov ss, mov ss"}
        mov edx, ss
        tf_on
        mov ss, dx
        mov ss, dx
        nop
        nop
        end_trial
        trial %1, {%2, "/tf/mov ds"}
        mov edx, ds
        tf_on
        mov ds, dx
        nop
        end_trial
        trial %1, {%2, "/tf/jmp"}
        tf_on
        jmp short .there
        nop
.there: nop
        end_trial
        trial %1, {%2, "/tf/rep movsb"}
        mov esi, 0x5100
        mov edi, 0x5200
        mov ecx, 3
        tf_on
        rep movsb
        nop
        end_trial
        trial %1, {%2, "/tf/rep movsb, count 0"}
        mov esi, 0x5100
        mov edi, 0x5200
        mov ecx, 0
        tf_on
        rep movsb
        nop
        end_trial
        trial %1, {%2, "/tf/int n"}
        tf_on
        int VECTOR
        nop
        end_trial
        trial %1, {%2, "/tf/int3"}
        tf_on
        int3
        nop
        end_trial
        trial %1, {%2, "/tf/int1"}
        tf_on
        db 0xf1
        nop
        end_trial
        trial %1, {%2, "/tf/fault"}
        tf_on
        lock nop
        nop
        end_trial
        trial %1, {%2, "/tf/pushf"}
        tf_on
%if IS_64
        pushfq
%elif IS_16
        pushf
%else
        pushfd
%endif
        nop
        end_run
        call report_trial
        puts " pushed "
        putx 4, [TRIAL_SP - 8]
        putx 4, [TRIAL_SP - 4]
        putx 4, [TRIAL_SP - 2]
        end_check
        trial %1, {%2, "/tf/popf clears it"}
%if IS_64
        push qword 2
        tf_on
        popfq
%elif IS_16
        push word 2
        tf_on
        popf
%else
        push dword 2
        tf_on
        popfd
%endif
        nop
        nop
        end_trial
%endmacro

%macro breaking 2                       ; mode (CPL 0), name
        trial %1, {%2, "/execute"}
        break_at 0, .here
        mov_dr 7, L0
        nop
.here:  nop
        end_trial
        trial %1, {%2, "/execute, global, DR3"}
        break_at 3, .here
        mov_dr 7, G0 << 6
        nop
.here:  nop
        end_trial
        trial %1, {%2, "/execute, not enabled"}
        break_at 0, .here
        mov_dr 7, 0
        nop
.here:  nop
        end_trial
        trial %1, {%2, "/execute, second byte"}
        break_at 0, .here + 1
        mov_dr 7, L0
.here:  mov ecx, 5
        end_trial
        trial %1, {%2, "/execute, prefix"}
        break_at 0, .here
        mov_dr 7, L0
.here:  db 0x26
        nop
        end_trial
        trial %1, {%2, "/execute, two at once"}
        break_at 1, .here
        break_at 2, .here
        mov_dr 7, L1 | L2
.here:  nop
        end_trial
        trial %1, {%2, "/execute, on an instruction that faults"}
        break_at 1, .here
        mov_dr 7, L1
.here:  lock nop
        end_trial
        trial %1, {%2, "/execute, behind mov ss"}
        mov edx, ss
        break_at 0, .here
        mov_dr 7, L0
        mov ss, dx
.here:  nop
        nop
        end_trial
        trial %1, {%2, "/execute, on mov ss"}
        mov edx, ss
        break_at 0, .here
        mov_dr 7, L0
.here:  mov ss, dx
        nop
        end_trial
        trial %1, {%2, "/execute, with TF at the instruction before"}
        break_at 0, .here
        mov_dr 7, L0
        tf_on
        nop
.here:  nop
        end_trial
        trial %1, {%2, "/execute, on rep movsb"}
        mov esi, 0x5100
        mov edi, 0x5200
        mov ecx, 3
        break_at 0, .here
        mov_dr 7, L0
.here:  rep movsb
        end_trial
        trial %1, {%2, "/general detect, mov to dr"}
        mov_dr 7, GD
        mov_dr 0, 0x1234
        end_trial
        trial %1, {%2, "/general detect, mov from dr"}
        mov_dr 7, GD
%if IS_64
        mov rcx, dr6
%else
        mov ecx, dr6
%endif
        end_trial
        trial %1, {%2, "/dr7 reads back"}
        mov_dr 7, 0xffff03ff
%if IS_64
        mov rcx, dr7
%else
        mov ecx, dr7
%endif
        end_trial
        trial %1, {%2, "/dr7, zeros"}
        mov_dr 7, 0
%if IS_64
        mov rcx, dr7
%else
        mov ecx, dr7
%endif
        end_trial
        trial %1, {%2, "/dr6 reads back"}
        mov_dr 6, 0xffffffff
%if IS_64
        mov rcx, dr6
%else
        mov ecx, dr6
%endif
        end_trial
        trial %1, {%2, "/dr6, zeros"}
        mov_dr 6, 0
%if IS_64
        mov rcx, dr6
%else
        mov ecx, dr6
%endif
        end_trial
        trial %1, {%2, "/dr4 and dr5 without DE"}
        mov_dr 4, 0
%if IS_64
        mov rcx, dr4
        mov rdx, dr5
%else
        mov ecx, dr4
        mov edx, dr5
%endif
        end_trial
        with_cr4 CR4_DE
        trial %1, {%2, "/dr4 with DE"}
%if IS_64
        mov rcx, dr4
%else
        mov ecx, dr4
%endif
        end_trial
        with_cr4 CR4_DE
        trial %1, {%2, "/dr5 with DE"}
        mov_dr 5, 0
        end_trial
%endmacro

; One cell for each place of an access around DATA: which breakpoints DR6 names. A hit is a trap: what it stored is there.
%macro accesses 3                       ; name, mode, the access through EBX
        mov eax, DATA
        mov dr0, eax
        mov eax, [control]
        begin_check
        puts {%1, "/dr7="}
        putx 8, [control]
        end_name
        mov ecx, DATA - 8
%%each: mov eax, DATA
        mov dr0, eax
        mov eax, [control]
        mov dr7, eax
        with ebx, ecx
        run %2
        %3
        end_run
        call report_hit
        inc ecx
        cmp ecx, DATA + 9
        jb %%each
        end_check
%endmacro

        bits 32
; "." no breakpoint, or the low digit of DR6; another event is named.
report_hit:
        call is_done
        jne .event
        putc '.'
        ret
.event: cmp dword [rec_vector], 1
        jne report_event
        putx 1, [rec_dr6]
        ret

%macro fstp10 0
        fldz
        fstp tword [ebx]
%endmacro
; All accesses with the breakpoint in [control].
all_accesses:
        accesses "read 1", PROTECTED32_0, {mov al, [ebx]}
        accesses "read 2", PROTECTED32_0, {mov ax, [ebx]}
        accesses "read 4", PROTECTED32_0, {mov eax, [ebx]}
        accesses "write 1", PROTECTED32_0, {mov [ebx], al}
        accesses "write 2", PROTECTED32_0, {mov [ebx], ax}
        accesses "write 4", PROTECTED32_0, {mov [ebx], eax}
        accesses "write 4 at CPL 3", PROTECTED32_3, {mov [ebx], eax}
        accesses "add 1", PROTECTED32_0, {add byte [ebx], 1}
        accesses "fetch", PROTECTED32_0, {lea eax, [ebx]}
        accesses "read 8", LONG_0, {mov rax, [rbx]}
        accesses "write 8", LONG_0, {mov [rbx], rax}
        accesses "x87 write 10", PROTECTED32_0, {fstp10}
        ret

; Snippets of more than one line.
%macro push_data 0
        mov esp, DATA + 4
        push eax
        mov esp, TRIAL_SP
%endmacro
%macro push_data_long 0
        mov esp, DATA + 8
        push rax
        mov esp, TRIAL_SP
%endmacro
%macro pop_data 0
        mov esp, DATA
        pop ecx
        mov esp, TRIAL_SP
%endmacro
%macro movs_from 0
        mov esi, DATA
        mov edi, 0x5200
        movsd
%endmacro
%macro movs_to 0
        mov esi, 0x5200
        mov edi, DATA
        movsd
%endmacro
%macro rep_movs_to 0
        mov esi, 0x5200
        mov edi, DATA - 1
        mov ecx, 6
        rep movsb
%endmacro
%macro mov_ss_from 0
        mov ss, [DATA]
%endmacro
%macro mov_ds_from 0
        mov ds, [DATA]
%endmacro
%macro movups_from 0
        movups xmm0, [DATA - 12]
%endmacro
%macro step_and_read 0
        tf_on
        mov eax, [DATA]
%endmacro
%macro div_by_data 0
        mov [DATA], ecx
        lock nop
%endmacro
%macro read_real 0
        mov ax, DATA16_SEGMENT
        mov es, ax
        mov ax, [es:DATA - LOW_FREE]
%endmacro
%macro outs_one 0
        mov esi, 0x5200
        outsb
%endmacro
%macro outs_rep 0
        mov esi, 0x5200
        mov ecx, 3
        rep outsb
%endmacro

main:
        stepping REAL, "real"
        stepping PROTECTED32_0, "pm32.0"
        stepping PROTECTED32_3, "pm32.3"
        stepping PROTECTED16_0, "pm16.0"
        stepping COMPAT32_3, "compat32.3"
        stepping LONG_0, "long.0"
        stepping LONG_3, "long.3"
        breaking REAL, "real"
        breaking PROTECTED32_0, "pm32.0"
        breaking COMPAT32_0, "compat32.0"
        breaking LONG_0, "long.0"

%macro watch 1
        mov dword [control], L0 | (%1) << 16
        call all_accesses
%endmacro
        watch ON_WRITE | LENGTH_1
        watch ON_WRITE | LENGTH_2
        watch ON_WRITE | LENGTH_4
        watch ON_ACCESS | LENGTH_1
        watch ON_ACCESS | LENGTH_2
        watch ON_ACCESS | LENGTH_4
        watch ON_ACCESS | LENGTH_8

; Data breakpoints in single instructions. DATA holds a data selector.
        mov dword [DATA + 4], 0
%macro data_break 3-4 ON_ACCESS | LENGTH_4      ; name, mode, snippet with DATA; kind
        mov dword [DATA], DATA32
        mov eax, DATA
        mov dr0, eax
        mov eax, L0 | (%4) << 16
        mov dr7, eax
        trial %2, {"data/", %1}
        %3
        nop
        nop
        end_trial
%endmacro
        data_break "push", PROTECTED32_3, {push_data}
        data_break "pop", PROTECTED32_3, {pop_data}
        data_break "movsd from", PROTECTED32_0, {movs_from}
        data_break "movsd to", PROTECTED32_0, {movs_to}
        data_break "rep movsb to", PROTECTED32_0, {rep_movs_to}
        data_break "mov ss from", PROTECTED32_0, {mov_ss_from}
        data_break "mov ds from", PROTECTED32_0, {mov_ds_from}
        data_break "xchg", PROTECTED32_0, {xchg [DATA], eax}
        data_break "cmpxchg that does not store", PROTECTED32_0, {cmpxchg [DATA], ecx}, ON_WRITE | LENGTH_4
        data_break "bt", PROTECTED32_0, {bt dword [DATA], 3}
        with_cr4 CR4_OSFXSR
        data_break "movups", PROTECTED32_0, {movups_from}
        data_break "with TF", PROTECTED32_0, {step_and_read}
        data_break "write and a fault", PROTECTED32_0, {div_by_data}
        data_break "long mode, push", LONG_3, {push_data_long}
        data_break "real", REAL, {read_real}
        data_break "v86", V86, {read_real}

; Breakpoints on ports.
%macro port_break 4                     ; name, mode, DR7, snippet
        mov eax, PORT
        mov dr0, eax
        mov eax, %3
        mov dr7, eax
        with_cr4 CR4_DE
        with edx, PORT
        trial %2, {"port/", %1}
        %4
        nop
        nop
        end_trial
%endmacro
IO_1            equ L0 | (ON_IO | LENGTH_1) << 16
IO_2            equ L0 | (ON_IO | LENGTH_2) << 16
IO_4            equ L0 | (ON_IO | LENGTH_4) << 16
        port_break "out", PROTECTED32_0, IO_1, {out dx, al}
        port_break "out imm", PROTECTED32_0, IO_1, {out PORT, al}
        port_break "next port", PROTECTED32_0, IO_1, {out PORT + 1, al}
        port_break "next port, length 2", PROTECTED32_0, IO_2, {out PORT + 1, al}
        port_break "fourth port, length 4", PROTECTED32_0, IO_4, {out PORT + 3, al}
        port_break "fifth port, length 4", PROTECTED32_0, IO_4, {out PORT + 4, al}
        port_break "word from the port below", PROTECTED32_0, IO_1, {out PORT - 1, ax}
        port_break "outsb", PROTECTED32_0, IO_1, {outs_one}
        port_break "rep outsb", PROTECTED32_0, IO_1, {outs_rep}
        port_break "long mode", LONG_0, IO_1, {out dx, al}
        mov eax, 0x92                           ; system control port A: 2, A20 is on
        mov dr0, eax
        mov eax, IO_1
        mov dr7, eax
        with_cr4 CR4_DE
        trial PROTECTED32_0, "port/in"
        in al, 0x92
        nop
        end_trial
        mov eax, PORT
        mov dr0, eax
        mov eax, IO_1
        mov dr7, eax
        trial PROTECTED32_0, "port/without DE"
        out PORT, al
        nop
        end_trial

; RF: IRET loads it, POPF does not; a breakpoint is passed over once.
        trial PROTECTED32_0, "rf/iret with RF passes a breakpoint"
        mov eax, .here
        mov dr0, eax
        mov eax, L0
        mov dr7, eax
        push dword 2 | FLAG_RF
        push cs
        push dword .here
        iretd
.here:  nop
        nop
        end_trial
        trial PROTECTED32_0, "rf/iret without RF does not"
        mov eax, .here
        mov dr0, eax
        mov eax, L0
        mov dr7, eax
        push dword 2
        push cs
        push dword .here
        iretd
.here:  nop
        nop
        end_trial
        trial PROTECTED32_0, "rf/for one instruction only"
        mov eax, .here
        mov dr0, eax
        mov eax, L0
        mov dr7, eax
        mov ecx, 2
        push dword 2 | FLAG_RF
        push cs
        push dword .here
        iretd
.here:  loop .here
        nop
        end_trial
        trial PROTECTED32_0, "rf/popf does not set it"
        mov eax, .here
        mov dr0, eax
        mov eax, L0
        mov dr7, eax
        push dword 2 | FLAG_RF
        popfd
.here:  nop
        nop
        end_trial
        trial PROTECTED32_0, "rf/iret to CPL 3 with RF"
        mov eax, .here
        mov dr0, eax
        mov eax, L0
        mov dr7, eax
        push dword DATA32 + 3 * RING | 3
        push dword TRIAL_SP
        push dword 2 | FLAG_RF
        push dword CODE32 + 3 * RING | 3
        push dword .here
        iretd
.here:  nop
        nop
        end_trial
        trial PROTECTED32_0, "rf/rep movsb keeps it"
        mov esi, 0x5100
        mov edi, 0x5200
        mov ecx, 3
        mov eax, .here
        mov dr0, eax
        mov eax, L0
        mov dr7, eax
        push dword 2 | FLAG_RF
        push cs
        push dword .here
        iretd
.here:  rep movsb
        nop
        end_trial
        trial PROTECTED32_0, "rf/pushf shows 0"
        push dword 2 | FLAG_RF
        push cs
        push dword .here
        iretd
.here:  pushfd
        pop ecx
        end_trial
        trial LONG_0, "rf/iretq with RF"
        mov rax, .here
        mov dr0, rax
        mov eax, L0
        mov dr7, rax
        mov ecx, ss
        mov rdx, rsp
        push rcx
        push rdx
        push qword 2 | FLAG_RF
        mov ecx, cs
        push rcx
        push qword .here
        iretq
.here:  nop
        nop
        end_trial

; Privilege of the debug registers and of INT1 and INT3.
%macro privileged 3
        trial %1, {"privilege/", %2}
        %3
        end_trial
%endmacro
        privileged PROTECTED32_1, "mov from dr0 at CPL 1", {mov eax, dr0}
        privileged PROTECTED32_3, "mov to dr7 at CPL 3", {mov dr7, eax}
        privileged PROTECTED32_3, "mov to dr4 at CPL 3", {mov dr4, eax}
        privileged V86, "mov from dr0 in virtual-8086 mode", {mov eax, dr0}
        privileged LONG_3, "mov from dr6 in 64-bit mode", {mov rax, dr6}
        mov byte [IDT32 + 1 * 8 + 5], GATE_INT
        mov byte [IDT32 + 3 * 8 + 5], GATE_INT
        mov byte [IDT32 + 4 * 8 + 5], GATE_INT
        privileged PROTECTED32_3, "int1 through a gate of DPL 0", {db 0xf1}
        privileged PROTECTED32_3, "int 1 through a gate of DPL 0", {int 1}
        privileged PROTECTED32_3, "int3 through a gate of DPL 0", {int3}
        with_flags FLAG_OF
        privileged PROTECTED32_3, "into through a gate of DPL 0", {into}
        with_flags FLAG_TF
        privileged PROTECTED32_3, "single-step through a gate of DPL 0", {nop}
        mov byte [IDT32 + 1 * 8 + 5], GATE_INT | 3 << 5
        mov byte [IDT32 + 3 * 8 + 5], GATE_INT | 3 << 5
        mov byte [IDT32 + 4 * 8 + 5], GATE_INT | 3 << 5

; 64-bit mode: upper halves.
        trial LONG_0, "64-bit/dr7 above 32 bits"
        mov rax, 0x100000400
        mov dr7, rax
        end_trial
        trial LONG_0, "64-bit/dr6 above 32 bits"
        mov rax, 0x1ffff0ff0
        mov dr6, rax
        end_trial
        trial LONG_0, "64-bit/dr0 holds 64 bits"
        mov rax, 0x123456789abc
        mov dr0, rax
        mov rcx, dr0
        end_trial
        trial LONG_0, "64-bit/dr8"
        db 0x44, 0x0f, 0x21, 0xc0               ; mov rax, dr8
        end_trial
        finish
