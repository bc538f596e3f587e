// SPDX-License-Identifier: MIT
//
// What g++ makes of `ret` in a function marked MOTET_JUMPS_BACK is a jump to here. The
// name is fixed by the compiler (-mfunction-return=thunk-extern). All that a caller may
// find changed is rcx, which no function returns anything in.

        .text
        .p2align 4
        .globl  __x86_return_thunk
        .hidden __x86_return_thunk
        .type   __x86_return_thunk, @function
__x86_return_thunk:
        .cfi_startproc
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register rip, rcx
        jmpq    *%rcx
        .cfi_endproc
        .size   __x86_return_thunk, .-__x86_return_thunk

        .section .note.GNU-stack, "", @progbits
