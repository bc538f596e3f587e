// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// Returning by a jump, for functions that switch fibers.
///
/// A processor predicts where `ret` goes from the calls it has seen, and those were made
/// by the fiber that ran before. So the return of every function between a switch and
/// user code is mispredicted as soon as two fibers run different code (13 ns here, more
/// than the switch itself). An indirect jump is predicted from the branches that led to
/// it, switches included. g++ makes one of each `ret` of a function so marked.

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__CET__) && !defined(MOTET_UCONTEXT)
#define MOTET_JUMPS_BACK __attribute__((function_return("thunk-extern")))
#else
#define MOTET_JUMPS_BACK
#endif
