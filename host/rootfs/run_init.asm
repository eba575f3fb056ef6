; The first program of a machine that `vitrine run` starts: sets the guest up as a script says, runs one program with its
; standard streams connected to the ports of the virtio console, tells the host how it ended. Plain Linux system calls only.
;
;     host stdin  -> /dev/vport0p1 -> pipe -> 0 -+
;     host stdout <- /dev/vport0p2 <- pipe <- 1 -+ the program
;     host stderr <- /dev/vport0p3 <- pipe <- 2 -+
;     host        <-> /dev/vport0p4   control messages (below)
;
; The program gets real pipes, so that end of file, EPIPE and SIGPIPE are the kernel's. With a terminal on the host it gets
; /dev/ttyS0 instead. Assembled by host/build, put into the initial RAM disk as /.vitrine/init by host/cli/run_guest.ts, which
; also writes the script, /.vitrine/script: a letter, then its arguments, each ended by a zero byte.
;
;     d PATH                              make a directory and those above it
;     m SOURCE TARGET TYPE FLAGS DATA     mount (FLAGS decimal); M: it does not matter if it fails
;     o                                   open the ports
;     r PATH                              PATH, a mount point, becomes the root
;     c PATH                              working directory
;     a TEXT, e TEXT, p PATH              argument, environment variable, path to try to execute, in order
;     s XYZ                               for descriptors 0, 1, 2: p a pipe, t the terminal
;     z ROWS COLUMNS                      size of the terminal (decimal)
;     x                                   run the program; the last letter
;
; Control messages to the host: F errno letter text (a step failed), E errno (execve failed), S (the program runs),
; X status (it ended, as wait gives it).
; From the host: k signal (to the program's process group), z rows columns (u16), q (everything was received: power off).
; Numbers are 32 bits, little endian, a signal one byte.
;
; Sources: System V ABI x86-64 (ELF, registers); man 2 for each call; Linux arch/x86/entry/syscalls/syscall_64.tbl.
        bits 64
        org 0x400000
        default rel

SYS_READ        equ 0
SYS_WRITE       equ 1
SYS_OPEN        equ 2
SYS_CLOSE       equ 3
SYS_RT_SIGACTION equ 13
SYS_RT_SIGPROCMASK equ 14
SYS_RT_SIGRETURN equ 15
SYS_IOCTL       equ 16
SYS_DUP2        equ 33
SYS_CLONE       equ 56
SYS_EXECVE      equ 59
SYS_EXIT        equ 60
SYS_WAIT4       equ 61
SYS_KILL        equ 62
SYS_FCNTL       equ 72
SYS_CHDIR       equ 80
SYS_MKDIR       equ 83
SYS_SETSID      equ 112
SYS_CHROOT      equ 161
SYS_MOUNT       equ 165
SYS_REBOOT      equ 169
SYS_PPOLL       equ 271
SYS_PIPE2       equ 293

ENOENT          equ 2
EINTR           equ 4
EAGAIN          equ 11
EACCES          equ 13
ENOTDIR         equ 20
O_RDONLY        equ 0
O_RDWR          equ 2
O_WRONLY        equ 1
O_NONBLOCK      equ 0x800
O_CLOEXEC       equ 0x80000
F_SETFL         equ 4
SIGKILL         equ 9
SIGCHLD         equ 17
SIG_BLOCK       equ 0
SIG_SETMASK     equ 2
SA_RESTORER     equ 0x04000000
SA_NOCLDSTOP    equ 1
WNOHANG         equ 1
POLLIN          equ 1
POLLOUT         equ 4
POLLERR         equ 8
POLLHUP         equ 0x10
MS_MOVE         equ 8192
TIOCSCTTY       equ 0x540e
TIOCSWINSZ      equ 0x5414
LINUX_REBOOT_MAGIC1 equ 0xfee1dead
LINUX_REBOOT_MAGIC2 equ 672274793
LINUX_REBOOT_CMD_POWER_OFF equ 0x4321fedc

SCRIPT_BYTES    equ 4 * 1024 * 1024     ; what execve takes and more
MAX_STRINGS     equ 128 * 1024          ; arguments, variables
MAX_PATHS       equ 256
BUFFER_BYTES    equ 64 * 1024           ; a pipe's worth

; A pump moves bytes from one descriptor to another through its buffer.
PUMP_IN         equ 0                   ; -1: closed
PUMP_OUT        equ 4
PUMP_START      equ 8                   ; first byte not written yet
PUMP_LENGTH     equ 16                  ; bytes not written yet
PUMP_BUFFER     equ 24
PUMP_SIZE       equ 32

; --- ELF header -------------------------------------------------------------------------------------------------------
image:
        db 0x7f, "ELF", 2, 1, 1, 0      ; 64 bits, little endian, version 1, System V
        dq 0
        dw 2, 62                        ; ET_EXEC, EM_X86_64
        dd 1
        dq start
        dq program_headers - image
        dq 0                            ; no sections
        dd 0
        dw 64, 56, 1, 64, 0, 0
program_headers:
        dd 1, 7                         ; PT_LOAD, read write execute
        dq 0, image, image
        dq image_end - image            ; bytes in the file
        dq bss_end - image              ; bytes in memory
        dq 0x1000

; --- Start ------------------------------------------------------------------------------------------------------------
start:
        lea rdi, [script_path]
        xor esi, esi
        mov eax, SYS_OPEN
        syscall
        test eax, eax
        js give_up
        mov ebx, eax
        lea r12, [script]
.read:
        mov edi, ebx
        mov rsi, r12
        lea rdx, [script + SCRIPT_BYTES - 1]
        sub rdx, r12
        mov eax, SYS_READ
        syscall
        test rax, rax
        js give_up
        add r12, rax
        test rax, rax
        jnz .read
        mov edi, ebx
        call close
        lea r12, [script]               ; next byte of the script from here on

next_step:
        movzx eax, byte [r12]
        inc r12
        mov [letter], al
        mov [step_text], r12
        cmp al, 'd'
        je make_directory
        cmp al, 'm'
        je mount_step
        cmp al, 'M'
        je mount_step
        cmp al, 'o'
        je open_ports
        cmp al, 'r'
        je switch_root
        cmp al, 'c'
        je change_directory
        cmp al, 'a'
        je add_argument
        cmp al, 'e'
        je add_variable
        cmp al, 'p'
        je add_path
        cmp al, 's'
        je set_streams
        cmp al, 'z'
        je set_size
        cmp al, 'x'
        je run_program
give_up:                                ; nobody to tell: the kernel panics when its first program ends
        mov edi, 1
        mov eax, SYS_EXIT
        syscall

; --- Steps ------------------------------------------------------------------------------------------------------------
; Each takes its arguments from R12 and leaves it behind them.

; The path is cut at each slash for a moment. Failures show when something is mounted there.
make_directory:
        mov rbx, r12
        inc r12                         ; not the slash of the root
.next:
        mov al, [r12]
        test al, al
        jz .last
        cmp al, '/'
        jne .skip
        mov byte [r12], 0
        call .make
        mov byte [r12], '/'
.skip:
        inc r12
        jmp .next
.last:
        call .make
        inc r12
        jmp next_step
.make:
        mov rdi, rbx
        mov esi, 0o755
        mov eax, SYS_MKDIR
        syscall
        ret

mount_step:
        call string
        mov r13, rax                    ; source
        call string
        mov r14, rax                    ; target
        mov [step_text], rax
        call string
        mov r15, rax                    ; type
        call number
        mov r10, rax                    ; flags
        call string
        mov r8, rax                     ; data
        mov rdi, r13
        mov rsi, r14
        mov rdx, r15
        mov eax, SYS_MOUNT
        syscall
        cmp byte [letter], 'M'
        je next_step
        jmp check_step

switch_root:
        call string
        mov rdi, rax
        mov eax, SYS_CHDIR
        syscall
        test eax, eax
        js step_failed
        lea rdi, [dot]
        lea rsi, [slash]
        xor edx, edx
        mov r10d, MS_MOVE
        xor r8d, r8d
        mov eax, SYS_MOUNT
        syscall
        test eax, eax
        js step_failed
        lea rdi, [dot]
        mov eax, SYS_CHROOT
        syscall
        test eax, eax
        js step_failed
        lea rdi, [slash]
        mov eax, SYS_CHDIR
        syscall
        jmp check_step

change_directory:
        call string
        mov rdi, rax
        mov eax, SYS_CHDIR
        syscall
check_step:
        test eax, eax
        jns next_step
step_failed:
        neg eax
        mov [message + 1], eax
        mov byte [message], 'F'
        mov al, [letter]
        mov [message + 5], al
        mov rsi, [step_text]
        lea rdi, [message + 6]
        mov ecx, 250
.copy:
        lodsb
        stosb
        test al, al
        loopnz .copy
        lea rdx, [rdi - 1]
        lea rsi, [message]
        sub rdx, rsi
        call tell_host
        jmp wait_for_quit

add_argument:
        call string
        lea rdi, [arguments]
        mov ecx, [nr_arguments]
        cmp ecx, MAX_STRINGS - 1
        jae next_step
        mov [rdi + rcx * 8], rax
        inc dword [nr_arguments]
        jmp next_step

add_variable:
        call string
        lea rdi, [environment]
        mov ecx, [nr_variables]
        cmp ecx, MAX_STRINGS - 1
        jae next_step
        mov [rdi + rcx * 8], rax
        inc dword [nr_variables]
        jmp next_step

add_path:
        call string
        lea rdi, [paths]
        mov ecx, [nr_paths]
        cmp ecx, MAX_PATHS - 1
        jae next_step
        mov [rdi + rcx * 8], rax
        inc dword [nr_paths]
        jmp next_step

set_streams:
        call string
        mov eax, [rax]
        mov [streams], eax
        jmp next_step

set_size:
        call number
        mov [window_size], ax
        call number
        mov [window_size + 2], ax
        jmp next_step

; Ports 1 to 4. Without them nothing can be told to anybody.
open_ports:
        lea rbx, [port_fds]
        mov byte [port_path_number], '1'
.next:
        lea rdi, [port_path]
        mov esi, O_RDWR | O_NONBLOCK | O_CLOEXEC
        mov eax, SYS_OPEN
        syscall
        test eax, eax
        js give_up
        mov [rbx], eax
        add rbx, 4
        inc byte [port_path_number]
        cmp byte [port_path_number], '5'
        jne .next
        jmp next_step

; --- The program ------------------------------------------------------------------------------------------------------
run_program:
        mov byte [letter], 'x'
; SIGCHLD only arrives while ppoll() waits.
        mov edi, SIG_BLOCK
        lea rsi, [chld_mask]
        xor edx, edx
        mov r10d, 8
        mov eax, SYS_RT_SIGPROCMASK
        syscall
        mov edi, SIGCHLD
        lea rsi, [chld_action]
        xor edx, edx
        mov r10d, 8
        mov eax, SYS_RT_SIGACTION
        syscall

; A pipe for each stream that is not the terminal. Kept: [pipes + 8n] reading end, [pipes + 8n + 4] writing end.
        xor ebx, ebx
.make_pipe:
        lea rcx, [streams]
        cmp byte [rcx + rbx], 't'
        je .next_pipe
        lea rdi, [pipes]
        lea rdi, [rdi + rbx * 8]
        mov esi, O_CLOEXEC
        mov eax, SYS_PIPE2
        syscall
        test eax, eax
        js step_failed
.next_pipe:
        inc ebx
        cmp ebx, 4                      ; number 3 tells whether execve succeeded
        jb .make_pipe

        mov edi, SIGCHLD
        xor esi, esi
        xor edx, edx
        xor r10d, r10d
        xor r8d, r8d
        mov eax, SYS_CLONE
        syscall
        test eax, eax
        js step_failed
        jz child
        mov [child_pid], eax

; The ends that are the program's, and whether it started.
        mov edi, [pipes]
        call close
        mov edi, [pipes + 12]
        call close
        mov edi, [pipes + 20]
        call close
        mov edi, [pipes + 28]
        call close
.read_failure:
        mov edi, [pipes + 24]
        lea rsi, [exec_error]
        mov edx, 4
        mov eax, SYS_READ
        syscall
        cmp eax, -EINTR
        je .read_failure
        cmp eax, 4
        je exec_failed
        mov edi, [pipes + 24]
        call close

        mov byte [message], 'S'
        lea rsi, [message]
        mov edx, 1
        call tell_host

; What goes where.
        mov eax, -1
        cmp byte [streams], 't'
        je .no_stdin
        mov eax, [pipes + 4]
        mov [pumps + PUMP_OUT], eax
        call set_nonblocking
        mov eax, [port_fds]
.no_stdin:
        mov [pumps + PUMP_IN], eax
        mov eax, -1
        cmp byte [streams + 1], 't'
        je .no_stdout
        mov eax, [port_fds + 4]
        mov [pumps + PUMP_SIZE + PUMP_OUT], eax
        mov eax, [pipes + 8]
        call set_nonblocking
.no_stdout:
        mov [pumps + PUMP_SIZE + PUMP_IN], eax
        mov eax, -1
        cmp byte [streams + 2], 't'
        je .no_stderr
        mov eax, [port_fds + 8]
        mov [pumps + 2 * PUMP_SIZE + PUMP_OUT], eax
        mov eax, [pipes + 16]
        call set_nonblocking
.no_stderr:
        mov [pumps + 2 * PUMP_SIZE + PUMP_IN], eax
        lea rax, [buffers]
        mov [pumps + PUMP_BUFFER], rax
        add rax, BUFFER_BYTES
        mov [pumps + PUMP_SIZE + PUMP_BUFFER], rax
        add rax, BUFFER_BYTES
        mov [pumps + 2 * PUMP_SIZE + PUMP_BUFFER], rax

; --- Pumping until the program has ended and all it wrote is on its way -------------------------------------------------
main_loop:
        lea rbx, [pumps]
        call pump
        lea rbx, [pumps + PUMP_SIZE]
        call pump
        lea rbx, [pumps + 2 * PUMP_SIZE]
        call pump
        call read_control
        cmp byte [child_signal], 0
        je .no_child
        call reap
.no_child:
        cmp byte [has_ended], 0
        je .wait
        cmp dword [pumps + PUMP_SIZE + PUMP_IN], -1
        jne .wait
        cmp dword [pumps + 2 * PUMP_SIZE + PUMP_IN], -1
        je report_end
.wait:
; The poll table: control, then two entries for each pump.
        lea rdi, [poll_table]
        mov eax, [port_fds + 12]
        mov [rdi], eax
        mov dword [rdi + 4], POLLIN
        add rdi, 8
        lea rbx, [pumps]
        mov ecx, 3
.entry:
        mov eax, [rbx + PUMP_IN]
        cmp eax, -1
        je .closed
        cmp qword [rbx + PUMP_LENGTH], 0
        jne .full
        mov [rdi], eax
        mov dword [rdi + 4], POLLIN
        mov eax, [rbx + PUMP_OUT]
        mov [rdi + 8], eax
        mov dword [rdi + 12], 0         ; whether the reader goes away
        jmp .next_entry
.full:
        mov dword [rdi], -1
        mov eax, [rbx + PUMP_OUT]
        mov [rdi + 8], eax
        mov dword [rdi + 12], POLLOUT
        jmp .next_entry
.closed:
        mov dword [rdi], -1
        mov dword [rdi + 8], -1
.next_entry:
        add rdi, 16
        add rbx, PUMP_SIZE
        dec ecx
        jnz .entry
        lea rdi, [poll_table]
        mov esi, 7
        xor edx, edx
        lea r10, [no_signals]
        mov r8d, 8
        mov eax, SYS_PPOLL
        syscall
        test eax, eax
        js main_loop                    ; a signal

; A receiver that is gone ends the stream, also when there is nothing to send.
        lea rbx, [pumps]
        lea r13, [poll_table + 16]
        mov r14d, 3
.look:
        cmp dword [rbx + PUMP_IN], -1
        je .looked
        test word [r13 + 6], POLLERR | POLLHUP
        jz .looked
        call close_pump
.looked:
        add rbx, PUMP_SIZE
        add r13, 16
        dec r14d
        jnz .look
        jmp main_loop

report_end:
        mov byte [message], 'X'
        mov eax, [exit_status]
        mov [message + 1], eax
        lea rsi, [message]
        mov edx, 5
        call tell_host
        jmp wait_for_quit

exec_failed:
        mov byte [message], 'E'
        mov eax, [exec_error]
        mov [message + 1], eax
        lea rsi, [message]
        mov edx, 5
        call tell_host

; The host switches the machine off when it has everything; if it only says so, we do.
wait_for_quit:
        call read_control
        lea rdi, [poll_table]
        mov eax, [port_fds + 12]
        mov [rdi], eax
        mov dword [rdi + 4], POLLIN
        mov esi, 1
        xor edx, edx
        lea r10, [no_signals]
        mov r8d, 8
        mov eax, SYS_PPOLL
        syscall
        jmp wait_for_quit

; --- The child --------------------------------------------------------------------------------------------------------
child:
        mov eax, SYS_SETSID
        syscall
        mov edi, SIG_SETMASK
        lea rsi, [no_signals]
        xor edx, edx
        mov r10d, 8
        mov eax, SYS_RT_SIGPROCMASK
        syscall

; The terminal, if one of the streams is it; it becomes the controlling one.
        mov r13d, -1
        mov eax, [streams]
        cmp al, 't'
        je .terminal
        cmp ah, 't'
        je .terminal
        shr eax, 16
        cmp al, 't'
        jne .streams
.terminal:
        lea rdi, [terminal_path]
        mov esi, O_RDWR | O_CLOEXEC
        mov eax, SYS_OPEN
        syscall
        test eax, eax
        js .failed
        mov r13d, eax
        mov edi, eax
        mov esi, TIOCSCTTY
        xor edx, edx
        mov eax, SYS_IOCTL
        syscall
        cmp dword [window_size], 0      ; now, for a terminal forgets its size when nobody has it open
        je .streams
        mov edi, r13d
        mov esi, TIOCSWINSZ
        lea rdx, [window_size]
        mov eax, SYS_IOCTL
        syscall

.streams:
        mov edi, [pipes]                ; what it reads from
        xor esi, esi
        call .connect
        mov edi, [pipes + 12]
        mov esi, 1
        call .connect
        mov edi, [pipes + 20]
        mov esi, 2
        call .connect

        mov ebp, ENOENT                 ; the error to report
        xor ebx, ebx
.try:
        cmp ebx, [nr_paths]
        jae .give_up
        lea rdi, [paths]
        mov rdi, [rdi + rbx * 8]
        lea rsi, [arguments]
        lea rdx, [environment]
        mov eax, SYS_EXECVE
        syscall
        inc ebx
        neg eax
        cmp eax, ENOENT
        je .try
        cmp eax, ENOTDIR
        je .try
        mov ebp, eax
        cmp eax, EACCES                 ; another directory of the path may have it
        je .try
.give_up:
        mov eax, ebp
        neg eax
.failed:
        neg eax
        mov [exec_error], eax
        mov edi, [pipes + 28]
        lea rsi, [exec_error]
        mov edx, 4
        mov eax, SYS_WRITE
        syscall
        mov edi, 127
        mov eax, SYS_EXIT
        syscall

; Makes descriptor ESI the pipe end EDI, or the terminal R13.
.connect:
        lea rcx, [streams]
        movsxd rax, esi
        cmp byte [rcx + rax], 't'
        jne .dup
        mov edi, r13d
.dup:
        mov eax, SYS_DUP2
        syscall
        ret

; --- Parts ------------------------------------------------------------------------------------------------------------

; The string at R12, which moves behind it. -> RAX
string:
        mov rax, r12
.scan:
        cmp byte [r12], 0
        lea r12, [r12 + 1]
        jne .scan
        ret

; The decimal number at R12, which moves behind it and its zero. -> RAX
number:
        xor eax, eax
.digit:
        movzx ecx, byte [r12]
        inc r12
        sub ecx, '0'
        js .end
        imul rax, rax, 10
        add rax, rcx
        jmp .digit
.end:
        ret

close:
        mov eax, SYS_CLOSE
        syscall
        ret

; EAX: descriptor, kept.
set_nonblocking:
        push rax
        mov edi, eax
        mov esi, F_SETFL
        mov edx, O_NONBLOCK
        mov eax, SYS_FCNTL
        syscall
        pop rax
        ret

; Moves what can be moved through pump RBX without waiting.
pump:
        cmp dword [rbx + PUMP_IN], -1
        je .done
        cmp qword [rbx + PUMP_LENGTH], 0
        jne .write
        mov edi, [rbx + PUMP_IN]
        mov rsi, [rbx + PUMP_BUFFER]
        mov edx, BUFFER_BYTES
        mov eax, SYS_READ
        syscall
        cmp rax, -EAGAIN
        je .done
        cmp rax, -EINTR
        je pump
        test rax, rax
        jle close_pump                  ; end of file
        mov [rbx + PUMP_LENGTH], rax
        mov qword [rbx + PUMP_START], 0
.write:
        mov edi, [rbx + PUMP_OUT]
        mov rsi, [rbx + PUMP_BUFFER]
        add rsi, [rbx + PUMP_START]
        mov rdx, [rbx + PUMP_LENGTH]
        mov eax, SYS_WRITE
        syscall
        cmp rax, -EAGAIN
        je .done
        cmp rax, -EINTR
        je .write
        test rax, rax
        js close_pump                   ; nobody reads it
        add [rbx + PUMP_START], rax
        sub [rbx + PUMP_LENGTH], rax
        jz pump
        jmp .write
.done:
        ret

; Closes both ends of pump RBX: the receiver sees the end, the sender that nobody listens.
close_pump:
        mov edi, [rbx + PUMP_IN]
        call close
        mov edi, [rbx + PUMP_OUT]
        call close
        mov dword [rbx + PUMP_IN], -1
        mov qword [rbx + PUMP_LENGTH], 0
        ret

; A child ended: remembers how the program did, and ends what it left behind.
reap:
        mov byte [child_signal], 0
.next:
        mov edi, -1
        lea rsi, [wait_status]
        mov edx, WNOHANG
        xor r10d, r10d
        mov eax, SYS_WAIT4
        syscall
        test eax, eax
        jle .done
        cmp eax, [child_pid]
        jne .next
        mov eax, [wait_status]
        mov [exit_status], eax
        mov byte [has_ended], 1
        mov edi, -1
        mov esi, SIGKILL
        mov eax, SYS_KILL
        syscall
        jmp .next
.done:
        ret

; Handles what the host says.
read_control:
        mov edi, [port_fds + 12]
        lea rsi, [control]
        mov edx, 256
        mov eax, SYS_READ
        syscall
        test rax, rax
        jle .done
        lea r13, [control]
        lea r14, [r13 + rax]
.next:
        cmp r13, r14
        jae read_control
        mov al, [r13]
        cmp al, 'k'
        je .kill
        cmp al, 'z'
        je .size
        cmp al, 'q'
        je power_off
        inc r13
        jmp .next
.kill:
        movzx esi, byte [r13 + 1]
        add r13, 2
        mov edi, [child_pid]
        test edi, edi
        jz .next
        neg edi
        mov eax, SYS_KILL
        syscall
        jmp .next
.size:
        mov eax, [r13 + 1]
        mov [window_size], eax
        add r13, 5
        call set_terminal_size
        jmp .next
.done:
        ret

set_terminal_size:
        lea rdi, [terminal_path]
        mov esi, O_RDWR | O_NONBLOCK | O_CLOEXEC | 0o400        ; O_NOCTTY
        mov eax, SYS_OPEN
        syscall
        test eax, eax
        js .none
        push rax
        mov edi, eax
        mov esi, TIOCSWINSZ
        lea rdx, [window_size]
        mov eax, SYS_IOCTL
        syscall
        pop rdi
        call close
.none:
        ret

; Sends EDX bytes at RSI, waiting for room.
tell_host:
        push rsi
        push rdx
        mov edi, [port_fds + 12]
        mov esi, F_SETFL
        mov edx, O_RDWR
        mov eax, SYS_FCNTL
        syscall
        pop rdx
        pop rsi
        mov edi, [port_fds + 12]
        mov eax, SYS_WRITE
        syscall
        mov eax, [port_fds + 12]
        jmp set_nonblocking

power_off:
        mov edi, LINUX_REBOOT_MAGIC1
        mov esi, LINUX_REBOOT_MAGIC2
        mov edx, LINUX_REBOOT_CMD_POWER_OFF
        xor r10d, r10d
        mov eax, SYS_REBOOT
        syscall
        jmp give_up

; SIGCHLD
child_ended:
        mov byte [child_signal], 1
        ret
restorer:
        mov eax, SYS_RT_SIGRETURN
        syscall

; --- Data -------------------------------------------------------------------------------------------------------------
script_path     db "/.vitrine/script", 0
dot             db ".", 0
slash           db "/", 0
terminal_path   db "/dev/ttyS0", 0
port_path       db "/dev/vport0p"
port_path_number db "1", 0
streams         db "ppp", 0
        align 8
chld_mask       dq 1 << (SIGCHLD - 1)
no_signals      dq 0
chld_action     dq child_ended, SA_RESTORER | SA_NOCLDSTOP, restorer, 0
nr_arguments    dd 0
nr_variables    dd 0
nr_paths        dd 0
child_pid       dd 0
exit_status     dd 0
wait_status     dd 0
exec_error      dd 0
window_size     dd 0, 0                 ; struct winsize: rows, columns, pixels
step_text       dq 0
letter          db 0
child_signal    db 0
has_ended       db 0
        align 8
port_fds        dd 0, 0, 0, 0
pipes           dd -1, -1, -1, -1, -1, -1, -1, -1
poll_table      times 7 dq 0
pumps           times PUMP_SIZE * 3 db 0
message         times 264 db 0
control         times 264 db 0
image_end:

; Not in the file: zeros from the kernel.
bss             equ (image_end - image + 0x400fff) & ~0xfff
paths           equ bss
arguments       equ paths + MAX_PATHS * 8
environment     equ arguments + MAX_STRINGS * 8
buffers         equ environment + MAX_STRINGS * 8
script          equ buffers + 3 * BUFFER_BYTES
bss_end         equ script + SCRIPT_BYTES
