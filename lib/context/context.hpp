// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The saved registers of a fiber that is not running, and the switch to another one.
///
/// Two functions, the same on every architecture:
///
/// - `make_context(fresh, stack_low, stack_top, entry, argument)` prepares `fresh` so
///   that the first switch to it calls `entry(argument)` on the stack that ends at
///   `stack_top` (any address divisible by 16; what lies above belongs to the caller).
///   `entry` never returns; an exception that leaves it ends the process, with its
///   backtrace intact.
/// - `switch_context(from, to)` runs `to`, until something switches back to `from`.
///
/// What both rely on:
///
/// - A context is resumed once per switch away from it, and on the thread that left it.
///   The switch is inlined, so the compiler keeps addresses of thread-local variables
///   across it.
/// - Nothing is pushed, because leaf functions keep variables below the stack pointer.
///   Who writes onto a parked stack must leave the 128 bytes below `parked_stack_pointer`
///   alone.
/// - The function that switches has no variable-length array and calls no `alloca`: there
///   a compiler may address its frame by a register that the switch does not keep.
/// - The floating-point control words (mxcsr and the x87 control word, fpcr) are not
///   switched: they belong to the thread and its fibers share them. Saving them would
///   cost as much as the rest, for a mode that hardly any program changes.
/// - The signal mask, errno and the chain of caught exceptions are not switched either.

#if defined(MOTET_UCONTEXT)
#include "lib/context/switch_ucontext.hpp"
#elif defined(__x86_64__)
#include "lib/context/switch_x86_64.hpp"
#elif defined(__aarch64__)
#include "lib/context/switch_aarch64.hpp"
#else
#error "no switch is written for this architecture: build the one on ucontext"
#endif
