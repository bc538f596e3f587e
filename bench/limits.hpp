// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The least a row can cost: the same work written by hand, without a library.
///
/// Each returns what one unit of the work costs, or `none` where it is not written for
/// this machine. Nothing here is motet's own way of doing it, and none of it is safe to
/// use: no exception state is swapped, nothing can be cancelled, nobody owns anything.

#include <cstddef>

namespace bench {

/// One switch in a ring of `count` contexts, each of which touches a line of its stack:
/// two registers saved, and a jump. ns.
double bare_switch(std::size_t count, long switches);

/// A context on a pooled stack made, entered, and left for good. ns.
double bare_context_run(long rounds);

/// A deadline pushed into a 4-ary heap that holds `population` later ones, and taken out.
/// ns.
double bare_heap_entry(std::size_t population, long rounds);

/// The cycle counter read and one word stored. ns.
double bare_counter_and_store(long rounds);

/// A flag taken by an atomic exchange and given back by a store. ns.
double bare_spin_lock(long rounds);

/// clock_gettime(CLOCK_MONOTONIC). ns.
double bare_clock_read(long rounds);

/// An exception thrown through `frames` frames with a destructor each, and caught. ns.
double bare_unwinding(int frames, long rounds);

/// A receive that is in the kernel cancelled, and both completions taken. ns.
double bare_cancel_of_receive(int sockets, int rounds);

/// Per stack: a guard installed and the top page touched, in one large mapping that is
/// made before and given back after. ns.
double bare_stacks(std::size_t count, std::size_t stack, std::size_t guard);

}  // namespace bench
