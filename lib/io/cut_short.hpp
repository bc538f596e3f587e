// SPDX-License-Identifier: MIT
#pragma once

/// @file
/// What is done about bytes in one's hands when writing them is cut short.

#include <motet/call_site.hpp>
#include <motet/detail/function_ref.hpp>
#include <motet/error.hpp>
#include <motet/time.hpp>

#include <cstddef>
#include <system_error>

namespace motet::detail {

/// Whether what is being handled says that the sink cannot be written to. Anything else
/// came from outside, and the sink may be as good as before.
inline bool is_of_the_sink() noexcept {
  try {
    throw;
  } catch (const std::system_error&) {
    return true;
  } catch (const closed_error&) {
    return true;
  } catch (...) {
    return false;
  }
}

/// Calls `write_rest`, which counts in its argument how many of `size` bytes it wrote,
/// shielded, for `grace` at most. @throws std::system_error if it did not write them all.
void finish_in_time(std::size_t size, function_ref<void(std::size_t&)> write_rest,
                    duration grace, call_site where);

}  // namespace motet::detail
