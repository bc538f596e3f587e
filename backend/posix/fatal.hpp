// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// The end, when what the kernel and we believe of each other is no longer true.

namespace motet {

/// Says which engine and why, with the name of `error` (an errno) if there is one, and
/// aborts.
[[noreturn]] void abort_engine(const char* engine, const char* why,
                               int error = 0) noexcept;

}  // namespace motet
